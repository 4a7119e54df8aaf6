package client

import (
	"fmt"
	"slices"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// frameBytes is what a frame carries at most, unless one event is larger: what a
// node makes of it, with other heads, still fits into a block of memory of 256 KiB.
const frameBytes = 252 << 10

// firstBytes is the least capacity of a segment. Each is a block of memory of its
// own, which gRPC gives back when it has written it; it begins with the size of
// the one before, to grow seldom.
const firstBytes = 1 << 10

// maxRefusals is how many refusals are kept in full until the next Flush.
const maxRefusals = 16

// outbox holds a publisher's events from Dispatch to the node's answer. It has
// no goroutine, clock or stream. Its capacity is a number of bytes, encoded,
// which one event may exceed; whoever adds to a full outbox waits. What it does
// with channels under its mutex (to close, to send if there is room) never
// blocks.
type outbox struct {
	window int

	mu     sync.Mutex
	closed error
	// topic was found to be good last: mostly it is that of the next event, too.
	topic string
	// waiting holds what was not handed over to gRPC, in order.
	waiting []segment
	// sent holds the sizes of what was handed over and not answered.
	sent []sentBytes
	// held is the sum of the bytes of both; lastFrame the size of the last frame.
	held, lastFrame int
	// Sequence numbers, each not above the one before: of the last event that
	// was added, handed over, answered.
	added, handed, answered uint64
	// base is the number of the last event before the present stream.
	base uint64

	// waiters want an answer, in order; receipts have one, and want a receipt.
	waiters  []*waiter
	receipts map[uint64]*waiter

	// For the next Flush.
	refused eventnode.RefusedError
	unknown int
	cause   error

	// changed is closed at the next progress; nil if nobody waits for it.
	changed chan struct{}
	// wake tells the publisher's goroutine of the first event after none.
	wake chan struct{}
}

// segment is a run of encoded events, of one kind: a frame.
type segment struct {
	bytes   *[]byte // from wire.NewBlock
	count   int
	tracked bool
}

// sentBytes is a frame that was handed over: its last event, its size.
type sentBytes struct {
	last  uint64
	bytes int
}

// waiter waits for the answer to one event.
type waiter struct {
	seq     uint64
	receipt bool
	got     eventnode.Receipt
	err     error
	// done is closed when got or err is set.
	done chan struct{}
}

func newOutbox(window int) *outbox {
	return &outbox{window: window, receipts: make(map[uint64]*waiter), wake: make(chan struct{}, 1)}
}

// add checks the topics and encodes a valid event. If the outbox is full it returns a channel instead,
// which is closed when that may have changed.
func (o *outbox) add(topics []string, ev *event.Event, opts eventnode.DispatchOptions, w *waiter) (<-chan struct{}, error) {
	o.mu.Lock()
	full, err := o.addLocked(topics, ev, opts, w)
	o.mu.Unlock() // not deferred: that costs as much as the lock
	return full, err
}

// addLocked is add under the lock.
func (o *outbox) addLocked(topics []string, ev *event.Event, opts eventnode.DispatchOptions, w *waiter) (<-chan struct{}, error) {
	if o.closed != nil {
		return nil, o.closed
	}
	if len(topics) != 1 || topics[0] != o.topic {
		if err := checkTopics(topics); err != nil {
			return nil, err
		}
		o.topic = topics[0]
	}
	if o.held >= o.window {
		return o.change(), nil
	}
	idle := len(o.waiting) == 0
	s := o.segment(envelopeBound(topics, ev), opts.Receipt)
	before := len(*s.bytes)
	if opts.Receipt {
		*s.bytes = wire.AppendTracked(*s.bytes, topics, ev, opts.ReceiptTimeout)
	} else {
		*s.bytes = wire.AppendEnvelope(*s.bytes, topics, ev)
	}
	s.count++
	o.held += len(*s.bytes) - before
	o.added++
	if w != nil {
		w.seq = o.added
		o.waiters = append(o.waiters, w)
	}
	if idle {
		token(o.wake)
	}
	return nil, nil
}

// segment returns the one that the next n bytes belong into.
func (o *outbox) segment(n int, tracked bool) *segment {
	k, last := len(o.waiting), o.lastFrame
	if k > 0 {
		s := &o.waiting[k-1]
		if s.tracked == tracked && len(*s.bytes)+n <= frameBytes {
			s.bytes = wire.GrowBlock(s.bytes, n)
			return s
		}
		last = len(*s.bytes)
	}
	size := max(n, firstBytes, min(last+last/4, frameBytes))
	o.waiting = append(o.waiting, segment{tracked: tracked, bytes: wire.NewBlock(size)})
	return &o.waiting[k]
}

// envelopeBound is at least the encoded size of an event with its topics, a
// receipt's time-out included. It need not be exact, but cheap.
func envelopeBound(topics []string, ev *event.Event) int {
	const fields, tagAndLength = 16, 1 + 5
	n := fields*tagAndLength + len(ev.ID) + len(ev.Name) + len(ev.Key) + len(ev.Source) + len(ev.DataType) + len(ev.Data)
	for _, t := range topics {
		n += tagAndLength + len(t)
	}
	if len(ev.Meta) == 0 {
		return n
	}
	for k, v := range ev.Meta {
		n += 3*tagAndLength + len(k) + len(v)
	}
	return n
}

// begin starts the numbers of a new stream.
func (o *outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.base = o.handed
}

// empty reports whether nothing waits to be handed over.
func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting) == 0
}

