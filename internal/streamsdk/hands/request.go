package hands

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// What is said of events gathers in a request until that is sent: one at a time for
// each thing said, and a few on their way. So a handler that acks one event after the
// other makes few requests, and who waits for an answer waits for one trip.

const (
	// mostSent bounds the requests that are not answered.
	mostSent = 16
	// mostEvents and mostSpans bound a request, of each stream: the node takes 65,536
	// events, and not too far apart.
	mostEvents = 32_768
	mostSpans  = 512
	// mostLooked bounds how far back a request is looked for that takes more.
	mostLooked = 8
)

// request is a SettleEvents.
type request struct {
	eventnode.Settlement
	number  uint64 // 0: not sent yet
	order   uint64 // when it was begun; what is said again keeps it
	events  []streamNumbers
	batches []*Batch
	// confirm says that it is sent to hear what became of it.
	confirm bool
}

// streamNumbers is events of one stream.
type streamNumbers struct {
	st  *stream
	set numbers
}

// say has something said of events, when they are in this consumer's hands.
func (h *Hands) say(s eventnode.Settlement, st *stream, events numbers, b []*Batch) {
	if h.streams != nil && !st.resuming {
		h.put(&h.out, s, st, events, b, 0)
		return
	}
	rest, came := events.removeAll(st.came)
	if s.Verb != eventnode.VerbExtend {
		st.came, _ = st.came.removeAll(came)
		h.put(&h.said, s, st, rest, b, 0) // when they come again
	}
	h.put(&h.out, s, st, came, b, 0)
}

// put adds events to a request in a list, perhaps a new one; it is said for these
// batches. What is said again has an order.
func (h *Hands) put(list *[]*request, s eventnode.Settlement, st *stream, events numbers, b []*Batch, order uint64) (r *request) {
	for len(events) > 0 {
		r = h.open(list, s, st, order)
		sn := r.of(st)
		room := mostEvents - sn.set.count()
		taken := 0
		for taken < len(events) && len(sn.set) < mostSpans && room > 0 {
			next := events[taken]
			if next.count() > room {
				next.to = next.from + uint64(room) - 1
				events[taken].from = next.to + 1
			} else {
				taken++
			}
			room -= next.count()
			sn.set = sn.set.add(next)
		}
		events = events[taken:]
		r.join(b)
	}
	return r
}

// open is a request in a list that takes more, perhaps a new one.
func (h *Hands) open(list *[]*request, s eventnode.Settlement, st *stream, order uint64) *request {
	all := *list
	for i := len(all) - 1; i >= max(0, len(all)-mostLooked); i-- {
		r := all[i]
		if r.Settlement == s && !r.confirm && (order == 0 || r.order == order) && r.hasRoom(st) {
			return r
		}
	}
	h.last++
	r := &request{Settlement: s, order: order}
	if order == 0 {
		r.order = h.last
	}
	*list = append(all, r)
	return r
}

func (r *request) hasRoom(st *stream) bool {
	for i := range r.events {
		if r.events[i].st == st {
			return len(r.events[i].set) < mostSpans && r.events[i].set.count() < mostEvents
		}
	}
	return true
}

// of is the events of one stream.
func (r *request) of(st *stream) *streamNumbers {
	for i := range r.events {
		if r.events[i].st == st {
			return &r.events[i]
		}
	}
	r.events = append(r.events, streamNumbers{st: st})
	return &r.events[len(r.events)-1]
}

// join notes that batches have a part in a request.
func (r *request) join(batches []*Batch) {
	for _, b := range batches {
		if !slices.Contains(r.batches, b) {
			r.batches = append(r.batches, b)
			b.open = append(b.open, r)
		}
	}
}

// finish tells the batches that a request was answered.
func (r *request) finish(why error) {
	for _, b := range r.batches {
		b.open = slices.DeleteFunc(b.open, func(o *request) bool { return o == r })
		if b.refused == nil {
			b.refused = why
		}
	}
	r.batches = nil
}

// drop leaves out a stream.
func (r *request) drop(st *stream) {
	r.events = slices.DeleteFunc(r.events, func(sn streamNumbers) bool { return sn.st == st })
}

func (r *request) isEmpty() bool {
	return !slices.ContainsFunc(r.events, func(sn streamNumbers) bool { return len(sn.set) > 0 })
}

// message is what is sent.
func (r *request) message() *eventnodev1.SettleEvents {
	m := &eventnodev1.SettleEvents{Request: r.number, Verb: verb(r.Verb), Reason: r.Reason}
	for _, sn := range r.events {
		if len(sn.set) > 0 {
			m.Events = append(m.Events, &eventnodev1.StreamEvents{Stream: sn.st.place, Numbers: sn.set.toProto()})
		}
	}
	if r.Delay > 0 {
		m.Delay = durationpb.New(max(r.Delay.Truncate(time.Millisecond), time.Millisecond))
	}
	return m
}

func verb(v eventnode.Verb) eventnodev1.Verb {
	switch v {
	case eventnode.VerbAck:
		return eventnodev1.Verb_VERB_ACK
	case eventnode.VerbNack:
		return eventnodev1.Verb_VERB_NACK
	case eventnode.VerbNackSilent:
		return eventnodev1.Verb_VERB_NACK_SILENT
	case eventnode.VerbTerminate:
		return eventnodev1.Verb_VERB_TERMINATE
	case eventnode.VerbExtend:
		return eventnodev1.Verb_VERB_EXTEND
	}
	return eventnodev1.Verb_VERB_UNSPECIFIED
}

// isUnclear reports whether an answer says nothing about the events.
func isUnclear(err error) bool {
	return errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown)
}

func missed(r *eventnodev1.SettleResult) error {
	return fmt.Errorf("%d of %d events are not in this consumer's hands any more: %w",
		r.GetMissed(), r.GetMissed()+r.GetSettled()+r.GetAlready(), eventnode.ErrNotPending)
}
