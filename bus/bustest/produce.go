package bustest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Events come in the order in which they were produced.
func order(s *suite) {
	r := s.run(s.consumer(nil), nil)
	s.produce(s.producer(), "a", count(300)...)
	s.want("handled", r.wait(300), numbered("a", 300)...)
}

// An event comes back as it was, with every field.
func wholeEvents(s *suite) {
	c, p := s.consumer(nil), s.producer()
	at := time.Date(2025, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
	events := []event.Event{
		event.New("thing_happened", nil),
		event.New("thing_happened", []byte{0xff, 0, '"'}, event.WithKey("k"), event.WithTime(at), event.WithSource("s"),
			event.WithMeta(map[string]string{"a": "", "größe": "\u2028"}), event.WithDataType("application/octet-stream")),
	}
	for _, e := range events {
		s.must(p.Produce(s.ctx, e))
	}
	s.must(p.Produce(s.ctx, Counted{"w", 7}, event.WithID(events[0].ID), event.WithMeta(map[string]string{"m": "1"})))
	for a, err := range c.Consume(s.ctx) {
		s.must(err)
		if len(events) == 0 {
			if a.Value != (Counted{"w", 7}) || a.Event.Meta["m"] != "1" || a.Event.Key != "w" || a.Event.Source != "suite" {
				s.Errorf("%+v is %+v", a.Event, a.Value)
			}
			break
		}
		want := events[0]
		if want.Source == "" {
			want.Source = "suite"
		}
		if events = events[1:]; !reflect.DeepEqual(a.Event, want) {
			s.Errorf("%+v, want %+v", a.Event, want)
		}
		if x, ok := a.Value.(event.ExternalEvent); !ok || !reflect.DeepEqual(x.Event, a.Event) {
			s.Errorf("value %+v", a.Value)
		}
	}
}

// Several events go together and keep their order; if one of them is none, nothing goes.
func produceAll(s *suite) {
	r, p := s.run(s.consumer(nil), nil), s.producer()
	s.must(p.ProduceAll(s.ctx))
	if err := p.ProduceAll(s.ctx, Counted{"no", 1}, struct{}{}); !errors.Is(err, event.ErrNotRegistered) || !errors.Is(err, event.ErrProduce) {
		s.Errorf("a type that is not registered: %v", err)
	}
	var all []any
	for n := range 20 {
		all = append(all, Counted{"a", n})
	}
	s.must(p.ProduceAll(s.ctx, all...))
	s.want("handled", r.wait(20), numbered("a", 20)...)
}

// It returns when the transport has accepted the event.
func produceSync(s *suite) {
	r, p := s.run(s.consumer(nil), nil), s.producer()
	s.must(p.Produce(s.ctx, Counted{"a", 0}))
	s.must(p.ProduceSync(s.ctx, testTime, Counted{"a", 1}))
	s.must(p.Produce(s.ctx, Counted{"a", 2}))
	s.must(p.Flush(s.ctx))
	s.want("handled", r.wait(3), numbered("a", 3)...)
}

// Of several producers all events come, those of each in its order.
func concurrentProducers(s *suite) {
	r := s.run(s.consumer(nil), nil)
	const producers, each = 4, 50
	var wg sync.WaitGroup
	for i := range producers {
		p := s.producer()
		wg.Go(func() {
			for n := range each {
				if err := p.Produce(s.ctx, Counted{string(rune('a' + i)), n}); err != nil {
					s.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := r.wait(producers * each)
	for i := range producers {
		who := string(rune('a' + i))
		var mine []string
		for _, what := range got {
			if strings.HasPrefix(what, who) {
				mine = append(mine, what)
			}
		}
		s.want("of "+who, mine, numbered(who, each)...)
	}
}

// What cannot be produced is an error to who produces, and goes nowhere.
func badProduce(s *suite) {
	r, p := s.run(s.consumer(nil), nil), s.producer()
	external := event.ExternalEvent{Event: event.New("thing_happened", nil)}
	for _, tt := range []struct {
		v    any
		opts []event.Option
		want error
	}{
		{external, nil, event.ErrExternalEvent},
		{struct{}{}, nil, event.ErrNotRegistered},
		{event.Event{Name: "n"}, nil, eventnode.ErrInvalidEvent},
		{Counted{"a", 1}, []event.Option{event.WithKey(strings.Repeat("k", 256))}, eventnode.ErrInvalidEvent},
	} {
		for _, err := range []error{p.Produce(s.ctx, tt.v, tt.opts...), p.ProduceSync(s.ctx, testTime, tt.v, tt.opts...)} {
			if !errors.Is(err, tt.want) || !errors.Is(err, event.ErrProduce) || !errors.Is(err, event.ErrEvent) {
				s.Errorf("%+v: %v, want %v", tt.v, err, tt.want)
			}
		}
	}
	s.produce(p, "good", 0)
	s.want("handled", r.wait(1), "good0")
}

// An event that is too large is refused, with its name and ID, and the next one goes.
func tooLarge(s *suite) {
	r, p := s.run(s.consumer(nil), nil), s.producer()
	e := event.New("thing_happened", make([]byte, 3<<20))
	err := p.ProduceSync(s.ctx, testTime, e)
	var limit *eventnode.LimitError
	var produce *event.ProduceError
	if !errors.As(err, &limit) || !errors.As(err, &produce) || produce.ID != e.ID || produce.Name != e.Name {
		s.Errorf("too large: %.300v", err)
	}
	s.produce(p, "good", 0)
	s.want("handled", r.wait(1), "good0")
}

// Nothing is produced under a context that has ended.
func cancelledContext(s *suite) {
	r, p := s.run(s.consumer(nil), nil), s.producer()
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	for what, err := range map[string]error{
		"Produce":     p.Produce(ctx, Counted{"no", 1}),
		"ProduceAll":  p.ProduceAll(ctx, Counted{"no", 2}, Counted{"no", 3}),
		"ProduceSync": p.ProduceSync(ctx, testTime, Counted{"no", 4}),
	} {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, event.ErrProduce) {
			s.Errorf("%s: %v", what, err)
		}
	}
	s.produce(p, "good", 0)
	s.want("handled", r.wait(1), "good0")
}

// What is not started, or closed, says so.
func closed(s *suite) {
	p, c := s.producer(), s.consumer(nil)
	s.must(p.Close(s.ctx))
	s.must(c.Close(s.ctx))
	s.must(p.Close(s.ctx))
	s.must(c.Close(s.ctx))
	for what, err := range map[string]error{
		"Produce": p.Produce(s.ctx, Counted{"no", 1}), "ProduceAll": p.ProduceAll(s.ctx, Counted{"no", 1}),
		"ProduceSync": p.ProduceSync(s.ctx, testTime, Counted{"no", 1}), "Flush": p.Flush(s.ctx), "Run": c.Run(s.ctx),
	} {
		if !errors.Is(err, eventnode.ErrClosed) {
			s.Errorf("%s: %v", what, err)
		}
	}
	n := 0
	for a, err := range c.Consume(s.ctx) {
		if n++; a != nil || !errors.Is(err, eventnode.ErrClosed) {
			s.Errorf("Consume: %v, %v", a, err)
		}
	}
	if n != 1 {
		s.Errorf("Consume yields %d pairs", n)
	}
}

// What was closed may be started again, what is started may not.
func startAgain(s *suite) {
	p, c := s.producer(), s.consumer(nil)
	for range 2 {
		for what, err := range map[string]error{"producer": p.Start(s.ctx), "consumer": c.Start(s.ctx)} {
			if !errors.Is(err, eventnode.ErrInvalidArgument) {
				s.Errorf("start the %s again: %v", what, err)
			}
		}
		s.must(p.Close(s.ctx))
		s.must(c.Close(s.ctx))
		s.must(c.Start(s.ctx))
		s.must(p.Start(s.ctx))
	}
	r := s.run(c, nil)
	s.produce(p, "a", 0)
	s.want("handled", r.wait(1), fmt.Sprint("a", 0))
}
