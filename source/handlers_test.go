package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
)

// message is what a handler takes.
type message struct {
	ID      string `json:"id"`
	Content string `json:"content"`
}

// values are events whose data are these.
func values(name string, data ...string) iter.Seq2[source.Event, error] {
	return func(yield func(source.Event, error) bool) {
		for _, d := range data {
			if !yield(source.Event{Name: name, Data: json.RawMessage(d)}, nil) {
				return
			}
		}
	}
}

// A handler is called for the events of its name, with their data as its type; all of one
// name are, in order. Others go to the default, or are ignored.
func TestHandlersByName(t *testing.T) {
	var l log
	h := handlers(t, source.HandlersConfig{Mode: source.Sequential})
	must(t, source.On(h, "MESSAGE", func(_ context.Context, m message, e source.Event) error {
		l.add(e.Name, " ", m.ID, " ", m.Content)
		return nil
	}))
	must(t, source.OnDecoded(h, "MESSAGE", func(e source.Event) (int, error) { return len(e.Data), nil },
		func(_ context.Context, n int, _ source.Event) error { l.add(n, " bytes"); return nil }))
	must(t, h.Run(t.Context(), values("TYPING", `{}`)))
	must(t, h.Run(t.Context(), values("MESSAGE", `{"id":"1","content":"hi"}`)))
	must(t, h.Default(func(_ context.Context, e source.Event) error { l.add("other ", e.Name); return nil }))
	must(t, h.Run(t.Context(), values("TYPING", `{}`)))
	must(t, h.Run(t.Context(), values("MESSAGE", `{"id":"2"}`)))
	l.want(t, "MESSAGE 1 hi", "25 bytes", "other TYPING", "MESSAGE 2 ", "10 bytes")
	for _, err := range []error{h.OnEvent("", func(context.Context, source.Event) error { return nil }), h.OnEvent("N", nil), h.Default(nil)} {
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
	}
}

// N7 (#631): a handler that fails, panics, ends its goroutine or cannot read the data is
// alone in that, in every mode: it is logged and counted by its name, and all others are
// handled.
func TestABadEventTakesNothingDown(t *testing.T) {
	for _, cfg := range modes() {
		t.Run(cfg.Mode.String(), func(t *testing.T) {
			var out lines
			reg := prometheus.NewRegistry()
			cfg.Logger, cfg.Registerer = out.logger(), reg
			h := handlers(t, cfg)
			var handled atomic.Int64
			must(t, source.On(h, "N", func(_ context.Context, what string, _ source.Event) error {
				switch what {
				case "fail":
					return errOops
				case "panic":
					panic(what)
				case "exit":
					if cfg.Mode != source.Sequential { // there it would be the test's own
						runtime.Goexit()
					}
				}
				handled.Add(1)
				return nil
			}))
			must(t, h.Run(t.Context(), values("N", `"a"`, `"fail"`, `"b"`, `"panic"`, `"exit"`, `7`, `{`, `"c"`)))
			want := 3
			if cfg.Mode == source.Sequential {
				want++
			}
			if handled.Load() != int64(want) || metric(t, reg, "handled_total", "N") != float64(want) {
				t.Errorf("%d handled, %v counted", handled.Load(), metric(t, reg, "handled_total", "N"))
			}
			for kind, n := range map[string]float64{"error": 1, "panic": 1, "decode": 2} {
				if got := metric(t, reg, "handler_failures_total", "N", kind); got != n {
					t.Errorf("%s: counted %v", kind, got)
				}
			}
			if out.count("handle N") != 1 {
				t.Errorf("logged\n%s", out.String())
			}
			if metric(t, reg, "handlers_running") != 0 || metric(t, reg, "handlers_waiting") != 0 {
				t.Error("some run at the end")
			}
		})
	}
}

// modes are all of them.
func modes() []source.HandlersConfig {
	return []source.HandlersConfig{
		{Mode: source.TaskPerEvent}, {Mode: source.Sequential},
		{Mode: source.OrderedByKey, Key: func(e source.Event) string { return e.Origin.Session }},
	}
}

// W4: in random runs events of one key are handled one after the other in their order, and
// of other keys beside them, never more at once than may be; in a task each in no order;
// sequentially one by one. Each is handled once.
func TestOrderByMode(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		for _, cfg := range modes() {
			cfg.Concurrency, cfg.Queue = 1+rnd.IntN(6), 1+rnd.IntN(20)
			synctest.Test(t, func(t *testing.T) { ordered(t, cfg, rand.New(rand.NewPCG(rnd.Uint64(), 0))) })
		}
	}
}

