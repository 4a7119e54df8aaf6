package watermill

import (
	"cmp"
	"context"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/internal/backoff"
)

// reader is the source of a subscription without a consumer group. The cluster knows
// nothing of it: it reads the stream, and what it is at is in its goroutine alone.
type reader struct {
	streams eventnode.Streams
	stream  string
	start   []eventnode.ReadOption
	delay   time.Duration
}

var _ bus.Receiver = (*reader)(nil)

// openReader finds out where to begin, so that what is published later is not missed.
func openReader(ctx context.Context, cfg *SubscriberConfig, stream string) (*reader, error) {
	info, err := cfg.Streams.Info(ctx, stream)
	if err != nil {
		return nil, err
	}
	r := &reader{streams: cfg.Streams, stream: stream, delay: cmp.Or(cfg.NackDelay, defaultNackDelay)}
	switch start := cfg.Start; {
	case start.Newest && info.Last != (eventnode.Position{}):
		r.start = append(r.start, eventnode.WithAfter(info.Last))
	case start.At != nil:
		r.start = append(r.start, eventnode.WithFrom(*start.At))
	case !start.Since.IsZero():
		r.start = append(r.start, eventnode.WithSince(start.Since))
	}
	return r, nil
}

// Receive implements bus.Receiver, for a take that has settled when it returns.
func (r *reader) Receive(ctx context.Context, take func(context.Context, *bus.Delivery) error) error {
	for ev, err := range r.streams.Read(ctx, r.stream, append(r.start, eventnode.WithFollow())...) {
		if err == nil && ev.Lost > 0 {
			err = take(ctx, &bus.Delivery{Stream: r.stream, Gap: &eventnode.Gap{Count: ev.Lost, Known: true}})
		}
		if err == nil {
			err = r.deliver(ctx, ev, take)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deliver delivers an event until it is acked, or ctx ends.
func (r *reader) deliver(ctx context.Context, ev eventnode.StreamEvent, take func(context.Context, *bus.Delivery) error) error {
	for n := 1; ; n++ {
		var v verdict
		d := &bus.Delivery{
			Event: ev.Event, Topics: ev.Topics, Stream: ev.Stream, Position: ev.Position, Deliveries: n, Settler: &v,
		}
		if err := take(ctx, d); err != nil || v.verb == eventnode.VerbAck {
			return err
		}
		if !backoff.Wait(ctx, r.delay) {
			return nil
		}
	}
}

// Close implements bus.Receiver.
func (*reader) Close() error { return nil }

// verdict is what was said of a delivery of a reader.
type verdict struct{ verb eventnode.Verb }

var _ bus.Settler = (*verdict)(nil)

// Settle implements bus.Settler.
func (v *verdict) Settle(_ *bus.Delivery, what eventnode.Settlement) error {
	v.verb = what.Verb
	return nil
}

// Withdrawn implements bus.Settler: nothing comes before what it stands behind.
func (*verdict) Withdrawn(*bus.Delivery) bool { return false }
