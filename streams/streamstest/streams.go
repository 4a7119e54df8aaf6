package streamstest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Declaring an equal stream again is success, however it is said.
func declareTwice(s *suite) {
	s.declare("a", eventnode.StreamConfig{Groups: []string{"h", "g"}})
	for _, cfg := range []eventnode.StreamConfig{
		{Groups: []string{"g", "h"}},
		{Groups: []string{"g"}},
		{Pool: eventnode.DefaultPool, DedupeWindow: eventnode.DefaultDedupeWindow, DedupeMax: eventnode.DefaultDedupeMax},
	} {
		created, err := s.Declare(s.ctx, "a", cfg)
		if err != nil || created {
			s.Errorf("%+v: %v, %v", cfg, created, err)
		}
	}
}

// Declaring a stream that differs fails, says so, and changes nothing.
func declareDiffers(s *suite) {
	s.declare("a", keep())
	before, err := s.Info(s.ctx, "a")
	s.must(err)
	for _, cfg := range []eventnode.StreamConfig{
		{MaxBytes: 1 << 20}, {Retain: eventnode.RetainLimits}, {DedupeMax: 7}, {DedupeWindow: time.Hour}, {Pool: "other", Groups: []string{"g"}},
	} {
		_, err := s.Declare(s.ctx, "a", cfg)
		s.wantErr(fmt.Sprintf("%+v", cfg), err, eventnode.ErrStreamDiffers)
	}
	after, err := s.Info(s.ctx, "a")
	s.must(err)
	if fmt.Sprintf("%+v", before.Config) != fmt.Sprintf("%+v", after.Config) {
		s.Errorf("it has become %+v", after.Config)
	}
}

// Create is for what is not there yet.
func create(s *suite) {
	s.must(s.Create(s.ctx, "a", keep()))
	err := s.Create(s.ctx, "a", keep())
	s.wantErr("again", err, eventnode.ErrStreamExists)
	if err == nil || !strings.Contains(err.Error(), "already exists") {
		s.Errorf("its words: %v", err)
	}
}

// A group that is new is added by Declare, and by Update; none goes.
func groupsAreAdded(s *suite) {
	s.declare("a", eventnode.StreamConfig{Groups: []string{"g1"}})
	_, err := s.Declare(s.ctx, "a", eventnode.StreamConfig{Groups: []string{"g2"}})
	s.must(err)
	s.must(s.Update(s.ctx, "a", eventnode.StreamConfig{Groups: []string{"g3"}}))
	in, err := s.Info(s.ctx, "a")
	s.must(err)
	slices.Sort(in.Config.Groups)
	if !slices.Equal(in.Config.Groups, []string{"g1", "g2", "g3"}) {
		s.Errorf("groups: %v", in.Config.Groups)
	}
}

// Update changes what Declare refuses to.
func update(s *suite) {
	s.declare("a", keep())
	cfg := eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: time.Hour, MaxBytes: 1 << 20, MaxCount: 1000, DedupeWindow: time.Second, DedupeMax: 9}
	s.must(s.Update(s.ctx, "a", cfg))
	in, err := s.Info(s.ctx, "a")
	s.must(err)
	cfg.Pool = eventnode.DefaultPool
	if fmt.Sprintf("%+v", in.Config) != fmt.Sprintf("%+v", cfg) {
		s.Errorf("%+v, want %+v", in.Config, cfg)
	}
	created, err := s.Declare(s.ctx, "a", cfg)
	if created || err != nil {
		s.Errorf("declared as it is now: %v, %v", created, err)
	}
}

// What makes no sense is refused.
func badConfigurations(s *suite) {
	for what, cfg := range map[string]eventnode.StreamConfig{
		"max_age with acked":   {MaxAge: time.Hour},
		"max_count with acked": {MaxCount: 7},
		"unknown retain":       {Retain: 7},
	} {
		_, err := s.Declare(s.ctx, "a", cfg)
		s.wantErr(what, err, eventnode.ErrInvalidArgument)
	}
	_, err := s.Info(s.ctx, "a")
	s.wantErr("after that", err, eventnode.ErrStreamNotFound)
}

