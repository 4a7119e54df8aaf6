package bus_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// Middleware is around the handlers, the first one outermost.
func TestMiddlewareOrder(t *testing.T) {
	var l log
	note := func(name string) bus.Middleware {
		return func(next bus.HandlerFunc) bus.HandlerFunc {
			return func(ctx context.Context, a *bus.AckEvent) error {
				l.add(name, " begins")
				defer l.add(name, " ends")
				return next(ctx, a)
			}
		}
	}
	b := started(t, bus.Config{Middleware: []bus.Middleware{note("a"), note("b")}})
	on(t, b.Consumer, func(context.Context, userCreated) error { l.add("handled"); return nil })
	running(t, b.Consumer)
	must(t, b.Produce(t.Context(), userCreated{1, "ada"}))
	l.want(t, "a begins", "b begins", "handled", "b ends", "a ends")
}

// Retry tries again while the event is in hand, with a wait between; in virtual time.
func TestRetry(t *testing.T) {
	never := errors.New("never")
	for _, tt := range []struct {
		cfg     bus.RetryConfig
		fails   int
		with    error
		settles bool
		tries   int
		ok      bool
	}{
		{bus.RetryConfig{}, 0, never, false, 1, true},
		{bus.RetryConfig{}, 2, never, false, 3, true},
		{bus.RetryConfig{}, 3, never, false, 3, false},
		{bus.RetryConfig{Attempts: 10, Min: time.Minute, Max: time.Hour}, 9, never, false, 10, true},
		{bus.RetryConfig{Attempts: 10, If: func(err error) bool { return !errors.Is(err, never) }}, 9, never, false, 1, false},
		{bus.RetryConfig{Attempts: 10, If: func(err error) bool { return errors.Is(err, never) }}, 2, never, false, 3, true},
		{bus.RetryConfig{Attempts: 10}, 9, never, true, 1, false},
		{bus.RetryConfig{Attempts: 1}, 9, never, false, 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := started(t, bus.Config{Middleware: []bus.Middleware{bus.Retry(tt.cfg)}, OnError: func(_ context.Context, _ error, a *bus.AckEvent) { _ = a.Ack() }})
			tries := 0
			on(t, b.Consumer, func(ctx context.Context, _ userCreated) error {
				if tries++; tries > tt.fails {
					return nil
				}
				if tt.settles {
					must(t, bus.Received(ctx).Ack())
				}
				return tt.with
			})
			stop := running(t, b.Consumer)
			must(t, b.Produce(t.Context(), userCreated{1, "ada"}))
			time.Sleep(48 * time.Hour)
			stop()
			if st := b.Stats(); tries != tt.tries || (st.Handled == 1) != tt.ok || (st.Failed == 1) == tt.ok {
				t.Errorf("%+v: %d tries, %+v", tt.cfg, tries, st)
			}
		})
	}
}

// Retry does not outlive its context.
func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := started(t, bus.Config{Middleware: []bus.Middleware{bus.Retry(bus.RetryConfig{Min: time.Hour, Max: time.Hour})}})
		on(t, b.Consumer, func(context.Context, userCreated) error { return errors.New("boom") })
		stop := running(t, b.Consumer)
		must(t, b.Produce(t.Context(), userCreated{1, "ada"}))
		synctest.Wait()
		stop()
		if st := b.Stats(); st.Failed != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// Timeout ends the context of a handler, and that is a failure like others.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		b := started(t, bus.Config{
			Middleware: []bus.Middleware{bus.Timeout(time.Minute)},
			OnError:    func(_ context.Context, err error, a *bus.AckEvent) { l.add(err); _ = a.Ack() },
		})
		on(t, b.Consumer, func(ctx context.Context, _ userCreated) error { <-ctx.Done(); return ctx.Err() })
		running(t, b.Consumer)
		must(t, b.Produce(t.Context(), userCreated{1, "ada"}))
		time.Sleep(2 * time.Minute)
		l.want(t, "context deadline exceeded")
		if st := b.Stats(); st.Failed != 1 || st.GivenBack != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Trace sees the beginning and the end of each event, whatever becomes of it; Recover
// makes an error of a panic in middleware, for what is around it.
func TestTraceAndRecover(t *testing.T) {
	type key struct{}
	var l log
	trace := bus.Trace(func(ctx context.Context, a *bus.AckEvent) (context.Context, func(error)) {
		l.add("begin ", a.Event.Meta["traceparent"])
		return context.WithValue(ctx, key{}, "span"), func(err error) { l.add("end ", err) }
	})
	panics := func(bus.HandlerFunc) bus.HandlerFunc {
		return func(context.Context, *bus.AckEvent) error { panic("inside") }
	}
	ignore := func(_ context.Context, _ error, a *bus.AckEvent) { _ = a.Ack() }
	for _, tt := range []struct {
		around []bus.Middleware
		fails  error
		end    string
	}{
		{[]bus.Middleware{trace}, nil, "end <nil>"},
		{[]bus.Middleware{trace}, errors.New("boom"), "end boom"},
		{[]bus.Middleware{trace, panics}, nil, "end it panicked"},
		{[]bus.Middleware{trace, bus.Recover(), panics}, nil, "end handler panicked: inside"},
	} {
		l = log{}
		b := started(t, bus.Config{Middleware: tt.around, OnError: ignore})
		on(t, b.Consumer, func(ctx context.Context, _ userCreated) error { l.add(ctx.Value(key{})); return tt.fails })
		stop := running(t, b.Consumer)
		must(t, b.Produce(t.Context(), userCreated{1, "ada"}, event.WithMeta(map[string]string{"traceparent": "00-7f"})))
		want := []string{"begin 00-7f", "span", tt.end}
		if strings.Contains(tt.end, "panicked") {
			want = []string{"begin 00-7f", tt.end}
		}
		l.want(t, want...)
		stop()
		if st := b.Stats(); tt.fails == nil && strings.Contains(tt.end, "panicked") && st.Panicked != 1 {
			t.Errorf("%s: %+v", tt.end, st)
		}
	}
}

