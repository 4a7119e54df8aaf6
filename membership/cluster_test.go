package membership

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	gossipPort = 7400
	rpcPort    = 7401
)

// world is a cluster in virtual time on an in-memory network.
type world struct {
	t       *testing.T
	net     *memnet.Network
	members []*member
}

// member is one life of a node there.
type member struct {
	*Membership
	host   string
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

// inWorld runs f in a bubble of virtual time, with a random seed that is printed.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: memnet.New(memnet.Config{Seed: seed})}
		w.net.Delay(memnet.Any, memnet.Any, 100*time.Microsecond, 2*time.Millisecond)
		defer w.end()
		f(t, w)
	})
}

func (w *world) end() {
	for _, m := range w.members {
		m.cancel()
	}
	w.net.Close()
	for _, m := range w.members {
		<-m.ended
	}
}

// hostOf is the address of node i.
func hostOf(i int) string { return fmt.Sprintf("10.0.0.%d", i+1) }

func gossipAt(i int) string { return fmt.Sprintf("%s:%d", hostOf(i), gossipPort) }

// start runs node i, named n0, n1, ..., unless opt changes that.
func (w *world) start(i int, opt func(*Config)) *member {
	w.t.Helper()
	m := w.configure(i, opt)
	w.run(m)
	return m
}

func (w *world) configure(i int, opt func(*Config)) *member {
	w.t.Helper()
	host := w.net.Host(hostOf(i))
	transport, err := host.Transport(gossipPort)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := Config{
		ID:         eventnode.NodeID(fmt.Sprintf("n%d", i)),
		RPCAddress: fmt.Sprintf("%s:%d", hostOf(i), rpcPort),
		Transport:  transport,
		Seeds:      []string{gossipAt(0)},
		Probe: func(ctx context.Context, n Node) error {
			c, err := host.Dial(ctx, n.RPCAddress)
			if err != nil {
				return err
			}
			return c.Close()
		},
	}
	if opt != nil {
		opt(&cfg)
	}
	ms, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return &member{Membership: ms, host: hostOf(i), ended: make(chan struct{})}
}

func (w *world) run(m *member) {
	ctx, cancel := context.WithCancel(w.t.Context())
	m.cancel = cancel
	w.members = append(w.members, m)
	ln, err := w.net.Host(m.host).Listen(rpcPort)
	if err != nil {
		w.t.Fatal(err)
	}
	go acceptAll(ln)
	go func() {
		m.err = m.Run(ctx)
		_ = ln.Close()
		close(m.ended)
	}()
}

func acceptAll(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

// crash ends a node as kill -9 does.
func (w *world) crash(m *member) {
	w.net.Crash(m.host)
	m.cancel()
	<-m.ended
}

// stop ends a node without announcing it.
func (w *world) stop(m *member) {
	m.cancel()
	<-m.ended
}

// eventually polls in virtual time and returns how long it took.
func (w *world) eventually(within time.Duration, what string, holds func() bool) time.Duration {
	w.t.Helper()
	start := time.Now()
	for !holds() {
		if time.Since(start) > within {
			w.t.Fatalf("after %v: not %s\n%s", within, what, w.dump())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

func (w *world) dump() string {
	var s strings.Builder
	for _, m := range w.members {
		fmt.Fprintf(&s, "%s sees %v\n", m.Self().Ref, refs(m.Nodes()))
	}
	return s.String()
}

func refs(nodes []Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Ref.String())
	}
	slices.Sort(out)
	return out
}

// agree reports whether the members see each other, and nobody else.
func agree(members ...*member) bool {
	want := make([]string, 0, len(members))
	for _, m := range members {
		want = append(want, m.Self().Ref.String())
	}
	slices.Sort(want)
	for _, m := range members {
		if !slices.Equal(refs(m.Nodes()), want) {
			return false
		}
	}
	return true
}

// startAll starts n nodes that know node 0.
func (w *world) startAll(n int) []*member {
	w.t.Helper()
	members := make([]*member, n)
	for i := range n {
		members[i] = w.start(i, nil)
	}
	w.eventually(10*time.Second, "all see all", func() bool { return agree(members...) })
	return members
}
