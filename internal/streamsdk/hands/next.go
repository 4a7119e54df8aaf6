package hands

import (
	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Step is what to do next.
type Step uint8

const (
	// Wait says that there is nothing, for now.
	Wait Step = iota
	// Send says to send a request.
	Send
	// HalfClose says to half-close the call.
	HalfClose
)

// Next is what to do next in the call that is open; of Send, with what. What is said of
// events goes before credit: so who comes to fetch with it finds the keys free.
func (h *Hands) Next() (*eventnodev1.ConsumeRequest, Step) {
	if h.told {
		return nil, Wait
	}
	if len(h.out) > 0 && (len(h.sent) < mostSent || h.end != goOn) {
		r := h.out[0]
		h.out = h.out[1:]
		h.last++
		r.number = h.last
		h.sent = append(h.sent, r)
		m := r.message()
		m.Last = h.end != goOn
		return &eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Settle{Settle: m}}, Send
	}
	if c := h.credit(); c != nil {
		return creditRequest(c), Send
	}
	if h.poke() {
		return creditRequest(&eventnodev1.ConsumerCredit{}), Send
	}
	return h.farewell()
}

func creditRequest(c *eventnodev1.ConsumerCredit) *eventnodev1.ConsumeRequest {
	return &eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: c}}
}

// Enough says that no more events are wanted: there will be no more credit.
func (h *Hands) Enough() { h.enough = true }

// End ends the consumer: when all that was said is sent, the call is closed, or, to keep
// what is in hand, half-closed. What waits is given back if the call is closed.
func (h *Hands) End(keep bool) {
	h.end = toClose
	if keep {
		h.end = toKeep
	}
	for _, st := range h.byName {
		var back numbers
		for _, p := range st.parts {
			back = back.add(p.span())
		}
		st.parts, st.waiting = nil, 0
		if !keep && h.streams != nil {
			h.put(&h.out, eventnode.Settlement{Verb: eventnode.VerbNackSilent}, st, back, nil, 0)
		}
	}
	h.waiting = amount{}
}

// farewell ends the call when everything was said.
func (h *Hands) farewell() (*eventnodev1.ConsumeRequest, Step) {
	if h.end == goOn || len(h.said) > 0 {
		return nil, Wait
	}
	h.told = true
	if h.end == toKeep {
		return nil, HalfClose
	}
	return &eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Close{Close: &eventnodev1.CloseConsumer{}}}, Send
}

// Quiet reports whether there is nothing left to be said or answered.
func (h *Hands) Quiet() bool { return len(h.out)+len(h.sent)+len(h.said) == 0 }

// Ending reports whether the consumer is to end, and whether that was said.
func (h *Hands) Ending() (ending, told bool) { return h.end != goOn, h.told }

// pokes is how far draining has come. When nothing is in hand any more and all was
// answered, the node is asked twice whether there is more, by credit of nothing. The
// first word that there is not may have been on its way when the last answer was given;
// the second one was not.
type pokes struct {
	sent  int
	idles int // when the last one was sent
}

// Drain says that the consumer ends when there is nothing more to deliver.
func (h *Hands) Drain(on bool) {
	if h.draining != on {
		h.draining, h.pokes = on, pokes{}
	}
}

// Drained reports whether there is nothing more to deliver.
func (h *Hands) Drained() bool {
	return h.draining && h.isEmpty() && h.pokes.sent == 2 && h.idles > h.pokes.idles
}

func (h *Hands) isEmpty() bool {
	return h.streams != nil && h.running == nil && h.waiting.events == 0 && h.Quiet()
}

// poke reports whether to ask.
func (h *Hands) poke() bool {
	if !h.draining || h.end != goOn || !h.isEmpty() || h.pokes.sent == 2 || h.pokes.sent == 1 && h.idles == h.pokes.idles {
		return false
	}
	h.pokes.sent++
	h.pokes.idles = h.idles
	return true
}
