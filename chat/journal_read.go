package chat

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/internal/journal"
	"github.com/eventnode/eventnode/sessions"
)

// indexIdle is how long an index that nobody needs is kept.
const indexIdle = time.Minute

// reader is what the journal's stream says, read when somebody needs it. All share one
// index: who comes while it is brought up to date waits for the next time, and one of them
// does it for all.
type reader struct {
	d        *diary
	audience func(topic string) ([]sessions.Snowflake, bool)
	turn     chan struct{} // one place: whoever has put something there has what follows
	arrivals atomic.Uint64

	index   *journal.Index // nil: none
	at      eventnode.Position
	covered uint64 // who arrived before has been served
	used    time.Time
}

func newReader(d *diary, audience func(string) ([]sessions.Snowflake, bool)) *reader {
	return &reader{d: d, audience: audience, turn: make(chan struct{}, 1)}
}

// look has look look at an index that has all that was in the stream when it was called.
func (r *reader) look(ctx context.Context, look func(x *journal.Index)) error {
	mine := r.arrivals.Add(1)
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return fmt.Errorf("read the session journal: %w", context.Cause(ctx))
	}
	if r.index == nil || r.covered < mine {
		all := r.arrivals.Load()
		if err := r.read(ctx); err != nil {
			return fmt.Errorf("read the session journal: %w", err)
		}
		r.covered = all
	}
	r.used = time.Now()
	look(r.index)
	return nil
}

// read brings the index up to date.
func (r *reader) read(ctx context.Context) error {
	began := time.Now()
	defer func() { r.d.metrics.scan.Observe(time.Since(began).Seconds()) }()
	from := eventnode.WithAfter(r.at)
	if r.index == nil {
		info, err := r.d.cfg.Streams.Info(ctx, r.d.cfg.Stream)
		if err != nil {
			return err
		}
		from = eventnode.WithSince(time.UnixMilli(max(0, info.Last.MS-r.d.cfg.Window.Milliseconds())))
		r.begin()
	}
	for ev, err := range r.d.cfg.Streams.Read(ctx, r.d.cfg.Stream, from) {
		if err != nil {
			return err
		}
		r.take(ctx, ev)
	}
	return nil
}

func (r *reader) begin() {
	r.at = eventnode.Position{}
	r.index = journal.NewIndex(journal.Config{
		Window: r.d.cfg.Window, Slack: r.d.slack, Events: r.d.replay, Bytes: r.d.cfg.IndexBytes, Audience: r.audience,
	})
}

// take takes an event of the stream in. If some before it are gone that were never read,
// what is known of before is worth nothing.
func (r *reader) take(ctx context.Context, ev eventnode.StreamEvent) {
	if ev.Lost > 0 && !r.at.IsZero() {
		r.begin()
	}
	r.at = ev.Position
	e, err := journal.Decode(ev.Event.Data)
	if err != nil || ev.Event.Name != journalName {
		r.d.metrics.undecodable.Inc()
		r.d.log.ErrorContext(ctx, "an event of the session journal is no entry, and is skipped", "stream", r.d.cfg.Stream,
			"position", ev.Position.String(), "error", err)
		return
	}
	r.index.Add(ev.Position, e)
}

// idle drops the index if nobody needs it.
func (r *reader) idle(now time.Time) {
	select {
	case r.turn <- struct{}{}:
		if now.Sub(r.used) > indexIdle {
			r.index = nil
		}
		<-r.turn
	default:
	}
}
