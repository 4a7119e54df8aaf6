package bustest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode/bus"
)

// Events of one key are handled one after the other, in order, those of others beside
// them.
func keysInLanes(s *suite) {
	const keys, each = 8, 30
	c := s.consumer(func(cfg *bus.Config) { cfg.Concurrency = 16 })
	var now [keys]atomic.Int64
	var mu sync.Mutex
	waiting := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
	r := s.run(c, func(ctx context.Context, v Counted) error {
		i := v.Who[0] - 'a'
		if now[i].Add(1) != 1 {
			s.Errorf("%+v beside another of its key", v)
		}
		defer now[i].Add(-1)
		if v.N > 0 || v.Who > "b" {
			return nil
		}
		mu.Lock()
		mine, other := waiting[v.Who], waiting[map[string]string{"a": "b", "b": "a"}[v.Who]]
		mu.Unlock()
		close(mine)
		select { // a and b meet here, unless they share a lane
		case <-other:
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
		return nil
	})
	p := s.producer()
	for n := range each {
		for k := range keys {
			s.produce(p, string(rune('a'+k)), n)
		}
	}
	got := r.wait(keys * each)
	for k := range keys {
		who := string(rune('a' + k))
		mine := slices.DeleteFunc(slices.Clone(got), func(what string) bool { return !strings.HasPrefix(what, who) })
		s.want("of "+who, mine, numbered(who, each)...)
	}
}

// Close ends Run, also from a handler, and the contexts of handlers.
func closeEndsRun(s *suite) {
	c := s.consumer(nil)
	ended := make(chan error, 1)
	r := s.run(c, func(ctx context.Context, _ Counted) error {
		err := c.Close(ctx)
		<-ctx.Done()
		ended <- err
		return ctx.Err()
	})
	s.produce(s.producer(), "a", 0)
	s.must(<-ended)
	<-r.done
	if r.err != nil || len(r.all()) != 0 {
		s.Errorf("%v, %v", r.err, r.all())
	}
	if st := c.Stats(); st.GivenBack != 1 || st.Failed != 0 {
		s.Errorf("%+v", st)
	}
}

// A consumer that is stopped in the middle loses nothing: what it has not handled to the
// end comes to the next one.
func stopped(s *suite) {
	const all, until = 200, 20
	p := s.producer()
	first := s.consumer(func(cfg *bus.Config) { cfg.Concurrency = 4 })
	second := first
	if !s.durable() {
		second = s.consumer(nil) // it must be there from the beginning
	}
	var n atomic.Int64
	reached := make(chan struct{})
	r := s.run(first, func(ctx context.Context, _ Counted) error {
		switch i := n.Add(1); {
		case i == until:
			close(reached)
			fallthrough
		case i > until:
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	for i := range all {
		s.must(p.Produce(s.ctx, Counted{fmt.Sprint("k", i%10, "-"), i}))
	}
	<-reached
	r.stop()
	got := r.all()
	if s.durable() {
		s.must(first.Close(s.ctx))
		second = s.consumer(nil)
	}
	rest := s.run(second, nil)
	if !s.durable() {
		rest.wait(all)
		return
	}
	got = append(got, rest.wait(all-len(got))...)
	rest.stop()
	slices.Sort(got)
	if len(got) != all || len(slices.Compact(got)) != all {
		s.Errorf("%d events handled, %d different ones, want %d", len(got), len(slices.Compact(got)), all)
	}
}

// Two consumers: both get all, or, at least once, they share.
func twoConsumers(s *suite) {
	const all = 100
	one, two := s.run(s.consumer(nil), nil), s.run(s.consumer(nil), nil)
	s.produce(s.producer(), "a", count(all)...)
	if !s.durable() {
		s.want("one", one.wait(all), numbered("a", all)...)
		s.want("two", two.wait(all), numbered("a", all)...)
		return
	}
	s.eventually("all is handled", func() bool { return len(one.all())+len(two.all()) >= all })
	one.stop()
	two.stop()
	got, want := append(one.all(), two.all()...), numbered("a", all)
	slices.Sort(got)
	slices.Sort(want)
	s.want("both", got, want...)
}

// What was produced before anybody was there is kept, or is gone.
func before(s *suite) {
	p := s.producer()
	s.produce(p, "early", 0, 1)
	s.must(p.Flush(s.ctx))
	c := s.consumer(nil)
	s.produce(p, "late", 0)
	r := s.run(c, nil)
	if s.durable() {
		s.want("handled", r.wait(3), "early0", "early1", "late0")
	} else {
		s.want("handled", r.wait(1), "late0")
	}
}