// take hands over the next segment: nil if there is none. From now on its
// outcome is unknown until it is answered.
func (o *outbox) take() *[]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return nil
	}
	s := o.waiting[0]
	o.waiting = slices.Delete(o.waiting, 0, 1)
	o.lastFrame = len(*s.bytes)
	o.handed += uint64(s.count)
	o.sent = append(o.sent, sentBytes{last: o.handed, bytes: len(*s.bytes)})
	return s.bytes
}

// answer notes a response of the node. An answer to what was never sent is an
// error.
func (o *outbox) answer(r *eventnodev1.DispatchStreamResponse) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	upTo := o.base + r.GetHandled()
	if r.GetHandled() == 0 {
		upTo = o.answered
	}
	if upTo > o.handed || upTo < o.answered {
		return fmt.Errorf("node handled event %d of %d: %w", r.GetHandled(), o.handed-o.base, wire.ErrMalformed)
	}
	for _, f := range r.GetRefusals() {
		o.refuse(o.base+f.GetNumber(), apierr.FromReason(f.GetReason(), f.GetMessage(), f.GetDetails()))
	}
	o.advance(upTo)
	for _, n := range r.GetReceipts() {
		o.receive(o.base+n.GetNumber(), convert.ReceiptFromProto(n.GetReceipt()))
	}
	o.progress()
	return nil
}

// advance answers everything up to seq.
func (o *outbox) advance(seq uint64) {
	o.answered = seq
	n := 0
	for ; n < len(o.sent) && o.sent[n].last <= seq; n++ {
		o.held -= o.sent[n].bytes
	}
	o.sent = slices.Delete(o.sent, 0, n)
	for n = 0; n < len(o.waiters) && o.waiters[n].seq <= seq; n++ {
		w := o.waiters[n]
		if w.receipt && w.err == nil {
			o.receipts[w.seq] = w
			continue
		}
		close(w.done)
	}
	o.waiters = slices.Delete(o.waiters, 0, n)
}

// refuse notes a refusal: for the one who waits for it, else for Flush.
func (o *outbox) refuse(seq uint64, err error) {
	if i, ok := o.find(seq); ok {
		o.waiters[i].err = err
		return
	}
	if o.refused.Count++; len(o.refused.Errs) < maxRefusals {
		o.refused.Errs = append(o.refused.Errs, err)
	}
}

// receive gives a receipt to the one who waits for it, if he still does. One that
// comes before its event is said to be handled waits for that.
func (o *outbox) receive(seq uint64, r eventnode.Receipt) {
	if i, ok := o.find(seq); ok {
		o.waiters[i].got, o.waiters[i].receipt = r, false
		return
	}
	if w := o.receipts[seq]; w != nil {
		delete(o.receipts, seq)
		w.got = r
		close(w.done)
	}
}

// find returns the place of an event among those that wait for an answer.
func (o *outbox) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(o.waiters, seq, func(w *waiter, seq uint64) int {
		return int(int64(w.seq - seq))
	})
}

// abandon forgets a waiter whose caller has gone.
func (o *outbox) abandon(w *waiter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.receipts, w.seq)
	if i, ok := o.find(w.seq); ok {
		o.waiters = slices.Delete(o.waiters, i, i+1)
	}
}

// broken ends the present stream: what was handed over and not answered has an
// unknown outcome.
func (o *outbox) broken(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := int(o.handed - o.answered)
	err := outcomeUnknown(cause)
	for _, w := range o.waiters {
		if w.seq <= o.handed {
			w.err, w.receipt = err, false
			lost--
		}
	}
	if o.unknown += lost; lost > 0 {
		o.cause = cause
	}
	o.advance(o.handed)
	o.noReceipts(err)
	o.progress()
}

// noReceipts ends those who have an answer and wait for a receipt.
func (o *outbox) noReceipts(err error) {
	for seq, w := range o.receipts {
		delete(o.receipts, seq)
		w.err = fmt.Errorf("accepted, no receipt: %w", err)
		close(w.done)
	}
}

// refuseAll refuses all that is in the outbox: no node let the publisher in, so
// nothing was dispatched.
func (o *outbox) refuseAll(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for seq := o.answered + 1; seq <= o.added; seq++ {
		o.refuse(seq, err)
	}
	o.drop()
}

// close ends the outbox: what has not been handed over is discarded.
func (o *outbox) close(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = cause
	for seq := o.handed + 1; seq <= o.added; seq++ {
		o.refuse(seq, fmt.Errorf("not sent: %w", cause))
	}
	o.drop()
}

// drop empties the outbox; each waiter that is left has its error.
func (o *outbox) drop() {
	o.waiting, o.sent, o.held = nil, nil, 0
	o.handed = o.added
	o.advance(o.added)
	o.progress()
}

// last is the sequence number of the last event added.
func (o *outbox) last() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.added
}

// reached returns nil when everything up to seq was answered; before, a channel
// that is closed at the next progress.
func (o *outbox) reached(seq uint64) (<-chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answered >= seq {
		return nil, o.closed
	}
	return o.change(), nil
}

// report returns what went wrong since the last report.
func (o *outbox) report() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	refused, unknown, cause := o.refused, o.unknown, o.cause
	o.refused, o.unknown, o.cause = eventnode.RefusedError{}, 0, nil
	return reportError(&refused, unknown, cause)
}

// change is closed at the next progress. The caller holds mu.
func (o *outbox) change() <-chan struct{} {
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

// progress tells those who wait. The caller holds mu.
func (o *outbox) progress() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}
