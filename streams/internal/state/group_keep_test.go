package state

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// Events go when all groups have acked them, also behind one that is held, in whole
// chunks; a group that never began holds all, and without one all goes.
func TestAckedRetention(t *testing.T) {
	d := newDesk(t, nil, 50)
	other := &storagev1.GroupRef{Stream: 1, Group: "other"}
	d.do(opOf(&storagev1.AddGroup{Group: other}))
	d.lease(1, 1)
	d.fetch(1, 50)
	d.ack(1, 1, 4)
	d.ack(1, 6, 50)
	d.pass(sweepAfterMS)
	if n := d.events(1); n != 50 {
		t.Errorf("%d events, and one group has not begun", n)
	}
	d.do(opOf(&storagev1.RemoveGroup{Group: other}))
	if n := d.events(1); n != 46 {
		t.Errorf("%d events before the sweep", n)
	}
	d.pass(sweepAfterMS)
	if n := d.events(1); n != 6 {
		t.Errorf("%d events after the sweep: 5 to 10 of the chunk that holds event 5", n)
	}
	// Who comes later reads what is there, finds by position, and counts right.
	d.do(opOf(&storagev1.AddGroup{Group: other}))
	d.do(repeat(3, 1, 1)(0)[0])
	s, err := d.view().Stream(Name{"", "a"})
	if err != nil || s.Count() != 9 {
		t.Fatalf("%v, %v", s, err)
	}
	if g, err := d.view().Group(s, "other"); err != nil || g.Lag != 9 {
		t.Errorf("lag %d, %v", g.Lag, err)
	}
	for _, at := range []eventnode.Position{{MS: 1001, Seq: 20}, {MS: 1001, Seq: 49}} {
		if n, err := d.view().Find(s, at); err != nil || n != 51 {
			t.Errorf("%v is at %d, %v", at, n, err)
		}
	}
	d.do(opOf(&storagev1.GrantLease{Group: "other", Consumer: 1, Streams: []uint64{1}, Holder: numberedID('o', 1)}))
	p, _ := d.view().Partition()
	got := d.do(opOf(&storagev1.Fetch{Group: "other", Consumer: 1, Leases: leaseOf(1, p.GetLastEpoch()), MaxEvents: 100})).Fetched
	d.want(words(got), "5-10+51-53 x1")
	d.ack(1, 5, 5)
	d.do(ackOp("other", 1, 1, p.GetLastEpoch(), ranges.Of(5, 53)))
	if s, err := d.view().Stream(Name{"", "a"}); err != nil || s.State.GetFirst() != 51 || s.State.GetGone() != 0 {
		t.Errorf("%v, %v", s.State, err)
	}
}

// What limits take away before a group had it is told to it, once.
func TestLost(t *testing.T) {
	d := newDesk(t, &storagev1.GroupConfig{AckWaitMs: 10}, 20)
	d.lease(1, 1)
	d.want(d.fetch(1, 5), "1-5 x1")
	d.do(updateOp(Name{"", "a"}, &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxCount: 8}))
	d.pass(10)
	d.want(d.fetch(1, 3), "13-15 x1, lost 1-12")
	d.want(d.fetch(1, 9), "16-20 x1")
	if g := d.group("a"); g.Lag != 0 || g.Row.GetPending() != 8 {
		t.Errorf("%+v", g)
	}
}

// A batch is shared by the streams, in equal parts, and what one leaves the others
// have; or each has all of it.
func TestShare(t *testing.T) {
	d := newDesk(t, nil, 10, 10, 1)
	d.lease(1, 1, 2, 3)
	count := func(f []Fetched) (n []uint64) {
		for _, f := range f {
			n = append(n, f.Count())
		}
		return n
	}
	if got := count(d.do(d.fetchOp(1, 9, 1, 2, 3)).Fetched); !slices.Equal(got, []uint64{4, 4, 1}) {
		t.Errorf("%v", got)
	}
	each := d.fetchOp(1, 5, 1, 2)
	each.GetFetch().Each = true
	if got := count(d.do(each).Fetched); !slices.Equal(got, []uint64{5, 5}) {
		t.Errorf("each: %v", got)
	}
	few := d.fetchOp(1, 100, 1, 2)
	few.GetFetch().MaxBytes = 1
	if got := count(d.do(few).Fetched); !slices.Equal(got, []uint64{1, 1}) {
		t.Errorf("one byte: %v", got)
	}
}

