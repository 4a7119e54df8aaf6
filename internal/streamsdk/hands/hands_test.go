package hands

import (
	"errors"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Batches are as large as asked for, and the last one has what is left.
func TestBatchesOfOneStream(t *testing.T) {
	w := newWorld(t, Config{Count: 3}, "a")
	w.publish(0, 7)
	for _, want := range [][]string{{"0-1", "0-2", "0-3"}, {"0-4", "0-5", "0-6"}, {"0-7"}} {
		w.settleDown()
		b, _ := w.next(want...)
		if w.h.Ready() {
			t.Error("two batches at once")
		}
		w.h.Finish(b, Succeeded)
	}
	w.settleDown()
	if w.h.Ready() || len(w.refused) > 0 {
		t.Errorf("more events; refused %v", w.refused)
	}
	w.wantAcked(1, 1, 1, 1, 1, 1, 1)
}

// A batch is shared equally between the streams, and what one does not need is the
// others'.
func TestBatchesAreSharedFairly(t *testing.T) {
	w := newWorld(t, Config{Count: 4}, "a", "b")
	w.publish(0, 6)
	w.publish(1, 3)
	w.settleDown()
	b, _ := w.next("0-1", "0-2", "1-1", "1-2")
	w.h.Finish(b, Succeeded)
	w.settleDown()
	b, _ = w.next("0-3", "0-4", "0-5", "1-3")
	w.h.Finish(b, Succeeded)
}

// With a count for each stream a batch has as many of each.
func TestBatchesOfEachStream(t *testing.T) {
	w := newWorld(t, Config{Count: 8, Each: true}, "a", "b")
	w.publish(0, 10)
	w.publish(1, 10)
	for _, want := range []int{16, 4} {
		w.settleDown()
		b, _ := w.batch()
		if b.Count() != want {
			t.Errorf("a batch of %d, want %d", b.Count(), want)
		}
		w.h.Finish(b, Succeeded)
	}
}

// While a batch is worked on one more is delivered, or, without prefetch, none.
func TestPrefetch(t *testing.T) {
	for _, none := range []bool{false, true} {
		w := newWorld(t, Config{Count: 3, NoPrefetch: none}, "a")
		w.publish(0, 20)
		w.settleDown()
		b, _ := w.next("0-1", "0-2", "0-3")
		w.settleDown()
		want := amount{events: 3}
		if none {
			want.events = 0
		}
		if w.h.waiting.events != want.events {
			t.Errorf("without prefetch %v: %d events wait", none, w.h.waiting.events)
		}
		w.h.Finish(b, Succeeded)
		w.settleDown()
		w.next("0-4", "0-5", "0-6")
	}
}

// The bytes in hand are bounded, and a batch leaves room for the next one.
func TestBytesAreBounded(t *testing.T) {
	w := newWorld(t, Config{Count: 100, MaxBytes: 300}, "a")
	w.publish(0, 50)
	got := 0
	for got < 50 {
		w.settleDown()
		if in := w.h.waiting.bytes; in > 300+7*60 { // a delivery may exceed it
			t.Errorf("%d bytes in hand", in)
		}
		b, _ := w.batch()
		if b.Count() > 6 {
			t.Errorf("%d events at a time", b.Count())
		}
		got += b.Count()
		w.h.Finish(b, Succeeded)
	}
}

// Each verb is sent, once, grouped with the same ones.
func TestWhatIsSaid(t *testing.T) {
	w := newWorld(t, Config{Count: 10}, "a")
	w.publish(0, 6)
	w.settleDown()
	b, events := w.batch()
	settle := func(i int, s eventnode.Settlement) error { return w.h.Settle(b, events[i], s, w.now) }
	for _, err := range []error{
		settle(1, eventnode.Settlement{Verb: eventnode.VerbAck}),
		settle(2, eventnode.Settlement{Verb: eventnode.VerbTerminate, Reason: "no good"}),
		settle(3, eventnode.Settlement{Verb: eventnode.VerbNack, Delay: time.Second}),
		settle(4, eventnode.Settlement{Verb: eventnode.VerbExtend, Delay: time.Hour}),
		settle(0, eventnode.Settlement{Verb: eventnode.VerbAck}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := settle(1, eventnode.Settlement{Verb: eventnode.VerbNack}); !errors.Is(err, eventnode.ErrNotPending) {
		t.Errorf("settled twice: %v", err)
	}
	w.h.Finish(b, Succeeded)
	var got []*eventnodev1.SettleEvents
	for req, step := w.h.Next(); step == Send; req, step = w.h.Next() {
		if m := req.GetSettle(); m != nil {
			got = append(got, m)
		}
		w.take(req)
	}
	want := []struct {
		verb  eventnodev1.Verb
		spans numbers
	}{
		{eventnodev1.Verb_VERB_ACK, numbers{{1, 2}, {5, 6}}}, {eventnodev1.Verb_VERB_TERMINATE, numbers{{3, 3}}},
		{eventnodev1.Verb_VERB_NACK, numbers{{4, 4}}}, {eventnodev1.Verb_VERB_EXTEND, numbers{{5, 5}}},
	}
	if len(got) != len(want) {
		t.Fatalf("%d requests: %v", len(got), got)
	}
	for i, m := range got {
		var spans numbers
		for _, r := range m.GetEvents()[0].GetNumbers() {
			spans = append(spans, span{r.GetFrom(), r.GetTo()})
		}
		if m.GetVerb() != want[i].verb || len(spans) != len(want[i].spans) || spans[0] != want[i].spans[0] {
			t.Errorf("request %d: %v", i, m)
		}
	}
	if got[1].GetReason() != "no good" || got[2].GetDelay().AsDuration() != time.Second || got[3].GetDelay().AsDuration() != time.Hour || got[0].GetDelay() != nil {
		t.Errorf("%v", got)
	}
}

// In a keyed group nothing is handled before what was nacked has come again: what waits
// is given back, and so is what the node handed out before it took the nack.
func TestKeysKeepTheirOrder(t *testing.T) {
	w := newWorld(t, Config{Count: 2}, "a")
	w.keyed = true
	w.publish(0, 3)
	w.settleDown()
	b, _ := w.next("0-1", "0-2")
	w.publish(0, 3)
	w.up(100)
	w.step()
	if len(w.down) != 1 || w.h.waiting.events != 1 {
		t.Fatalf("%d messages are on the way, want that with event 4; %d events wait, want event 3", len(w.down), w.h.waiting.events)
	}
	w.h.Finish(b, Failed)
	w.downOne()
	if w.h.Ready() {
		t.Error("a batch waits")
	}
	w.settleDown()
	for _, want := range [][]string{{"0-1", "0-2"}, {"0-3", "0-4"}, {"0-5", "0-6"}} {
		b, events := w.next(want...)
		if again := want[0] == "0-1"; (events[0].Deliveries() == 2) != again {
			t.Errorf("%v: delivered for the %d. time", want, events[0].Deliveries())
		}
		w.h.Finish(b, Succeeded)
		w.settleDown()
	}
	w.wantAcked(1, 1, 1, 1, 1, 1)
}

// What was given back because it came too early is nacked, too: what the node handed out
// before it has taken that comes too early again.
func TestKeysKeepTheirOrderAfterWhatCameEarly(t *testing.T) {
	w := newWorld(t, Config{Count: 6}, "a")
	w.keyed = true
	w.publish(0, 3)
	w.settleDown()
	b, _ := w.next("0-1", "0-2", "0-3")
	w.publish(0, 1)
	w.up(100)
	w.step()
	w.h.Finish(b, Failed)
	if !w.downOne() {
		t.Fatal("event 4 is not on its way")
	}
	w.up(1) // the nack, but not that 4 is given back
	w.publish(0, 1)
	w.step()
	w.settleDown()
	b, _ = w.next("0-1", "0-2", "0-3", "0-4", "0-5")
	w.h.Finish(b, Succeeded)
	w.settleDown()
	w.wantAcked(1, 1, 1, 1, 1)
}

// Who acks by hand keeps what it does not ack, also when the batch is done.
func TestManual(t *testing.T) {
	w := newWorld(t, Config{Count: 3, Manual: true}, "a")
	w.publish(0, 3)
	w.settleDown()
	b, events := w.batch()
	_ = w.h.Settle(b, events[1], eventnode.Settlement{Verb: eventnode.VerbAck}, w.now)
	w.h.Finish(b, Succeeded)
	w.settleDown()
	w.wantAcked(0, 1, 0)
	if !w.h.Holds(b, events[0]) || w.h.Holds(b, events[1]) {
		t.Error("it holds another one")
	}
	if err := w.h.Settle(b, events[2], eventnode.Settlement{Verb: eventnode.VerbAck}, w.now); err != nil {
		t.Error(err)
	}
	w.settleDown()
	w.wantAcked(0, 1, 1)
}

// After a break nothing that is worked on is handed out again, and it can be settled.
func TestABreak(t *testing.T) {
	w := newWorld(t, Config{Count: 2}, "a")
	w.publish(0, 5)
	w.settleDown()
	b, events := w.next("0-1", "0-2")
	w.h.Broke()
	if err := w.h.Settle(b, events[0], eventnode.Settlement{Verb: eventnode.VerbAck}, w.now); err != nil {
		t.Error(err)
	}
	w.open()
	w.settleDown()
	w.h.Finish(b, Succeeded)
	w.settleDown()
	w.wantAcked(1, 1, 0, 0, 0)
	next, _ := w.next("0-3", "0-4")
	w.h.Finish(next, Succeeded)
	w.settleDown()
	next, _ = w.next("0-5")
	w.h.Finish(next, Succeeded)
	w.settleDown()
	w.wantAcked(1, 1, 1, 1, 1)
	if len(w.refused) > 0 || !w.h.Quiet() {
		t.Errorf("refused %v", w.refused)
	}
}

// An ack whose answer was lost is answered after the break, whether it was done or not.
func TestAnAnswerIsLost(t *testing.T) {
	for _, done := range []bool{false, true} {
		w := newWorld(t, Config{Count: 2}, "a")
		w.publish(0, 2)
		w.settleDown()
		b, events := w.batch()
		pending := func() bool { d, _ := w.h.Settled(b, w.h.Pending()); return !d }
		_ = w.h.Settle(b, events[0], eventnode.Settlement{Verb: eventnode.VerbAck}, w.now)
		if done {
			w.up(1)
		}
		if !pending() {
			t.Error("answered before it was sent")
		}
		w.h.Broke()
		w.open()
		if !pending() {
			t.Error("answered by a break")
		}
		w.settleDown()
		if settled, err := w.h.Settled(b, w.h.Pending()); !settled || err != nil {
			t.Errorf("done before %v: %v, %v", done, settled, err)
		}
		w.wantAcked(1, 0)
		w.h.Finish(b, Succeeded)
		w.settleDown()
		w.wantAcked(1, 1)
	}
}

// What somebody else has got meanwhile is refused, and said so.
func TestAnAckThatComesTooLate(t *testing.T) {
	w := newWorld(t, Config{Count: 2}, "a")
	w.publish(0, 2)
	w.settleDown()
	b, events := w.batch()
	w.h.Broke()
	w.events[0].epoch = 1000 // another consumer's
	w.open()
	_ = w.h.Settle(b, events[0], eventnode.Settlement{Verb: eventnode.VerbAck}, w.now)
	w.settleDown()
	if done, err := w.h.Settled(b, w.h.Pending()); !done || !errors.Is(err, eventnode.ErrNotPending) || len(w.refused) != 1 {
		t.Errorf("%v, %v, refused %v", done, err, w.refused)
	}
}

// When the lease is lost nothing is said under the next one of what was handed out under
// it.
func TestALostLease(t *testing.T) {
	w := newWorld(t, Config{Count: 2}, "a")
	w.publish(0, 4)
	w.settleDown()
	b, events := w.batch()
	_ = w.h.Settle(b, events[0], eventnode.Settlement{Verb: eventnode.VerbAck}, w.now)
	pending := w.h.Pending()
	w.h.Fence()
	w.h.Broke()
	if done, err := w.h.Settled(b, pending); !done || !errors.Is(err, eventnode.ErrFenced) {
		t.Errorf("%v, %v", done, err)
	}
	if err := w.h.Settle(b, events[1], eventnode.Settlement{Verb: eventnode.VerbAck}, w.now); !errors.Is(err, eventnode.ErrFenced) {
		t.Error(err)
	}
	w.open()
	w.h.Finish(b, Succeeded)
	w.settleDown()
	w.wantAcked(0, 0, 0, 0)
	w.next("0-1", "0-2")
}

// Draining ends when there is nothing more, and not because of a word from before.
func TestDrain(t *testing.T) {
	w := newWorld(t, Config{Count: 2}, "a")
	w.h.Drain(true)
	w.publish(0, 3)
	for range 2 {
		w.settleDown()
		if w.h.Drained() {
			t.Fatal("drained too early")
		}
		b, _ := w.batch()
		w.h.Finish(b, Succeeded)
	}
	w.up(1)                                                              // the ack
	w.send(&eventnodev1.ConsumeResponse{Idle: true}, nil)                // from before the ack was done
	w.events = append(w.events, &served{stream: 0, number: 4, epoch: 0}) // set free by the ack
	for w.downOne() {
	}
	w.up(10)
	if w.h.Drained() {
		t.Fatal("drained by a word from before")
	}
	w.settleDown()
	b, _ := w.next("0-4")
	w.h.Finish(b, Succeeded)
	w.settleDown()
	if !w.h.Drained() {
		t.Error("not drained")
	}
}

// At the end what waits is given back before the call is closed, or stays where it is.
func TestTheEnd(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := newWorld(t, Config{Count: 1}, "a")
		w.publish(0, 3)
		w.settleDown()
		b, _ := w.next("0-1")
		w.h.Finish(b, Succeeded)
		w.h.End(keep)
		step := w.up(10)
		if keep != (step == HalfClose) || keep == w.closed {
			t.Errorf("keep %v: step %v, closed %v", keep, step, w.closed)
		}
		if _, step := w.h.Next(); step != Wait {
			t.Error("it goes on")
		}
		w.wantAcked(1, 0, 0)
		if inHand := w.events[1].epoch > 0; inHand != keep {
			t.Errorf("keep %v: in hand %v", keep, inHand)
		}
	}
}

// Messages that do not follow the protocol are refused.
func TestMalformed(t *testing.T) {
	for name, m := range map[string]*eventnodev1.ConsumeResponse{
		"stream":  {Deliveries: []*eventnodev1.Delivery{{Stream: 1}}},
		"lost":    {Lost: []*eventnodev1.StreamEvents{{Stream: 1}}},
		"result":  {Results: []*eventnodev1.SettleResult{{Request: 1}}},
		"missing": {Deliveries: []*eventnodev1.Delivery{{Slices: []*eventnodev1.Slice{{Number: 1, Count: 1}}}}},
		"number":  {Deliveries: []*eventnodev1.Delivery{{Slices: []*eventnodev1.Slice{{Count: 1}}}}},
	} {
		w := newWorld(t, Config{Count: 1}, "a")
		msg, err := Parse(wire.Piece{Data: marshal(t, m)})
		if err == nil {
			_, err = w.h.Receive(msg, w.now)
		}
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who wants no more gives no credit, though the window has room.
func TestEnough(t *testing.T) {
	for _, enough := range []bool{false, true} {
		w := newWorld(t, Config{Count: 2, NoPrefetch: true}, "a")
		w.publish(0, 4)
		w.settleDown()
		b, _ := w.next("0-1", "0-2")
		if enough {
			w.h.Enough()
		}
		w.h.Finish(b, Succeeded)
		w.settleDown()
		if w.h.Ready() == enough {
			t.Errorf("enough: %v; %v in hand", enough, w.h.waiting)
		}
		w.wantAcked(1, 1, 0, 0)
	}
}
