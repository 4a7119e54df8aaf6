package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
)

// N5: a payload goes through cache, derive, handlers and dispatch, in this order, and the
// next one is taken in when it has: one payload becomes several events, which keep their
// order.
func TestStepsInOrder(t *testing.T) {
	var l log
	h := handlers(t, source.HandlersConfig{Mode: source.Sequential})
	must(t, h.Default(func(_ context.Context, e source.Event) error { l.add("handle ", e.Name); return nil }))
	_, err := run(t, source.Config{
		Source: says(nil, payload("READY", 1), payload("MESSAGE", 2)),
		Cache: cacheFunc(func(_ context.Context, p source.Payload) (source.Change, error) {
			l.add("cache ", p.Name)
			if p.Name == "MESSAGE" {
				return nil, nil
			}
			return changeFunc(func(p source.Payload) ([]source.Event, error) {
				l.add("derive ", p.Name)
				return []source.Event{{Name: p.Name}, {Name: "GUILD"}}, nil
			}), nil
		}),
		Handlers: h, Dispatcher: dispatchFunc(l.dispatched),
	})
	must(t, err)
	l.want(t, "cache READY", "derive READY", "handle READY", "handle GUILD", "dispatch READY ", "dispatch GUILD ",
		"cache MESSAGE", "handle MESSAGE", "dispatch MESSAGE 2")
}

// NO-T4, N4: a payload that changed nothing reaches nobody.
func TestNothingHappened(t *testing.T) {
	var l log
	h := handlers(t, source.HandlersConfig{})
	must(t, h.Default(func(context.Context, source.Event) error { l.add("handled"); return nil }))
	reg := prometheus.NewRegistry()
	_, err := run(t, source.Config{
		Source: says(nil, payload("USER_UPDATE", 1)),
		Cache: cacheFunc(func(context.Context, source.Payload) (source.Change, error) {
			return changeFunc(func(source.Payload) ([]source.Event, error) { return nil, nil }), nil
		}),
		Handlers: h, Dispatcher: dispatchFunc(l.dispatched), Registerer: reg,
	})
	must(t, err)
	l.want(t)
	if metric(t, reg, "silent_total") != 1 || metric(t, reg, "events_total") != 0 || metric(t, reg, "payloads_total") != 1 {
		t.Error("it is not counted as such")
	}
}

// N16x, W6, and the events that source systems lost when their cache failed (missing
// intents, uncached guild, nil count): whichever step fails or panics, the event goes on
// to all others, the next payload is taken in, and it is counted.
func TestNoStepLosesTheEvent(t *testing.T) {
	fails := func() error { return errOops }
	panics := func() error {
		guilds := map[string]*source.Payload{}
		guilds["not cached"].Name = "" // there is none
		return nil
	}
	for kind, bad := range map[string]func() error{"error": fails, "panic": panics} {
		for _, step := range []string{"cache", "derive", "plain", "handle", "dispatch"} {
			t.Run(step+" "+kind, func(t *testing.T) {
				var l log
				failing := func(which string) error {
					if which == step {
						return bad()
					}
					return nil
				}
				reg := prometheus.NewRegistry()
				h := handlers(t, source.HandlersConfig{Mode: source.Sequential, Registerer: reg})
				must(t, h.OnEvent("N", func(_ context.Context, e source.Event) error {
					l.add("handle ", string(e.Data))
					return failing("handle")
				}))
				must(t, h.OnEvent("N", func(context.Context, source.Event) error { l.add("handle too"); return nil }))
				p, err := run(t, source.Config{
					Source: says(nil, payload("N", 1), payload("N", 2)),
					Cache: cacheFunc(func(context.Context, source.Payload) (source.Change, error) {
						if err := failing("cache"); err != nil {
							return nil, err
						}
						return changeFunc(func(p source.Payload) ([]source.Event, error) {
							if step == "plain" {
								return nil, errOops
							}
							return []source.Event{{Name: "N", Data: p.Data}}, failing("derive")
						}), nil
					}),
					Plain: func(p source.Payload) []source.Event {
						_ = failing("plain")
						return []source.Event{{Name: "N", Data: p.Data}}
					},
					Handlers: h, Registerer: reg,
					Dispatcher: dispatchFunc(func(ctx context.Context, e []source.Event) error {
						return errors.Join(l.dispatched(ctx, e), failing("dispatch"))
					}),
				})
				must(t, err)
				l.want(t, "handle 1", "handle too", "dispatch N 1", "handle 2", "handle too", "dispatch N 2")
				if p.Last().Seq != 2 {
					t.Errorf("the newest one is %+v", p.Last())
				}
				got := metric(t, reg, "failures_total", step, kind)
				switch step {
				case "handle":
					got = metric(t, reg, "handler_failures_total", "N", kind)
				case "plain":
					got = metric(t, reg, "failures_total", "derive", "error")
				}
				if got != 2 {
					t.Errorf("counted %v", got)
				}
			})
		}
	}
}

