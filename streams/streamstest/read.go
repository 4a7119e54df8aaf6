package streamstest

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A stream that nobody acks is full at max_bytes: publishing is refused, what is there
// stays, and there is room again when it is allowed more.
func fullStream(s *suite) {
	cfg := eventnode.StreamConfig{MaxBytes: 64 << 10, Groups: []string{"g"}}
	s.declare("a", cfg)
	n := 0
	var err error
	for ; err == nil && n < 100; n++ {
		_, err = s.Publish(s.ctx, "a", event.New(fmt.Sprint(n), make([]byte, 8<<10)))
	}
	s.wantErr("at its end", err, eventnode.ErrStreamFull)
	n--
	if got := s.read("a"); len(got) != n || n < 5 || n > 8 {
		s.Errorf("%d events, %d acked", len(got), n)
	}
	in, err := s.Info(s.ctx, "a")
	s.must(err)
	if in.Count != uint64(n) || in.Bytes > cfg.MaxBytes {
		s.Errorf("%d events of %d bytes", in.Count, in.Bytes)
	}
	cfg.MaxBytes *= 2
	s.must(s.Update(s.ctx, "a", cfg))
	s.publish("more")
}

func limitByCount(s *suite) {
	s.declare("a", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxCount: 10})
	s.publishAll(names("x", 25)...)
	s.wantNames("the last ten", s.read("a"), names("x", 25)[15:]...)
	in, err := s.Info(s.ctx, "a")
	s.must(err)
	if in.Count != 10 || in.Published != 25 {
		s.Errorf("%+v", in)
	}
}

func limitByBytes(s *suite) {
	s.declare("a", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxBytes: 64 << 10})
	const n = 40
	for i := range n {
		_, err := s.Publish(s.ctx, "a", event.New(fmt.Sprint(i), make([]byte, 8<<10)))
		s.must(err)
	}
	got := s.read("a")
	if len(got) < 4 || len(got) > 8 || got[len(got)-1].Event.Name != fmt.Sprint(n-1) {
		s.Errorf("%d events are left, the last one is %s", len(got), got[len(got)-1].Event.Name)
	}
}

// What is older than max_age goes, at the latest soon after something is published.
func limitByAge(s *suite) {
	s.declare("a", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: 50 * time.Millisecond})
	first := s.publish("old")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.Fatal("the first event does not go")
		}
		s.publish("new")
		if got := s.read("a"); len(got) == 0 || got[0].Position != first {
			return
		}
	}
}

// A read begins where it is told to.
func readPlaces(s *suite) {
	s.declare("a", keep())
	s.wantNames("an empty one", s.read("a"))
	at := s.publishAll(names("x", 10)...)
	all := names("x", 10)
	last := at[9]
	behind := eventnode.Position{MS: last.MS + 1}
	between := eventnode.Position{MS: at[3].MS, Seq: at[3].Seq + 1}
	for _, tt := range []struct {
		what string
		opts []eventnode.ReadOption
		want []string
	}{
		{"all", nil, all},
		{"from the first", []eventnode.ReadOption{eventnode.WithFrom(at[0])}, all},
		{"from zero", []eventnode.ReadOption{eventnode.WithFrom(eventnode.Position{})}, all},
		{"from", []eventnode.ReadOption{eventnode.WithFrom(at[4])}, all[4:]},
		{"from between", []eventnode.ReadOption{eventnode.WithFrom(between)}, all[4:]},
		{"from behind", []eventnode.ReadOption{eventnode.WithFrom(behind)}, nil},
		{"after", []eventnode.ReadOption{eventnode.WithAfter(at[4])}, all[5:]},
		{"after zero", []eventnode.ReadOption{eventnode.WithAfter(eventnode.Position{})}, all},
		{"after the last", []eventnode.ReadOption{eventnode.WithAfter(last)}, nil},
		{"last", []eventnode.ReadOption{eventnode.WithLast(3)}, all[7:]},
		{"last of more", []eventnode.ReadOption{eventnode.WithLast(99)}, all},
		{"last none", []eventnode.ReadOption{eventnode.WithLast(0)}, nil},
		{"limit", []eventnode.ReadOption{eventnode.WithLimit(4)}, all[:4]},
		{"after with limit", []eventnode.ReadOption{eventnode.WithAfter(at[1]), eventnode.WithLimit(1)}, all[2:3]},
		{"since long ago", []eventnode.ReadOption{eventnode.WithSince(time.UnixMilli(1))}, all},
		{"since later", []eventnode.ReadOption{eventnode.WithSince(time.UnixMilli(last.MS + 1))}, nil},
		{"since the last", []eventnode.ReadOption{eventnode.WithSince(time.UnixMilli(last.MS))}, sameMS(all, at)},
	} {
		s.wantNames(tt.what, s.read("a", tt.opts...), tt.want...)
	}
	for _, err := range s.Read(s.ctx, "a", eventnode.WithLast(1), eventnode.WithFrom(last)) {
		s.wantErr("two places", err, eventnode.ErrInvalidArgument)
	}
}

