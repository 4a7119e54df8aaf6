package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// log notes what happened, in order.
type log struct {
	mu   sync.Mutex
	list []string
}

func (l *log) add(what ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Sprint(what...))
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// want waits until this has happened, and nothing else.
func (l *log) want(t testing.TB, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d things happen", len(want)), func() bool { return len(l.all()) >= len(want) })
	if got := l.all(); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// running has a consumer run until the end of the test, or until it is stopped.
func running(t testing.TB, c *bus.Consumer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// on registers a handler.
func on[T any](t testing.TB, c *bus.Consumer, f func(context.Context, T) error) (off func()) {
	t.Helper()
	off, err := bus.On(c, f)
	must(t, err)
	return off
}

// Handlers are called by the type of the event, several in their order, also for the
// pointer to it; they come and go; and they know what they are called for (row A6; the
// source never called its callbacks, W7).
func TestA6_Handlers(t *testing.T) {
	b := started(t, bus.Config{})
	var l log
	running(t, b.Consumer)
	off := on(t, b.Consumer, func(_ context.Context, v userCreated) error { l.add("1 ", v.Username); return nil })
	on(t, b.Consumer, func(_ context.Context, v *userCreated) error { l.add("2 ", v.Username); return nil })
	on(t, b.Consumer, func(_ context.Context, v *userDeleted) error { l.add("deleted ", v.UserID); return nil })
	on(t, b.Consumer, func(_ context.Context, v userDeleted) error { l.add("deleted too ", v.UserID); return nil })
	on(t, b.Consumer, func(_ context.Context, v event.ExternalEvent) error { l.add("external ", v.Name); return nil })
	offName, err := b.OnName("user_created", func(ctx context.Context, a *bus.AckEvent) error {
		l.add("by name ", a.Value, bus.Received(ctx) == a, a.Consumer() == b.Consumer)
		return nil
	})
	must(t, err)
	_, err = b.OnName("thing_happened", func(_ context.Context, a *bus.AckEvent) error { l.add("by name ", a.Event.Name); return nil })
	must(t, err)
	must(t, b.ProduceAll(t.Context(), userCreated{1, "ada"}, &userDeleted{2}, event.New("thing_happened", nil)))
	l.want(t, "1 ada", "2 ada", "by name {1 ada} true true", "deleted 2", "deleted too 2", "by name thing_happened", "external thing_happened")
	off()
	offName()
	must(t, b.Produce(t.Context(), userCreated{1, "bob"}))
	l.want(t, "1 ada", "2 ada", "by name {1 ada} true true", "deleted 2", "deleted too 2", "by name thing_happened", "external thing_happened", "2 bob")
	if bus.Received(t.Context()) != nil {
		t.Error("received outside of a handler")
	}
}

// All handlers of an event are called, also if one fails or panics; then the event has
// failed, with all causes.
func TestHandlersFailTogether(t *testing.T) {
	boom, bang := errors.New("boom"), errors.New("bang")
	told := make(chan error, 1)
	b := started(t, bus.Config{OnError: func(_ context.Context, err error, a *bus.AckEvent) {
		must(t, a.Ack())
		told <- err
		panic("the error handler, too")
	}})
	var called atomic.Int64
	for _, f := range []func() error{
		func() error { return boom }, func() error { panic(bang) }, func() error { return nil },
	} {
		on(t, b.Consumer, func(context.Context, userCreated) error { called.Add(1); return f() })
	}
	running(t, b.Consumer)
	must(t, b.Produce(t.Context(), userCreated{1, "ada"}))
	err := <-told
	var p *eventnode.PanicError
	if !errors.Is(err, boom) || !errors.Is(err, bang) || !errors.As(err, &p) || called.Load() != 3 {
		t.Errorf("%v, %d called", err, called.Load())
	}
}

// AckEvent's ack goes to the queue; what is not acked comes again (row A4).
func TestA4_AckEvent(t *testing.T) {
	m := bus.NewMemory()
	b := started(t, bus.Config{Transport: m})
	must(t, b.ProduceAll(t.Context(), userCreated{1, "a"}, userCreated{2, "b"}, userCreated{3, "c"}))
	var l log
	for a, err := range b.Consume(t.Context()) {
		must(t, err)
		l.add(a.Value, " ", a.Deliveries(), " ", a.Acknowledged())
		switch {
		case a.Deliveries() == 1 && a.Value == userCreated{1, "a"}:
			must(t, a.Nack(time.Millisecond))
		case a.Value == userCreated{2, "b"}:
			must(t, a.Ack())
		case a.Value == userCreated{3, "c"}:
			must(t, a.Terminate("enough"))
		}
		if a.Settled() && a.Acknowledged() != (a.Value == userCreated{2, "b"}) {
			t.Errorf("%+v: acknowledged %v", a.Value, a.Acknowledged())
		}
		if a.Deliveries() == 2 {
			must(t, a.Ack())
			break
		}
	}
	l.want(t, "{1 a} 1 false", "{2 b} 1 false", "{3 c} 1 false", "{1 a} 2 false")
	if dead := m.DeadLetters(); len(dead) != 1 || dead[0].Reason != "enough" || dead[0].Number != 1 || m.Len() != 0 {
		t.Errorf("%d left, dead letters %+v", m.Len(), dead)
	}
}

// What becomes of events that cannot be read is a choice. One of a newer version waits
// for a program that can read it.
func TestMalformedChoices(t *testing.T) {
	newer := event.WithMeta(map[string]string{event.MetaVersion: "2"})
	for _, tt := range []struct {
		choice    bus.Choice
		e         event.Event
		dead, len int
	}{
		{bus.ByDefault, event.New("user_created", []byte(`{`)), 1, 0},
		{bus.ByDefault, event.New("user_created", []byte(`{}`), newer), 0, 1},
		{bus.Ack, event.New("user_created", []byte(`{`)), 0, 0},
		{bus.Nack, event.New("user_created", []byte(`{`)), 0, 1},
		{bus.DeadLetter, event.New("user_created", []byte(`{}`), newer), 1, 0},
	} {
		m := &bus.Memory{Backoff: time.Second}
		told := make(chan error, 100)
		b := started(t, bus.Config{Transport: m, Malformed: tt.choice, OnError: func(_ context.Context, err error, _ *bus.AckEvent) { told <- err }})
		on(t, b.Consumer, func(context.Context, userCreated) error { return nil })
		stop := running(t, b.Consumer)
		must(t, b.Produce(t.Context(), tt.e))
		err := <-told
		stop()
		if dead := m.DeadLetters(); !errors.Is(err, event.ErrParse) || len(dead) != tt.dead || m.Len() != tt.len || len(dead) > 0 && dead[0].Reason != err.Error() {
			t.Errorf("choice %d: %v, %d left, dead: %+v", tt.choice, err, m.Len(), dead)
		}
	}
}

// Who consumes already may not consume again, until it has ended.
func TestOnceAtATime(t *testing.T) {
	b := started(t, bus.Config{})
	inside := make(chan struct{})
	on(t, b.Consumer, func(ctx context.Context, _ userCreated) error { close(inside); <-ctx.Done(); return ctx.Err() })
	stop := running(t, b.Consumer)
	must(t, b.Produce(t.Context(), userCreated{1, "ada"}))
	<-inside
	if err := b.Run(t.Context()); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("Run beside Run: %v", err)
	}
	for _, err := range b.Consume(t.Context()) {
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("Consume beside Run: %v", err)
		}
	}
	stop()
	for a, err := range b.Consume(t.Context()) {
		if must(t, err); a.Deliveries() != 1 {
			t.Errorf("delivered %d times: what is given back does not count", a.Deliveries())
		}
		break
	}
}