// A change beside an error is what could be learnt: it makes the events.
func TestChangeBesideAnError(t *testing.T) {
	var l log
	_, err := run(t, source.Config{
		Source: says(nil, payload("N", 1)),
		Cache: cacheFunc(func(context.Context, source.Payload) (source.Change, error) {
			return changeFunc(func(source.Payload) ([]source.Event, error) {
				return []source.Event{{Name: "N", Data: json.RawMessage(`{"old":null}`)}}, nil
			}), errOops
		}),
		Dispatcher: dispatchFunc(l.dispatched),
	})
	must(t, err)
	l.want(t, `dispatch N {"old":null}`)
}

// A failure that comes with every event is logged once a second, and says how many it
// stands for.
func TestFailuresAreLoggedAtABoundedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		_, err := run(t, source.Config{
			Logger: out.logger(),
			Source: sourceFunc(func(ctx context.Context, deliver source.Deliver) error {
				for n := range uint64(1000) {
					must(t, deliver(ctx, payload("N", n+1)))
					time.Sleep(10 * time.Millisecond)
				}
				return nil
			}),
			Cache: cacheFunc(func(context.Context, source.Payload) (source.Change, error) {
				return nil, errors.New(strings.Repeat("long ", 10_000))
			}),
		})
		must(t, err)
		if got := out.count("step=cache"); got != 10 {
			t.Errorf("%d lines in 10 s", got)
		}
		if out.count("more=99") != 9 || out.count("more=0") != 1 || out.Len() > 10*4096 {
			t.Errorf("%d bytes: %.200s", out.Len(), out.String())
		}
	})
}

// N13x, W2: memory is bounded whatever the source sends: one that never stops is held up
// by a handler of 10 events a second, so that no more than the window is under way, in
// every mode.
func TestMemoryIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg    source.HandlersConfig
		window int
		most   int // under way at one time
		per    int // handled in a second
	}{
		"sequential":          {source.HandlersConfig{Mode: source.Sequential}, 64, 1, 10},
		"task per event":      {source.HandlersConfig{Concurrency: 4}, 64, 4 + 1, 40},
		"strict":              {source.HandlersConfig{}, 1, 1, 10},
		"window":              {source.HandlersConfig{}, 8, 8, 80},
		"one slow key":        {source.HandlersConfig{Mode: source.OrderedByKey, Key: func(source.Event) string { return "k" }}, 64, 64, 10},
		"one slow key, queue": {source.HandlersConfig{Mode: source.OrderedByKey, Queue: 5, Concurrency: 2, Key: func(source.Event) string { return "k" }}, 64, 8, 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const seconds, size = 60, 256 << 10
				reg := prometheus.NewRegistry()
				h := handlers(t, tt.cfg)
				must(t, h.Default(func(context.Context, source.Event) error {
					time.Sleep(100 * time.Millisecond)
					return nil
				}))
				taken, most := 0, 0.0
				never := sourceFunc(func(ctx context.Context, deliver source.Deliver) error {
					for {
						p := payload("N", uint64(taken)+1)
						p.Data = make(json.RawMessage, size)
						if err := deliver(ctx, p); err != nil {
							return err
						}
						taken++
						most = max(most, metric(t, reg, "underway"))
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
				defer cancel()
				must(t, pipeline(t, source.Config{Source: never, Handlers: h, Window: tt.window, Registerer: reg}).Run(ctx))
				if most > float64(tt.most) {
					t.Errorf("%v under way, want %d at most", most, tt.most)
				}
				if want := seconds * tt.per; taken < want-tt.most || taken > want+tt.most {
					t.Errorf("%d taken in, want about %d", taken, want)
				}
				var mem runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&mem)
				if limit := uint64(64 << 20); mem.HeapAlloc > limit {
					t.Errorf("%d bytes are held after %d payloads of %d", mem.HeapAlloc, taken, size)
				}
				if metric(t, reg, "underway") != 0 {
					t.Error("some are under way at the end")
				}
			})
		})
	}
}