// sameMS are the names of the events from the last one's millisecond.
func sameMS(names []string, at []eventnode.Position) []string {
	i := len(at) - 1
	for i > 0 && at[i-1].MS == at[i].MS {
		i--
	}
	return names[i:]
}

// More than fits into one answer comes whole and in order, and again to who reads
// again.
func readMany(s *suite) {
	s.declare("a", keep())
	const batches, each = 20, 500
	data := make([]byte, 100)
	for i := range batches {
		evs := make([]event.Event, each)
		for j := range evs {
			evs[j] = event.New(fmt.Sprint(i*each+j), data)
		}
		_, err := s.PublishMany(s.ctx, "a", evs)
		s.must(err)
	}
	for range 2 {
		var last eventnode.Position
		got := s.read("a")
		if len(got) != batches*each {
			s.Fatalf("%d events, want %d", len(got), batches*each)
		}
		for i, ev := range got {
			if ev.Event.Name != fmt.Sprint(i) || ev.Number != uint64(i)+1 || ev.Lost != 0 || ev.Position.Compare(last) <= 0 {
				s.Fatalf("event %d: %s, number %d, %d lost, at %v behind %v", i, ev.Event.Name, ev.Number, ev.Lost, ev.Position, last)
			}
			last = ev.Position
		}
	}
}

// Who follows gets what is there, and then what comes.
func follow(s *suite) {
	s.declare("a", keep())
	s.publishAll("0", "1")
	n := 0
	for ev, err := range s.Read(s.ctx, "a", eventnode.WithFollow()) {
		s.must(err)
		if ev.Event.Name != fmt.Sprint(n) {
			s.Fatalf("%s, want %d", ev.Event.Name, n)
		}
		if n++; n == 30 {
			break
		}
		if n > 1 {
			s.publish(fmt.Sprint(n))
		}
	}
	got := s.read("a", eventnode.WithFollow(), eventnode.WithLimit(5))
	s.wantNames("a limit ends it", got, "0", "1", "2", "3", "4")
}

// With WithLast(0) only what is published later comes.
func followNew(s *suite) {
	s.declare("a", keep())
	s.publishAll("old", "older")
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	got := make(chan string)
	go func() {
		defer close(got)
		for ev, err := range s.Read(ctx, "a", eventnode.WithLast(0), eventnode.WithFollow()) {
			if err != nil {
				return
			}
			got <- ev.Event.Name
			return
		}
	}()
	for {
		s.publish("new")
		select {
		case name := <-got:
			if name != "new" {
				s.Errorf("%q came", name)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// What went before it could be read is told with the next event.
func readLost(s *suite) {
	s.declare("a", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxCount: 10})
	s.publishAll(names("x", 25)...)
	got := s.read("a", eventnode.WithFrom(eventnode.Position{}), eventnode.WithLimit(2))
	if len(got) != 2 || got[0].Lost != 15 || got[0].Number != 16 || got[1].Lost != 0 {
		s.Errorf("%+v", got)
	}
}
