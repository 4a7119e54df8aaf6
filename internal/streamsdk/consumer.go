package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// consumer is one that somebody asked for. What it does when it consumes is a run's.
type consumer struct {
	c      *Consumers
	group  string
	o      eventnode.ConsumerOptions
	holder []byte // all runs are the same holder: one comes back to what the last one kept

	mu    sync.Mutex
	once  bool          // DisableLoop
	block time.Duration // SetBlockTime
	now   *run          // nil: it does not consume
	busy  bool
}

var _ eventnode.Consumer = (*consumer)(nil)

// Consumer implements eventnode.Consumers.
func (c *Consumers) Consumer(group string, opts ...eventnode.ConsumerOption) eventnode.Consumer {
	k := &consumer{c: c, group: group, o: eventnode.NewConsumerOptions(opts...), holder: newHolder(), block: eventnode.DefaultBlockTime}
	if k.o.MaxBytes <= 0 {
		k.o.MaxBytes = eventnode.DefaultConsumeBytes
	}
	return k
}

// DisableLoop implements eventnode.Consumer.
func (k *consumer) DisableLoop() { k.SetBlockTime(0) }

// SetBlockTime implements eventnode.Consumer.
func (k *consumer) SetBlockTime(d time.Duration) {
	k.mu.Lock()
	k.block, k.once = d, d <= 0
	r := k.now
	k.mu.Unlock()
	if r != nil {
		r.drain(d <= 0)
	}
}

// Claim implements eventnode.Consumer.
func (k *consumer) Claim(ctx context.Context, from, to int) (moved uint64, err error) {
	streams, err := k.streams(ctx)
	if err != nil {
		return 0, err
	}
	for _, stream := range streams {
		n, err := k.c.Claim(ctx, stream, k.group, from, to)
		moved += n
		if len(k.o.Streams) == 0 && isGone(err) {
			continue // it went right now
		}
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// Consume implements eventnode.Consumer.
func (k *consumer) Consume(ctx context.Context, count int, handler eventnode.StreamHandler) (bool, error) {
	return k.ConsumeMany(ctx, 1, count, handler)
}

// ConsumeMany implements eventnode.Consumer.
func (k *consumer) ConsumeMany(ctx context.Context, nr, count int, handler eventnode.StreamHandler) (ran bool, err error) {
	number, err := consumerNumber(nr, 1)
	switch {
	case err != nil:
		return false, err
	case count < 1:
		return false, fmt.Errorf("batches of %d events: use 1 or more: %w", count, eventnode.ErrInvalidArgument)
	case handler == nil:
		return false, fmt.Errorf("there is no handler: %w", eventnode.ErrInvalidArgument)
	}
	err = k.run(ctx, number, count, func(r *run) error { return r.handleAll(ctx, handler) })
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errLost):
		return false, nil
	}
	return false, err
}

// eventsCount is how many events the iterator has at a time.
const eventsCount = 256

// Events implements eventnode.Consumer.
func (k *consumer) Events(ctx context.Context, nr int) iter.Seq2[*eventnode.StreamDelivery, error] {
	return func(yield func(*eventnode.StreamDelivery, error) bool) {
		number, err := consumerNumber(nr, 0)
		stopped := false
		if err == nil {
			err = k.run(ctx, number, eventsCount, func(r *run) (err error) {
				stopped, err = r.yieldAll(ctx, yield)
				return err
			})
		}
		if lost, ok := errors.AsType[*lostError](err); ok {
			err = lost.why
		}
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// run consumes once: work is given what there is, batch by batch.
func (k *consumer) run(ctx context.Context, number uint32, count int, work func(*run) error) error {
	if err := k.begin(); err != nil {
		return err
	}
	defer k.finish()
	if k.o.Heartbeat != nil {
		defer k.o.Heartbeat()
	}
	if ctx.Err() != nil {
		return nil
	}
	r := newRun(k, number, count)
	k.mu.Lock()
	k.now = r
	once := k.once
	k.mu.Unlock()
	r.drain(once)
	return r.live(ctx, work)
}

// begin says that it consumes now.
func (k *consumer) begin() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.group == "":
		return fmt.Errorf("a consumer of no group: %w", eventnode.ErrInvalidArgument)
	case k.busy:
		return fmt.Errorf("this consumer of group %.255q consumes already: make another one: %w", k.group, eventnode.ErrInvalidArgument)
	}
	k.busy = true
	return nil
}

func (k *consumer) finish() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy, k.now = false, nil
}

// beat is when the heartbeat is due next, if it was called last then; false: never.
func (k *consumer) beat(last time.Time) (time.Time, bool) {
	if k.o.Heartbeat == nil {
		return time.Time{}, false
	}
	k.mu.Lock()
	every := k.block
	k.mu.Unlock()
	if every <= 0 {
		every = eventnode.DefaultBlockTime
	}
	if k.o.HeartbeatEvery > 0 {
		every = min(every, k.o.HeartbeatEvery)
	}
	return last.Add(every), true
}
