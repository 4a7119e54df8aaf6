package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/shard/fleet"
)

// machine is the network of a node on a machine that can be killed.
type machine struct{ host *memnet.Host }

func (m machine) Listen(address string) (net.Listener, error) { return m.host.Listen(portIn(address)) }
func (m machine) Dial(ctx context.Context, address string) (net.Conn, error) {
	return m.host.Dial(ctx, address)
}
func (m machine) Gossip(address string) (memberlist.Transport, error) {
	return m.host.Transport(portIn(address))
}

func portIn(address string) int {
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return n
}

func hostOf(i int) string { return fmt.Sprintf("10.0.0.%d", i+1) }

// real is three nodes with their durable plane, each with a fleet.
type real struct {
	t     *testing.T
	net   *memnet.Network
	g     *fakeGateway
	cfgs  []node.Config
	nodes []*realNode
}

// realNode is a life of a node.
type realNode struct {
	*fleet.Fleet
	ref      eventnode.NodeRef
	endFleet func() // in good order
	endNode  func()
}

const realShards = 6

func newReal(t *testing.T) *real {
	r := &real{t: t, net: memnet.New(memnet.Config{Seed: rand.Uint64()}), g: newGateway(t), nodes: make([]*realNode, 3)}
	for i := range 3 {
		r.net.Host(hostOf(i)) // that refuses, instead of nobody who lets wait
		r.cfgs = append(r.cfgs, node.Config{
			ID: eventnode.NodeID(fmt.Sprint("n", i+1)), GossipAddress: hostOf(i) + ":7400", RPCAddress: hostOf(i) + ":7401",
			Seeds: []string{hostOf(0) + ":7400", hostOf(1) + ":7400"}, DataDir: t.TempDir(), Storage: node.Storage{BootstrapExpect: 3},
		})
	}
	// After the first TempDir, so that directories go last.
	t.Cleanup(r.net.Close)
	t.Cleanup(func() {
		var ending sync.WaitGroup
		for _, n := range r.nodes {
			ending.Go(func() { n.endFleet(); n.endNode() })
		}
		ending.Wait()
	})
	for i := range 3 {
		r.start(i)
	}
	return r
}

// start starts a node and its fleet.
func (r *real) start(i int) {
	r.t.Helper()
	cfg := r.cfgs[i]
	cfg.Network = machine{r.net.Host(hostOf(i))}
	n, err := node.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	endNode := background(func(ctx context.Context) { _ = n.Run(ctx) }) // one that was killed may say anything
	<-n.Ready()
	streams, err1 := n.Streams(r.t.Context(), "")
	locks, err2 := n.Locks(r.t.Context(), "")
	if err1 != nil || err2 != nil {
		r.t.Fatal(err1, err2)
	}
	fc := fleet.Config{
		Source: "bot", Node: n.Self(), Shards: fleet.All(realShards), Groups: n, Streams: streams, Locks: locks, Open: r.g.open(n.Self()),
		TTL: 4 * time.Second, Settle: 500 * time.Millisecond, IdentifyInterval: 50 * time.Millisecond,
	}
	if os.Getenv("FLEET_LOG") != "" {
		fc.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", string(cfg.ID))
	}
	f, err := fleet.New(fc)
	if err != nil {
		r.t.Fatal(err)
	}
	endFleet := background(func(ctx context.Context) {
		if err := f.Run(ctx); err != nil {
			r.t.Errorf("%s: %v", cfg.ID, err)
		}
	})
	r.nodes[i] = &realNode{Fleet: f, ref: n.Self(), endFleet: endFleet, endNode: endNode}
}

// background runs something until the function is called that it returns.
func background(run func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	return func() { cancel(); <-ended }
}

// kill has a node's machine die: neither others nor the gateway hear of it any more. What
// is left of it here ends beside the test.
func (r *real) kill(i int) {
	n := r.nodes[i]
	r.g.bar(n.ref)
	r.net.Crash(hostOf(i))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.endFleet()
		n.endNode()
	}()
	r.t.Cleanup(func() { <-ended })
}

