package eventnode_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// scripted is a Subscription that delivers a list, then end; if end is nil it
// waits for the context.
type scripted struct {
	list []eventnode.Delivery
	end  error
}

var _ eventnode.Subscription = (*scripted)(nil)

func (s *scripted) Receive(ctx context.Context) (eventnode.Delivery, error) {
	if len(s.list) > 0 {
		d := s.list[0]
		s.list = s.list[1:]
		return d, nil
	}
	if s.end != nil {
		return eventnode.Delivery{}, s.end
	}
	<-ctx.Done()
	return eventnode.Delivery{}, ctx.Err()
}

func (s *scripted) All(context.Context) iter.Seq2[eventnode.Delivery, error] { return nil }
func (s *scripted) Nodes() int                                               { return 1 }
func (s *scripted) Missing() []eventnode.NodeID                              { return nil }
func (s *scripted) Close() error                                             { return nil }

// numbered makes n events whose names are their numbers; key says their keys.
func numbered(n int, key func(i int) string) []eventnode.Delivery {
	list := make([]eventnode.Delivery, n)
	for i := range list {
		list[i].Event = event.Event{Name: strconv.Itoa(i), Key: key(i)}
	}
	return list
}

func noKey(int) string { return "" }

// gauge is how many run, and how many did at most.
type gauge struct {
	mu            sync.Mutex
	running, most int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running += n
	g.most = max(g.most, g.running)
}

// seen collects what handlers saw.
type seen struct {
	mu   sync.Mutex
	list []string
}

func (s *seen) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, what)
}

// modes are the three ways to run handlers.
var modes = map[string][]eventnode.HandleOption{
	"sequential": nil,
	"concurrent": {eventnode.WithConcurrency(8)},
	"keyed":      {eventnode.WithKeyOrder(8)},
}

func TestHandleSequentialKeepsOrderAndNeverOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		var got seen
		sub := &scripted{list: numbered(50, noKey), end: eventnode.ErrClosed}
		err := eventnode.Handle(t.Context(), sub, func(_ context.Context, d eventnode.Delivery) error {
			if running.Add(1) != 1 {
				t.Error("two handlers at once")
			}
			time.Sleep(time.Second)
			got.add(d.Event.Name)
			running.Add(-1)
			return nil
		})
		if err != nil {
			t.Fatalf("Handle = %v, want nil after Close", err)
		}
		for i, name := range got.list {
			if name != strconv.Itoa(i) {
				t.Fatalf("handled %v, want 0 to 49 in order", got.list)
			}
		}
		if len(got.list) != 50 {
			t.Fatalf("handled %d, want 50", len(got.list))
		}
	})
}

func TestHandleConcurrentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running gauge
		sub := &scripted{list: numbered(100, noKey), end: eventnode.ErrClosed}
		start := time.Now()
		err := eventnode.Handle(t.Context(), sub, func(context.Context, eventnode.Delivery) error {
			running.add(1)
			time.Sleep(time.Second)
			running.add(-1)
			return nil
		}, eventnode.WithConcurrency(10))
		if err != nil || running.most != 10 {
			t.Errorf("err %v, at most %d at once, want nil and 10", err, running.most)
		}
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("100 events of 1 s in 10 lanes took %v, want 10s", d)
		}
	})
}

func TestHandleKeyedOrdersEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		keys := make([]string, 300)
		pause := make([]time.Duration, len(keys))
		for i := range keys {
			keys[i] = "k" + strconv.Itoa(random.IntN(20))
			pause[i] = time.Duration(random.IntN(100)) * time.Millisecond
		}
		var got seen
		var running gauge
		sub := &scripted{list: numbered(len(keys), func(i int) string { return keys[i] }), end: eventnode.ErrClosed}
		_ = eventnode.Handle(t.Context(), sub, func(_ context.Context, d eventnode.Delivery) error {
			running.add(1)
			i, _ := strconv.Atoi(d.Event.Name)
			time.Sleep(pause[i])
			got.add(d.Event.Key + "/" + d.Event.Name)
			running.add(-1)
			return nil
		}, eventnode.WithKeyOrder(8))

		last := map[string]int{}
		for _, entry := range got.list {
			key, name, _ := strings.Cut(entry, "/")
			i, _ := strconv.Atoi(name)
			if before, ok := last[key]; ok && before > i {
				t.Fatalf("key %s: %d handled after %d", key, i, before)
			}
			last[key] = i
		}
		if len(got.list) != len(keys) {
			t.Errorf("handled %d of %d", len(got.list), len(keys))
		}
		if running.most < 2 {
			t.Error("different keys did not run beside each other")
		}
	})
}

