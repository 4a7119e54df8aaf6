package directory_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is something with a Run that ends with the test, or before.
type running struct {
	once sync.Once
	stop context.CancelFunc
	done chan error
}

func run(t testing.TB, what string, f func(context.Context) error) *running {
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, done: make(chan error, 1)}
	go func() { r.done <- f(ctx) }()
	t.Cleanup(func() { r.end(t, what) })
	return r
}

func (r *running) end(t testing.TB, what string) {
	r.once.Do(func() {
		r.stop()
		if err := <-r.done; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
}

// startNode runs a node on loopback.
func startNode(t testing.TB, cfg node.Config) (*node.Node, *running) {
	t.Helper()
	cfg.GossipAddress, cfg.RPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, string(cfg.ID), n.Run)
	within(t, n.Ready())
	return n, r
}

// within waits for a channel, half a minute at most.
func within(t testing.TB, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatal("not within 30 s")
	}
}

// replica is a state that a log keeps on a node.
type replica struct {
	*directory.Log
	*running
	mu    sync.Mutex
	state *directory.State
	seen  []string // the changes, in their order
}

func newReplica(t testing.TB, streams eventnode.Streams, change func(*directory.LogConfig)) *replica {
	t.Helper()
	state, err := directory.New(directory.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{state: state}
	cfg := directory.LogConfig{Streams: streams, Apply: func(_ eventnode.Position, c *eventnodev1.DirectoryChange) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, c.String())
		_, err := state.Apply(c)
		return err
	}}
	change(&cfg)
	if r.Log, err = directory.NewLog(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

// follow runs a replica on a node until it has caught up.
func follow(t testing.TB, n *node.Node) *replica {
	t.Helper()
	streams, err := n.Streams(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, streams, func(*directory.LogConfig) {})
	r.running = run(t, "log", r.Run)
	within(t, r.Ready())
	return r
}

// all is what the state is, as changes.
func (r *replica) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for c := range r.state.All() {
		data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(c)
		b.WriteString(string(data) + "\n")
	}
	return b.String()
}

// order is the changes that came.
func (r *replica) order() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.seen, "\n")
}

// submit submits changes that all fit.
func (r *replica) submit(t testing.TB, changes ...*eventnodev1.DirectoryChange) eventnode.Position {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	errs, at, err := r.Submit(ctx, changes...)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%v: %v", changes[i], err)
		}
	}
	return at
}

func user(id uint64, name string) *eventnodev1.DirectoryChange {
	return directory.PutUser(&eventnodev1.DirectoryUser{Id: id, Username: name})
}