func ordered(t *testing.T, cfg source.HandlersConfig, rnd *rand.Rand) {
	var mu sync.Mutex
	last, running, most := map[string]uint64{}, map[string]int{}, 0
	handled := map[uint64]int{}
	h := handlers(t, cfg)
	must(t, h.Default(func(_ context.Context, e source.Event) error {
		key, n := e.Origin.Session, e.Origin.Seq
		mu.Lock()
		running[key]++
		total := 0
		for _, r := range running {
			total += r
		}
		if most = max(most, total); cfg.Mode == source.OrderedByKey && key != "" && (running[key] > 1 || n < last[key]) {
			t.Errorf("key %s: %d behind %d, %d at once", key, n, last[key], running[key])
		}
		last[key] = n
		handled[n]++
		mu.Unlock()
		time.Sleep(time.Duration(n%7) * time.Second)
		mu.Lock()
		defer mu.Unlock()
		running[key]--
		return nil
	}))
	const events = 300
	must(t, h.Run(t.Context(), func(yield func(source.Event, error) bool) {
		for n := range uint64(events) {
			key := []string{"", "a", "b", "c"}[rnd.IntN(4)]
			yield(source.Event{Name: "N", Origin: source.Origin{Session: key, Seq: n + 1}}, nil)
		}
	}))
	limit := cfg.Concurrency
	if cfg.Mode == source.Sequential {
		limit = 1
	}
	if most > limit || len(handled) != events {
		t.Errorf("%v: %d of %d at once, %d handled", cfg.Mode, most, limit, len(handled))
	}
	if cfg.Mode != source.Sequential && cfg.Concurrency > 1 && most < 2 {
		t.Errorf("%v: never two at once", cfg.Mode)
	}
}

// One key that hangs holds up nobody else, as long as its events fit into the queue.
func TestASlowKeyIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		reg := prometheus.NewRegistry()
		h := handlers(t, source.HandlersConfig{Mode: source.OrderedByKey, Key: func(e source.Event) string { return e.Name }, Concurrency: 2, Registerer: reg})
		must(t, h.OnEvent("slow", func(ctx context.Context, e source.Event) error {
			time.Sleep(time.Hour)
			l.add("slow ", string(e.Data))
			return nil
		}))
		must(t, h.Default(func(_ context.Context, e source.Event) error { l.add(e.Name); return nil }))
		must(t, h.Run(t.Context(), func(yield func(source.Event, error) bool) {
			for n := range 3 {
				yield(source.Event{Name: "slow", Data: json.RawMessage(fmt.Sprint(n))}, nil)
			}
			yield(source.Event{Name: "a"}, nil)
			synctest.Wait()
			if w, r := metric(t, reg, "handlers_waiting"), metric(t, reg, "handlers_running"); w != 2 || r != 1 {
				t.Errorf("%v wait, %v run", w, r)
			}
			l.want(t, "a")
		}))
		l.want(t, "a", "slow 0", "slow 1", "slow 2")
	})
}

// A key function that panics harms the order of that event only.
func TestKeyPanics(t *testing.T) {
	reg := prometheus.NewRegistry()
	var n atomic.Int64
	h := handlers(t, source.HandlersConfig{Mode: source.OrderedByKey, Registerer: reg, Key: func(e source.Event) string {
		return []string{"k"}[len(e.Data)]
	}})
	must(t, h.Default(func(context.Context, source.Event) error { n.Add(1); return nil }))
	must(t, h.Run(t.Context(), values("N", "", "1", "")))
	if n.Load() != 3 || metric(t, reg, "handler_failures_total", "panic") != 1 {
		t.Errorf("%d handled", n.Load())
	}
}

// When ctx ends no event begins any more, those under way have Drain, and Run returns when
// they have ended; what waited too long is counted.
func TestHandlersDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		reg := prometheus.NewRegistry()
		h := handlers(t, source.HandlersConfig{Mode: source.OrderedByKey, Key: func(source.Event) string { return "k" }, Drain: 5 * time.Second, Registerer: reg})
		must(t, h.Default(func(ctx context.Context, e source.Event) error {
			select {
			case <-time.After(3 * time.Second):
				l.add("handled ", string(e.Data))
				return nil
			case <-ctx.Done():
				l.add("cut off ", string(e.Data), " ", context.Cause(ctx))
				return ctx.Err()
			}
		}))
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		must(t, h.Run(ctx, func(yield func(source.Event, error) bool) {
			for n := range 3 {
				yield(source.Event{Name: "N", Data: json.RawMessage(fmt.Sprint(n))}, nil)
			}
			cancel()
			if yield(source.Event{Name: "N", Data: json.RawMessage("late")}, nil) {
				t.Error("more is asked for after the end")
			}
		}))
		l.want(t, "handled 0", "cut off 1 not handled before the end")
		if metric(t, reg, "abandoned_total") != 1 || time.Since(began) != 5*time.Second {
			t.Errorf("%v abandoned after %v", metric(t, reg, "abandoned_total"), time.Since(began))
		}
	})
}