// Dedupe has an event handled once by its ID, if that succeeds (W6).
func TestDedupe(t *testing.T) {
	var l log
	m := &bus.Memory{Backoff: time.Millisecond}
	b := started(t, bus.Config{Transport: m, Middleware: []bus.Middleware{bus.Dedupe(2)}, OnError: func(context.Context, error, *bus.AckEvent) {}})
	failed := false
	on(t, b.Consumer, func(ctx context.Context, v userCreated) error {
		if v.UserID == 1 && !failed {
			failed = true
			return errors.New("once")
		}
		l.add(v.Username)
		return nil
	})
	running(t, b.Consumer)
	ids := []event.ID{event.NewID(), event.NewID(), event.NewID()}
	produce := func(i int) {
		t.Helper()
		before := b.Stats().Handled
		must(t, b.Produce(t.Context(), userCreated{i + 1, string(rune('a' + i))}, event.WithID(ids[i])))
		eventually(t, "it is handled", func() bool { return b.Stats().Handled > before })
	}
	for _, i := range []int{0, 0, 1, 0, 2, 1, 0} { // a and b, a again, then c takes b's place, and so on
		produce(i)
	}
	l.want(t, "a", "b", "c", "b", "a")
	if st := b.Stats(); st.Duplicates != 2 || st.Handled != 7 || st.Failed != 1 {
		t.Errorf("%+v", st)
	}
}

// Of many events with few IDs, handled beside each other by handlers that fail and panic,
// each ID is handled once with success.
func TestDedupeRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	const all, ids = 500, 8
	m := &bus.Memory{Backoff: time.Millisecond, MaxDeliver: 1000}
	b := started(t, bus.Config{
		Transport: m, Concurrency: 8, Middleware: []bus.Middleware{bus.Dedupe(0)}, OnError: func(context.Context, error, *bus.AckEvent) {},
	})
	var mu sync.Mutex
	succeeded := map[int]int{}
	var inside [ids]atomic.Int64
	on(t, b.Consumer, func(_ context.Context, v userCreated) error {
		if inside[v.UserID].Add(1) > 1 {
			t.Errorf("ID %d beside itself", v.UserID)
		}
		defer inside[v.UserID].Add(-1)
		time.Sleep(50 * time.Microsecond) // others come meanwhile
		mu.Lock()
		defer mu.Unlock()
		switch rnd.IntN(3) {
		case 0:
			return errors.New("boom")
		case 1:
			panic("boom")
		}
		succeeded[v.UserID]++
		return nil
	})
	running(t, b.Consumer)
	named := make([]event.ID, ids)
	for i := range named {
		named[i] = event.NewID()
	}
	mu.Lock()
	order := rnd.Perm(all)
	mu.Unlock()
	for _, i := range order {
		must(t, b.Produce(t.Context(), userCreated{i % ids, ""}, event.WithID(named[i%ids])))
	}
	eventually(t, "all is handled", func() bool { return m.Len() == 0 })
	mu.Lock()
	defer mu.Unlock()
	for i := range ids {
		if succeeded[i] != 1 {
			t.Errorf("ID %d: handled %d times", i, succeeded[i])
		}
	}
	if st := b.Stats(); st.Duplicates != all-ids || st.Handled != all {
		t.Errorf("%+v", st)
	}
}

// A gap is told at its place, when all before it was handled.
func TestGapsKeepTheirPlace(t *testing.T) {
	var l log
	tr := gapped{bus.NewMemory()}
	b := started(t, bus.Config{Transport: tr, Concurrency: 4, OnGap: func(_ context.Context, gap eventnode.Gap) { l.add("gap ", gap.Count) }})
	on(t, b.Consumer, func(_ context.Context, v userCreated) error { l.add(v.UserID); return nil })
	running(t, b.Consumer)
	for i := range 3 {
		must(t, b.Produce(t.Context(), userCreated{i, "k"}))
	}
	l.want(t, "0", "gap 1", "1", "gap 2", "2", "gap 3")
}

// gapped has a gap behind each event.
type gapped struct{ bus.Transport }

func (g gapped) OpenReceiver(ctx context.Context) (bus.Receiver, error) {
	r, err := g.Transport.OpenReceiver(ctx)
	return gappedReceiver{r}, err
}

type gappedReceiver struct{ bus.Receiver }

func (r gappedReceiver) Receive(ctx context.Context, take func(context.Context, *bus.Delivery) error) error {
	n := uint64(0)
	return r.Receiver.Receive(ctx, func(ctx context.Context, d *bus.Delivery) error {
		if err := take(ctx, d); err != nil {
			return err
		}
		n++
		return take(ctx, &bus.Delivery{Gap: &eventnode.Gap{Count: n, Known: true}})
	})
}
