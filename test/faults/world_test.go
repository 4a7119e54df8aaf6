package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// stream is where the load goes.
const stream = "log"

// world is a cluster under load.
type world struct {
	*cluster.Cluster
	t    *testing.T
	rnd  *rand.Rand // the test's goroutine's
	seed uint64
	dir  string
	load *load
	// consumers are a part of the load.
	consumers *consumers
	// out are nodes that need not run in the end.
	out map[string]bool
}

// rounds is how often a test brings its fault.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("EVENTNODE_FAULT_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return 1
}

// long reports whether there is time for everything.
func long() bool { return rounds() > 1 }

// newSeed chooses a test's seed, and says it.
func newSeed(t *testing.T) uint64 {
	seed, err := strconv.ParseUint(os.Getenv("EVENTNODE_FAULT_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64() % 1_000_000
	}
	t.Logf("EVENTNODE_FAULT_SEED=%d", seed)
	return seed
}

// begin starts a cluster of processes and a load.
func begin(t *testing.T, cfg cluster.Config) *world {
	t.Helper()
	cfg.Processes = true
	return start(t, newSeed(t), cfg)
}

// start starts a cluster and a load.
func start(t *testing.T, seed uint64, cfg cluster.Config) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("a fault test takes seconds")
	}
	w := &world{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), out: map[string]bool{}}
	w.dir = artifacts(t)
	cfg.Storage, cfg.Dir = true, filepath.Join(w.dir, "nodes")
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.Cluster = cluster.Start(t, cfg)
	w.Declare(stream, eventnode.StreamConfig{})
	for _, name := range registers() {
		w.Declare(name, eventnode.StreamConfig{})
	}
	w.declareWork()
	w.load = newLoad(w)
	w.consumers = newConsumers(w, w.load)
	return w
}

// artifacts is a directory that stays if the test fails.
func artifacts(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eventnode-fault-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("EVENTNODE_FAULT_KEEP") != "" {
			t.Logf("history, logs and data are in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// waitFor waits for a moment of the load.
func (w *world) waitFor(d time.Duration) {
	w.t.Helper()
	select {
	case <-time.After(d):
	case <-w.t.Context().Done():
		w.t.Fatal("the test is over")
	}
}

// progress waits until somebody's publish has been acked that was begun after the
// call, and says how long that took.
func (w *world) progress(what string) {
	w.t.Helper()
	begun := w.load.history.now()
	w.Eventually(30*time.Second, func() error {
		if w.load.history.ackedSince(begun) {
			return nil
		}
		return fmt.Errorf("%s: no publish was acked", what)
	})
	w.t.Logf("%v: %s: a publish acked after %v", begun.Round(time.Millisecond), what, (w.load.history.now() - begun).Round(time.Millisecond))
}

// publishAt publishes one event at a node, as a part of the load, until that works.
func (w *world) publishAt(n *cluster.Node) {
	w.t.Helper()
	streams := n.Streams()
	p := &producer{load: w.load, name: fmt.Sprintf("at-%s-%d", n.Name(), w.load.history.now()), streams: streams, rnd: w.rnd}
	w.Eventually(30*time.Second, func() error {
		return p.publish(1)
	})
}

// finish ends the load when every node serves again, and checks everything.
func (w *world) finish() {
	w.t.Helper()
	for _, n := range w.Running() {
		if !w.out[n.Name()] {
			w.publishAt(n)
		}
	}
	served := w.load.history.now()
	w.load.stop()
	stopped := w.load.history.now()
	w.consumers.drain()
	drained := w.load.history.now()
	w.consumers.check()
	final, err := w.readAll(30 * time.Second)
	if err != nil {
		w.t.Fatalf("the stream cannot be read: %v", err)
	}
	w.load.history.save(w.t, filepath.Join(w.dir, "history.jsonl"), final)
	for _, problem := range w.load.history.check(final) {
		w.t.Error(problem)
	}
	w.load.checkLinearizable(w.t, filepath.Join(w.dir, "linearizability.html"))
	checked := w.load.history.now()
	w.sameState()
	w.t.Logf("served everywhere at %v, load stopped at %v, groups drained at %v, checked at %v, same state at %v", served, stopped, drained, checked, w.load.history.now())
	w.t.Logf("seed %d: %s", w.seed, w.load.history.summary(final))
}

// readAll reads the whole stream. It gives up when nothing comes for so long.
func (w *world) readAll(patience time.Duration) (list []seen, err error) {
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	n := w.Leader(stream)
	stalled := time.AfterFunc(patience, func() { cancel(fmt.Errorf("no event came for %v", patience)) })
	defer stalled.Stop()
	for e, err := range n.Streams().Read(ctx, stream) {
		if err != nil {
			return list, errors.Join(err, context.Cause(ctx))
		}
		stalled.Reset(patience) // there are gigabytes in the long form
		list = append(list, seenOf(e))
	}
	return list, nil
}

// newEvent is an event with a value. Data is random, so that nothing compresses.
func newEvent(value string, size int, rnd *rand.Rand) event.Event {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	return event.New(value, data)
}

// dial makes a client of some nodes, closed when the test ends.
func (w *world) dial(nodes ...*cluster.Node) *client.Client {
	w.t.Helper()
	return nodes[0].Client(nodes[1:]...)
}

// undone reports whether an error says that nothing was done.
func undone(err error) bool {
	return errors.Is(err, eventnode.ErrUnavailable) && !errors.Is(err, eventnode.ErrOutcomeUnknown)
}