// An error of the sequence ends Run, when what came before it was handled.
func TestHandlersEndWithTheirSequence(t *testing.T) {
	var n atomic.Int64
	h := handlers(t, source.HandlersConfig{})
	must(t, h.Default(func(context.Context, source.Event) error { n.Add(1); return nil }))
	err := h.Run(t.Context(), func(yield func(source.Event, error) bool) {
		yield(source.Event{Name: "N"}, nil)
		yield(source.Event{}, errOops)
	})
	if !errors.Is(err, errOops) || n.Load() != 1 {
		t.Errorf("%v, %d handled", err, n.Load())
	}
}

// N8: Await returns the first event that its predicate holds of, and others are handled as
// ever. What was noted before its cause is not missed. Nothing is left of it: not after a
// time-out, a panic, or Close.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		h := handlers(t, source.HandlersConfig{Mode: source.Sequential, MaxWaiters: 2})
		must(t, h.Default(func(_ context.Context, e source.Event) error { l.add("handled ", string(e.Data)); return nil }))
		is := func(data string) func(source.Event) bool {
			return func(e source.Event) bool { return string(e.Data) == data }
		}
		first, err := h.Expect(is("2"))
		must(t, err)
		panics, err := h.Expect(func(e source.Event) bool { panic("no") })
		must(t, err)
		if _, err := h.Expect(is("3")); !errors.Is(err, eventnode.ErrLimit) || !strings.Contains(err.Error(), "max_waiters") {
			t.Errorf("one too many: %v", err)
		}
		must(t, h.Run(t.Context(), values("N", "1", "2", "2")))
		if e, err := first.Wait(t.Context()); err != nil || string(e.Data) != "2" {
			t.Errorf("%s, %v", e.Data, err)
		}
		if _, err := panics.Wait(t.Context()); !isPanic(err) {
			t.Errorf("a predicate that panics: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := h.Await(ctx, is("4")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a time-out: %v", err)
		}
		closed, err := h.Expect(is("5"))
		must(t, err)
		closed.Close()
		closed.Close()
		if _, err := closed.Wait(t.Context()); !errors.Is(err, source.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		for range 2 { // as many as there may be: nobody is left
			x, err := h.Expect(is("6"))
			must(t, err)
			defer x.Close()
		}
		l.want(t, "handled 1", "handled 2", "handled 2")
	})
}

func isPanic(err error) bool {
	_, ok := errors.AsType[*eventnode.PanicError](err)
	return ok
}

// Two that await at once each get their event, whichever comes first.
func TestAwaitMany(t *testing.T) {
	h := handlers(t, source.HandlersConfig{})
	var wg sync.WaitGroup
	ready := make(chan struct{}, 10)
	for n := range 10 {
		wg.Go(func() {
			x, err := h.Expect(func(e source.Event) bool { return string(e.Data) == fmt.Sprint(n) })
			if err != nil {
				t.Error(err)
			}
			defer x.Close()
			ready <- struct{}{}
			if e, err := x.Wait(t.Context()); err != nil || string(e.Data) != fmt.Sprint(n) {
				t.Errorf("%s, %v", e.Data, err)
			}
		})
	}
	for range 10 {
		<-ready
	}
	order := slices.Collect(func(yield func(string) bool) {
		for _, n := range rand.Perm(10) {
			yield(fmt.Sprint(n))
		}
	})
	must(t, h.Run(t.Context(), values("N", order...)))
	wg.Wait()
}

// A configuration that cannot work is refused.
func TestHandlersConfig(t *testing.T) {
	key := func(source.Event) string { return "" }
	for _, cfg := range []source.HandlersConfig{
		{Mode: 9}, {Mode: source.OrderedByKey}, {Key: key}, {Concurrency: -1}, {Queue: -1}, {MaxWaiters: -1}, {Drain: -1},
	} {
		if _, err := source.NewHandlers(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