// Events without a key ask for no order: they use all lanes.
func TestHandleKeyedSpreadsEventsWithoutKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := &scripted{list: numbered(40, noKey), end: eventnode.ErrClosed}
		start := time.Now()
		_ = eventnode.Handle(t.Context(), sub, func(context.Context, eventnode.Delivery) error {
			time.Sleep(time.Second)
			return nil
		}, eventnode.WithKeyOrder(4))
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("40 events of 1 s in 4 lanes took %v, want 10s", d)
		}
	})
}

// N7: a handler that panics or fails is isolated, logged and counted.
func TestN7HandlerFailureIsIsolated(t *testing.T) {
	cause := errors.New("cause")
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stats eventnode.HandleStats
				var logs bytes.Buffer
				var mu sync.Mutex
				told := map[string]error{}
				opts := append(slices.Clone(opts),
					eventnode.WithHandleStats(&stats),
					eventnode.WithHandleLogger(slog.New(slog.NewTextHandler(&logs, nil))),
					eventnode.WithOnError(func(d eventnode.Delivery, err error) {
						mu.Lock()
						told[d.Event.Name] = err
						mu.Unlock()
						if d.Event.Name == "7" {
							panic("callback panics too")
						}
					}))
				sub := &scripted{list: numbered(100, noKey), end: eventnode.ErrClosed}
				err := eventnode.Handle(t.Context(), sub, func(_ context.Context, d eventnode.Delivery) error {
					switch d.Event.Name {
					case "3":
						panic(cause)
					case "7":
						return cause
					}
					return nil
				}, opts...)
				if err != nil {
					t.Fatal(err)
				}
				if h, f, p := stats.Handled.Load(), stats.Failed.Load(), stats.Panicked.Load(); h != 98 || f != 1 || p != 1 {
					t.Errorf("handled %d, failed %d, panicked %d, want 98, 1, 1", h, f, p)
				}
				var p *eventnode.PanicError
				if !errors.As(told["3"], &p) || !errors.Is(told["3"], cause) || !bytes.Contains(p.Stack, []byte("handle_test.go")) {
					t.Errorf("told %v of the panic, want a *PanicError with cause and stack", told["3"])
				}
				if !errors.Is(told["7"], cause) || len(told) != 2 {
					t.Errorf("told %v, want the two failures", told)
				}
				for _, want := range []string{"handler panicked", "handler failed", "error callback panicked", "handle_test.go"} {
					if !strings.Contains(logs.String(), want) {
						t.Errorf("no %q in the log:\n%s", want, logs.String())
					}
				}
				if n := stats.Running.Load(); n != 0 {
					t.Errorf("%d handlers still counted as running", n)
				}
			})
		})
	}
}

