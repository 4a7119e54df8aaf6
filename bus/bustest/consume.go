package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// Events come one after the other, and are acked when the next one is asked for.
func iterator(s *suite) {
	c, p := s.consumer(nil), s.producer()
	s.produce(p, "a", count(10)...)
	var got []string
	var last *bus.AckEvent
	for a, err := range c.Consume(s.ctx) {
		s.must(err)
		if last != nil && !last.Acknowledged() {
			s.Errorf("%+v is not acked", last.Value)
		}
		if a.Acknowledged() || a.Settled() || a.Deliveries() != 1 || a.Consumer() != c {
			s.Errorf("%+v: %v %v %d", a.Value, a.Acknowledged(), a.Settled(), a.Deliveries())
		}
		v, _ := a.Value.(Counted)
		got = append(got, fmt.Sprint(v.Who, v.N))
		if last = a; len(got) == 10 {
			s.must(a.Ack())
			if err := a.Nack(0); !errors.Is(err, eventnode.ErrNotPending) || !a.Acknowledged() {
				s.Errorf("settled twice: %v", err)
			}
			break
		}
	}
	s.want("yielded", got, numbered("a", 10)...)
	if st := c.Stats(); st.Received < 10 || st.Handled != 9 {
		s.Errorf("%+v", st)
	}
}

// An event at which the loop is left is given back.
func leaving(s *suite) {
	c, p := s.consumer(nil), s.producer()
	s.produce(p, "a", 0, 1, 2)
	left := s.takeUntil(c, "a1", func() {})
	s.want("yielded", left, "a0", "a1")
	s.comesBack(c, p)
}

// A panic in the loop's body goes on, and loses nothing.
func panicking(s *suite) {
	c, p := s.consumer(nil), s.producer()
	s.produce(p, "a", 0, 1, 2)
	func() {
		defer func() {
			if v := recover(); v != "out" {
				s.Errorf("recovered %v", v)
			}
		}()
		s.takeUntil(c, "a1", func() { panic("out") }) //nolint:forbidigo // what is tested
	}()
	s.comesBack(c, p)
}

// takeUntil ranges over events until one of them, where it calls f and leaves.
func (s *suite) takeUntil(c *bus.Consumer, until string, f func()) (got []string) {
	for a, err := range c.Consume(s.ctx) {
		s.must(err)
		v, _ := a.Value.(Counted)
		if got = append(got, fmt.Sprint(v.Who, v.N)); got[len(got)-1] == until {
			f()
			break
		}
	}
	return got
}

// comesBack wants a1 and a2 again, and "end" behind them; or, at most once, what was not
// yielded.
func (s *suite) comesBack(c *bus.Consumer, p *bus.Producer) {
	s.produce(p, "end", 0)
	want := []string{"a1", "a2", "end0"}
	if !s.durable() {
		want = want[1:]
	}
	s.want("then", s.takeUntil(c, "end0", func() {}), want...)
}

// Malformed data, missing fields, wrong types and unknown names are told, one by one; what
// comes between and behind them is handled, and nothing else becomes of it.
func badEvents(s *suite) {
	var mu sync.Mutex
	told := map[string]error{}
	c := s.consumer(func(cfg *bus.Config) {
		cfg.OnError = func(_ context.Context, err error, a *bus.AckEvent) {
			mu.Lock()
			defer mu.Unlock()
			told[string(a.Event.Data)] = err
		}
	})
	r, p := s.run(c, nil), s.producer()
	bad := []string{`{"who"`, `{"who":"a"}`, `{"who":"a","n":"1"}`, `[]`, ``}
	for i, data := range bad {
		s.produce(p, "a", i)
		s.must(p.Produce(s.ctx, event.New("counted", []byte(data))))
		s.must(p.Produce(s.ctx, event.New("nobody_knows", []byte(data))))
	}
	s.produce(p, "a", len(bad))
	s.want("handled", r.wait(len(bad)+1), numbered("a", len(bad)+1)...)
	r.stop()
	for _, data := range bad {
		if err := told[data]; !errors.Is(err, event.ErrParse) {
			s.Errorf("%s: %v", data, err)
		}
	}
	if len(told) != len(bad) {
		s.Errorf("told of %d: %v", len(told), told)
	}
	if st := c.Stats(); st.Malformed != uint64(len(bad)) || st.Unhandled != uint64(len(bad)) || st.Handled != uint64(len(bad)+1) || st.Failed != 0 {
		s.Errorf("%+v", st)
	}
}