// Events of a key slot are in one consumer's hands, in order; a nack that waits holds
// its slot and no other.
func TestKeyed(t *testing.T) {
	d := newDesk(t, &storagev1.GroupConfig{Keyed: true}, 0)
	p := publishOp(1, slices.Repeat([]string{benchEvent()}, 8)...)
	p.GetPublish().KeySlots = []byte{0, 2, 0, 4, 0, 2, 0, 3, 0, 0, 0, 4, 0, 2, 0, 3}
	d.do(p)
	d.lease(1, 1)
	d.lease(2, 1)
	d.want(d.fetch(1, 2), "1-2 x1")
	d.want(d.fetch(2, 9), "4-5+8 x1") // slots 3 and none
	d.want(d.fetch(1, 1), "3 x1")
	d.do(d.say(1, storagev1.Verb_VERB_NACK, 50, ranges.Of(1, 1)))
	d.ack(1, 2, 3)
	d.want(d.fetch(1, 9), "6 x1") // 7 waits for 1
	if g := d.group("a"); g.Row.GetSkipped() != 1 || g.Lag != 1 || g.Row.GetFloor() != 1 {
		t.Errorf("%+v", g)
	}
	d.pass(50)
	d.want(d.fetch(2, 1), "1 x2")
	d.want(d.fetch(1, 9), "")
	d.want(d.fetch(2, 9), "7 x1")
}

// An event without a key is nobody's obstacle, whatever the slot.
func TestKeyedWithoutAKey(t *testing.T) {
	for _, slot := range []uint16{1, KeySlots} {
		d := newDesk(t, &storagev1.GroupConfig{Keyed: true}, 0)
		p := publishOp(1, benchEvent(), benchEvent())
		p.GetPublish().KeySlots = binary.BigEndian.AppendUint16([]byte{0, 0}, slot)
		d.do(p)
		d.lease(1, 1)
		d.lease(2, 1)
		d.want(d.fetch(1, 1), "1 x1")
		d.want(d.fetch(2, 1), "2 x1")
	}
}

// Key slots are dealt out among who is there: consumers that take batches of a backlog do
// not get into each other's way. Who does not come is not waited for.
func TestKeyedShares(t *testing.T) {
	const consumers, events = 4, 4000
	d := newDesk(t, &storagev1.GroupConfig{Keyed: true}, 0)
	p := publishOp(1, slices.Repeat([]string{benchEvent()}, events)...)
	random := newRand(enginetest.Seed(t))
	for range events {
		p.GetPublish().KeySlots = binary.BigEndian.AppendUint16(p.GetPublish().KeySlots, uint16(1+random.IntN(400)))
	}
	d.do(p)
	for c := range uint32(consumers) {
		d.lease(c+1, 1)
	}
	hands := make([]ranges.Set, consumers)
	take := func(who uint32, most int) (n uint64) {
		for _, f := range d.do(d.fetchOp(who+1, most, 1)).Fetched {
			n += f.Count()
			for _, del := range f.Deliveries {
				hands[who] = ranges.Union(hands[who], del.Events)
			}
		}
		return n
	}
	for round := range 2 {
		for who := range uint32(consumers) {
			if got := take(who, 300); got != 300 {
				t.Errorf("round %d: consumer %d has %d events in hand and is handed %d, of 300", round, who+1, hands[who].Count(), got)
			}
		}
	}
	for left := uint64(events); left > 0; { // the others ack what they have, and stay away
		for who, set := range hands {
			if len(set) > 0 {
				d.do(d.say(uint32(who+1), storagev1.Verb_VERB_ACK, -1, set))
				left -= set.Count()
				hands[who] = nil
			}
		}
		if left > 0 && take(0, 300) == 0 {
			t.Fatalf("consumer 1 is handed nothing, and %d events are left", left)
		}
	}
}

// A step does a bounded amount, and says that there is more, or leaves it due.
func TestBoundedSteps(t *testing.T) {
	d := newDesk(t, &storagev1.GroupConfig{MaxDeliver: 1, AckWaitMs: 10}, 20)
	d.bounds.rows, d.bounds.bury = 3, 2
	d.lease(1, 1)
	for range 10 {
		d.fetch(1, 1)
	}
	if r := d.do(opOf(&storagev1.Claim{Group: d.ref(1), From: 1, To: 2})); r.Moved != 3 || !r.More {
		t.Errorf("claim: %+v", r)
	}
	if r := d.do(opOf(&storagev1.EndLease{Group: "g", Consumer: 1, Gone: true, Leases: leaseOf(1, d.epochs[1])})); r.Moved != 3 {
		t.Errorf("end: %+v", r)
	}
	ms, found, err := d.view().NextDue(0, d.now)
	if err != nil || !found || ms != d.now {
		t.Errorf("due %d, %v, %v", ms, found, err)
	}
	steps := 0
	for d.now += 10; d.do(opOf(&storagev1.Expire{})).More; steps++ {
		continue
	}
	if dead, err := d.view().Stream(Name{"", "a.dead"}); err != nil || dead.Count() != 10 || steps < 3 {
		t.Errorf("%d dead letters after %d steps, %v", dead.Count(), steps, err)
	}
	if g := d.group("a"); g.Row.GetPending() != 0 || g.Row.GetConsumers() != 0 || g.Row.GetFloor() != 11 {
		t.Errorf("%v", g.Row)
	}
}

