package hands

import (
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Config of a Hands.
type Config struct {
	// Count bounds the events of a batch; those of each stream with Each. Required.
	Count int
	Each  bool
	// NoPrefetch has no more than one batch in hand.
	NoPrefetch bool
	// Manual leaves to the handler what is acked.
	Manual bool
	// MaxBytes bounds the encoded events in hand. Required.
	MaxBytes int
}

// Hands is what a consumer has in hand.
type Hands struct {
	cfg     Config
	streams []*stream // in the order of the open call; nil between calls
	byName  map[string]*stream
	epoch   uint64
	lease   int // counts leases: one that is lost ends all that was handed out under it

	given   amount // credit that was not used yet
	waiting amount // delivered, not handed out
	worked  amount // handed out, and still worked on
	// credited says that credit was given in this call.
	credited bool
	extra    amount // of the first credit of this call
	running  *Batch
	turn     int // which stream is the first in a batch

	out  []*request // to be sent, in order
	sent []*request // not answered, in order
	said []*request // to be sent when their events come again
	last uint64     // the number of the last request

	idle  bool
	idles int // how often it was said

	draining bool
	pokes    pokes

	enough bool // no more credit is given
	end    ending
	told   bool              // that it ends
	lost   map[string]uint64 // events to be told of, by stream
}

// stream is a stream of a consumer.
type stream struct {
	name  string
	place uint32
	wait  time.Duration // the ack wait; 0: not known yet
	keyed bool          // events of a key keep their order

	parts   []part // waiting
	waiting int    // events
	// held was handed out, and nothing was said of it.
	held numbers
	// longer is until when the handler has extended events by itself.
	longer map[uint64]time.Time

	// resuming says that what was in hand before the call comes again; what of it has
	// come is in came. Waited is what waited before, and has not come.
	resuming     bool
	came, waited numbers
	// nacked is the last request that has events of a keyed group come again: what was
	// handed out before the node took it is given back.
	nacked *request
}

// ending is how the consumer is to end.
type ending uint8

const (
	goOn ending = iota
	// toClose: others are to have what is in hand.
	toClose
	// toKeep: this consumer keeps it.
	toKeep
)

// New makes an empty Hands.
func New(cfg Config) *Hands {
	return &Hands{cfg: cfg, byName: map[string]*stream{}, lost: map[string]uint64{}}
}

// Open says that a call was opened, for these streams, under a lease of this epoch. What
// was in hand is delivered again.
func (h *Hands) Open(names []string, epoch uint64) {
	h.epoch = epoch
	known := h.byName
	h.byName, h.streams = make(map[string]*stream, len(names)), nil
	for i, name := range names {
		st := known[name]
		if st == nil {
			st = &stream{name: name}
		}
		delete(known, name)
		st.place = uint32(i)
		st.resuming = len(st.held)+len(st.waited) > 0 || h.saidOf(st)
		h.byName[name], h.streams = st, append(h.streams, st)
	}
	for _, st := range known {
		h.forget(st)
	}
	h.extra = h.extraCredit()
}

// Broke says that the call has ended.
func (h *Hands) Broke() {
	for _, st := range h.byName {
		for _, p := range st.parts {
			st.waited = st.waited.add(p.span())
		}
		st.parts, st.waiting, st.came, st.resuming, st.nacked = nil, 0, nil, false, nil
	}
	for _, r := range append(h.sent, h.out...) {
		h.again(r)
	}
	h.sent, h.out = nil, nil
	h.given, h.waiting, h.worked = amount{}, amount{}, amount{}
	h.credited, h.idle, h.streams = false, false, nil
	h.pokes, h.told = pokes{}, false
}

// Fence says that the lease is over: nothing that is in hand is this consumer's.
func (h *Hands) Fence() {
	h.lease++
	for _, list := range [][]*request{h.sent, h.out, h.said} {
		for _, r := range list {
			r.finish(eventnode.ErrFenced)
		}
	}
	h.sent, h.out, h.said = nil, nil, nil
	for _, st := range h.byName {
		st.held, st.came, st.waited, st.parts, st.waiting, st.longer, st.resuming = nil, nil, nil, nil, 0, nil, false
		st.nacked = nil
	}
	h.waiting = amount{}
}

// forget forgets a stream that the consumer does not read any more.
func (h *Hands) forget(st *stream) {
	st.held = nil
	for _, r := range h.said {
		r.drop(st)
	}
	h.tidySaid(eventnode.ErrNotPending)
}

// Receive takes a message, and returns results that need attention: of requests that
// were refused.
func (h *Hands) Receive(m *Message, now time.Time) (refused []error, err error) {
	for _, r := range m.GetResults() {
		told, err := h.answered(r)
		if err != nil {
			return nil, err
		}
		if told != nil {
			refused = append(refused, told)
		}
	}
	for _, l := range m.GetLost() {
		if int(l.GetStream()) >= len(h.streams) {
			return nil, wire.ErrMalformed
		}
		for _, r := range l.GetNumbers() {
			h.lost[h.streams[l.GetStream()].name] += r.GetTo() - r.GetFrom() + 1
		}
	}
	for _, d := range m.deliveries {
		if int(d.GetStream()) >= len(h.streams) {
			return nil, wire.ErrMalformed
		}
		h.deliver(h.streams[d.GetStream()], d, now)
	}
	if m.GetIdle() {
		h.isIdle()
	}
	return refused, nil
}

// deliver takes the events of one delivery.
func (h *Hands) deliver(st *stream, d delivery, now time.Time) {
	if d.GetAckWait() != nil {
		st.wait = d.GetAckWait().AsDuration()
	}
	st.keyed = d.GetKeyed()
	h.idle, h.pokes = false, pokes{}
	records := d.records
	for i, s := range d.GetSlices() {
		n := int(s.GetCount())
		mine := records
		if i < len(d.GetSlices())-1 {
			records = wire.Skip(records, n)
			mine = mine[:len(mine)-len(records)]
		}
		p := part{page: d.page, first: eventnode.Position{MS: s.GetFirst().GetMs(), Seq: s.GetFirst().GetSeq()},
			number: s.GetNumber(), count: n, deliveries: int(d.GetDeliveries()), records: mine, at: now}
		h.given = h.given.minus(amount{n, len(mine)})
		if st.resuming {
			p = h.recognize(st, p, d.GetAfter(), now)
		}
		if p.count > 0 {
			h.takeIn(st, p, d.GetAfter())
		}
	}
}

// takeIn has events wait, unless there may be others before them that were nacked.
func (h *Hands) takeIn(st *stream, p part, after uint64) {
	if st.isEarly(after) {
		h.giveBack(st, p)
		return
	}
	h.wait(st, p)
}

// wait has events wait for a batch.
func (h *Hands) wait(st *stream, p part) {
	if h.end != goOn {
		return // others get it
	}
	st.parts = append(st.parts, p)
	st.waiting += p.count
	h.waiting = h.waiting.plus(amount{p.count, len(p.records)})
}

// isIdle says that all there is for the credit is here.
func (h *Hands) isIdle() {
	h.idle = true
	h.idles++
	for _, st := range h.streams {
		h.resumed(st)
	}
}

// answered takes note of what became of a request. Told is why it was refused.
func (h *Hands) answered(r *eventnodev1.SettleResult) (told, err error) {
	if len(h.sent) == 0 || h.sent[0].number != r.GetRequest() {
		return nil, wire.ErrMalformed
	}
	req := h.sent[0]
	why := apierr.FromReason(r.GetErrorReason(), r.GetErrorMessage(), r.GetErrorDetails())
	if isUnclear(why) {
		return why, nil // the call ends with this
	}
	h.sent = h.sent[1:]
	if why == nil && r.GetMissed() > 0 && req.Verb != eventnode.VerbExtend {
		why = missed(r)
	}
	req.finish(why)
	if req.Verb == eventnode.VerbExtend {
		return nil, nil // whatever was not in hand any more has come to somebody
	}
	return why, nil
}

// Lost is events that are gone before they were delivered, by stream, each told once.
func (h *Hands) Lost() map[string]uint64 {
	if len(h.lost) == 0 {
		return nil
	}
	all := h.lost
	h.lost = map[string]uint64{}
	return all
}

// Lease is the number of the lease, which changes when one is lost, and the epoch of
// what is delivered now.
func (h *Hands) Lease() (number int, epoch uint64) { return h.lease, h.epoch }
