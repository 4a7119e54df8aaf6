package live

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// shape is who publishes what to whom.
type shape struct {
	// size of an event's data, in bytes.
	size int
	// publishers on node 1, each with topics of its own.
	publishers int
	// topics of each publisher.
	topics int
	// subscribers of each topic.
	subscribers int
	// nodes of the subscribers, in turn: 1 is node 2.
	nodes []int
}

// Over one link, and over two.
func linked() []int   { return []int{1} }
func twoNodes() []int { return []int{1, 2} }

// maxConns is how many connections a subscriber process opens: beyond that
// subscribers share them, as those of a service do.
const maxConns = 10

// settled is how long to wait for interest to get around, before the first event.
const settled = 300 * time.Millisecond

// seconds is how long publishers publish.
func seconds(env *suite.Env) float64 {
	if env.Short {
		return 0.3
	}
	return 3
}

// pass is one run of a shape.
type pass struct {
	system  suite.System
	shape   shape
	seconds float64
	rate    float64 // events a second; 0: as fast as it goes
	latency bool
}

// figures is what a pass gave.
type figures struct {
	published, delivered uint64
	wrong                load.Wrong
	trouble              error
	took                 time.Duration // first publish to last receipt
	publishing           time.Duration // first publish to the last one's flush
	cpu                  time.Duration // of all processes, clients too
	nodesCPU             time.Duration
	latency              load.Latency
}

func (f *figures) rate() float64 { return float64(f.delivered) / f.took.Seconds() }

// check fails unless everything arrived once and in order.
func (f *figures) check() error {
	if !f.wrong.Any() && f.trouble == nil {
		return nil
	}
	return &lossError{f.wrong, f.trouble}
}

// lossError says that a delivery was not right.
type lossError struct {
	wrong   load.Wrong
	trouble error
}

// Error implements error.
func (e *lossError) Error() string {
	return fmt.Sprintf("the delivery was not right: %d lost, %d duplicates, %d out of order, %d strange (%v)",
		e.wrong.Lost, e.wrong.Duplicates, e.wrong.OutOfOrder, e.wrong.Strange, e.trouble)
}

// group is the subscribers on one node.
type group struct {
	proc *proc.Process
	cfg  load.SubscriberConfig
	// of says for each subscription which publisher and which of its topics.
	of [][2]int
}

// run does one pass on a cluster of its own.
func (p pass) run(ctx context.Context, env *suite.Env) (*figures, error) {
	c, err := server.Start(ctx, env, p.system)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.system, err)
	}
	defer c.Stop()
	return p.on(ctx, env, c)
}

// on does one pass on a cluster.
func (p pass) on(ctx context.Context, env *suite.Env, c *server.Cluster) (*figures, error) {
	ctx, cancel := context.WithCancel(ctx)
	var procs []*proc.Process
	defer func() {
		proc.StopAll(procs...)
		cancel()
	}()
	groups := p.groups(c)
	for i, g := range groups {
		var err error
		if g.proc, err = role(ctx, env, fmt.Sprintf("subscriber-%d", i+1), "subscriber", g.cfg); err != nil {
			return nil, err
		}
		procs = append(procs, g.proc)
	}
	pub, err := role(ctx, env, "publisher", "publisher", p.publisher(c))
	if err != nil {
		return nil, err
	}
	procs = append(procs, pub)
	for _, pr := range procs {
		if err := pr.Receive(ctx, &load.Ready{}); err != nil {
			return nil, err
		}
	}
	if err := rest(ctx, settled); err != nil {
		return nil, err
	}
	before, nodesBefore, err := usage(procs, c)
	if err != nil {
		return nil, err
	}
	profiles := c.Profile(ctx, env, p.seconds)
	var sent load.Published
	if err := pub.Ask(ctx, load.Order{Go: true}, &sent); err != nil {
		return nil, err
	}
	f := &figures{publishing: time.Duration(sent.Flushed - sent.First)}
	if sent.Trouble != "" {
		f.trouble = errors.New(sent.Trouble)
	}
	for _, per := range sent.Sent {
		for _, n := range per {
			f.published += n
		}
	}
	last, err := collect(ctx, f, groups, &sent)
	if err != nil {
		return nil, err
	}
	f.took = time.Duration(last - sent.First)
	after, nodesAfter, err := usage(procs, c)
	if err != nil {
		return nil, err
	}
	f.cpu, f.nodesCPU = after-before, nodesAfter-nodesBefore
	return f, profiles()
}

