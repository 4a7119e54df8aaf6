package bot_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// listener is a consumer that compares all that it receives with the ledgers.
type listener struct {
	node    int
	c       *source.Consumer
	readers []*reader
	pause   time.Duration // between two events; 0: none
	mayMiss atomic.Bool   // gaps may be told
	hurry   chan struct{} // closed: no pauses any more

	gaps   atomic.Uint64 // that were told
	missed atomic.Uint64 // events that those counted
	lost   atomic.Int64  // payloads that told of a gap of the source
	end    func()
}

// listener begins to listen on a node. The gateway waits for it if it has no pauses.
func (w *world) listener(ledgers []*ledger, at int, pause time.Duration, opts ...eventnode.SubscribeOption) *listener {
	w.t.Helper()
	l := &listener{node: at, c: w.consumer(at, opts...), pause: pause, hurry: make(chan struct{})}
	for _, led := range ledgers {
		l.readers = append(l.readers, led.read(pause == 0))
	}
	l.end = background(func(ctx context.Context) {
		if err := l.listen(ctx); err != nil && ctx.Err() == nil {
			for _, r := range l.readers {
				r.fail(fmt.Errorf("consumer on node %d: %w", at, err))
			}
		}
	})
	w.t.Cleanup(l.end)
	return l
}

func (w *world) consumer(at int, opts ...eventnode.SubscribeOption) *source.Consumer {
	w.t.Helper()
	g, err := source.NewConsumerGroup(w.nodes[at].node, "helper")
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := g.NewConsumer(w.t.Context(), opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if err := g.Join(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// leave ends a listener whose node is to go.
func (l *listener) leave() {
	l.end()
	for _, r := range l.readers {
		r.leave(r)
	}
	_ = l.c.Close()
}

func (l *listener) listen(ctx context.Context) error {
	for {
		got, err := l.c.Receive(ctx)
		switch {
		case errors.Is(err, source.ErrClosed):
			return nil
		case err != nil:
			return err
		case got.Gap != nil:
			if err := l.gap(got.Gap); err != nil {
				return err
			}
			continue
		case got.Event.Name == shard.GapName:
			l.lost.Add(1)
			l.readers[got.Event.Origin.Shard].moved.Broadcast()
			continue
		}
		if err := l.readers[got.Event.Origin.Shard].take(got.Event, got.Seen); err != nil {
			return err
		}
		if l.pause > 0 {
			select {
			case <-time.After(l.pause):
			case <-l.hurry:
			case <-ctx.Done():
			}
		}
	}
}

// gap is one that was told: from then on events may be missing until one has come.
func (l *listener) gap(g *eventnode.Gap) error {
	if !l.mayMiss.Load() {
		return fmt.Errorf("a gap: %+v", *g)
	}
	l.gaps.Add(1)
	l.missed.Add(g.Count)
	for _, r := range l.readers {
		r.excuse()
	}
	return nil
}

// sums are what it got, what was missing before something that it got, and what there was.
func (l *listener) sums() (got, skipped, total uint64) {
	for _, r := range l.readers {
		r.mu.Lock()
		got, skipped, total = got+r.events, skipped+r.missed, total+r.total
		r.mu.Unlock()
	}
	return got, skipped, total
}

// excuse says that events may be missing, before the next one.
func (r *reader) excuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.excused = true
}

// heap is how many bytes of it are in use, as the last collection has found.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
