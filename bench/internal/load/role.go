package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Order is what the coordinator says to a process, a line of JSON each.
type Order struct {
	// Go starts a publisher, a pinger or a requester.
	Go bool `json:"go,omitempty"`
	// Expect tells a subscriber how many events were sent to each of its topics.
	Expect []uint64 `json:"expect,omitempty"`
}

// Ready is what every process says first.
type Ready struct {
	Ready bool `json:"ready"`
}

// PublisherConfig is a publisher process.
type PublisherConfig struct {
	System suite.System `json:"system"`
	// Conns each have one publisher, and one goroutine.
	Conns []PublisherConn `json:"conns"`
	// Size of an event's data, in bytes.
	Size int `json:"size"`
	// Seconds is how long to publish.
	Seconds float64 `json:"seconds"`
	// Rate is events a second over all publishers; 0: as fast as it goes.
	Rate float64 `json:"rate,omitempty"`
}

// PublisherConn is one connection of a publisher process.
type PublisherConn struct {
	Addr string `json:"addr"`
	// Topics get the events in turn. No other publisher has them.
	Topics []string `json:"topics"`
}

// Published is a publisher's result.
type Published struct {
	// Sent is by connection and topic.
	Sent [][]uint64 `json:"sent"`
	// First is when the first event was published, Last when the last one was,
	// Flushed when the node had taken it: nanoseconds since 1970.
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
	Flushed int64  `json:"flushed"`
	Trouble string `json:"trouble,omitempty"`
}

// SubscriberConfig is a subscriber process.
type SubscriberConfig struct {
	System suite.System `json:"system"`
	Addr   string       `json:"addr"`
	// Conns is the number of connections over which subscriptions are spread.
	Conns int `json:"conns"`
	// Topics has one entry a subscription; the same one may stand more than once.
	Topics []string `json:"topics"`
	// Latency asks for the time from publish to here, of each event.
	Latency bool `json:"latency,omitempty"`
}

// Received is a subscriber's result.
type Received struct {
	Delivered uint64 `json:"delivered"`
	Wrong     Wrong  `json:"wrong"`
	// Last is when the last event came, to a few milliseconds: nanoseconds since
	// 1970.
	Last    int64   `json:"last"`
	Latency Latency `json:"latency"`
	Trouble string  `json:"trouble,omitempty"`
}

// Latency is in microseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
}

// PingerConfig is a pinger process.
type PingerConfig struct {
	System suite.System `json:"system"`
	// From is where it publishes, To where it subscribes.
	From string `json:"from"`
	To   string `json:"to"`
	Size int    `json:"size"`
	// Count is how many events are measured, after a tenth of it to warm up.
	Count int `json:"count"`
}

// Main runs the process for a role, whose configuration comes first on in. With
// profile, the name of a file, it writes a CPU profile there.
func Main(ctx context.Context, role, profile string, in io.Reader, out io.Writer) (err error) {
	if profile != "" {
		stop, err := StartProfile(profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	p := process{in: json.NewDecoder(in), out: json.NewEncoder(out)}
	switch role {
	case "publisher":
		return run(ctx, p, p.publish)
	case "subscriber":
		return run(ctx, p, p.subscribe)
	case "pinger":
		return run(ctx, p, p.ping)
	case "requester":
		return run(ctx, p, p.request)
	}
	return fmt.Errorf("no role %q", role)
}

// run reads a role's configuration and runs it.
func run[C any](ctx context.Context, p process, role func(context.Context, C) error) error {
	var cfg C
	if err := p.in.Decode(&cfg); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	err := role(ctx, cfg)
	if errors.Is(err, io.EOF) { // the coordinator needs no more of it
		return nil
	}
	return err
}

// StartProfile writes a CPU profile of this process to a file until stop is called.
func StartProfile(name string) (stop func(), err error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// process is this side of the conversation.
type process struct {
	in  *json.Decoder
	out *json.Encoder
}

// ready says so and waits for the order to go on.
func (p process) ready() (Order, error) {
	var o Order
	if err := p.out.Encode(Ready{Ready: true}); err != nil {
		return o, err
	}
	if err := p.in.Decode(&o); err != nil {
		return o, fmt.Errorf("no order: %w", err)
	}
	return o, nil
}

// text is an error's text; "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// nanos is a time as results give it.
func nanos(t time.Time) int64 { return t.UnixNano() }
