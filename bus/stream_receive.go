package bus

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// How a stream is received.
//
// The consumer of the SDK hands out one batch after the other, and keeps them in hand for
// as long as its handler runs. So the handler here gives the whole batch away, to lanes
// perhaps, and returns when each of its events was settled; the next batch waits behind
// it already.
//
// Events of one key in a keyed group must not pass one that is to come again. What is in
// the batches behind is given back by the SDK; what is in the same batch is withdrawn
// here.

// streamReceiver consumes.
type streamReceiver struct {
	s     Stream
	keyed bool
}

// The number that is free is looked for among so many; when all of them are taken it is
// tried again after a pause.
const numbersTried = 256

// standBy is how long somebody waits who is not a consumer of the group now.
var standBy = backoff.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second}

// Receive implements Receiver.
func (r *streamReceiver) Receive(ctx context.Context, take func(context.Context, *Delivery) error) error {
	nr := max(r.s.Number, 1)
	for tried := 0; ; tried++ {
		if ran, err := r.receiveAs(ctx, nr, take); ran || err != nil || ctx.Err() != nil {
			return err
		}
		// Somebody else is this consumer.
		if r.s.Number == 0 {
			nr = nr%numbersTried + 1
		}
		if (r.s.Number > 0 || tried%numbersTried == numbersTried-1) && !backoff.Wait(ctx, standBy.Next(tried, rand.Float64())) {
			return nil
		}
	}
}

// receiveAs receives as the consumer of a number; false: somebody else is it.
func (r *streamReceiver) receiveAs(ctx context.Context, nr int, take func(context.Context, *Delivery) error) (ran bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := append(slices.Clone(r.s.Options), eventnode.WithStreams(r.s.Stream), eventnode.WithLost(func(stream string, n uint64) {
		_ = take(ctx, &Delivery{Stream: stream, Gap: &eventnode.Gap{Count: n, Known: true}}) // of a gap nothing can fail
	}))
	var stop error
	ran, err = r.s.Consumers.Consumer(r.s.Group, opts...).ConsumeMany(ctx, nr, cmp.Or(r.s.Batch, defaultBatch),
		func(lease context.Context, ds []*eventnode.StreamDelivery) error {
			if stop = r.batch(lease, ds, take); stop != nil {
				cancel()
			}
			return nil
		})
	return ran || stop != nil, cmp.Or(stop, err)
}

// batch gives a batch away and waits until all of it was settled.
func (r *streamReceiver) batch(ctx context.Context, ds []*eventnode.StreamDelivery, take func(context.Context, *Delivery) error) error {
	b := &streamBatch{keyed: r.keyed}
	given := 0
	defer func() {
		for _, d := range ds[given:] {
			_ = d.GiveBack() // or the lease is lost
		}
	}()
	for _, sd := range ds {
		if ctx.Err() != nil {
			break
		}
		given++
		b.open.Add(1)
		if err := take(ctx, &Delivery{
			Event: sd.Event(), Topics: sd.Topics(), Stream: sd.Stream(), Position: sd.Position(), Deliveries: sd.Deliveries(),
			Settler: b, Token: sd,
		}); err != nil {
			b.open.Wait()
			return err
		}
	}
	b.open.Wait()
	return nil
}

// Close implements Receiver.
func (*streamReceiver) Close() error { return nil }

// streamBatch is a batch that is worked on.
type streamBatch struct {
	keyed bool
	open  sync.WaitGroup

	mu    sync.Mutex
	again map[string]bool // the keys of which an event comes again
}

// Withdrawn implements Settler.
func (b *streamBatch) Withdrawn(d *Delivery) bool {
	if !b.keyed || d.Event.Key == "" {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.again[d.Event.Key]
}

// Settle implements Settler.
func (b *streamBatch) Settle(d *Delivery, s eventnode.Settlement) error {
	sd, _ := d.Token.(*eventnode.StreamDelivery) // it is one
	switch s.Verb {
	case eventnode.VerbExtend:
		return sd.Extend(s.Delay)
	case eventnode.VerbNack, eventnode.VerbNackSilent:
		b.comesAgain(d)
	case eventnode.VerbAck, eventnode.VerbTerminate:
	}
	defer b.open.Done()
	switch s.Verb {
	case eventnode.VerbNack:
		return sd.Nack(s.Delay)
	case eventnode.VerbNackSilent:
		return sd.GiveBack()
	case eventnode.VerbTerminate:
		return sd.Terminate(s.Reason)
	default:
		return sd.Ack()
	}
}

// comesAgain has those of the same key behind it wait.
func (b *streamBatch) comesAgain(d *Delivery) {
	if !b.keyed || d.Event.Key == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.again == nil {
		b.again = map[string]bool{}
	}
	b.again[d.Event.Key] = true
}
