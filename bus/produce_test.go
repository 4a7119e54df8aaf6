package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

type userCreated struct {
	UserID   int    `json:"user_id"`
	Username string `json:"username"`
}

func (u userCreated) EventKey() string { return u.Username }

type userDeleted struct {
	UserID int `json:"user_id"`
}

// users is a registry with both.
func users(t testing.TB) *event.Registry {
	t.Helper()
	r := event.NewRegistry()
	must(t, errors.Join(event.RegisterIn[userCreated](r, "user_created"), event.RegisterIn[*userDeleted](r, "user_deleted")))
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made makes a bus over memory, or over cfg.Transport.
func made(t testing.TB, cfg bus.Config) *bus.Bus {
	t.Helper()
	if cfg.Transport == nil {
		cfg.Transport = bus.NewMemory()
	}
	if cfg.Registry == nil {
		cfg.Registry = users(t)
	}
	b, err := bus.New(cfg)
	must(t, err)
	return b
}

// started is one that is started.
func started(t testing.TB, cfg bus.Config) *bus.Bus {
	t.Helper()
	b := made(t, cfg)
	must(t, b.Start(t.Context()))
	t.Cleanup(func() { must(t, b.Close(context.Background())) })
	return b
}

// fake is a transport for which tests say what it does.
type fake struct {
	bus.Transport
	openSender, openReceiver error
	send                     func(ctx context.Context) error
	close                    error
	closed                   int
}

func (f *fake) OpenSender(ctx context.Context) (bus.Sender, error) {
	if f.openSender != nil {
		return nil, f.openSender
	}
	s, err := f.Transport.OpenSender(ctx)
	return fakeSender{s, f}, err
}

func (f *fake) OpenReceiver(ctx context.Context) (bus.Receiver, error) {
	if f.openReceiver != nil {
		return nil, f.openReceiver
	}
	r, err := f.Transport.OpenReceiver(ctx)
	return fakeReceiver{r, f}, err
}

type fakeSender struct {
	bus.Sender
	f *fake
}

func (s fakeSender) Send(ctx context.Context, evs []event.Event, accepted bool) error {
	if s.f.send != nil {
		return s.f.send(ctx)
	}
	return s.Sender.Send(ctx, evs, accepted)
}

func (s fakeSender) Close(ctx context.Context) error {
	s.f.closed++
	return errors.Join(s.Sender.Close(ctx), s.f.close)
}

type fakeReceiver struct {
	bus.Receiver
	f *fake
}

func (r fakeReceiver) Close() error {
	r.f.closed++
	return r.Receiver.Close()
}

// ProduceSync gives up in time, and says whether the outcome is known (row A11).
func TestA11_ProduceSyncTimeout(t *testing.T) {
	f := &fake{Transport: bus.NewMemory(), send: func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(eventnode.ErrOutcomeUnknown, ctx.Err())
	}}
	b := started(t, bus.Config{Transport: f})
	err := b.ProduceSync(t.Context(), time.Millisecond, userCreated{1, "ada"})
	var produce *event.ProduceError
	if !errors.Is(err, bus.ErrTimeout) || !errors.Is(err, eventnode.ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) ||
		!errors.As(err, &produce) || produce.Name != "user_created" || produce.ID == (event.ID{}) {
		t.Errorf("too late: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.send = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	if err := b.ProduceSync(ctx, time.Hour, userCreated{1, "ada"}); !errors.Is(err, context.Canceled) || errors.Is(err, bus.ErrTimeout) {
		t.Errorf("cancelled: %v", err)
	}
	f.send = func(context.Context) error { return eventnode.ErrUnavailable }
	if err := b.ProduceSync(t.Context(), time.Hour, userCreated{1, "ada"}); !errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, bus.ErrTimeout) {
		t.Errorf("unavailable: %v", err)
	}
}

