package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/backoff"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// How it is done: one goroutine, that of Run, reads the stream from its first event on
// and applies one after the other. Submit publishes, and learns from that goroutine what
// became of its changes, which it knows by the IDs of their events: they may be applied
// before the publisher hears that they were appended.

// An event of the stream.
const (
	eventName = "directory_change"
	dataType  = "application/protobuf"
)

// Log is a directory that a durable stream keeps, on one of the nodes that read it.
type Log struct {
	cfg     LogConfig
	metrics *logMetrics
	ready   chan struct{}
	ended   chan struct{}

	mu      sync.Mutex
	ran     bool
	reached eventnode.Position
	moved   chan struct{} // closed when reached moves; nil if nobody waits
	waiting map[event.ID]*submission
}

// submission is what became of the changes of one Submit.
type submission struct {
	places map[event.ID]int
	errs   []error
	at     eventnode.Position // the last that was applied
	done   chan struct{}      // closed when all were
}

// NewLog makes a Log. It does nothing before Run.
func NewLog(cfg LogConfig) (*Log, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newLogMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Log{
		cfg: cfg, metrics: m, ready: make(chan struct{}), ended: make(chan struct{}),
		waiting: map[event.ID]*submission{},
	}, nil
}

// Ready closes when all is applied that was in the stream when Run began.
func (l *Log) Ready() <-chan struct{} { return l.ready }

// Run declares the stream and applies what is in it and what comes, until ctx ends: then
// it returns nil. While the stream cannot be reached it tries again. It fails with
// ErrIncomplete, and with what else of the stream does not go away by itself. It is
// called once.
func (l *Log) Run(ctx context.Context) error {
	l.mu.Lock()
	if l.ran {
		l.mu.Unlock()
		return fmt.Errorf("directory: Run was called before: %w", eventnode.ErrInvalidArgument)
	}
	l.ran = true
	l.mu.Unlock()
	defer close(l.ended)
	f := follower{Log: l}
	for ctx.Err() == nil {
		before := f.last
		err := f.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if !passing(err) {
			return fmt.Errorf("stream %s: %w", l.cfg.Stream, err)
		}
		if f.last != before {
			f.failures = 0
		}
		l.cfg.Logger.WarnContext(ctx, "the directory's stream cannot be read now", "stream", l.cfg.Stream, "error", err)
		if !backoff.Wait(ctx, backoff.Backoff{Min: leastPause, Max: mostPause}.Next(f.failures, rand.Float64())) {
			break
		}
		f.failures++
	}
	return nil
}

// passing reports whether an error goes away by itself.
func passing(err error) bool {
	return errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown) || errors.Is(err, eventnode.ErrStorageFull)
}

// follower is the reader of a Log: what only the goroutine of Run touches.
type follower struct {
	*Log
	declared bool
	goal     eventnode.Position // what Ready waits for
	isReady  bool
	last     eventnode.Position
	number   uint64 // of last, in the stream
	failures int
}

// follow reads behind what was read, and returns why it could not go on.
func (f *follower) follow(ctx context.Context) error {
	if err := f.declare(ctx); err != nil {
		return err
	}
	opts := []eventnode.ReadOption{eventnode.WithFollow()}
	if f.number > 0 {
		opts = append(opts, eventnode.WithAfter(f.last))
	}
	for ev, err := range f.cfg.Streams.Read(ctx, f.cfg.Stream, opts...) {
		if err != nil {
			return err
		}
		if ev.Number != f.number+1 {
			return fmt.Errorf("%d changes before position %s were removed: %w", ev.Number-f.number-1, ev.Position, ErrIncomplete)
		}
		f.take(ctx, ev)
	}
	return fmt.Errorf("reading ended: %w", eventnode.ErrUnavailable)
}