// A handler that fails or panics is alone in that. Its event comes again, if events do.
func failing(s *suite) {
	var mu sync.Mutex
	tried := map[int]int{}
	var told atomic.Int64
	c := s.consumer(func(cfg *bus.Config) {
		cfg.OnError = func(context.Context, error, *bus.AckEvent) { told.Add(1) }
	})
	r := s.run(c, func(ctx context.Context, v Counted) error {
		mu.Lock()
		tried[v.N]++
		n := tried[v.N]
		mu.Unlock()
		if a := bus.Received(ctx); a == nil || a.Deliveries() != n || a.Value != v || a.Consumer() != c {
			s.Errorf("%+v for the %d. time: %+v", v, n, a)
		}
		switch {
		case n == 1 && v.N == 3:
			return errors.New("not now")
		case n == 1 && v.N == 5:
			panic("not at all") //nolint:forbidigo // what is tested
		}
		return nil
	})
	s.produce(s.producer(), "a", count(10)...)
	want := numbered("a", 10)
	if !s.durable() {
		want = slices.DeleteFunc(want, func(what string) bool { return what == "a3" || what == "a5" })
	}
	got := r.wait(len(want))
	slices.Sort(got)
	s.want("handled", got, want...)
	r.stop()
	if st := c.Stats(); st.Failed != 1 || st.Panicked != 1 || st.Handled != uint64(len(want)) || told.Load() != 2 {
		s.Errorf("%+v, told of %d", st, told.Load())
	}
}

// An event without a handler is acked, or, if that is said, comes again until there is
// one.
func unhandled(s *suite) {
	var told atomic.Int64
	c := s.consumer(func(cfg *bus.Config) {
		cfg.Unhandled = bus.Nack
		cfg.OnError = func(_ context.Context, err error, a *bus.AckEvent) {
			if !errors.Is(err, bus.ErrUnhandled) {
				s.Errorf("%v", err)
			}
			told.Add(1)
		}
	})
	r, p := s.run(c, nil), s.producer()
	s.must(p.Produce(s.ctx, event.New("thing_happened", nil)))
	s.produce(p, "a", 0)
	r.wait(1)
	s.eventually("it is told", func() bool { return told.Load() > 0 })
	var external atomic.Int64
	off, err := bus.On(c, func(context.Context, event.ExternalEvent) error {
		external.Add(1)
		return nil
	})
	s.must(err)
	if !s.durable() {
		s.must(p.Produce(s.ctx, event.New("thing_happened", nil)))
	}
	s.eventually("it is handled", func() bool { return external.Load() == 1 })
	off()
	off()
	n := told.Load()
	s.must(p.Produce(s.ctx, event.New("thing_happened", nil)))
	s.eventually("it is not handled any more", func() bool { return told.Load() > n })
	if external.Load() != 1 {
		s.Errorf("handled %d times", external.Load())
	}
}

// What a handler says of an event counts, not what it returns.
func settling(s *suite) {
	c := s.consumer(func(cfg *bus.Config) {
		cfg.OnError = func(_ context.Context, _ error, a *bus.AckEvent) {
			if a.Settled() {
				return
			}
			if err := a.Terminate("told"); err != nil {
				s.Error(err)
			}
		}
	})
	var mu sync.Mutex
	var tried []string
	r := s.run(c, func(ctx context.Context, v Counted) error {
		a := bus.Received(ctx)
		mu.Lock()
		tried = append(tried, fmt.Sprint(v.N, "/", a.Deliveries()))
		mu.Unlock()
		if a.Deliveries() > 1 {
			return nil
		}
		var err error
		switch v.N {
		case 0: // acked, whatever comes
			err = errors.Join(a.Ack(), errors.New("later"))
		case 1:
			err = a.Nack(time.Millisecond)
		case 2:
			err = a.Terminate(strings.Repeat("ü", 2000))
		case 3:
			err = errors.New("OnError terminates it")
		case 4:
			if err := a.Nack(-1); !errors.Is(err, eventnode.ErrInvalidArgument) || a.Settled() {
				s.Errorf("a delay below zero: %v", err)
			}
		}
		return err
	})
	s.produce(s.producer(), "a", count(6)...)
	want := []string{"0/1", "1/1", "2/1", "3/1", "4/1", "5/1"}
	if s.durable() {
		want = append(want, "1/2")
	}
	s.eventually("all is tried", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(tried) >= len(want)
	})
	s.eventually("all is over", func() bool { st := c.Stats(); return st.Handled+st.Failed >= uint64(len(want)) })
	r.stop()
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(tried)
	slices.Sort(want)
	s.want("tried", tried, want...)
}
