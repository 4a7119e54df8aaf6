package dispatch

import (
	"context"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// Refusal says why one event of a frame was not dispatched.
type Refusal struct {
	// Index is the event's place in the frame, from 0.
	Index int
	// Err is a *TopicError, a *LimitError or ErrInvalidEvent.
	Err error
}

// Forward dispatches the envelope records of a frame as they came, in order.
// envelopes do not change as long as they are held. Bad events are refused; the
// others go on. handled counts both. err is not nil if the bytes are no records
// (what stands before the bad place went on), the publisher is closed, or ctx
// ended.
func (p *Publisher) Forward(ctx context.Context, envelopes wire.Piece) (handled int, refusals []Refusal, err error) {
	sc := wire.NewScanner(envelopes.Data, wire.Checks{Events: true, MaxEventBytes: p.d.cfg.MaxEventBytes})
	var buf [8]*view
	for {
		if err := p.usable(ctx); err != nil {
			return handled, refusals, err
		}
		r, ok := sc.Next()
		if !ok {
			return handled, refusals, nil
		}
		if r.Err != nil && r.Count == 0 {
			return handled, refusals, r.Err
		}
		views, err := p.admitRun(buf[:0], &r)
		if err != nil {
			refusals = refuse(refusals, handled, r.Count, err)
			p.d.count.refused.Add(uint64(r.Count))
		} else {
			p.d.count.accepted.Add(uint64(r.Count))
			p.d.route(ctx, p.lane, views, run{Piece: wire.Piece{Data: r.Data, Mem: envelopes.Mem}, count: r.Count})
		}
		handled += r.Count
	}
}

// admitRun says where a run goes, or why it is refused.
func (p *Publisher) admitRun(views []*view, r *wire.Run) ([]*view, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	if err := p.permitted(r.Topics); err != nil {
		return nil, err
	}
	return p.d.lookup(views, r.Topics)
}

// refuse appends a refusal for each of n events.
func refuse(to []Refusal, from, n int, err error) []Refusal {
	for i := range n {
		to = append(to, Refusal{Index: from + i, Err: err})
	}
	return to
}

// ForwardTracked dispatches one encoded Envelope (no record) that wants a
// receipt. done is called once, when the receipt is complete or timeout (0:
// 1 s) is over, perhaps before ForwardTracked returns, and must be quick; it is
// not called if err is not nil, which says why the event was refused.
func (p *Publisher) ForwardTracked(ctx context.Context, envelope []byte, timeout time.Duration, done func(eventnode.Receipt)) error {
	views, err := p.admitEnvelope(ctx, envelope)
	if err != nil {
		p.d.count.refused.Add(1)
		return err
	}
	p.d.count.accepted.Add(1)
	p.track(ctx, views, envelope, record(envelope), timeout, done)
	return nil
}

// admitEnvelope checks an encoded envelope and says where it goes.
func (p *Publisher) admitEnvelope(ctx context.Context, envelope []byte) ([]*view, error) {
	if err := p.usable(ctx); err != nil {
		return nil, err
	}
	rec, err := wire.ParseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	if n := len(rec.Event); n > p.d.cfg.MaxEventBytes {
		return nil, &eventnode.LimitError{Limit: "max_event_bytes", Max: p.d.cfg.MaxEventBytes, Got: n}
	}
	if err := wire.CheckEvent(rec.Event); err != nil {
		return nil, err
	}
	if err := p.permitted(rec.Topics); err != nil {
		return nil, err
	}
	return p.d.lookup(nil, rec.Topics)
}