// With a window of 1 credit means handled: deliver returns when the handlers have.
func TestCreditIsAfterHandling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		h := handlers(t, source.HandlersConfig{})
		must(t, h.Default(func(_ context.Context, e source.Event) error {
			time.Sleep(time.Second)
			l.add("handled ", string(e.Data))
			return nil
		}))
		_, err := run(t, source.Config{Window: 1, Handlers: h, Source: sourceFunc(func(ctx context.Context, deliver source.Deliver) error {
			for n := range uint64(2) {
				must(t, deliver(ctx, payload("N", n+1)))
				l.add("credit ", n+1)
			}
			return nil
		})})
		must(t, err)
		l.want(t, "handled 1", "credit 1", "handled 2", "credit 2")
	})
}

// A handler that hangs holds up its place only, not what is dispatched to others.
func TestDispatchGoesOnBesideHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		h := handlers(t, source.HandlersConfig{})
		must(t, h.OnEvent("HANGS", func(ctx context.Context, _ source.Event) error { <-ctx.Done(); return ctx.Err() }))
		ctx, cancel := context.WithCancel(t.Context())
		p := pipeline(t, source.Config{Handlers: h, Dispatcher: dispatchFunc(l.dispatched), Source: sourceFunc(func(ctx context.Context, deliver source.Deliver) error {
			for n := range uint64(3) {
				must(t, deliver(ctx, payload([]string{"HANGS", "N", "N"}[n], n+1)))
			}
			cancel()
			<-ctx.Done()
			return nil
		})})
		must(t, p.Run(ctx))
		l.want(t, "dispatch HANGS 1", "dispatch N 2", "dispatch N 3")
	})
}

// What is under way when Run is to end is finished, within Drain, and was credited; then
// contexts end, and what was not handled is told to the source.
func TestDrain(t *testing.T) {
	for _, tt := range []struct {
		takes, drain time.Duration
		want         []string
	}{
		{3 * time.Second, 5 * time.Second, []string{"told", "handled 1", "dispatch N 1", "delivered <nil>"}},
		{5 * time.Second, 3 * time.Second, []string{"told", "cut off 1", "delivered not handled before the end"}},
	} {
		t.Run(fmt.Sprint(tt.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l log
				h := handlers(t, source.HandlersConfig{Mode: source.Sequential})
				must(t, h.Default(func(ctx context.Context, e source.Event) error {
					select {
					case <-time.After(tt.takes):
						l.add("handled ", string(e.Data))
					case <-ctx.Done():
						l.add("cut off ", string(e.Data))
					}
					return ctx.Err()
				}))
				ctx, cancel := context.WithCancel(t.Context())
				p := pipeline(t, source.Config{Handlers: h, Drain: tt.drain, Dispatcher: dispatchFunc(l.dispatched), Source: sourceFunc(func(ctx context.Context, deliver source.Deliver) error {
					l.add("delivered ", deliver(ctx, payload("N", 1)))
					if err := deliver(ctx, payload("N", 2)); err == nil {
						t.Error("a payload was taken in after the end")
					}
					return ctx.Err()
				})})
				time.AfterFunc(time.Second, func() { l.add("told"); cancel() })
				must(t, p.Run(ctx))
				l.want(t, tt.want...)
				if handled := tt.takes < tt.drain; (p.Last().Seq == 1) != handled {
					t.Errorf("the newest one is %+v", p.Last())
				}
			})
		})
	}
}

