package streamstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Each event stands behind those that were acked before.
func positionsIncrease(s *suite) {
	s.declare("a", keep())
	var last eventnode.Position
	for i, at := range s.publishAll(names("x", 50)...) {
		if at.Compare(last) <= 0 {
			s.Fatalf("event %d: %v is not behind %v", i, at, last)
		}
		last = at
	}
	for i, ev := range s.read("a") {
		if ev.Number != uint64(i)+1 {
			s.Fatalf("event %d has number %d", i, ev.Number)
		}
	}
}

// PublishMany appends all in their order.
func publishMany(s *suite) {
	s.declare("a", keep())
	var evs []event.Event
	for _, name := range names("x", 100) {
		evs = append(evs, event.New(name, nil))
	}
	got, err := s.PublishMany(s.ctx, "a", evs)
	s.must(err)
	if got.Appended != 100 || len(got.Known) > 0 {
		s.Errorf("%+v", got)
	}
	for i, ev := range s.read("a") {
		want := eventnode.Position{MS: got.First.MS, Seq: got.First.Seq + uint64(i)}
		if ev.Event.Name != evs[i].Name || ev.Position != want {
			s.Fatalf("event %d: %s at %v, want %s at %v", i, ev.Event.Name, ev.Position, evs[i].Name, want)
		}
	}
}

// What was published is read as it was.
func wholeEvents(s *suite) {
	s.declare("a", keep())
	want := []event.Event{
		event.New("plain", []byte("data")),
		event.New("full", []byte(`{"a":1}`), event.WithKey("k"), event.WithSource("/src"), event.WithDataType("application/json"),
			event.WithMeta(map[string]string{"m": "v", "empty": "", "größe": "9"}), event.WithTime(time.Unix(1e9, 7).UTC())),
		event.New("empty", nil),
		event.New("large", []byte(strings.Repeat("x", 300<<10))),
		event.New("binary", []byte{0, 0xff, 0x7a, 0}),
	}
	for _, ev := range want {
		_, err := s.Publish(s.ctx, "a", ev)
		s.must(err)
	}
	got := s.read("a")
	if len(got) != len(want) {
		s.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i, w := range want {
		if g := got[i].Event; !sameEvent(g, w) || got[i].Stream != "a" {
			s.Errorf("%s came back as %.200v of %s", w.Name, g, got[i].Stream)
		}
	}
}

func sameEvent(a, b event.Event) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Key == b.Key && a.Time.Equal(b.Time) && a.Source == b.Source &&
		a.DataType == b.DataType && string(a.Data) == string(b.Data) && maps.Equal(a.Meta, b.Meta)
}

// A body may be nothing, JSON, protobuf or bytes; meta is keys and values.
func bodies(s *suite) {
	s.declare("a", keep())
	type colored struct {
		Color string
		Price float32
	}
	message := durationpb.New(90 * time.Second)
	encoded, err := proto.Marshal(message)
	s.must(err)
	want := []event.Event{
		{Meta: map[string]string{"url": "/about-us/", "ip": "232.12.24.11"}},
		{Data: []byte(`"hello"`), DataType: "application/json"},
		{Data: []byte(`{"Color":"red","Price":12.34}`), DataType: "application/json", Meta: map[string]string{"version": "1"}},
		{Data: []byte{1, 2}, DataType: "application/octet-stream"},
		{Data: encoded, DataType: `application/protobuf; messageType="google.protobuf.Duration"`},
	}
	var at []eventnode.Position
	for _, b := range []struct {
		body any
		meta []string
	}{
		{nil, []string{"url", "/about-us/", "ip", "232.12.24.11"}},
		{"hello", nil},
		{colored{"red", 12.34}, []string{"version", "1"}},
		{[]byte{1, 2}, nil},
		{message, nil},
	} {
		p, err := s.PublishBody(s.ctx, "a", b.body, b.meta...)
		s.must(err)
		at = append(at, p)
	}
	for i, ev := range s.read("a") {
		g, w := ev.Event, want[i]
		if g.Name != "a" || string(g.Data) != string(w.Data) || g.DataType != w.DataType || !maps.Equal(g.Meta, w.Meta) || ev.Position != at[i] {
			s.Errorf("%d: %+v at %v, want %+v at %v", i, g, ev.Position, w, at[i])
		}
	}
}

