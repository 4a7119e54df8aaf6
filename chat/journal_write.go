package chat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/backoff"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// An event of the stream, and how many are published together.
const (
	journalName     = "chat_sessions"
	journalType     = "application/protobuf"
	journalTogether = 16
)

// journalTick is how often the diary looks whether something is due, and journalAlive how
// often it says that the node is alive.
const (
	journalTick  = time.Second
	journalAlive = 10 * time.Second
)

// journalSay is in how many failures, about one a second, one is logged.
const journalSay = 60

// run writes until ctx ends, and returns nil, or why there can be no such stream. due is
// called now and then.
func (j *diary) run(ctx context.Context, due func(context.Context)) error {
	if j == nil {
		<-ctx.Done()
		return nil
	}
	defer close(j.ended)
	var refused error
	j.patiently(ctx, func() error {
		err := j.declare(ctx)
		if errors.Is(err, eventnode.ErrInvalidArgument) {
			refused = fmt.Errorf("the session journal: %w", err)
			return nil
		}
		return err
	})
	if refused != nil {
		return refused
	}
	tick := time.NewTicker(journalTick)
	defer tick.Stop()
	last := time.Time{}
	for ctx.Err() == nil {
		select {
		case <-j.kick:
			j.write(ctx)
			last = time.Now()
		case now := <-tick.C:
			if due(ctx); now.Sub(last) >= journalAlive {
				j.mu.Lock()
				j.next.queue.Alive()
				j.wake()
				j.mu.Unlock()
			}
		case <-ctx.Done():
		}
	}
	return nil
}

// declare sees to it that the stream is there. One with other bounds is fine.
func (j *diary) declare(ctx context.Context) error {
	_, err := j.cfg.Streams.Declare(ctx, j.cfg.Stream, eventnode.StreamConfig{
		Retain: eventnode.RetainLimits, MaxAge: j.cfg.Window.Truncate(time.Millisecond), MaxBytes: j.cfg.MaxBytes,
	})
	if errors.Is(err, eventnode.ErrStreamDiffers) {
		j.log.WarnContext(ctx, "the session journal's stream has other bounds than this node was told", "stream", j.cfg.Stream, "error", err)
		return nil
	}
	return err
}

// patiently does something until it succeeds, or ctx ends.
func (j *diary) patiently(ctx context.Context, do func() error) bool {
	for failures := 0; ; failures++ {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if errors.Is(err, eventnode.ErrStreamNotFound) {
			err = errors.Join(err, j.declare(ctx))
		}
		if j.metrics.failures.Inc(); failures%journalSay == 0 {
			j.log.WarnContext(ctx, "the session journal cannot be written now: clients wait", "stream", j.cfg.Stream, "error", err)
		}
		if !backoff.Wait(ctx, backoff.Backoff{Max: time.Second}.Next(failures, rand.Float64())) {
			return false
		}
	}
}

// write writes what has gathered, and lets it be seen.
func (j *diary) write(ctx context.Context) {
	j.mu.Lock()
	b := j.next
	j.next = j.newBatch()
	j.mu.Unlock()
	entries := b.queue.Entries()
	began := time.Now()
	for some := range slices.Chunk(entries, journalTogether) {
		if !j.publish(ctx, some) {
			return
		}
	}
	j.metrics.lag.Observe(time.Since(began).Seconds())
	for s, seq := range b.newest {
		s.Release(seq)
	}
	close(b.done)
	j.catchUp()
}

// publish publishes entries, all or none, until that has succeeded or ctx ends.
func (j *diary) publish(ctx context.Context, entries []*storagev1.ChatEntry) bool {
	events := make([]event.Event, len(entries))
	for i, e := range entries {
		data, err := proto.Marshal(e)
		if err != nil {
			j.log.ErrorContext(ctx, "an entry of the session journal is lost", "error", err)
			data = nil
		}
		events[i] = event.New(journalName, data, event.WithDataType(journalType))
		j.metrics.bytes.Add(float64(len(data)))
	}
	return j.patiently(ctx, func() error {
		done, err := j.cfg.Streams.PublishMany(ctx, j.cfg.Stream, events, eventnode.WithDedupe())
		if err != nil {
			return err
		}
		j.metrics.entries.Add(float64(len(events)))
		if done.Appended > 0 {
			j.mu.Lock()
			j.acked = eventnode.Position{MS: done.First.MS, Seq: done.First.Seq + uint64(done.Appended) - 1}
			j.mu.Unlock()
		}
		return nil
	})
}