// eventually waits until something is so.
func (r *real) eventually(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(90 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			for _, n := range r.nodes {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				list, err := n.List(ctx)
				cancel()
				r.t.Logf("%v: %+v, %v", n.ref, list, err)
			}
			r.t.Fatalf("not %s: %v", what, r.g.loads())
		}
	}
}

// spread waits until all shards run, on so many nodes, and nothing is left to handle.
func (r *real) spread(nodes int) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("spread over %d nodes", nodes), func() bool {
		loads := r.g.loads()
		for _, n := range loads {
			if n != realShards/nodes {
				return false
			}
		}
		return len(loads) == nodes
	})
}

// done ends the traffic, and checks that everything was handled.
func (r *real) done(stop func(), again int) {
	r.t.Helper()
	stop()
	r.eventually("all handled", r.g.caughtUp)
	n := r.g.check(again)
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	handled := 0
	for _, s := range r.g.shards {
		handled += len(s.handled)
	}
	r.t.Logf("%d handled, %d of them again, %d sessions", handled, n, len(r.g.opened))
}

func (r *real) traffic() (stop func()) {
	return background(func(ctx context.Context) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.g.happen()
			case <-ctx.Done():
				return
			}
		}
	})
}

// On three real nodes: shards are spread, stopped, started and moved by any node; a node is
// stopped in good order and comes back. No shard runs twice at a time, nothing is lost and
// nothing comes twice.
func TestNodesInGoodOrder(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	stop := r.traffic()
	r.spread(3)
	id := fleet.ShardID{Index: 2, Total: realShards}
	if err := r.nodes[0].Stop(within(t, time.Minute), 2); err != nil || r.g.on(id) != "" {
		t.Fatalf("stop: %v, on %q", err, r.g.on(id))
	}
	if err := r.nodes[1].Start(within(t, time.Minute), 2); err != nil || r.g.on(id) == "" {
		t.Fatalf("start: %v, on %q", err, r.g.on(id))
	}
	for i, n := range r.nodes {
		if err := r.nodes[2-i].Move(within(t, time.Minute), 2, n.ref.ID); err != nil || r.g.on(id) != n.ref.ID {
			t.Fatalf("move to %v: %v, on %q", n.ref, err, r.g.on(id))
		}
	}
	began := time.Now()
	if err := r.nodes[0].Move(within(t, time.Minute), 2, r.nodes[0].ref.ID); err != nil {
		t.Fatal(err)
	}
	moved := time.Since(began)
	r.nodes[1].endFleet()
	r.nodes[1].endNode()
	r.eventually("spread over the others", func() bool { return r.g.loads()["n1"] == 3 && r.g.loads()["n3"] == 3 })
	r.start(1)
	r.spread(3)
	r.done(stop, 0)
	t.Logf("a move took %v", moved)
}

// On three real nodes: one is killed, and others go on with its shards where they were when
// that was last kept. It comes back, and takes its part.
func TestNodesKill(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	stop := r.traffic()
	r.spread(3)
	for round := range 2 {
		victim := round + 1
		time.Sleep(1500 * time.Millisecond) // some of it is kept, and some not
		r.kill(victim)
		began := time.Now()
		r.spread(2)
		t.Logf("its shards went on after %v", time.Since(began))
		r.start(victim)
		r.spread(3)
	}
	r.done(stop, 2*2*5*200) // two times two shards, for at most five seconds of writing
}

// On three real nodes: one is cut off from the others, and not from the source. Its shards
// end there before they begin elsewhere; when it is back it takes its part again.
func TestNodesCutOff(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	stop := r.traffic()
	r.spread(3)
	r.net.Partition([]string{hostOf(0), hostOf(1)}, []string{hostOf(2)})
	r.spread(2)
	if r.g.loads()["n3"] != 0 {
		t.Errorf("%v", r.g.loads())
	}
	r.net.Heal()
	r.spread(3)
	r.done(stop, 2*6*200) // two shards, as long as the lease was believed and what was on its way
}
