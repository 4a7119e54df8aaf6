package state

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// What a consumer had in hand when it ended is its first at its next start; another
// holder is kept out while it runs; what it held is claimed, also by one that runs.
func TestConsumersComeAndGo(t *testing.T) {
	d := newDesk(t, nil, 6)
	d.lease(1, 1)
	d.fails(eventnode.ErrLeaseTaken, opOf(&storagev1.GrantLease{Group: "g", Consumer: 1, Streams: []uint64{1}, Holder: numberedID('x', 1)}))
	d.want(d.fetch(1, 3), "1-3 x1")
	d.do(opOf(&storagev1.EndLease{Group: "g", Consumer: 1, Leases: leaseOf(1, d.epochs[1])}))
	if n := d.pendingOf(1); n != 3 {
		t.Errorf("%d are pending at consumer 1, want 3", n)
	}
	d.lease(2, 1)
	d.want(d.fetch(2, 1), "4 x1")
	if r := d.do(opOf(&storagev1.Claim{Group: d.ref(1), From: 1, To: 2})); r.Moved != 3 || d.pendingOf(1) != 0 || d.pendingOf(2) != 4 {
		t.Errorf("%d moved, %d and %d pending", r.Moved, d.pendingOf(1), d.pendingOf(2))
	}
	d.want(d.fetch(2, 10), "1-3 x2, 5-6 x1")
	if r := d.do(opOf(&storagev1.Claim{Group: d.ref(1), From: 7, To: 2})); r.Moved != 0 {
		t.Errorf("%d moved from nobody", r.Moved)
	}
	d.lease(2, 1)
	d.want(d.fetch(2, 2), "1-2 x3")
	d.want(d.fetch(2, 9), "3 x3, 4-6 x2")
	d.want(d.fetch(2, 9), "")
}

// A holder that is gone holds nothing back; who comes late is told so, on every
// command, and what it says changes nothing.
func TestFenced(t *testing.T) {
	d := newDesk(t, nil, 4)
	d.lease(1, 1)
	d.lease(2, 1)
	d.want(d.fetch(1, 2), "1-2 x1")
	if r := d.do(opOf(&storagev1.EndLease{Group: "g", Consumer: 1, Gone: true, Leases: leaseOf(1, d.epochs[1])})); r.Moved != 2 {
		t.Errorf("%d moved", r.Moved)
	}
	d.want(d.fetch(2, 2), "1-2 x2")
	stale := d.epochs[1]
	for _, verb := range []storagev1.Verb{storagev1.Verb_VERB_ACK, storagev1.Verb_VERB_NACK, storagev1.Verb_VERB_TERMINATE, storagev1.Verb_VERB_EXTEND} {
		d.fails(eventnode.ErrFenced, d.say(1, verb, -1, ranges.Of(1, 2)))
	}
	d.fails(eventnode.ErrFenced, d.fetchOp(1, 2, 1))
	d.lease(1, 1)
	if d.epochs[1] <= stale {
		t.Errorf("epoch %d after %d", d.epochs[1], stale)
	}
	d.fails(eventnode.ErrNotPending, d.say(1, storagev1.Verb_VERB_ACK, -1, ranges.Of(1, 2)))
	d.do(opOf(&storagev1.EndLease{Group: "g", Consumer: 1, Gone: true, Leases: leaseOf(1, stale)})) // too late: of an old lease
	d.want(d.fetch(1, 2), "3-4 x1")
	if s := d.ack(2, 1, 4); s != (Settled{Settled: 2, Missed: 2}) {
		t.Errorf("%+v", s)
	}
	if s := d.ack(2, 1, 2); s != (Settled{Already: 2}) {
		t.Errorf("again: %+v", s)
	}
}

// After the ack wait an event goes to whoever comes; an ack that comes before that is
// good, extending puts it off, and a deleted consumer loses nothing.
func TestAckWait(t *testing.T) {
	d := newDesk(t, &storagev1.GroupConfig{AckWaitMs: 100}, 3)
	d.lease(1, 1)
	d.lease(2, 1)
	d.want(d.fetch(1, 3), "1-3 x1")
	d.pass(60)
	d.do(d.say(1, storagev1.Verb_VERB_EXTEND, -1, ranges.Of(3, 3)))
	d.pass(60)
	if s := d.ack(1, 1, 1); s.Settled != 1 {
		t.Errorf("late: %+v", s)
	}
	d.want(d.fetch(2, 3), "2 x2")
	d.pass(60)
	d.want(d.fetch(2, 3), "3 x2")
	if r := d.do(opOf(&storagev1.DeleteConsumer{Group: d.ref(1), Consumer: 2})); r.Moved != 2 || d.group("a").Row.GetConsumers() != 1 {
		t.Errorf("%d moved, %d consumers", r.Moved, d.group("a").Row.GetConsumers())
	}
	d.want(d.fetch(1, 3), "2-3 x3")
}

