package dispatch

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// Batch is what a subscription gets next, undecoded.
type Batch struct {
	// Gaps are the events missing before Runs.
	Gaps []eventnode.Gap
	// Runs are envelope records, in order, each held once. They must not be
	// changed.
	Runs []wire.Piece
	// Count is the number of records.
	Count int
	// Bytes is the sum of the lengths of Runs.
	Bytes int
}

// add puts a run behind the others.
func (b *Batch) add(r run) {
	b.Runs = append(b.Runs, r.Piece)
	b.Count += r.count
	b.Bytes += len(r.Data)
}

// reset empties the batch and keeps its room.
func (b *Batch) reset() {
	clear(b.Runs[:cap(b.Runs)])
	*b = Batch{Runs: b.Runs[:0]}
}

// reader is what Receive has taken from the queue and not returned yet: one
// run at most, or the gaps of one place.
type reader struct {
	batch   Batch
	rest    []byte     // records
	memory  wire.Piece // that rest is a part of; held once
	decoder wire.Decoder
}

// NextBatch waits for the next events and takes as many as fit into maxBytes,
// but at least one. A batch without events has gaps. It must not be mixed with
// Receive.
func (s *Subscription) NextBatch(ctx context.Context, maxBytes int) (Batch, error) {
	var b Batch
	err := s.next(ctx, &b, maxBatchRuns, maxBytes)
	return b, err
}

// maxBatchRuns bounds the runs of one batch.
const maxBatchRuns = 4096

// next waits until the queue has something, and takes it.
func (s *Subscription) next(ctx context.Context, b *Batch, maxRuns, maxBytes int) error {
	for {
		if ok, err := s.queue.take(b, maxRuns, maxBytes); ok || err != nil {
			return err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// receiveBytes bounds the run that Receive takes at once.
const receiveBytes = 64 << 10

// Receive returns the next delivery. See eventnode.Subscription. The Topics of
// deliveries are shared: they must not be changed.
func (s *Subscription) Receive(ctx context.Context) (eventnode.Delivery, error) {
	r := &s.reader
	for {
		if s.dead.Load() {
			return eventnode.Delivery{}, eventnode.ErrClosed
		}
		if len(r.batch.Gaps) > 0 {
			g := r.batch.Gaps[0]
			r.batch.Gaps = r.batch.Gaps[1:]
			return eventnode.Delivery{Gap: &g}, nil
		}
		if len(r.rest) > 0 {
			var d eventnode.Delivery
			if r.rest = r.decoder.Next(&d, r.rest); len(r.rest) == 0 && !r.decoder.Shared() {
				r.memory.Release()
			}
			return d, nil
		}
		r.batch = Batch{Runs: r.batch.Runs[:0]}
		if err := s.next(ctx, &r.batch, 1, receiveBytes); err != nil {
			return eventnode.Delivery{}, err
		}
		if len(r.batch.Runs) > 0 {
			r.memory = r.batch.Runs[0]
			r.rest = r.memory.Data
			r.batch.Runs[0] = wire.Piece{}
		}
	}
}