// List is sorted, and has all, also if they are many.
func list(s *suite) {
	want := names("s", 5)
	for _, name := range []string{"s3", "s1", "s4", "s0", "s2"} {
		s.declare(name, keep())
	}
	var got []string
	for in, err := range s.List(s.ctx) {
		s.must(err)
		got = append(got, in.Name)
	}
	if !slices.Equal(got, want) {
		s.Errorf("%v, want %v", got, want)
	}
	for range s.List(s.ctx) {
		break // and who stops gets no more
	}
}

// Info counts.
func info(s *suite) {
	s.declare("a", keep())
	in, err := s.Info(s.ctx, "a")
	s.must(err)
	if in.Name != "a" || in.Namespace != "suite-Info" || in.Count != 0 || in.Published != 0 || !in.First.IsZero() || !in.Last.IsZero() {
		s.Errorf("of a new one: %+v", in)
	}
	if age := time.Since(in.Created); age.Abs() > time.Hour {
		s.Errorf("made %v ago", age)
	}
	at := s.publishAll("x", "y", "z")
	in, err = s.Info(s.ctx, "a")
	s.must(err)
	if in.Count != 3 || in.Published != 3 || in.Bytes == 0 || in.First != at[0] || in.Last != at[2] {
		s.Errorf("%+v, want 3 events from %v to %v", in, at[0], at[2])
	}
}

// A stream that is not there is one error everywhere, which names it.
func unknownStream(s *suite) {
	ev := event.New("x", nil)
	calls := map[string]func() error{
		"publish":      func() error { _, err := s.Publish(s.ctx, "nowhere", ev); return err },
		"publish many": func() error { _, err := s.PublishMany(s.ctx, "nowhere", []event.Event{ev, ev}); return err },
		"publish body": func() error { _, err := s.PublishBody(s.ctx, "nowhere", nil); return err },
		"info":         func() error { _, err := s.Info(s.ctx, "nowhere"); return err },
		"update":       func() error { return s.Update(s.ctx, "nowhere", keep()) },
		"delete":       func() error { return s.Delete(s.ctx, "nowhere") },
		"read": func() error {
			for _, err := range s.Read(s.ctx, "nowhere", eventnode.WithFollow()) {
				return err
			}
			return nil
		},
	}
	for what, call := range calls {
		err := call()
		s.wantErr(what, err, eventnode.ErrStreamNotFound)
		if err != nil && !strings.Contains(err.Error(), "nowhere") {
			s.Errorf("%s: the error names nothing: %v", what, err)
		}
	}
}

// The same name in two namespaces is two streams.
func namespaces(s *suite) {
	other := &suite{T: s.T, Streams: s.open(s.T, "suite-NamespacesAreApart-2"), ctx: s.ctx}
	s.declare("a", keep())
	other.declare("a", keep())
	s.publish("mine")
	other.publish("theirs")
	s.wantNames("mine", s.read("a"), "mine")
	other.wantNames("theirs", other.read("a"), "theirs")
	s.must(s.Delete(s.ctx, "a"))
	other.wantNames("after mine was deleted", other.read("a"), "theirs")
	for in, err := range s.List(s.ctx) {
		s.Errorf("still there: %v, %v", in.Name, err)
	}
}

// A stream that was deleted and made again is empty, and goes on behind the positions
// of the old one.
func deleted(s *suite) {
	var last eventnode.Position
	for i := range 3 {
		s.declare("a", keep())
		if got := s.read("a"); len(got) > 0 {
			s.Fatalf("round %d: it is not empty: %v", i, got)
		}
		for _, at := range s.publishAll("x", "y") {
			if at.Compare(last) <= 0 {
				s.Fatalf("round %d: %v is not behind %v", i, at, last)
			}
			last = at
		}
		s.must(s.Delete(s.ctx, "a"))
		_, err := s.Info(s.ctx, "a")
		s.wantErr("deleted", err, eventnode.ErrStreamNotFound)
	}
}
