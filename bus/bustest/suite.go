package bustest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// Open returns a transport that carries nothing yet. One that delivers at least once
// delivers again within a second of a nack, and at least twice. What has to be closed it
// closes by t.Cleanup.
type Open func(t *testing.T) bus.Transport

// testTime bounds a test.
const testTime = 30 * time.Second

// Counted is the type of the events that the tests produce.
type Counted struct {
	Who string `json:"who"`
	N   int    `json:"n"`
}

// EventKey keeps the events of one producer in order.
func (c Counted) EventKey() string { return c.Who }

// suite is one test.
type suite struct {
	*testing.T
	ctx       context.Context //nolint:containedctx // of this one test
	transport bus.Transport
	registry  *event.Registry
}

// Run runs all tests.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"Order", order},
		{"WholeEvents", wholeEvents},
		{"ProduceAll", produceAll},
		{"ProduceSync", produceSync},
		{"ConcurrentProducers", concurrentProducers},
		{"BadProduce", badProduce},
		{"TooLarge", tooLarge},
		{"CancelledContext", cancelledContext},
		{"Closed", closed},
		{"StartAgain", startAgain},

		{"Iterator", iterator},
		{"LeavingTheLoop", leaving},
		{"PanicInTheLoop", panicking},
		{"BadEventsInBetween", badEvents},
		{"FailingHandlers", failing},
		{"Unhandled", unhandled},
		{"Settling", settling},
		{"KeysInLanes", keysInLanes},
		{"CloseEndsRun", closeEndsRun},
		{"StoppedInTheMiddle", stopped},
		{"TwoConsumers", twoConsumers},
		{"BeforeAnybodyIsThere", before},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), testTime)
			defer cancel()
			s := &suite{T: t, ctx: ctx, transport: open(t), registry: event.NewRegistry()}
			s.must(event.RegisterIn[Counted](s.registry, "counted"))
			test.run(s)
			if ctx.Err() != nil { // what waited for it has not waited for what it should
				t.Errorf("not within %v", testTime)
			}
		})
	}
}

// durable reports whether events are kept and come again.
func (s *suite) durable() bool { return s.transport.Guarantee() == bus.AtLeastOnce }

// must ends the test on an error.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// config is the configuration of everything here.
func (s *suite) config() bus.Config {
	return bus.Config{Transport: s.transport, Registry: s.registry, Source: "suite"}
}

// producer is one that is started.
func (s *suite) producer() *bus.Producer {
	s.Helper()
	p, err := bus.NewProducer(s.config())
	s.must(err)
	s.start(p)
	return p
}

// consumer is one that is started; change may be nil.
func (s *suite) consumer(change func(*bus.Config)) *bus.Consumer {
	s.Helper()
	cfg := s.config()
	if change != nil {
		change(&cfg)
	}
	c, err := bus.NewConsumer(cfg)
	s.must(err)
	s.start(c)
	return c
}

// start starts, and closes at the end.
func (s *suite) start(what bus.Starter) {
	s.Helper()
	s.must(what.Start(s.ctx))
	s.Cleanup(func() {
		if err := what.Close(context.WithoutCancel(s.ctx)); err != nil {
			s.Errorf("close: %v", err)
		}
	})
}

// produce produces numbers of one producer.
func (s *suite) produce(p *bus.Producer, who string, ns ...int) {
	s.Helper()
	for _, n := range ns {
		s.must(p.Produce(s.ctx, Counted{who, n}))
	}
}

// running is a consumer that runs.
type running struct {
	s      *suite
	cancel context.CancelFunc
	done   chan struct{}
	err    error

	mu  sync.Mutex
	got []string
}

// run has a consumer run, and note what it has handled successfully; handle may be nil.
func (s *suite) run(c *bus.Consumer, handle func(ctx context.Context, v Counted) error) *running {
	s.Helper()
	r := &running{s: s, done: make(chan struct{})}
	_, err := bus.On(c, func(ctx context.Context, v Counted) error {
		if handle != nil {
			if err := handle(ctx, v); err != nil {
				return err
			}
		}
		r.note(fmt.Sprint(v.Who, v.N))
		return nil
	})
	s.must(err)
	ctx, cancel := context.WithCancel(s.ctx)
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.err = c.Run(ctx)
	}()
	s.Cleanup(func() { r.stop() })
	return r
}

func (r *running) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, what)
}

func (r *running) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// stop ends the run, which is no error.
func (r *running) stop() {
	r.s.Helper()
	r.cancel()
	<-r.done
	if r.err != nil {
		r.s.Errorf("Run: %v", r.err)
	}
}

// wait waits until so many were handled.
func (r *running) wait(n int) []string {
	r.s.Helper()
	r.s.eventually(fmt.Sprintf("%d events are handled", n), func() bool { return len(r.all()) >= n })
	return r.all()
}

// eventually waits until something holds.
func (s *suite) eventually(what string, holds func() bool) {
	s.Helper()
	for !holds() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-s.ctx.Done():
			s.Fatalf("not in time: %s", what)
		}
	}
}

// want compares lists.
func (s *suite) want(what string, got []string, want ...string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("%s: %v, want %v", what, got, want)
	}
}

// numbered are n names: who0, who1 ...
func numbered(who string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(who, i)
	}
	return list
}

// count is 0 to n-1.
func count(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
