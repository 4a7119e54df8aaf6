package dispatch

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
)

// Publisher has an order of its own: what one goroutine dispatches through it
// arrives in that order. It is safe for concurrent use; between goroutines the
// order is whatever it happens to be.
type Publisher struct {
	d      *Dispatcher
	lane   uint32
	closed atomic.Bool
	names  *permit.Names // of a stream's caller; nil: all
}

var _ eventnode.PublisherCloser = (*Publisher)(nil)

// NewPublisher makes a publisher. It holds nothing that needs to be freed.
func (d *Dispatcher) NewPublisher(ctx context.Context) (*Publisher, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d.ended() {
		return nil, eventnode.ErrClosed
	}
	d.publishing.Do(d.cfg.Links.SetPublishing)
	return &Publisher{d: d, lane: lane(d.publishers.Add(1))}, nil
}

// lane spreads publishers over lanes: the finalizer of a 64-bit hash, so that
// neighbours have nothing in common.
func lane(number uint64) uint32 {
	number ^= number >> 33
	number *= 0xff51afd7ed558ccd
	number ^= number >> 33
	number *= 0xc4ceb9fe1a85ec53
	return uint32(number >> 32)
}

// Dispatch sends an event to a topic. It returns when the event was queued for
// every subscription here and every link; with a receipt, when that is complete
// or its time is over.
func (p *Publisher) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return p.DispatchMany(ctx, []string{topic}, ev, opts...)
}

// DispatchMany sends an event to several topics. A subscription to more than
// one of them gets it once.
func (p *Publisher) DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	views, err := p.admit(ctx, topics, &ev)
	if err != nil {
		p.d.count.refused.Add(1)
		return eventnode.Receipt{}, err
	}
	p.d.count.accepted.Add(1)
	if len(opts) > 0 {
		if o := eventnode.NewDispatchOptions(opts...); o.Receipt {
			return p.receipt(ctx, topics, views, &ev, o.ReceiptTimeout)
		}
	}
	if len(views) > 0 {
		data := wire.AppendEnvelope(nil, topics, &ev)
		p.d.route(ctx, p.lane, views, run{Piece: wire.Piece{Data: data}, count: 1})
	}
	return eventnode.Receipt{}, nil
}

// admit checks an event and its topics, and says where they go.
func (p *Publisher) admit(ctx context.Context, topics []string, ev *event.Event) ([]*view, error) {
	if err := p.usable(ctx); err != nil {
		return nil, err
	}
	if err := ev.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, err)
	}
	if n := wire.EventSize(ev); n > p.d.cfg.MaxEventBytes {
		return nil, &eventnode.LimitError{Limit: "max_event_bytes", Max: p.d.cfg.MaxEventBytes, Got: n}
	}
	return p.d.lookupStrings(topics)
}

// usable returns an error if nothing can be dispatched any more.
func (p *Publisher) usable(ctx context.Context) error {
	if p.closed.Load() || p.d.ended() {
		return eventnode.ErrClosed
	}
	return ctx.Err()
}

// receipt dispatches an event and waits for the receipt.
func (p *Publisher) receipt(ctx context.Context, topics []string, views []*view, ev *event.Event, timeout time.Duration) (eventnode.Receipt, error) {
	raw := wire.AppendEnvelope(nil, topics, ev)
	rec, _, err := wire.NextRecord(raw)
	if err != nil {
		return eventnode.Receipt{}, err
	}
	got := make(chan eventnode.Receipt, 1)
	p.track(ctx, views, rec.Envelope, run{Piece: wire.Piece{Data: raw}, count: 1}, timeout, func(r eventnode.Receipt) { got <- r })
	select {
	case r := <-got:
		return r, nil
	case <-ctx.Done():
		return eventnode.Receipt{}, ctx.Err()
	}
}

// Flush has nothing to wait for: what Dispatch returned for was accepted, and
// what was refused was told there.
func (p *Publisher) Flush(ctx context.Context) error { return p.usable(ctx) }

// Close ends the publisher.
func (p *Publisher) Close(context.Context) error {
	p.closed.Store(true)
	return nil
}

// envelopeField is the number under which envelopes stand in frames.
const envelopeField = 15

// record makes a run of one encoded Envelope.
func record(envelope []byte) run {
	data := make([]byte, 0, len(envelope)+8)
	data = protowire.AppendTag(data, envelopeField, protowire.BytesType)
	data = protowire.AppendBytes(data, envelope)
	return run{Piece: wire.Piece{Data: data}, count: 1}
}
