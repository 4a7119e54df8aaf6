package bus

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// AckEvent is an event that was received, and what is said of it. On a transport that
// delivers at least once Ack, Nack and the like go to it; on one that delivers at most
// once they are noted here, and go nowhere.
//
// One thing is said of an event, the first one; then it is ErrNotPending. Who says
// nothing has it acked when the handlers have returned nil, or the next one is asked for.
type AckEvent struct {
	// Event is the event as it came.
	Event event.Event
	// Value is the event read as its type; an event.ExternalEvent if its name is not
	// registered; nil if it cannot be read.
	Value any

	d        *Delivery
	c        *Consumer
	handlers []*handler
	settled  atomic.Bool
	acked    atomic.Bool
}

// Consumer is who received it.
func (a *AckEvent) Consumer() *Consumer { return a.c }

// Topics is where it was dispatched, if it came by a topic.
func (a *AckEvent) Topics() []string { return a.d.Topics }

// Stream is the stream that it is in; empty if it is in none.
func (a *AckEvent) Stream() string { return a.d.Stream }

// Position is where it stands in the stream; zero if it is in none.
func (a *AckEvent) Position() eventnode.Position { return a.d.Position }

// Deliveries is how often it was delivered, this time counted.
func (a *AckEvent) Deliveries() int { return a.d.Deliveries }

// Acknowledged reports whether it was acked.
func (a *AckEvent) Acknowledged() bool { return a.acked.Load() }

// Settled reports whether something was said of it.
func (a *AckEvent) Settled() bool { return a.settled.Load() }

// Ack says that it was handled.
func (a *AckEvent) Ack() error { return a.settle(eventnode.Settlement{Verb: eventnode.VerbAck}) }

// Nack says that handling has failed. It comes again after delay, which is a millisecond
// at least, or 0: as the consumer group says.
func (a *AckEvent) Nack(delay time.Duration) error {
	return a.settle(eventnode.Settlement{Verb: eventnode.VerbNack, Delay: delay})
}

// GiveBack says that it was not tried. It comes again, to anybody, and this delivery does
// not count.
func (a *AckEvent) GiveBack() error {
	return a.settle(eventnode.Settlement{Verb: eventnode.VerbNackSilent})
}

// Terminate puts it to the dead letters, for a reason, of which 1,024 bytes are kept.
func (a *AckEvent) Terminate(reason string) error {
	return a.settle(eventnode.Settlement{Verb: eventnode.VerbTerminate, Reason: cut(reason)})
}

// settle says it, once.
func (a *AckEvent) settle(s eventnode.Settlement) error {
	if s.Delay < 0 || s.Delay > 0 && s.Delay < time.Millisecond {
		return fmt.Errorf("delay %v: use 0, or a millisecond at least: %w", s.Delay, eventnode.ErrInvalidArgument)
	}
	if !a.settled.CompareAndSwap(false, true) {
		return fmt.Errorf("event %s was settled before: %w", a.Event.ID, eventnode.ErrNotPending)
	}
	if err := a.d.Settler.Settle(a.d, s); err != nil {
		return err
	}
	a.acked.Store(s.Verb == eventnode.VerbAck)
	return nil
}

// maxReason bounds the reason of a dead letter, as streams do.
const maxReason = 1024

// cut shortens a reason to what is kept of it, at the end of a character.
func cut(s string) string {
	if len(s) <= maxReason {
		return s
	}
	n := maxReason
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// receivedKey is the key of Received in contexts.
type receivedKey struct{}

// Received returns the event that the context's handler is called for, with which it may
// say more than by its error; nil outside of handlers.
func Received(ctx context.Context) *AckEvent {
	a, _ := ctx.Value(receivedKey{}).(*AckEvent)
	return a
}
