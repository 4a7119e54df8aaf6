package bus

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Guarantee is what a transport promises of an event that it has accepted.
type Guarantee uint8

// The guarantees.
const (
	// AtMostOnce delivers to each consumer that is there, once, or tells of a gap.
	// Nothing is kept for those who come later, and nothing comes again: what is said of
	// a delivery is noted here, and goes nowhere.
	AtMostOnce Guarantee = iota
	// AtLeastOnce keeps an event until it was acked, or is a dead letter. Each goes to
	// one consumer at a time, and again when that has failed or is gone.
	AtLeastOnce
)

// String returns the guarantee in words.
func (g Guarantee) String() string {
	if g == AtLeastOnce {
		return "at least once"
	}
	return "at most once"
}

// Transport carries events from producers to consumers. Package bustest has the tests
// that every transport must pass.
type Transport interface {
	// Guarantee says what is promised.
	Guarantee() Guarantee
	// OpenSender opens the way in, until its Close. ctx bounds only the opening.
	OpenSender(ctx context.Context) (Sender, error)
	// OpenReceiver opens the way out, until its Close. What is sent after it has
	// returned is delivered. ctx bounds only the opening.
	OpenReceiver(ctx context.Context) (Receiver, error)
}

// Sender takes events over. It is called concurrently.
type Sender interface {
	// Send hands valid events over, in their order. With accepted it returns when the
	// transport has accepted them; without it may return before, and then Flush or Close
	// tell of a refusal. At least once means that all are accepted or none.
	Send(ctx context.Context, evs []event.Event, accepted bool) error
	// Flush waits until all that was handed over is accepted or refused, and tells what
	// was refused since it was called last.
	Flush(ctx context.Context) error
	// Close flushes, and ends the sender.
	Close(ctx context.Context) error
}

// Receiver delivers events.
type Receiver interface {
	// Receive calls take with one delivery after the other, in the goroutine of its
	// caller, until ctx ends, which is no error, or take returns an error, which it
	// returns. One goroutine at a time may call it.
	//
	// Whatever take was given it settles, once, perhaps only when it has returned long
	// ago. Receive returns when all of that was settled. ctx of take ends when the
	// delivery is no longer this receiver's.
	Receive(ctx context.Context, take func(ctx context.Context, d *Delivery) error) error
	// Close ends the receiver. It is called when ctx of Receive has ended, perhaps before
	// Receive has returned.
	Close() error
}

// Delivery is an event that a transport delivers, or a gap.
type Delivery struct {
	Event event.Event
	// Topics is where it was dispatched, if it came by a topic or was recorded from one.
	Topics []string
	// Stream and Position are where it stands, if it is in a stream.
	Stream   string
	Position eventnode.Position
	// Deliveries is how often it was delivered, this time counted.
	Deliveries int
	// Gap, if set, tells of events that are missing at this place. It is not settled.
	Gap *eventnode.Gap
	// Settler is told what becomes of it.
	Settler Settler
	// Token is the transport's own.
	Token any
}

// Settler is a transport's side of a delivery.
type Settler interface {
	// Settle says what becomes of a delivery: it may be extended several times, and then
	// something else is said of it, once. It does not wait.
	Settle(d *Delivery, s eventnode.Settlement) error
	// Withdrawn is asked right before a delivery is handled. If it is true, the delivery
	// is not handled now, but given back: one before it, of the same key, comes again.
	Withdrawn(d *Delivery) bool
}
