package recording

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// Appender appends to streams: *streamsdk.Streams does.
type Appender interface {
	// PublishRecorded appends events with their topics, but for those that the stream
	// remembers; all or none.
	PublishRecorded(ctx context.Context, stream string, list []eventnode.Delivery) (eventnode.Published, error)
	// CheckRecorded returns why an event cannot be in a stream.
	CheckRecorded(stream string, d *eventnode.Delivery) error
	// Info says how a stream is.
	Info(ctx context.Context, stream string) (eventnode.StreamInfo, error)
}

// Config of a Recorder.
type Config struct {
	// Subscriber, Appender, Topics and Stream are what to record, and where to. All
	// are required.
	Subscriber eventnode.Subscriber
	Appender   Appender
	Topics     []string
	Stream     string
	// Options are from eventnode.NewRecordOptions.
	Options eventnode.RecordOptions
}

// Recorder appends what is dispatched to a stream.
type Recorder struct {
	cfg    Config
	buffer *buffer
	done   eventnode.RecordProgress
}

// New makes a Recorder. It starts nothing.
func New(cfg Config) *Recorder { return &Recorder{cfg: cfg, buffer: newBuffer()} }

// Run records until ctx ends, or it fails for good.
func (r *Recorder) Run(ctx context.Context) error {
	o := &r.cfg.Options
	if _, err := r.cfg.Appender.Info(ctx, r.cfg.Stream); err != nil {
		return fmt.Errorf("record to stream %.255q: %w", r.cfg.Stream, err)
	}
	// Not with ctx: what was received before its end is still to be had.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	opened := context.AfterFunc(ctx, end)
	sub, err := r.cfg.Subscriber.Subscribe(life, r.cfg.Topics, eventnode.WithPolicy(eventnode.PolicyBlock),
		eventnode.WithQueue(o.QueueEvents, o.QueueBytes), eventnode.WithMaxBlock(o.MaxBlock))
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	opened()
	o.OnStart(sub)
	over, stop := context.WithCancel(context.Background())
	var receiving sync.WaitGroup
	receiving.Go(func() { r.receive(ctx, over, sub) })
	err = r.append(ctx)
	stop()
	_ = sub.Close()
	receiving.Wait()
	return err
}

// drainTime bounds how long is received what waits here when the context ends. It may
// never be empty.
const drainTime = time.Second

// receive fills the buffer until ctx ends, and then with what is here already. It ends
// with over, too.
func (r *Recorder) receive(ctx, over context.Context, sub eventnode.Subscription) {
	drained := make(chan struct{})
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, func() { close(drained) }) })()
	for {
		select {
		case <-drained:
			r.buffer.end(nil)
			return
		default:
		}
		d, err := sub.Receive(ctx) // what is here it returns also when ctx has ended
		if err != nil {
			if ctx.Err() != nil {
				err = nil
			}
			r.buffer.end(err)
			return
		}
		for !r.buffer.put(d) {
			select {
			case <-r.buffer.room:
			case <-over.Done():
				return
			}
		}
	}
}

// append empties the buffer until there is nothing any more.
func (r *Recorder) append(ctx context.Context) error {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(r.cfg.Options.Grace, func() { cancel(errGrace) })
	})()
	for {
		batch, ended, err := r.buffer.take()
		switch {
		case ended:
			return err
		case len(batch) == 0:
			<-r.buffer.filled // receive ends it, if nothing else
			continue
		}
		if err := r.appendBatch(life, batch); err != nil {
			return err
		}
	}
}

var errGrace = errors.New("the time to append what was received is up")

// appendBatch appends the events of a batch, and tells its gaps.
func (r *Recorder) appendBatch(ctx context.Context, batch []eventnode.Delivery) error {
	events := batch[:0]
	for _, d := range batch {
		if d.Gap != nil {
			r.done.Gaps++
			r.cfg.Options.OnGap(*d.Gap)
			continue
		}
		r.done.Received++
		if err := r.cfg.Appender.CheckRecorded(r.cfg.Stream, &d); err != nil {
			r.refuse(d, err)
			continue
		}
		events = append(events, d)
	}
	return r.appendEvents(ctx, events)
}

// refuse counts and tells an event that cannot be in a stream.
func (r *Recorder) refuse(d eventnode.Delivery, err error) {
	r.done.Refused++
	r.cfg.Options.OnRefused(d, err)
}

// appendEvents appends events, as often as it takes. If one of them may be why they
// are refused, each goes alone.
func (r *Recorder) appendEvents(ctx context.Context, events []eventnode.Delivery) error {
	if len(events) == 0 {
		r.cfg.Options.OnProgress(r.done)
		return nil
	}
	p, err := r.appendUntil(ctx, events)
	switch {
	case err == nil:
		r.count(p)
		return nil
	case !ofAnEvent(err):
		return fmt.Errorf("record to stream %.255q: %w", r.cfg.Stream, err)
	case len(events) == 1:
		r.refuse(events[0], err)
		r.cfg.Options.OnProgress(r.done)
		return nil
	}
	for i := range events {
		if err := r.appendEvents(ctx, events[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// count counts what was appended.
func (r *Recorder) count(p eventnode.Published) {
	r.done.Appended += uint64(p.Appended)
	r.done.Known += uint64(len(p.Known))
	r.done.Trouble = nil
	if p.Appended > 0 {
		r.done.Last = p.First
		r.done.Last.Seq += uint64(p.Appended) - 1
	}
	r.cfg.Options.OnProgress(r.done)
}

// appendUntil tries until it succeeds, or cannot.
func (r *Recorder) appendUntil(ctx context.Context, events []eventnode.Delivery) (eventnode.Published, error) {
	pause := backoff.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second}
	for failures := 0; ; failures++ {
		p, err := r.cfg.Appender.PublishRecorded(ctx, r.cfg.Stream, events)
		if err == nil || !passes(err) || ctx.Err() != nil {
			return p, err
		}
		r.done.Trouble = err
		r.cfg.Options.OnProgress(r.done)
		t := time.NewTimer(pause.Next(failures, rand.Float64()))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return p, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}

// passes reports whether the same may succeed later.
func passes(err error) bool {
	for _, e := range []error{eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown, eventnode.ErrStorageFull, eventnode.ErrStreamFull} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ofAnEvent reports whether an event is why a batch was refused.
func ofAnEvent(err error) bool {
	return errors.Is(err, eventnode.ErrInvalidEvent) || errors.Is(err, eventnode.ErrLimit)
}