// Bad input is a clear error, and nothing is appended.
func badEvents(s *suite) {
	s.declare("a", keep())
	reserved := event.New("x", nil, event.WithMeta(map[string]string{eventnode.ReservedMeta + "x": "1"}))
	many := func(evs ...event.Event) error { _, err := s.PublishMany(s.ctx, "a", evs); return err }
	body := func(body any, meta ...string) error { _, err := s.PublishBody(s.ctx, "a", body, meta...); return err }
	for what, tt := range map[string]struct{ err, want error }{
		"no events":          {many(), eventnode.ErrInvalidArgument},
		"no name":            {many(event.New("x", nil), event.New("", nil)), eventnode.ErrInvalidEvent},
		"no ID":              {many(event.Event{Name: "x"}), eventnode.ErrInvalidEvent},
		"reserved meta":      {many(reserved), eventnode.ErrInvalidEvent},
		"odd meta":           {body(nil, "k"), eventnode.ErrInvalidArgument},
		"odd meta of three":  {body(nil, "k", "v", "l"), eventnode.ErrInvalidArgument},
		"meta twice":         {body(nil, "k", "v", "k", "w"), eventnode.ErrInvalidArgument},
		"empty meta key":     {body(nil, "", "v"), eventnode.ErrInvalidEvent},
		"reserved meta key":  {body(nil, "eventnode.x", "v"), eventnode.ErrInvalidEvent},
		"not JSON":           {body(func() {}), eventnode.ErrInvalidArgument},
		"an event as a body": {body(event.New("x", nil)), eventnode.ErrInvalidArgument},
	} {
		s.wantErr(what, tt.err, tt.want)
	}
	_, err := s.PublishBody(s.ctx, "", nil)
	s.wantErr("no stream", err, eventnode.ErrInvalidArgument)
	_, err = s.Publish(s.ctx, strings.Repeat("n", 256), event.New("x", nil))
	s.wantErr("long stream", err, eventnode.ErrLimit)
	s.publish("good")
	s.wantNames("what there is", s.read("a"), "good")
}

// An event or a batch that is too large is a limit with its name, and publishing goes
// on.
func tooLarge(s *suite) {
	s.declare("a", keep())
	large := event.New("x", make([]byte, 20<<20))
	batch := make([]event.Event, 100_000)
	for i := range batch {
		batch[i] = event.New("x", nil)
	}
	for what, evs := range map[string][]event.Event{"event": {large}, "batch": batch} {
		_, err := s.PublishMany(s.ctx, "a", evs)
		l, ok := errors.AsType[*eventnode.LimitError](err)
		if !ok || l.Limit == "" || l.Max == 0 {
			s.Errorf("%s: %v, want a *LimitError", what, err)
		}
		s.publish(what)
	}
	if got := s.read("a"); len(got) != 2 {
		s.Errorf("%d events, want 2", len(got))
	}
}

// Who is second in a race is told.
func expectLast(s *suite) {
	s.declare("a", keep())
	var last eventnode.Position
	for i := range 3 {
		var err error
		last, err = s.Publish(s.ctx, "a", event.New(fmt.Sprint(i), nil), eventnode.WithExpectLast(last))
		s.must(err)
	}
	for _, p := range []eventnode.Position{{}, {MS: last.MS, Seq: last.Seq + 1}} {
		_, err := s.Publish(s.ctx, "a", event.New("lost", nil), eventnode.WithExpectLast(p))
		s.wantErr("expecting "+p.String(), err, eventnode.ErrWrongLast)
	}
	won := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := s.Publish(s.ctx, "a", event.New("race", nil), eventnode.WithExpectLast(last))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, eventnode.ErrWrongLast) {
				s.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		s.Errorf("%d have won", won)
	}
	s.wantNames("what there is", s.read("a"), "0", "1", "2", "race")
}

