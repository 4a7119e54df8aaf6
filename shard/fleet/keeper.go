package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/backoff"
)

// What shards need to go on is in one stream a source. A node writes that of all its shards
// together, what has changed of it, each Config.Every: so the cost is a write a second and
// node, however many shards there are. All nodes follow the stream.
//
// The stream keeps keepCount events. What was written of a shard so long ago that half of
// them came behind it is written again as it was, by the runner whose name is the first: so
// it is never lost, also of a shard that does not run, and no clock is needed for that.

const (
	keepName  = "fleet_resume"
	keepCount = 1024
)

// keeper is what is kept of all shards of the source.
type keeper struct {
	streams Streams
	stream  string
	log     *slog.Logger
	metrics *metrics
	bell    *bell
	kick    chan struct{} // one place: write without waiting for the next time

	mu    sync.Mutex
	table table
	at    eventnode.Position
	next  map[int]keep // to be written next: of each shard the newest
}

func newKeeper(c Config, m *metrics, b *bell) *keeper {
	return &keeper{
		streams: c.Streams, stream: c.stream("resume"), log: c.Logger, metrics: m, bell: b,
		kick: make(chan struct{}, 1), next: map[int]keep{},
	}
}

// put has something be written with what is next.
func (k *keeper) put(keeps ...keep) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range keeps {
		if old, ok := k.next[one.Shard]; !ok || one.newer(old) {
			k.next[one.Shard] = one
		}
	}
}

// written waits until a keep that was put, or a newer one of its shard, has come back from
// the stream.
func (k *keeper) written(ctx context.Context, one keep) error {
	k.hurry()
	for {
		next := k.bell.next()
		if newest, ok := k.newest(one.Shard); ok && !one.newer(newest) {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("write what the shard needs to go on: %w", context.Cause(ctx))
		}
	}
}

// hurry has what there is be written now.
func (k *keeper) hurry() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// newest is the newest keep of a shard, if there is one.
func (k *keeper) newest(shard int) (keep, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.table.keeps[shard]
	return s.keep, ok
}

// aged is what is to be written again.
func (k *keeper) aged() []keep {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.table.aged(keepCount / 2)
}

// run writes what gather returns, and what was put, each interval until ctx ends.
func (k *keeper) run(ctx context.Context, every time.Duration, gather func() []keep) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-k.kick:
		case <-ctx.Done():
			return
		}
		k.put(gather()...)
		k.mu.Lock()
		all := k.next
		k.next = map[int]keep{}
		k.mu.Unlock()
		if len(all) > 0 {
			k.publish(ctx, all)
		}
	}
}

// publish writes what is kept of some shards, however long that takes.
func (k *keeper) publish(ctx context.Context, all map[int]keep) {
	keeps := slices.SortedFunc(maps.Values(all), func(a, b keep) int { return a.Shard - b.Shard })
	events, err := encodeKeeps(keeps)
	if err != nil {
		k.log.ErrorContext(ctx, "what shards need to go on does not encode", "error", err)
		return
	}
	for _, data := range events {
		ev := event.New(keepName, data, event.WithDataType("application/jsonl"))
		for failures := 0; ; failures++ {
			_, err := k.streams.Publish(ctx, k.stream, ev)
			if err == nil {
				break
			}
			if k.failed(ctx, failures, err); !backoff.Wait(ctx, backoff.Backoff{Max: time.Second}.Next(failures, rand.Float64())) {
				return
			}
		}
	}
	k.metrics.keeps.Add(float64(len(keeps)))
}

func (k *keeper) failed(ctx context.Context, failures int, err error) {
	if ctx.Err() != nil {
		return
	}
	k.metrics.keepFailures.Inc()
	if errors.Is(err, eventnode.ErrStreamNotFound) {
		err = errors.Join(err, k.declare(ctx))
	}
	if failures%sayEvery == 0 {
		k.log.WarnContext(ctx, "what shards need to go on cannot be written now: who takes one over gets more of its events again", "error", err)
	}
}

func (k *keeper) declare(ctx context.Context) error {
	return declare(ctx, k.streams, k.stream, keepCount)
}

// follow reads what all nodes write, until ctx ends.
func (k *keeper) follow(ctx context.Context) {
	patiently(ctx, k.log, "read what shards need to go on", func() error {
		for ev, err := range k.streams.Read(ctx, k.stream, eventnode.WithAfter(k.place()), eventnode.WithFollow()) {
			if errors.Is(err, eventnode.ErrStreamNotFound) {
				err = errors.Join(err, k.declare(ctx))
			}
			if err != nil {
				return err
			}
			k.take(ctx, ev)
		}
		return errByself
	})
}

func (k *keeper) place() eventnode.Position {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at
}

// take takes an event of the stream in.
func (k *keeper) take(ctx context.Context, ev eventnode.StreamEvent) {
	keeps, err := parseKeeps(ev.Event.Data)
	if err != nil {
		k.log.ErrorContext(ctx, "an event of the resume stream is skipped, or some of it", "stream", k.stream, "position", ev.Position.String(), "error", err)
	}
	k.mu.Lock()
	k.table.add(ev.Number, keeps)
	k.at = ev.Position
	k.mu.Unlock()
	k.bell.ring()
}

// caughtUp waits until all is read that was written when it was called.
func (k *keeper) caughtUp(ctx context.Context) error {
	info, err := k.streams.Info(ctx, k.stream)
	if err != nil {
		return fmt.Errorf("ask for the newest of stream %s: %w", k.stream, err)
	}
	for {
		next := k.bell.next()
		if info.Count == 0 || k.place().Compare(info.Last) >= 0 {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("read stream %s: %w", k.stream, context.Cause(ctx))
		}
	}
}