// A lock is one holder's, by the partition's time; its token grows.
func TestLocks(t *testing.T) {
	d := newDesk(t, nil)
	name := &storagev1.LockName{Namespace: "n", Name: "l"}
	obtain := func(who int, ttl uint64) op {
		return opOf(&storagev1.ObtainLock{Lock: name, Holder: numberedID('h', who), TtlMs: ttl})
	}
	refresh := func(token uint64) op { return opOf(&storagev1.RefreshLock{Lock: name, Token: token, TtlMs: 50}) }
	release := func(token uint64) op { return opOf(&storagev1.ReleaseLock{Lock: name, Token: token}) }
	first := d.do(obtain(1, 50)).Lock
	if first.TTLMS != 50 || first.UntilMS != d.now+50 || d.do(obtain(1, 50)).Lock != first {
		t.Errorf("%+v", first)
	}
	d.fails(eventnode.ErrLockTaken, obtain(2, 50))
	d.now += 49
	d.do(refresh(first.Token))
	d.now += 49
	if l, held, err := d.view().Lock(Name{"n", "l"}, d.now); err != nil || !held || l.TTLMS != 1 {
		t.Errorf("%+v, %v, %v", l, held, err)
	}
	d.now++
	d.fails(eventnode.ErrLockLost, refresh(first.Token)) // nobody has looked since
	second := d.do(obtain(2, 50)).Lock
	if second.Token <= first.Token {
		t.Errorf("%+v after %+v", second, first)
	}
	d.do(release(first.Token))
	d.fails(eventnode.ErrLockTaken, obtain(1, 50))
	d.do(release(second.Token), release(second.Token))
	d.fails(eventnode.ErrLockLost, refresh(second.Token))
	d.do(obtain(1, 5))
	d.pass(5)
	if n := countRows(t, d.store); n != 1 {
		t.Errorf("%d rows, want that of the partition", n)
	}
}

// Where a group begins, and begins anew.
func TestSeek(t *testing.T) {
	d := newDesk(t, nil, 20)
	d.do(opOf(&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: "keeps"}})) // what g leaves behind
	d.now += 100
	d.do(repeat(5, 1, 1)(0)[0])
	last, _ := d.view().Stream(Name{"", "a"})
	d.lease(1, 1)
	d.fetch(1, 7)
	newest := &storagev1.Place{Place: &storagev1.Place_Newest{Newest: true}}
	at := func(p eventnode.Position) *storagev1.Place {
		return &storagev1.Place{Place: &storagev1.Place_Position{Position: &storagev1.Position{Ms: p.MS, Seq: p.Seq}}}
	}
	for _, c := range []struct {
		to   *storagev1.Place
		want string
	}{
		{nil, "1-2 x1"}, {newest, ""}, {at(eventnode.Position{MS: 1001, Seq: 11}), "12-13 x1"}, {at(eventnode.Position{MS: 5}), "1-2 x1"},
		{&storagev1.Place{Place: &storagev1.Place_TimeMs{TimeMs: d.now}}, "21-22 x1"}, {at(position(last.State.GetLastPosition())), "25 x1"},
	} {
		d.do(opOf(&storagev1.Seek{Group: d.ref(1), To: c.to}))
		if g := d.group("a"); g.Row.GetPending() != 0 || d.pendingOf(1) != 0 {
			t.Errorf("%v: %v", c.to, g.Row)
		}
		d.want(d.fetch(1, 2), c.want)
	}
	past := position(last.State.GetLastPosition())
	past.Seq++
	d.fails(eventnode.ErrInvalidArgument, opOf(&storagev1.Seek{Group: d.ref(1), To: at(past)}))
	d.fails(eventnode.ErrInvalidArgument, opOf(&storagev1.Seek{Group: d.ref(1), To: &storagev1.Place{Place: &storagev1.Place_TimeMs{TimeMs: d.now + 1}}}))
}

// A group that begins anew is as one that never was: what was due before is not due
// now, and all in one entry is as in several.
func TestSeekForgets(t *testing.T) {
	d := newDesk(t, &storagev1.GroupConfig{AckWaitMs: 100}, 20)
	d.do(opOf(&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: "keeps"}}))
	d.lease(1, 1)
	d.want(d.fetch(1, 20), "1-20 x1")
	d.ack(1, 1, 15)
	d.pass(50)
	again := d.do(opOf(&storagev1.Seek{Group: d.ref(1)}), d.fetchOp(1, 16, 1), d.say(1, storagev1.Verb_VERB_ACK, -1, ranges.Of(3, 3)), d.fetchOp(1, 2, 1))
	d.want(words(again.Fetched), "17-18 x1")
	if g := d.group("a"); g.Row.GetFloor() != 1 || g.Row.GetPending() != 17 {
		t.Errorf("%v", g.Row)
	}
	d.pass(50)
	d.want(d.fetch(1, 20), "19-20 x1")
	d.pass(50)
	d.want(d.fetch(1, 20), "1-2+4-18 x2")
	d.pass(50)
	d.do(opOf(&storagev1.Seek{Group: d.ref(1)}))
	d.want(d.fetch(1, 20), "1-20 x1")
	d.pass(50) // that row begins with 1, as the one that would be due now
	d.want(d.fetch(1, 20), "")
}
