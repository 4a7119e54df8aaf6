package eventnodepubsub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// desk is where deliveries wait between a consumer, which has them come batch by batch, and
// those who receive, who ask for so many at a time.
//
// One goroutine consumes, from the first receive to close. Its handler puts a batch on the
// desk and returns when all of it was received; the next batch waits behind it already. So
// what lies here is extended, and what was received is not: it comes again when the ack wait
// is over.
type desk struct {
	consumers     eventnode.Consumers
	stream, group string
	batch         int
	log           *slog.Logger

	arrived chan struct{} // capacity 1: there may be something on the desk
	ended   chan struct{} // closed when consuming has ended, with err
	err     error

	mu    sync.Mutex
	queue []*eventnode.StreamDelivery // at most batch
	empty chan struct{}               // closed when the queue has become empty
	stop  context.CancelFunc          // nil: nobody consumes yet
	over  bool                        // closed
}

// errNothing is why receive has nothing.
var errNothing = errors.New("there is nothing to receive")

// The number of a consumer that is free is looked for among so many, then again after a
// pause.
const numbersTried = 256

func (d *desk) prepare(consumers eventnode.Consumers, stream, group string, opts *SubscriptionOptions) {
	d.consumers, d.stream, d.group = consumers, stream, group
	d.batch = cmp.Or(opts.Batch, defaultBatch)
	d.log = opts.Logger
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.log = d.log.With("stream", stream, "group", group)
	d.arrived, d.ended = make(chan struct{}, 1), make(chan struct{})
}

// receive waits for deliveries, and takes up to n.
func (d *desk) receive(ctx context.Context, n int) ([]*eventnode.StreamDelivery, error) {
	if err := d.start(); err != nil {
		return nil, err
	}
	for {
		if ds := d.take(n); len(ds) > 0 {
			return ds, nil
		}
		select {
		case <-d.arrived:
		case <-d.ended:
			return nil, d.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// start has somebody consume.
func (d *desk) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return fmt.Errorf("subscription: %w", eventnode.ErrClosed)
	}
	if d.stop == nil {
		var ctx context.Context
		ctx, d.stop = context.WithCancel(context.Background())
		go d.consume(ctx)
	}
	return nil
}

// close ends consuming, and waits for that.
func (d *desk) close() {
	d.mu.Lock()
	d.over = true
	stop := d.stop
	d.mu.Unlock()
	if stop != nil {
		stop()
		<-d.ended
	}
}

// consume consumes until ctx ends, or that is of no use.
func (d *desk) consume(ctx context.Context) {
	defer close(d.ended)
	d.err = fmt.Errorf("subscription: %w", eventnode.ErrClosed)
	pause := backoff.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second}
	for tried := 0; ; tried++ {
		_, err := d.consumers.Consumer(d.group,
			eventnode.WithStreams(d.stream), eventnode.WithManualAck(), eventnode.WithLost(d.lost),
		).ConsumeMany(ctx, 1+tried%numbersTried, d.batch, d.put)
		switch {
		case err != nil:
			d.err = err
			return
		case ctx.Err() != nil:
			return
		}
		// Somebody else is the consumer of this number.
		if tried%numbersTried == numbersTried-1 && !backoff.Wait(ctx, pause.Next(tried, rand.Float64())) {
			return
		}
	}
}

// lost tells of messages that are gone.
func (d *desk) lost(_ string, n uint64) {
	d.log.Warn("messages are gone that were not delivered", "messages", n)
}

// put puts a batch on the desk, and waits until it was taken. It is a StreamHandler.
func (d *desk) put(lease context.Context, ds []*eventnode.StreamDelivery) error {
	empty := make(chan struct{})
	d.mu.Lock()
	d.queue, d.empty = ds, empty
	d.mu.Unlock()
	d.tell()
	select {
	case <-empty:
	case <-lease.Done():
		d.mu.Lock()
		rest := d.queue
		d.queue = nil
		d.mu.Unlock()
		for _, x := range rest {
			_ = x.GiveBack() // or the lease is lost
		}
	}
	return nil
}

// take takes up to n deliveries from the desk.
func (d *desk) take(n int) []*eventnode.StreamDelivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	n = min(n, len(d.queue))
	taken := d.queue[:n:n]
	d.queue = d.queue[n:]
	switch {
	case len(d.queue) > 0:
		d.tell() // somebody else may have some
	case n > 0:
		close(d.empty)
	}
	return taken
}

// tell wakes one who waits in receive.
func (d *desk) tell() {
	select {
	case d.arrived <- struct{}{}:
	default:
	}
}