// declare sees to it that the stream is there, once, and learns where it ends.
func (f *follower) declare(ctx context.Context) error {
	if f.declared {
		return nil
	}
	_, err := f.cfg.Streams.Declare(ctx, f.cfg.Stream, eventnode.StreamConfig{MaxBytes: f.cfg.MaxBytes})
	if err != nil && !errors.Is(err, eventnode.ErrStreamDiffers) { // another bound is fine
		return err
	}
	info, err := f.cfg.Streams.Info(ctx, f.cfg.Stream)
	switch {
	case err != nil:
		return err
	case info.Config.Retain != eventnode.RetainAcked:
		return fmt.Errorf("it is retained by limits, so changes may be removed: %w", ErrIncomplete)
	case len(info.Config.Groups) > 0:
		return fmt.Errorf("it has the consumer groups %q, so changes are removed when they are acked: %w", info.Config.Groups, ErrIncomplete)
	case info.Count != info.Published:
		return fmt.Errorf("%d of %d changes were removed: %w", info.Published-info.Count, info.Published, ErrIncomplete)
	}
	f.declared, f.goal = true, info.Last
	f.checkReady()
	return nil
}

// checkReady closes Ready if it is time.
func (f *follower) checkReady() {
	if !f.isReady && f.last.Compare(f.goal) >= 0 {
		f.isReady = true
		close(f.ready)
	}
}

// take applies what an event says, and tells those who wait for it.
func (f *follower) take(ctx context.Context, ev eventnode.StreamEvent) {
	c, err := decode(&ev.Event)
	result := "applied"
	switch {
	case err != nil:
		result = "undecodable"
		f.cfg.Logger.ErrorContext(ctx, "an event of the directory's stream is no change, and is skipped",
			"stream", f.cfg.Stream, "position", ev.Position.String(), "error", err)
	default:
		if err = f.cfg.Apply(ev.Position, c); err != nil {
			result = "refused"
		}
	}
	f.metrics.changes.WithLabelValues(result).Inc()
	f.last, f.number = ev.Position, ev.Number
	f.advance(ev.Event.ID, ev.Position, err)
	f.checkReady()
}

// decode is the change that an event is.
func decode(ev *event.Event) (*eventnodev1.DirectoryChange, error) {
	if ev.Name != eventName || ev.DataType != dataType {
		return nil, invalid("an event %.80q of %.80q: use %s of %s", ev.Name, ev.DataType, eventName, dataType)
	}
	c := &eventnodev1.DirectoryChange{}
	if err := proto.Unmarshal(ev.Data, c); err != nil {
		return nil, fmt.Errorf("%w: %w", err, eventnode.ErrInvalidArgument)
	}
	return c, nil
}

// advance notes that the log was applied up to a position.
func (l *Log) advance(id event.ID, at eventnode.Position, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reached = at
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
	s := l.waiting[id]
	if s == nil {
		return
	}
	delete(l.waiting, id)
	s.errs[s.places[id]], s.at = err, at
	if delete(s.places, id); len(s.places) == 0 {
		close(s.done)
	}
}

// Applied is the position up to which this node has applied the changes; zero: none yet.
func (l *Log) Applied() eventnode.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reached
}

// Wait waits until this node has applied the changes up to a position: then what it
// reads is at least as new. It fails with the cause of ctx, or with eventnode.ErrClosed
// when Run has ended.
func (l *Log) Wait(ctx context.Context, at eventnode.Position) error {
	for {
		moved := l.behind(at)
		if moved == nil {
			return nil
		}
		select {
		case <-moved:
		case <-l.ended:
			if l.behind(at) == nil {
				return nil
			}
			return fmt.Errorf("the directory's log: %w", eventnode.ErrClosed)
		case <-ctx.Done():
			return fmt.Errorf("waiting for position %s: %w", at, context.Cause(ctx))
		}
	}
}

// behind is nil if a position was reached; else it closes when there is news.
func (l *Log) behind(at eventnode.Position) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reached.Compare(at) >= 0 {
		return nil
	}
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	return l.moved
}
