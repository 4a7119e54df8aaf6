package membership

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// run runs m on real sockets until the returned function is called.
func run(t testing.TB, m *Membership) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	select {
	case <-m.Ready():
	case err := <-ended:
		cancel()
		t.Fatalf("run: %v", err)
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// onLoopback runs a node on real sockets.
func onLoopback(t *testing.T, host, id string, opt func(*Config)) (*Membership, func()) {
	t.Helper()
	cfg := Config{ID: eventnode.NodeID(id), BindAddress: net.JoinHostPort(host, "0"), RPCAddress: net.JoinHostPort(host, "7401")}
	if opt != nil {
		opt(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m, run(t, m)
}

// withinReal polls in real time.
func withinReal(t *testing.T, d time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("does not hold after %v", d)
		}
	}
}

func TestRealSockets(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			if ln, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
				t.Skipf("no %s here: %v", host, err)
			} else {
				_ = ln.Close()
			}
			key := []byte("0123456789abcdef")
			a, stopA := onLoopback(t, host, "a", func(c *Config) { c.SecretKey = key })
			defer stopA()
			b, stopB := onLoopback(t, host, "b", func(c *Config) {
				c.SecretKey, c.Seeds = key, []string{a.Self().GossipAddress}
			})
			defer stopB()
			withinReal(t, 10*time.Second, func() bool { return len(a.Nodes()) == 2 && len(b.Nodes()) == 2 })
			if err := b.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			withinReal(t, 10*time.Second, func() bool { return len(a.Nodes()) == 1 && len(a.Gone()) == 1 })
			if a.Gone()[0].State != Left {
				t.Fatal(a.Gone())
			}
		})
	}
}

// Garbage at the gossip port neither ends nor fills the log of a node.
func TestGarbageAtThePort(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	a, stopA := onLoopback(t, "127.0.0.1", "a", func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &out}, nil))
	})
	defer stopA()
	addr := a.Self().GossipAddress
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		throw(t, rng, "udp", addr)
		throw(t, rng, "tcp", addr)
	}
	b, stopB := onLoopback(t, "127.0.0.1", "b", func(c *Config) { c.Seeds = []string{addr} })
	defer stopB()
	withinReal(t, 10*time.Second, func() bool { return len(a.Nodes()) == 2 && len(b.Nodes()) == 2 })
	mu.Lock()
	defer mu.Unlock()
	if lines := strings.Count(out.String(), "\n"); lines > logBurst+30 {
		t.Fatalf("%d lines in the log:\n%s", lines, out.String())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// throw sends random bytes, half of them behind the cluster's true label.
func throw(t *testing.T, rng *rand.Rand, network, addr string) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var b []byte
	if rng.IntN(2) == 0 {
		b = append([]byte{244, byte(len(DefaultCluster))}, DefaultCluster...)
	}
	for range 1 + rng.IntN(300) {
		b = append(b, byte(rng.UintN(256)))
	}
	_, _ = c.Write(b)
}

func TestPortInUse(t *testing.T) {
	a, stop := onLoopback(t, "127.0.0.1", "a", nil)
	defer stop()
	m, err := New(Config{ID: "b", BindAddress: a.Self().GossipAddress, RPCAddress: "127.0.0.1:7401"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
		t.Fatalf("second run: %v", err)
	}
}

// Two nodes find each other; the second one's end is announced.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	start := func(id eventnode.NodeID, seeds ...string) *Membership {
		m, err := New(Config{ID: id, BindAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:7401", Seeds: seeds})
		if err != nil {
			panic(err)
		}
		running.Go(func() { _ = m.Run(ctx) })
		<-m.Ready()
		return m
	}
	n1 := start("n1")
	w := n1.Watch(0)
	defer w.Close()
	next := func() {
		ev, _ := w.Next(ctx)
		fmt.Println(ev.Kind, ev.Node.Ref.ID, len(ev.Nodes))
	}
	next()
	n2 := start("n2", n1.Self().GossipAddress)
	next()
	_ = n2.Leave(ctx)
	next()
	cancel()
	running.Wait()
	// Output:
	// snapshot  1
	// joined n2 0
	// left n2 0
}