// collect tells the subscribers what was sent and sums up what they saw.
func collect(ctx context.Context, f *figures, groups []*group, sent *load.Published) (last int64, err error) {
	for _, g := range groups {
		var o load.Order
		for _, of := range g.of {
			o.Expect = append(o.Expect, sent.Sent[of[0]][of[1]])
		}
		if err := g.proc.Send(o); err != nil {
			return 0, err
		}
	}
	for _, g := range groups {
		var r load.Received
		if err := g.proc.Receive(ctx, &r); err != nil {
			return 0, err
		}
		f.delivered += r.Delivered
		f.wrong.Add(r.Wrong)
		last = max(last, r.Last)
		f.latency = worse(f.latency, r.Latency)
		if r.Trouble != "" {
			f.trouble = errors.Join(f.trouble, errors.New(r.Trouble))
		}
	}
	return last, nil
}

// worse is the larger of each, where several processes measured.
func worse(a, b load.Latency) load.Latency {
	return load.Latency{P50: max(a.P50, b.P50), P99: max(a.P99, b.P99), P999: max(a.P999, b.P999)}
}

func topic(publisher, number int) string { return fmt.Sprintf("topic:bench.%d.%d", publisher, number) }

// publisher configures the publisher process.
func (p pass) publisher(c *server.Cluster) load.PublisherConfig {
	cfg := load.PublisherConfig{System: p.system, Size: p.shape.size, Seconds: p.seconds, Rate: p.rate}
	for i := range p.shape.publishers {
		pc := load.PublisherConn{Addr: c.Addrs[0]}
		for k := range p.shape.topics {
			pc.Topics = append(pc.Topics, topic(i, k))
		}
		cfg.Conns = append(cfg.Conns, pc)
	}
	return cfg
}

// groups spreads the subscribers over their nodes, one process each.
func (p pass) groups(c *server.Cluster) []*group {
	list := make([]*group, len(p.shape.nodes))
	for i, n := range p.shape.nodes {
		list[i] = &group{cfg: load.SubscriberConfig{System: p.system, Addr: c.Addrs[n], Latency: p.latency}}
	}
	next := 0
	for s := range p.shape.subscribers {
		for i := range p.shape.publishers {
			for k := range p.shape.topics {
				g := list[next%len(list)]
				g.cfg.Topics = append(g.cfg.Topics, topic(i, k))
				g.of = append(g.of, [2]int{i, k})
				if p.shape.subscribers == 1 {
					next++
				}
			}
		}
		if p.shape.subscribers > 1 {
			next = s + 1
		}
	}
	for _, g := range list {
		g.cfg.Conns = min(len(g.cfg.Topics), maxConns)
	}
	return list
}

// role starts a process of this program.
func role(ctx context.Context, env *suite.Env, name, role string, cfg any) (*proc.Process, error) {
	args := []string{"load", role}
	if env.Profile != "" {
		args = append(args, "--profile", filepath.Join(env.Profile, name+".pprof"))
	}
	p, err := proc.Start(ctx, name, exec.Command(env.Self, args...), env.Log)
	if err != nil {
		return nil, err
	}
	return p, p.Send(cfg)
}

// usage is the CPU time of all processes, and of the nodes alone.
func usage(procs []*proc.Process, c *server.Cluster) (all, nodes time.Duration, err error) {
	for _, p := range c.Procs {
		d, err := p.CPU()
		if err != nil {
			return 0, 0, err
		}
		nodes += d
	}
	all = nodes
	for _, p := range procs {
		d, err := p.CPU()
		if err != nil {
			return 0, 0, err
		}
		all += d
	}
	return all, nodes, nil
}

// rest waits for what was announced to get around.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