// An event that is published again stands there once.
func dedupe(s *suite) {
	s.declare("a", keep())
	x, y, z := event.New("x", nil), event.New("y", nil), event.New("z", nil)
	first, err := s.Publish(s.ctx, "a", x, eventnode.WithDedupe())
	if err != nil || first.IsZero() {
		s.Fatal(first, err)
	}
	again, err := s.Publish(s.ctx, "a", x, eventnode.WithDedupe())
	if err != nil || !again.IsZero() {
		s.Errorf("again: at %v, %v", again, err)
	}
	got, err := s.PublishMany(s.ctx, "a", []event.Event{x, y, y, z}, eventnode.WithDedupe())
	if err != nil || got.Appended != 2 || fmt.Sprint(got.Known) != "[0 2]" || got.First.Compare(first) <= 0 {
		s.Errorf("many: %+v, %v", got, err)
	}
	_, err = s.Publish(s.ctx, "a", z)
	s.must(err)
	s.wantNames("what there is", s.read("a"), "x", "y", "z", "z")
}

// What one caller publishes keeps its order, whatever others do; each answer names
// the place where the event is.
func concurrentPublishers(s *suite) {
	s.declare("a", keep())
	s.declare("b", keep())
	const callers, each = 8, 40
	var mu sync.Mutex
	at := make(map[string]eventnode.Position)
	var wg sync.WaitGroup
	for i := range callers {
		stream := []string{"a", "b"}[i%2]
		wg.Go(func() {
			for j := range each {
				name := fmt.Sprintf("%d %d", i, j)
				p, err := s.Publish(s.ctx, stream, event.New(name, nil))
				if err != nil {
					s.Error(err)
					return
				}
				mu.Lock()
				at[name] = p
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	next := make(map[int]int)
	total := 0
	for _, stream := range []string{"a", "b"} {
		for _, ev := range s.read(stream) {
			var i, j int
			if _, err := fmt.Sscan(ev.Event.Name, &i, &j); err != nil || j != next[i] || at[ev.Event.Name] != ev.Position {
				s.Fatalf("%s at %v: want number %d, acked at %v (%v)", ev.Event.Name, ev.Position, next[i], at[ev.Event.Name], err)
			}
			next[i]++
			total++
		}
	}
	if total != callers*each {
		s.Errorf("%d events, want %d", total, callers*each)
	}
}

// A context that has ended ends a call before it does anything.
func cancelledContexts(s *suite) {
	s.declare("a", keep())
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	ev := event.New("x", nil)
	_, err := s.Publish(ctx, "a", ev)
	s.wantErr("publish", err, context.Canceled)
	_, err = s.Info(ctx, "a")
	s.wantErr("info", err, context.Canceled)
	_, err = s.Declare(ctx, "b", keep())
	s.wantErr("declare", err, context.Canceled)
	f := s.NewFlusher()
	s.must(f.PublishEvent("a", ev))
	_, err = f.Flush(ctx)
	s.wantErr("flush", err, context.Canceled)
	for _, err := range s.Read(ctx, "a") {
		s.wantErr("read", err, context.Canceled)
	}
	ctx, cancel = context.WithCancel(s.ctx)
	ended := false
	s.publish("y")
	for ev, err := range s.Read(ctx, "a", eventnode.WithFollow()) {
		if err != nil {
			s.wantErr("follow", err, context.Canceled)
			ended = true
			break
		}
		s.wantNames("follow", []eventnode.StreamEvent{ev}, "y")
		cancel()
	}
	cancel()
	if !ended {
		s.Error("following ended without the reason")
	}
}