// The errors are one family, and their causes are found (row A7, AS-T4): an error that
// belongs to no kind passes as it is, one that does is not wrapped twice.
func TestAST4_ErrorsKeepTheirCauses(t *testing.T) {
	cause := errors.New("the cable is out")
	f := &fake{Transport: bus.NewMemory(), send: func(context.Context) error { return cause }, close: cause}
	b := made(t, bus.Config{Transport: f})
	must(t, b.Start(t.Context()))
	for what, err := range map[string]error{
		"Produce":    b.Produce(t.Context(), userCreated{1, "ada"}),
		"ProduceAll": b.ProduceAll(t.Context(), userCreated{1, "ada"}, &userDeleted{1}),
		"Close":      b.Close(t.Context()),
	} {
		if !errors.Is(err, cause) || !errors.Is(err, event.ErrProduce) || !errors.Is(err, event.ErrEvent) || errors.Is(err, event.ErrParse) {
			t.Errorf("%s: %v", what, err)
		}
		first, _ := errors.AsType[*event.ProduceError](err)
		if second, twice := errors.AsType[*event.ProduceError](first.Err); twice {
			t.Errorf("%s: %v within %v", what, second, err)
		}
	}
	for _, f := range []*fake{
		{Transport: bus.NewMemory(), openSender: cause}, {Transport: bus.NewMemory(), openReceiver: cause},
	} {
		if err := made(t, bus.Config{Transport: f}).Start(t.Context()); !errors.Is(err, cause) || errors.Is(err, event.ErrEvent) {
			t.Errorf("Start: %v", err)
		}
	}
}

// What With starts it closes, after an error and after a panic, too; and the bus delegates
// to its parts (row A5, AS-T6).
func TestAST6_WithAlwaysCloses(t *testing.T) {
	boom := errors.New("boom")
	for what, f := range map[string]func(context.Context) error{
		"success": func(context.Context) error { return nil },
		"failure": func(context.Context) error { return boom },
		"panic":   func(context.Context) error { panic(boom) },
	} {
		f2 := &fake{Transport: bus.NewMemory()}
		b := made(t, bus.Config{Transport: f2})
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		var panicked any
		func() {
			defer func() { panicked = recover() }()
			err = bus.With(ctx, b, func(ctx context.Context) error {
				must(t, b.Produce(ctx, userCreated{1, "ada"}))
				cancel()
				return f(ctx)
			})
		}()
		if f2.closed != 2 {
			t.Errorf("%s: %d of 2 closed", what, f2.closed)
		}
		if (what == "panic") != (panicked != nil) || (what == "failure") != errors.Is(err, boom) {
			t.Errorf("%s: %v, %v", what, err, panicked)
		}
		if err := b.Produce(t.Context(), userCreated{1, "ada"}); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("%s: produced behind it: %v", what, err)
		}
	}
	cause := errors.New("cause")
	f := &fake{Transport: bus.NewMemory(), close: cause}
	if err := bus.With(t.Context(), made(t, bus.Config{Transport: f}), func(context.Context) error { return boom }); !errors.Is(err, cause) || !errors.Is(err, boom) {
		t.Errorf("both failed: %v", err)
	}
	called := false
	f = &fake{Transport: bus.NewMemory(), openSender: cause}
	if err := bus.With(t.Context(), made(t, bus.Config{Transport: f}), func(context.Context) error { called = true; return nil }); !errors.Is(err, cause) || called || f.closed != 1 {
		t.Errorf("the producer does not start: %v, called %v, %d closed", err, called, f.closed)
	}
}

func TestBadConfigurations(t *testing.T) {
	for _, cfg := range []bus.Config{{}, {Transport: bus.NewMemory(), Concurrency: -1}} {
		if _, err := bus.New(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	for _, tr := range []bus.Transport{
		bus.Topic{}, bus.Stream{}, bus.Stream{Stream: "s", Group: "g"}, bus.Topic{Topics: []string{"topic:a"}},
	} {
		if err := made(t, bus.Config{Transport: tr}).Start(t.Context()); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", tr, err)
		}
		p, err := bus.NewProducer(bus.Config{Transport: tr})
		must(t, err)
		if err := p.Start(t.Context()); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", tr, err)
		}
	}
}

// A handler of a type that no event has is an error at once.
func TestHandlersOfNoEvent(t *testing.T) {
	b := made(t, bus.Config{})
	if _, err := bus.On(b.Consumer, func(context.Context, int) error { return nil }); !errors.Is(err, event.ErrNotRegistered) {
		t.Errorf("a handler of a type that is not registered: %v", err)
	}
	if _, err := bus.On(b.Consumer, func(context.Context, any) error { return nil }); !errors.Is(err, event.ErrNotRegistered) {
		t.Errorf("a handler of any: %v", err)
	}
	if _, err := b.OnName("", func(context.Context, *bus.AckEvent) error { return nil }); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("a handler of no name: %v", err)
	}
}
