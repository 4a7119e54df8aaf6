package stream

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// eventnodeStore uses the SDK with its defaults.
type eventnodeStore struct {
	c *client.Client
	s eventnode.Streams
}

func dialEventnode(ctx context.Context, addrs []string) (store, error) {
	c, err := client.Dial(ctx, addrs)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addrs, err)
	}
	return &eventnodeStore{c: c, s: c.Streams()}, nil
}

func (e *eventnodeStore) batcher(b Batches) batcher {
	if b.Many {
		return &manyBatcher{s: e.s, ahead: newAhead(b)}
	}
	return &flushBatcher{filling: e.s.NewFlusher(), empty: e.s.NewFlusher(), keys: b.Keys, ahead: newAhead(b)}
}

// publish publishes. The SDK itself sends again what was lost, and appends it once.
func (e *eventnodeStore) publish(ctx context.Context, _ string, data []byte) error {
	_, err := e.s.Publish(ctx, Name, event.New(Name, data))
	return err
}

func (e *eventnodeStore) read(ctx context.Context, last uint64, see func([]byte) bool) error {
	opts := []eventnode.ReadOption{eventnode.WithFollow()}
	if last > 0 {
		opts = append(opts, eventnode.WithLast(last))
	}
	for ev, err := range e.s.Read(ctx, Name, opts...) {
		if err != nil {
			return err
		}
		if !see(ev.Event.Data) {
			return nil
		}
	}
	return nil
}

func (e *eventnodeStore) close() { _ = e.c.Close() }

// flushBatcher fills one flusher while the other one flushes.
type flushBatcher struct {
	filling, empty eventnode.Flusher
	keys           uint64
	ahead          ahead
}

func (b *flushBatcher) add(_ context.Context, data []byte) error {
	ev := event.New(Name, data)
	if b.keys > 0 {
		ev.Key = strconv.FormatUint(keyOf(numberIn(data), b.keys), 10)
	}
	return b.filling.PublishEvent(Name, ev)
}

func (b *flushBatcher) flush(ctx context.Context) error {
	full := b.filling
	b.filling, b.empty = b.empty, full
	return b.ahead.send(func() error {
		_, err := full.Flush(ctx)
		return err
	})
}

func (b *flushBatcher) finish(context.Context) error { return b.ahead.finish() }

// manyBatcher hands slices of events over, as who has them all would.
type manyBatcher struct {
	s     eventnode.Streams
	evs   []event.Event
	ahead ahead
}

func (b *manyBatcher) add(_ context.Context, data []byte) error {
	b.evs = append(b.evs, event.New(Name, slices.Clone(data)))
	return nil
}

func (b *manyBatcher) flush(ctx context.Context) error {
	evs := b.evs
	b.evs = make([]event.Event, 0, len(evs))
	return b.ahead.send(func() error {
		_, err := b.s.PublishMany(ctx, Name, evs)
		return err
	})
}

func (b *manyBatcher) finish(context.Context) error { return b.ahead.finish() }