// A gap keeps its place in every mode.
func TestHandleGapIsABarrier(t *testing.T) {
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := numbered(20, func(i int) string { return strconv.Itoa(i % 5) })
				list[10] = eventnode.Delivery{Gap: &eventnode.Gap{Reason: eventnode.GapReconnected}}
				var got seen
				var stats eventnode.HandleStats
				err := eventnode.Handle(t.Context(), &scripted{list: list, end: eventnode.ErrClosed}, func(_ context.Context, d eventnode.Delivery) error {
					if d.Gap != nil {
						got.add("gap")
						time.Sleep(time.Second)
						return nil
					}
					i, _ := strconv.Atoi(d.Event.Name)
					time.Sleep(time.Duration(20-i) * time.Millisecond)
					got.add(d.Event.Name)
					return nil
				}, append(slices.Clone(opts), eventnode.WithHandleStats(&stats))...)
				if err != nil || stats.Gaps.Load() != 1 || stats.Handled.Load() != 20 {
					t.Fatalf("err %v, %d gaps, %d handled", err, stats.Gaps.Load(), stats.Handled.Load())
				}
				if at := slices.Index(got.list, "gap"); at != 10 {
					t.Fatalf("gap handled at place %d of %v, want 10", at, got.list)
				}
				for at, name := range got.list {
					if i, err := strconv.Atoi(name); err == nil && (i < 10) != (at < 10) {
						t.Errorf("event %d handled on the other side of the gap: %v", i, got.list)
					}
				}
			})
		})
	}
}

func TestHandleReturnsWhy(t *testing.T) {
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				handled := false
				go func() {
					time.Sleep(time.Second)
					cancel()
				}()
				err := eventnode.Handle(ctx, &scripted{list: numbered(1, noKey)}, func(ctx context.Context, _ eventnode.Delivery) error {
					<-ctx.Done()
					time.Sleep(time.Second)
					handled = true
					return nil
				}, opts...)
				if err != nil || !handled {
					t.Errorf("err %v, handler returned before Handle: %v", err, handled)
				}
				sub := &scripted{end: fmt.Errorf("subscription: %w", eventnode.ErrSlowSubscriber)}
				err = eventnode.Handle(t.Context(), sub, nil, opts...)
				if !errors.Is(err, eventnode.ErrSlowSubscriber) {
					t.Errorf("err = %v, want ErrSlowSubscriber", err)
				}
			})
		})
	}
}

func TestHandleLeavesNoGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, opts := range modes {
		sub := &scripted{list: numbered(100, strconv.Itoa), end: eventnode.ErrClosed}
		_ = eventnode.Handle(t.Context(), sub, func(context.Context, eventnode.Delivery) error { return nil }, opts...)
	}
}

func BenchmarkHandle(b *testing.B) {
	for name, opts := range modes {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			d := eventnode.Delivery{Event: event.Event{Name: "n", Key: "k"}}
			sub := &repeated{d: d, left: b.N}
			b.ResetTimer()
			_ = eventnode.Handle(b.Context(), sub, func(context.Context, eventnode.Delivery) error { return nil }, opts...)
		})
	}
}

// repeated delivers the same delivery a number of times.
type repeated struct {
	scripted
	d    eventnode.Delivery
	left int
}

func (s *repeated) Receive(context.Context) (eventnode.Delivery, error) {
	if s.left--; s.left < 0 {
		return eventnode.Delivery{}, eventnode.ErrClosed
	}
	return s.d, nil
}

// Handlers run one after the other; what one of them does wrong stays with it.
func ExampleHandle() {
	sub := &scripted{end: eventnode.ErrClosed, list: []eventnode.Delivery{
		{Topics: []string{"topic:orders"}, Event: event.Event{Name: "order_placed"}},
		{Topics: []string{"topic:orders"}, Event: event.Event{Name: "order_broken"}},
		{Gap: &eventnode.Gap{Count: 3, Known: true, Reason: eventnode.GapQueueFull}},
		{Topics: []string{"topic:orders"}, Event: event.Event{Name: "order_paid"}},
	}}
	err := eventnode.Handle(context.Background(), sub, func(_ context.Context, d eventnode.Delivery) error {
		if d.Gap != nil {
			fmt.Println("missed", d.Gap.Count, "because", d.Gap.Reason)
			return nil
		}
		if d.Event.Name == "order_broken" {
			panic("cannot handle this")
		}
		fmt.Println(d.Event.Name)
		return nil
	}, eventnode.WithOnError(func(_ eventnode.Delivery, err error) { fmt.Println("error:", err) }))
	fmt.Println("ended:", err)
	// Output:
	// order_placed
	// error: handler panicked: cannot handle this
	// missed 3 because queue_full
	// order_paid
	// ended: <nil>
}