// The end of the source is the end of Run, with its error; a panic of it is one. What is
// delivered by whoever does not stop is refused.
func TestTheSourceEnds(t *testing.T) {
	if _, err := run(t, source.Config{Source: says(errOops, payload("N", 1))}); !errors.Is(err, errOops) {
		t.Errorf("its error: %v", err)
	}
	_, err := run(t, source.Config{Source: sourceFunc(func(context.Context, source.Deliver) error { panic(errOops) })})
	if _, ok := errors.AsType[*eventnode.PanicError](err); !ok || !errors.Is(err, errOops) {
		t.Errorf("its panic: %v", err)
	}
	var kept source.Deliver
	p, err := run(t, source.Config{Source: sourceFunc(func(_ context.Context, d source.Deliver) error { kept = d; return nil })})
	must(t, err)
	if err := kept(t.Context(), payload("N", 1)); !errors.Is(err, source.ErrNotHandled) {
		t.Errorf("behind the end: %v", err)
	}
	if err := p.Run(t.Context()); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("run again: %v", err)
	}
}

// Each event says what stands before it, also where another pipeline goes on; an event
// without an origin has its payload's.
func TestPlaces(t *testing.T) {
	var got []source.Event
	cfg := func(payloads ...source.Payload) source.Config {
		return source.Config{
			Source: says(nil, payloads...),
			Cache: cacheFunc(func(_ context.Context, p source.Payload) (source.Change, error) {
				return changeFunc(func(p source.Payload) ([]source.Event, error) {
					return slices.Repeat([]source.Event{{Name: p.Name}}, int(p.Origin.Seq%3)), nil
				}), nil
			}),
			Dispatcher: dispatchFunc(func(_ context.Context, e []source.Event) error { got = append(got, e...); return nil }),
		}
	}
	first, err := run(t, cfg(payload("N", 1), payload("N", 2), payload("N", 3)))
	must(t, err)
	second := cfg(payload("N", 4), payload("N", 2))
	second.After = first.Last()
	_, err = run(t, second)
	must(t, err)
	var places []string
	for _, e := range got {
		if !reflect.DeepEqual(e.Origin, payload("", e.Origin.Seq).Origin) {
			t.Errorf("%+v", e.Origin)
		}
		places = append(places, fmt.Sprint(e.Origin.Seq, e.Place))
	}
	want := []string{"1 {0 1 0}", "2 {0 2 1}", "2 {1 2 1}", "4 {0 1 2}", "2 {0 2 0}", "2 {1 2 0}"}
	if !slices.Equal(places, want) {
		t.Errorf("got %q, want %q", places, want)
	}
}

// A configuration that cannot work is refused, and pipelines of one registerer count
// together.
func TestConfig(t *testing.T) {
	for _, cfg := range []source.Config{{}, {Source: says(nil), Window: -1}, {Source: says(nil), Drain: -1}} {
		if _, err := source.New(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	for name, ok := range map[string]bool{"a-Z_0.9": true, "": false, "a b": false, "ä": false, "a:b": false, strings.Repeat("x", 65): false} {
		if err := source.CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	reg := prometheus.NewRegistry()
	for range 2 {
		_, err := run(t, source.Config{Source: says(nil, payload("N", 1)), Registerer: reg})
		must(t, err)
	}
	if got := metric(t, reg, "payloads_total"); got != 2 {
		t.Errorf("counted %v", got)
	}
}
