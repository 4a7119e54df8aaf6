package sessions

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A session that moves between two nodes, while publishers send to whichever of the two
// has it, is sent each event once, each publisher's in order, and its numbers go on. Of a
// state that both nodes make by themselves it ends with the newest.
func TestMove(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { testMove(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func testMove(t *testing.T, rnd *rand.Rand) {
	old, young := newManager(t, Config{}), newManager(t, Config{})
	from := open(t, old, Identity{User: 7})
	before := rnd.IntN(20)
	sent := make([]uint64, 3) // by publisher
	publish := func(to ...*Session) {
		p := rnd.IntN(len(sent))
		sent[p]++
		e := &Event{Type: "X", Data: fmt.Appendf(nil, `[%d,%d]`, p, sent[p]), Origin: Origin{uint64(p) + 1, sent[p]}}
		for _, s := range to {
			if _, err := s.Send(e); err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrTwice) {
				t.Fatal(err)
			}
		}
	}
	last := ""
	state := func(to *Session, value int) { // each node makes its own
		last = fmt.Sprint("state ", value)
		if _, err := to.Send(&Event{Type: "STATE", Data: []byte(last), State: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	for range before {
		publish(from)
	}
	seen := uint64(rnd.IntN(before + 1))
	to, err := young.Adopt(from.ID(), from.Identity, from.Since())
	if err != nil {
		t.Fatal(err)
	}
	told := rnd.IntN(3) // how far the nodes are with the state
	for i := range told {
		state(from, i)
	}
	for range rnd.IntN(20) {
		publish(from, to)
	}
	for i := range told + rnd.IntN(2) {
		state(to, i)
	}
	first, events, err := old.Give(7, from.ID(), seen)
	if err != nil || first != 1 {
		t.Fatal(first, err)
	}
	for range rnd.IntN(5) {
		publish(from, to)
	}
	to.Complete(first, events)
	for range rnd.IntN(5) {
		publish(to)
	}
	all, err := attach(t, to, seen).Take(nil, 1000) // which may be nothing
	if err != nil {
		t.Fatal(err)
	}
	checkMoved(t, all, seen, sent, last)
}

// checkMoved checks numbers, that each publisher's events end with its last one and have
// no holes, and the state.
func checkMoved(t *testing.T, all []Sent, seen uint64, sent []uint64, last string) {
	t.Helper()
	newest, state := map[uint64]uint64{}, ""
	for i, s := range all {
		if s.Seq != seen+uint64(i)+1 {
			t.Fatalf("number %d at %d, behind %d", s.Seq, i, seen)
		}
		if s.Event.State != "" {
			state = string(s.Event.Data)
			continue
		}
		o := s.Event.Origin
		if was, ok := newest[o.Node]; ok && o.Number != was+1 {
			t.Fatalf("%d of publisher %d after %d", o.Number, o.Node, was)
		}
		newest[o.Node] = o.Number
	}
	for p, n := range sent {
		if got, ok := newest[uint64(p)+1]; ok && got != n {
			t.Fatalf("publisher %d ends with %d, it sent %d", p+1, got, n)
		}
	}
	if state != last {
		t.Fatalf("the state is %q, want %q", state, last)
	}
}

// A session whose client is nowhere yet moves with all that is kept by then, also while what
// comes takes the place of the oldest: a client that has seen that misses nothing.
func TestMoveOfAFullLog(t *testing.T) {
	old, young := newManager(t, Config{ReplayEvents: 5}), newManager(t, Config{ReplayEvents: 5})
	from := open(t, old, Identity{User: 7})
	send(t, from, 10)
	to, err := young.Adopt(from.ID(), from.Identity, from.Since())
	if err != nil {
		t.Fatal(err)
	}
	send(t, from, 2)
	first, events, err := old.GiveAll(7, from.ID())
	if err != nil || first != 8 || len(events) != 5 {
		t.Fatal(first, len(events), err)
	}
	to.Complete(first, events)
	missed, err := attach(t, to, 9).Next(t.Context(), nil, 10)
	if err != nil || len(missed) != 3 || missed[0].Seq != 10 {
		t.Errorf("%v, %v", missed, err)
	}
	if _, _, err := old.GiveAll(7, from.ID()); !errors.Is(err, ErrNotFound) {
		t.Error("again:", err)
	}
}

// A session that is on its way cannot be had by a second client, and one with a socket, of
// somebody else, or whose client claims too much, does not move at all.
func TestMoveIsRefused(t *testing.T) {
	old, young := newManager(t, Config{ReplayEvents: 5}), newManager(t, Config{})
	s := open(t, old, Identity{User: 7})
	send(t, s, 10)
	k := attach(t, s, 10)
	give := func(user Snowflake, seen uint64) error {
		_, _, err := old.Give(user, s.ID(), seen)
		return err
	}
	if err := give(7, 10); !errors.Is(err, ErrAttached) {
		t.Error("attached:", err)
	}
	k.Detach()
	if err := give(8, 10); !errors.Is(err, ErrNotFound) {
		t.Error("of somebody else:", err)
	}
	if err := give(7, 11); !errors.Is(err, ErrAhead) {
		t.Error("ahead:", err)
	}
	if gap, ok := errors.AsType[*GapError](give(7, 2)); !ok || gap.Missing != 3 {
		t.Error("gap:", gap)
	}
	a, err := young.Adopt(s.ID(), s.Identity, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := young.Adopt(s.ID(), s.Identity, time.Now()); !errors.Is(err, ErrAttached) {
		t.Error("adopted twice:", err)
	}
	if _, err := a.Attach(0); !errors.Is(err, ErrAttached) {
		t.Error("attached before it is complete:", err)
	}
	if err := give(7, 10); err != nil {
		t.Error(err)
	}
	if err := give(7, 10); !errors.Is(err, ErrNotFound) || old.Len() != 0 {
		t.Error("given twice:", err)
	}
}

// Who is told of ends is told once of each, and why.
func TestMoveEndsOnce(t *testing.T) {
	var ends []string
	m := newManager(t, Config{OnEnd: func(s *Session, why Reason) { ends = append(ends, why.String()) }})
	a, b := open(t, m, Identity{User: 7}), open(t, m, Identity{User: 7})
	if _, _, err := m.Give(7, a.ID(), 0); err != nil {
		t.Fatal(err)
	}
	if !m.End(b.ID()) || m.End(a.ID()) || m.End(b.ID()) {
		t.Error("ended what is not there")
	}
	if !slices.Equal(ends, []string{"moved", "ended"}) {
		t.Error(strings.Join(ends, " "))
	}
}

// An event whose way to a session's new node took longer than the session's is not sent a
// second time, whether its client has seen it or not; and after a while nothing is recalled.
func TestMoveRecalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, young := newManager(t, Config{}), newManager(t, Config{})
		from := open(t, old, Identity{User: 7})
		events := make([]*Event, 200)
		for i := range events {
			events[i] = &Event{Type: "X", Data: []byte(`1`), Origin: Origin{1, uint64(i)}}
		}
		for _, e := range events[:150] {
			if _, err := from.Send(e); err != nil {
				t.Fatal(err)
			}
		}
		to, err := young.Adopt(from.ID(), from.Identity, from.Since())
		if err != nil {
			t.Fatal(err)
		}
		twice := func(e *Event, want bool) {
			t.Helper()
			if _, err := to.Send(e); errors.Is(err, ErrTwice) != want {
				t.Errorf("event %d: %v, want it refused: %v", e.Origin.Number, err, want)
			}
		}
		twice(events[150], false)
		twice(events[150], true)
		first, given, err := old.Give(7, from.ID(), 140)
		if err != nil || first != 141-recallSeen {
			t.Fatal(first, err)
		}
		to.Complete(first, given)
		for _, e := range events[first-1 : 151] {
			twice(e, true)
		}
		twice(events[160], false)
		twice(events[160], true)
		if got, err := attach(t, to, 140).Take(nil, 100); err != nil || len(got) != 12 {
			t.Errorf("%d events come, want 12: %v", len(got), err)
		}
		time.Sleep(recallTime + 1)
		twice(events[160], false)
	})
}
