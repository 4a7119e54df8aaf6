package membership

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

func testView(t testing.TB) *view {
	t.Helper()
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	return newView(life("self", 1), nil, m)
}

func told(t testing.TB, v *view, state State, id string, epoch uint64) {
	t.Helper()
	if err := v.apply(observation{node: life(id, epoch), state: state}, time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
}

func TestWatchSnapshotThenChanges(t *testing.T) {
	v := testView(t)
	told(t, v, Alive, "b", 1)
	w := v.watch(0)
	told(t, v, Alive, "a", 1) // before the first Next: part of the snapshot
	ev, err := w.Next(t.Context())
	if err != nil || ev.Kind != EventSnapshot || fmt.Sprint(refs(ev.Nodes)) != "[a#1 b#1 self#1]" || ev.Nodes[0].Ref.ID != "self" {
		t.Fatal(ev, err)
	}
	told(t, v, Alive, "a", 2)
	told(t, v, Left, "b", 1)
	for _, want := range []string{"lost a#1", "joined a#2", "left b#1"} {
		ev, err := w.Next(t.Context())
		if got := fmt.Sprint(ev.Kind, " ", ev.Node.Ref); got != want || err != nil {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.Close()
	if _, err := w.Next(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
		t.Fatal(err)
	}
}

// A watcher that falls behind gets everything anew, marked, and counted.
func TestWatchResync(t *testing.T) {
	v := testView(t)
	w := v.watch(3)
	_, _ = w.Next(t.Context())
	for i := range 10 {
		told(t, v, Alive, "n", uint64(i+1))
	}
	ev, err := w.Next(t.Context())
	if err != nil || ev.Kind != EventResync || fmt.Sprint(refs(ev.Nodes)) != "[n#10 self#1]" {
		t.Fatal(ev, err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(v.metrics.resyncs)
	counted, err := reg.Gather()
	if err != nil || counted[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Fatalf("counted %v, %v", counted, err)
	}
	told(t, v, Lost, "n", 10)
	if ev, _ := w.Next(t.Context()); ev.Kind != EventLost || ev.Node.Ref.Epoch != 10 {
		t.Fatal(ev)
	}
}

// What a watcher is told, replayed, is what is shown, with however small a buffer.
func TestWatchReplays(t *testing.T) {
	v := testView(t)
	w := v.watch(4)
	var wg sync.WaitGroup
	seen := make(map[string]bool)
	wg.Go(func() {
		for {
			ev, err := w.Next(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			switch ev.Kind {
			case EventSnapshot, EventResync:
				clear(seen)
				for _, n := range ev.Nodes[1:] {
					seen[n.Ref.String()] = true
				}
			case EventJoined:
				seen[ev.Node.Ref.String()] = true
			case EventLost, EventLeft:
				delete(seen, ev.Node.Ref.String())
			case EventUpdated:
			}
			if seen["end#1"] {
				return
			}
		}
	})
	for i := range 5000 {
		told(t, v, State(i%3), fmt.Sprint("n", i%7), uint64(1+i/100))
	}
	told(t, v, Alive, "end", 1)
	wg.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	living := v.table.living()
	if len(living) != len(seen) {
		t.Fatalf("shows %v, told %v", refs(living), seen)
	}
	for _, n := range living {
		if !seen[n.Ref.String()] {
			t.Fatalf("%v was not told", n.Ref)
		}
	}
}

func TestWatchEndsWithRun(t *testing.T) {
	v := testView(t)
	w := v.watch(0)
	v.end()
	for _, w := range []*Watcher{w, v.watch(0)} {
		if _, err := w.Next(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	v := testView(b)
	w := v.watch(0)
	defer w.Close()
	for i := range 200 {
		told(b, v, Alive, fmt.Sprint("n", i), 1)
	}
	o := observation{node: life("n7", 1)}
	b.ReportAllocs()
	for b.Loop() {
		_ = v.apply(o, time.Unix(1000, 0))
	}
}
