package streamstest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A flush publishes all that was buffered, in its order, and says where each event
// is.
func flusherOrder(s *suite) {
	s.declare("a", keep())
	s.declare("b", keep())
	f := s.NewFlusher()
	if at, err := f.Flush(s.ctx); err != nil || len(at) > 0 {
		s.Errorf("an empty one: %v, %v", at, err)
	}
	for round := range 3 {
		want := map[string][]string{}
		var order []string
		for i := range 30 {
			stream := []string{"a", "a", "b"}[i%3]
			name := fmt.Sprintf("%d-%d", round, i)
			s.must(f.PublishEvent(stream, event.New(name, nil)))
			want[stream] = append(want[stream], name)
			order = append(order, stream+name)
		}
		if f.Len() != 30 {
			s.Errorf("%d buffered", f.Len())
		}
		at, err := f.Flush(s.ctx)
		s.must(err)
		if f.Len() != 0 || len(at) != 30 {
			s.Fatalf("%d left, %d positions", f.Len(), len(at))
		}
		where := map[string]eventnode.Position{}
		for i, key := range order {
			where[key] = at[i]
		}
		for stream, names := range want {
			got := s.read(stream, eventnode.WithLast(uint64(len(names))))
			s.wantNames("flushed", got, names...)
			for _, ev := range got {
				if where[stream+ev.Event.Name] != ev.Position {
					s.Errorf("%s is at %v, want %v", ev.Event.Name, ev.Position, where[stream+ev.Event.Name])
				}
			}
		}
	}
}

// A stream that fails does not keep the others from being published. Its events stay
// until they can be, or are discarded.
func flusherFailures(s *suite) {
	s.declare("a", keep())
	f := s.NewFlusher()
	buffer := func(stream string, names ...string) {
		for _, name := range names {
			s.must(f.PublishEvent(stream, event.New(name, nil)))
		}
	}
	buffer("a", "1")
	buffer("later", "2", "3")
	buffer("a", "4")
	buffer("never", "5")
	at, err := f.Flush(s.ctx)
	failed, ok := errors.AsType[*eventnode.FlushError](err)
	if !ok || len(failed.Failures) != 2 {
		s.Fatalf("%v, want a *FlushError of two", err)
	}
	for i, want := range []eventnode.FlushFailure{{Stream: "later", Events: 2}, {Stream: "never", Events: 1}} {
		got := failed.Failures[i]
		if got.Stream != want.Stream || got.Events != want.Events || !errors.Is(got.Err, eventnode.ErrStreamNotFound) {
			s.Errorf("failure %d: %+v", i, got)
		}
	}
	s.wantErr("as a whole", err, eventnode.ErrStreamNotFound)
	for i, published := range []bool{true, false, false, true, false} {
		if at[i].IsZero() == published {
			s.Errorf("position %d: %v", i, at[i])
		}
	}
	s.wantNames("the good one", s.read("a"), "1", "4")
	if f.Len() != 3 {
		s.Errorf("%d left, want 3", f.Len())
	}
	s.declare("later", keep())
	buffer("later", "6")
	buffer("a", "7")
	if n := f.Discard("never"); n != 1 {
		s.Errorf("%d discarded", n)
	}
	at, err = f.Flush(s.ctx)
	if err != nil || len(at) != 4 || f.Len() != 0 {
		s.Errorf("%v, %v, %d left", at, err, f.Len())
	}
	s.wantNames("later", s.read("later"), "2", "3", "6")
	s.wantNames("and the good one", s.read("a"), "1", "4", "7")
}

// What is wrong is said before anything is buffered, and the flusher goes on.
func flusherBadInput(s *suite) {
	s.declare("a", keep())
	f := s.NewFlusher()
	s.must(f.Publish("a", "one", "k", "v"))
	for what, tt := range map[string]struct{ err, want error }{
		"odd meta":          {f.Publish("a", nil, "k"), eventnode.ErrInvalidArgument},
		"empty meta key":    {f.Publish("a", nil, "", "v"), eventnode.ErrInvalidEvent},
		"reserved meta key": {f.Publish("a", nil, "eventnode.reason", "v"), eventnode.ErrInvalidEvent},
		"bad body":          {f.Publish("a", make(chan int)), eventnode.ErrInvalidArgument},
		"no stream":         {f.Publish("", nil), eventnode.ErrInvalidArgument},
		"no name":           {f.PublishEvent("a", event.New("", nil)), eventnode.ErrInvalidEvent},
		"too large":         {f.Publish("a", strings.Repeat("x", 5<<20)), eventnode.ErrLimit},
	} {
		s.wantErr(what, tt.err, tt.want)
	}
	if f.Len() != 1 {
		s.Errorf("%d buffered, want 1", f.Len())
	}
	_, err := f.Flush(s.ctx, eventnode.WithExpectLast(eventnode.Position{}))
	s.wantErr("expect last", err, eventnode.ErrInvalidArgument)
	for i := 0; err == nil || !errors.Is(err, eventnode.ErrLimit); i++ {
		if err = f.Publish("a", i); i > eventnode.MaxFlusherEvents {
			s.Fatal("the buffer has no bound")
		}
	}
	n := f.Len()
	at, err := f.Flush(s.ctx)
	if err != nil || len(at) != n || f.Len() != 0 {
		s.Errorf("a full one: %d of %d, %v", len(at), n, err)
	}
	if got := s.read("a"); len(got) != n {
		s.Errorf("%d events, want %d", len(got), n)
	}
}

// A flush with de-duplication says of each event where it is, if it was not known.
func flusherDedupe(s *suite) {
	s.declare("a", keep())
	x, y, z := event.New("x", nil), event.New("y", nil), event.New("z", nil)
	f := s.NewFlusher()
	s.must(f.PublishEvent("a", y))
	_, err := f.Flush(s.ctx, eventnode.WithDedupe())
	s.must(err)
	for _, ev := range []event.Event{x, y, z} {
		s.must(f.PublishEvent("a", ev))
	}
	at, err := f.Flush(s.ctx, eventnode.WithDedupe())
	s.must(err)
	got := s.read("a")
	s.wantNames("what there is", got, "y", "x", "z")
	if len(got) == 3 && (len(at) != 3 || at[0] != got[1].Position || !at[1].IsZero() || at[2] != got[2].Position) {
		s.Errorf("positions %v", at)
	}
}