// A queue in memory has bounds, and tells of them.
func TestMemoryBounds(t *testing.T) {
	m := &bus.Memory{Capacity: 2, MaxDeliver: 2, MaxEventBytes: 100, Backoff: time.Millisecond}
	b := started(t, bus.Config{Transport: m, OnError: func(context.Context, error, *bus.AckEvent) {}})
	must(t, b.Produce(t.Context(), userCreated{1, "ada"}))
	if err := b.ProduceAll(t.Context(), userCreated{2, "b"}, userCreated{3, "c"}); !errors.Is(err, eventnode.ErrStreamFull) || m.Len() != 1 {
		t.Errorf("full: %v, %d there", err, m.Len())
	}
	if err := b.Produce(t.Context(), event.New("n", make([]byte, 100))); !errors.Is(err, eventnode.ErrLimit) {
		t.Errorf("too large: %v", err)
	}
	if err := b.Produce(t.Context(), event.New("n", nil, event.WithMeta(map[string]string{"eventnode.x": ""}))); !errors.Is(err, eventnode.ErrInvalidEvent) {
		t.Errorf("reserved meta: %v", err)
	}
	on(t, b.Consumer, func(context.Context, userCreated) error { return errors.New("never") })
	running(t, b.Consumer)
	eventually(t, "it is a dead letter", func() bool { return m.Len() == 0 })
	if dead := m.DeadLetters(); len(dead) != 1 || dead[0].Deliveries != 2 || dead[0].Reason != "max_deliver" || dead[0].Event.Event.Name != "user_created" {
		t.Errorf("%+v", dead)
	}
}
