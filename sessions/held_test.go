package sessions

import (
	"errors"
	"testing"
	"time"
)

// With OnSend a socket has nothing before Release, OnSend is told of each event in order,
// and what was not released is said again, when it is asked for.
func TestHeld(t *testing.T) {
	var told []uint64
	m := newManager(t, Config{OnSend: func(_ *Session, seq uint64, _ *Event) { told = append(told, seq) }})
	s := open(t, m, Identity{User: 7})
	send(t, s, 3)
	k := attach(t, s, 0)
	if got, err := k.Take(nil, 9); err != nil || len(got) != 0 || len(told) != 3 || k.Replayed() != 0 {
		t.Fatalf("%v, %v, told %v", got, err, told)
	}
	woken := 0
	k.Notify(func() { woken++ })
	if s.Release(2); woken != 1 || s.Released() != 2 {
		t.Errorf("woken %d times, released %d", woken, s.Released())
	}
	if got, err := k.Take(nil, 9); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	var again []uint64
	each := func(seq uint64, _ *Event) { again = append(again, seq) }
	s.Held(func() bool { return false }, each)
	if s.Held(func() bool { return true }, each); len(again) != 1 || again[0] != 3 {
		t.Errorf("said again: %v", again)
	}
	s.Release(1)
	if s.Release(99); s.Released() != 3 {
		t.Errorf("released %d of 3", s.Released())
	}
	k.Detach()
	send(t, s, 1)
	if _, err := s.Attach(4); !errors.Is(err, ErrAhead) {
		t.Error("a client has seen what was not released:", err)
	}
}

// A session that has come from elsewhere says what it was sent there again to OnSend, and
// nothing of what it was sent here before.
func TestHeldMove(t *testing.T) {
	var told []uint64
	m := newManager(t, Config{OnSend: func(_ *Session, seq uint64, _ *Event) { told = append(told, seq) }})
	s, err := m.Adopt("x", Identity{User: 7}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	event := func(n uint64) *Event { return &Event{Type: "X", Origin: Origin{1, n}} }
	for n := range uint64(3) {
		if _, err := s.Send(event(n)); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 0 {
		t.Fatal(told)
	}
	s.Complete(11, []*Event{event(7), event(0)})
	if len(told) != 4 || told[0] != 11 || told[3] != 14 || s.Released() != 10 {
		t.Errorf("told %v, released %d", told, s.Released())
	}
}

// What a session had before it came is not sent to it again, although it is not in its log:
// neither what came to this node meanwhile nor what comes later.
func TestHad(t *testing.T) {
	m := newManager(t, Config{})
	s, err := m.Adopt("x", Identity{User: 7}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	meanwhile := &Event{Type: "X", Origin: Origin{1, 2}}
	if _, err := s.Send(meanwhile); err != nil {
		t.Fatal(err)
	}
	s.Complete(3, []*Event{{Type: "X", Origin: Origin{1, 3}}}, Origin{1, 1}, Origin{1, 2})
	if s.Seq() != 3 {
		t.Errorf("it was sent %d events", s.Seq())
	}
	for n := range uint64(3) {
		if _, err := s.Send(&Event{Type: "X", Origin: Origin{1, n + 1}}); !errors.Is(err, ErrTwice) {
			t.Errorf("event %d: %v", n+1, err)
		}
	}
	if seq, err := s.Send(&Event{Type: "X", Origin: Origin{1, 4}}); err != nil || seq != 4 {
		t.Error(seq, err)
	}
}

// However much a session is sent after it has moved, it knows the newest of it.
func TestRecallIsBounded(t *testing.T) {
	m := newManager(t, Config{ReplayEvents: 10})
	s, err := m.Adopt("x", Identity{User: 7}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.Complete(1, nil)
	for n := range uint64(3 * recallMost) {
		e := &Event{Type: "X", Origin: Origin{1, n + 1}}
		if _, err := s.Send(e); err != nil {
			t.Fatal(n, err)
		}
		if _, err := s.Send(&Event{Type: "X", Origin: Origin{1, n + 1 - min(n, recallMost/2-1)}}); !errors.Is(err, ErrTwice) {
			t.Fatal(n, err)
		}
		if len(s.recall.newest)+len(s.recall.older) > recallMost {
			t.Fatal("it recalls more than it may")
		}
	}
}
