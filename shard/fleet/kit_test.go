package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/shard/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is nodes of a twin, each with a fleet of the same source.
type cluster struct {
	t     *testing.T
	twin  *twin
	g     *fakeGateway
	cfg   fleet.Config
	epoch uint64
	nodes map[string]*runner
}

// runner is a node that runs.
type runner struct {
	*fleet.Fleet
	n    *twinNode
	stop func()
	done chan struct{}
}

// newCluster makes nodes n1, n2, ... Each test has a second between identifies, unless it
// says otherwise.
func newCluster(t *testing.T, nodes int, cfg fleet.Config) *cluster {
	c := &cluster{t: t, twin: newTwin(), g: newGateway(t), cfg: cfg, nodes: map[string]*runner{}}
	if c.cfg.IdentifyInterval == 0 {
		c.cfg.IdentifyInterval = 100 * time.Millisecond
	}
	c.cfg.Source = "bot"
	if os.Getenv("FLEET_LOG") != "" {
		c.cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	t.Cleanup(func() {
		for id := range c.nodes {
			c.heal(id)
		}
		for id := range c.nodes {
			c.stop(id)
		}
	})
	for i := range nodes {
		c.start(fmt.Sprint("n", i+1))
	}
	return c
}

// start starts a node, in a new life.
func (c *cluster) start(id string) *runner {
	c.t.Helper()
	c.epoch++
	n := c.twin.node(id, c.epoch)
	cfg := c.cfg
	cfg.Node, cfg.Groups, cfg.Streams, cfg.Locks = n.ref, n, n, locksOf{n}
	cfg.Open = c.g.open(n.ref)
	if cfg.Logger != nil {
		cfg.Logger = cfg.Logger.With("node", id)
	}
	f, err := fleet.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{Fleet: f, n: n, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if err := f.Run(ctx); err != nil {
			c.t.Errorf("%s: %v", id, err)
		}
	}()
	c.nodes[id] = r
	return r
}

// stop stops a node in good order.
func (c *cluster) stop(id string) {
	r := c.nodes[id]
	delete(c.nodes, id)
	r.stop()
	<-r.done
}

// kill has a node be dead: nobody hears of it any more, and the gateway neither.
func (c *cluster) kill(id string) {
	r := c.nodes[id]
	delete(c.nodes, id)
	r.n.setCut(true)
	c.g.bar(r.n.ref)
	r.stop()
	c.t.Cleanup(func() { <-r.done })
}

func (c *cluster) cut(id string)  { c.nodes[id].n.setCut(true) }
func (c *cluster) heal(id string) { c.nodes[id].n.setCut(false) }

// eventually waits, in virtual time, until something is so.
func (c *cluster) eventually(most time.Duration, what string, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(most); ; time.Sleep(50 * time.Millisecond) {
		synctest.Wait()
		if is() {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("not %s after %v: %s", what, most, c.describe())
		}
	}
}

// describe is what each node lists.
func (c *cluster) describe() (text string) {
	for id, r := range c.nodes {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		list, err := r.List(ctx)
		cancel()
		text += fmt.Sprintf("\n%s: %v", id, err)
		for _, s := range list {
			text += fmt.Sprintf("\n  %v %s on %q seq %d, restarts %d, %s", s.ID, s.State, s.Node, s.Seq, s.Restarts, s.Err)
		}
	}
	return text
}

// all waits until all shards are connected, and have handled all that happened.
func (c *cluster) all(most time.Duration, shards int) {
	c.t.Helper()
	c.eventually(most, fmt.Sprintf("all %d shards connected", shards), func() bool {
		n := 0
		for _, load := range c.g.loads() {
			n += load
		}
		return n == shards && c.g.caughtUp()
	})
}

// traffic has events happen, in virtual time, until stop.
func (c *cluster) traffic(every time.Duration) (stop func()) {
	ended, stopping := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-time.After(every):
				c.g.happen()
			case <-stopping:
				return
			}
		}
	}()
	return func() { close(stopping); <-ended }
}

// within is a context that ends.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// list is what a node says of a shard.
func (c *cluster) list(id string, shard int) fleet.Status {
	c.t.Helper()
	list, err := c.nodes[id].List(within(c.t, time.Minute))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, s := range list {
		if s.ID.Index == shard {
			return s
		}
	}
	c.t.Fatalf("%s does not list shard %d", id, shard)
	return fleet.Status{}
}

func nodeID(id string) eventnode.NodeID { return eventnode.NodeID(id) }
