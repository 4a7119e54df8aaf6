package relay

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Bytes is the metric.
var Bytes = suite.Metric{Name: "bytes_per_second", Title: "through both nodes", Unit: "B/s", Higher: true}

// Run sends frames over two relaying nodes to a counting process.
func Run(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	var procs []*proc.Process
	defer func() {
		cancel()
		proc.StopAll(procs...)
	}()
	start := func(name string, cfg Config) (*proc.Process, error) {
		p, err := proc.Start(ctx, name, exec.Command(env.Self, "relay"), env.Log)
		if err != nil {
			return nil, err
		}
		procs = append(procs, p)
		return p, p.Send(cfg)
	}
	to := ""
	var counter *proc.Process
	for _, name := range []string{"relay-subscriber", "relay-2", "relay-1"} {
		p, err := start(name, Config{To: to})
		if err != nil {
			return suite.Outcome{}, err
		}
		var l Line
		if err := p.Receive(ctx, &l); err != nil {
			return suite.Outcome{}, err
		}
		if to = l.Addr; counter == nil {
			counter = p
		}
	}
	seconds := 3.0
	if env.Short {
		seconds = 0.3
	}
	publisher, err := start("relay-publisher", Config{To: to, Seconds: seconds})
	if err != nil {
		return suite.Outcome{}, err
	}
	var sent, got Line
	if err := publisher.Receive(ctx, &sent); err != nil {
		return suite.Outcome{}, err
	}
	if err := counter.Receive(ctx, &got); err != nil {
		return suite.Outcome{}, err
	}
	if got.Bytes != sent.Bytes {
		return suite.Outcome{}, fmt.Errorf("%d bytes of %d arrived", got.Bytes, sent.Bytes)
	}
	took := time.Duration(got.Last - sent.First).Seconds()
	return suite.Outcome{Values: map[string]float64{Bytes.Name: float64(got.Bytes) / took}}, nil
}