// A silent nack does not count, a counted one waits longer each time, and the last
// one makes a dead letter, which says what it was; it can be replayed or dropped.
func TestDeadLetters(t *testing.T) {
	d := newDesk(t, &storagev1.GroupConfig{MaxDeliver: 3, BackoffMs: 100, BackoffMaxMs: 1000}, 4)
	d.lease(1, 1)
	d.want(d.fetch(1, 4), "1-4 x1")
	d.do(d.say(1, storagev1.Verb_VERB_NACK_SILENT, -1, ranges.Of(2, 2)))
	d.want(d.fetch(1, 4), "2 x1")
	for n := range 2 {
		d.do(d.say(1, storagev1.Verb_VERB_NACK, -1, ranges.Of(2, 2)))
		d.pass(50<<n - 1)
		d.want(d.fetch(1, 4), "")
		d.pass(50<<n + 1)
		d.want(d.fetch(1, 4), fmt.Sprintf("2 x%d", n+2))
	}
	d.do(d.say(1, storagev1.Verb_VERB_NACK, -1, ranges.Of(2, 2)))
	term := d.say(1, storagev1.Verb_VERB_TERMINATE, -1, ranges.Of(3, 3))
	term.GetSettle().Reason = "cannot be read"
	d.do(term)
	dead, err := d.view().Stream(Name{"", "a.dead"})
	if err != nil || dead.Count() != 2 || dead.Row.GetDeadOf() != 1 {
		t.Fatalf("%v, %v", dead, err)
	}
	d.want(d.meta(dead.Row.GetId(), 1), "deliveries=3 group=g position=1001-1 reason=max_deliver stream=a")
	d.want(d.meta(dead.Row.GetId(), 2), "deliveries=1 group=g position=1001-2 reason=cannot be read stream=a")
	d.ack(1, 1, 1)
	d.ack(1, 4, 4)
	if n := d.events(1); n != 0 {
		t.Errorf("%d events are left", n)
	}
	settle := func(n uint64, replay bool) op {
		return opOf(&storagev1.SettleDead{Stream: dead.Row.GetId(), Ranges: ranges.From(n).Encode(), Replay: replay})
	}
	if r := d.do(settle(2, true)); r.Moved != 1 || d.events(dead.Row.GetId()) != 1 {
		t.Errorf("%d replayed, %d left", r.Moved, d.events(dead.Row.GetId()))
	}
	d.want(d.meta(1, 5), "")
	d.want(d.fetch(1, 4), "5 x1")
	if r := d.do(settle(2, true)); r.Moved != 0 {
		t.Errorf("%d replayed twice", r.Moved)
	}
	if r := d.do(settle(1, false)); r.Moved != 1 || d.events(dead.Row.GetId()) != 0 {
		t.Errorf("%d dropped, %d left", r.Moved, d.events(dead.Row.GetId()))
	}
	d.fails(eventnode.ErrInvalidArgument, opOf(&storagev1.SettleDead{Stream: 1, Ranges: ranges.Of(1, 1).Encode()}))
}

// meta is what the project says in an event's meta.
func (d *desk) meta(stream, number uint64) string {
	d.Helper()
	for s, err := range d.view().Read(stream, number, 1) {
		if err != nil {
			d.Fatal(err)
		}
		rec, _, err := wire.NextRecord(s.Records)
		if err != nil {
			d.Fatal(err)
		}
		ev, err := wire.DecodeEvent(rec.Event)
		if err != nil || len(rec.Topics.Strings(nil)) != 1 {
			d.Fatal(err, rec.Topics)
		}
		var w []string
		for k, v := range ev.Meta {
			w = append(w, strings.TrimPrefix(k, DeadPrefix)+"="+v)
		}
		slices.Sort(w)
		return strings.Join(w, " ")
	}
	d.Fatalf("event %d of stream %d is not there", number, stream)
	return ""
}

// Dead letters have no dead letters: their groups try for ever, or let them go.
func TestNoDeadLettersOfDeadLetters(t *testing.T) {
	d := newDesk(t, &storagev1.GroupConfig{MaxDeliver: 1, AckWaitMs: 10}, 1)
	d.lease(1, 1)
	d.fetch(1, 1)
	d.pass(10)
	d.do(opOf(&storagev1.AddGroup{Group: d.ref(2), Config: &storagev1.GroupConfig{MaxDeliver: 1, AckWaitMs: 10}}))
	d.lease(2, 2)
	for n := range 3 {
		d.want(words(d.do(d.fetchOp(2, 1, 2)).Fetched), fmt.Sprintf("1 x%d", n+1))
		d.pass(10)
	}
	d.do(d.fetchOp(2, 1, 2))
	kill := d.say(2, storagev1.Verb_VERB_TERMINATE, -1, ranges.Of(1, 1))
	kill.GetSettle().Settlements[0].Stream = 2
	d.do(kill)
	if p, err := d.view().Partition(); err != nil || p.GetLastStream() != 2 || d.events(2) != 0 {
		t.Errorf("%v, %d events, %v", p, d.events(2), err)
	}
}
