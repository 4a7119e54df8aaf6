package eventnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/event"
)

// StreamDelivery is an event in the hands of a consumer. What says what becomes of it may be
// called concurrently; the first one counts.
type StreamDelivery struct {
	ev         StreamEvent
	deliveries int
	epoch      uint64
	settler    Settler
}

// Verb is what is said of a delivery.
type Verb uint8

// The verbs.
const (
	// VerbAck: done.
	VerbAck Verb = iota + 1
	// VerbNack: failed, to be delivered again later.
	VerbNack
	// VerbNackSilent: not tried, to be delivered again at once, uncounted.
	VerbNackSilent
	// VerbTerminate: never again, it becomes a dead letter.
	VerbTerminate
	// VerbExtend: still at work.
	VerbExtend
)

// Settlement is what becomes of a delivery.
type Settlement struct {
	Verb Verb
	// Delay is how long a nack puts it off, 0: as the consumer group says; of extend
	// the new ack wait.
	Delay time.Duration
	// Reason is why, of terminate.
	Reason string
}

// Settler is told what becomes of deliveries: by a cluster's consumer, or by a test
// that calls a StreamHandler.
type Settler interface {
	// Settle takes note, and does not wait. A delivery that was settled before is
	// ErrNotPending.
	Settle(d *StreamDelivery, s Settlement) error
	// Wait waits until what was settled so far is replicated, and returns why some of
	// it was refused.
	Wait(ctx context.Context) error
}

// NewStreamDelivery makes a delivery, its deliveries-th, under a lease of this epoch.
func NewStreamDelivery(ev StreamEvent, deliveries int, epoch uint64, s Settler) StreamDelivery {
	return StreamDelivery{ev: ev, deliveries: deliveries, epoch: epoch, settler: s}
}

// ID is the event's position, "ms-seq".
func (d *StreamDelivery) ID() string { return d.ev.Position.String() }

// Stream is the stream's name.
func (d *StreamDelivery) Stream() string { return d.ev.Stream }

// Position is where it stands in the stream.
func (d *StreamDelivery) Position() Position { return d.ev.Position }

// Number is its number in the stream, from 1 on.
func (d *StreamDelivery) Number() uint64 { return d.ev.Number }

// Topics is where the event was dispatched, if it was recorded from there.
func (d *StreamDelivery) Topics() []string { return d.ev.Topics }

// Event is the event.
func (d *StreamDelivery) Event() event.Event { return d.ev.Event }

// Time is the event's time.
func (d *StreamDelivery) Time() time.Time { return d.ev.Event.Time }

// Tag is the value of a key of its meta; "" if it has none.
func (d *StreamDelivery) Tag(key string) string { return d.ev.Event.Meta[key] }

// Meta is its meta; nobody may change it.
func (d *StreamDelivery) Meta() map[string]string { return d.ev.Event.Meta }

// HasBody reports whether it has data.
func (d *StreamDelivery) HasBody() bool { return len(d.ev.Event.Data) > 0 }

// Deliveries is how often it was delivered, this time counted.
func (d *StreamDelivery) Deliveries() int { return d.deliveries }

// Epoch is the lease's: greater than that of whoever was this consumer before. What
// remembers the greatest can refuse the others (fencing).
func (d *StreamDelivery) Epoch() uint64 { return d.epoch }

// errNoBody is why nothing is unserialized.
var errNoBody = errors.New("the event has no body")

// Unserialize reads the body, as Streams.PublishBody wrote it, into what v points to:
// JSON unless DataType says that it is bytes (v is a *[]byte) or protobuf (v is a
// proto.Message).
func (d *StreamDelivery) Unserialize(v any) error {
	if err := d.unserialize(v); err != nil {
		return fmt.Errorf("event %s of stream %s as %T: %w", d.ID(), d.Stream(), v, err)
	}
	return nil
}

func (d *StreamDelivery) unserialize(v any) error {
	if !d.HasBody() {
		return fmt.Errorf("%w: %w", errNoBody, ErrInvalidEvent)
	}
	data := d.ev.Event.Data
	if b, ok := v.(*[]byte); ok {
		*b = append((*b)[:0], data...)
		return nil
	}
	kind, _, _ := mime.ParseMediaType(d.ev.Event.DataType)
	if m, ok := v.(proto.Message); ok && kind != "application/json" {
		return invalidBody(proto.Unmarshal(data, m))
	}
	return invalidBody(json.Unmarshal(data, v))
}

func invalidBody(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInvalidEvent, err)
}

// Ack says that the event was handled: it goes to the cluster with what else is said
// at the same time. It does not wait; see AckAndWait. ErrNotPending: it was settled
// before. ErrFenced: somebody else is this consumer.
func (d *StreamDelivery) Ack() error { return d.settler.Settle(d, Settlement{Verb: VerbAck}) }

// AckAndWait is Ack, and waits until the ack is replicated: after it nobody is
// delivered the event again.
func (d *StreamDelivery) AckAndWait(ctx context.Context) error {
	if err := d.Ack(); err != nil {
		return err
	}
	return d.settler.Wait(ctx)
}

// Nack says that handling failed. The event comes again after delay, 0: after the
// consumer group's back-off; or is a dead letter, if that was its last delivery.
func (d *StreamDelivery) Nack(delay time.Duration) error {
	return d.settler.Settle(d, Settlement{Verb: VerbNack, Delay: delay})
}

// GiveBack says that the event was not tried. It comes again, to anybody, and this
// delivery does not count.
func (d *StreamDelivery) GiveBack() error {
	return d.settler.Settle(d, Settlement{Verb: VerbNackSilent})
}

// Terminate makes the event a dead letter, for a reason of at most 1,024 bytes.
func (d *StreamDelivery) Terminate(reason string) error {
	return d.settler.Settle(d, Settlement{Verb: VerbTerminate, Reason: reason})
}

// Extend begins the ack wait anew, with another length unless that is 0. A handler
// that runs needs none: its consumer does that.
func (d *StreamDelivery) Extend(wait time.Duration) error {
	return d.settler.Settle(d, Settlement{Verb: VerbExtend, Delay: wait})
}
