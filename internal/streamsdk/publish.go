package streamsdk

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Publish implements eventnode.Streams.
func (s *Streams) Publish(ctx context.Context, stream string, ev event.Event, opts ...eventnode.PublishOption) (eventnode.Position, error) {
	c := newCall(stream, eventnode.NewPublishOptions(opts...))
	if err := s.put(c, &ev); err != nil {
		return eventnode.Position{}, err
	}
	done, err := s.publish(ctx, c)
	return done.First, err
}

// PublishMany implements eventnode.Streams.
func (s *Streams) PublishMany(ctx context.Context, stream string, evs []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error) {
	if len(evs) == 0 {
		return eventnode.Published{}, fmt.Errorf("no events for stream %.255q: %w", stream, eventnode.ErrInvalidArgument)
	}
	c := newCall(stream, eventnode.NewPublishOptions(opts...))
	for i := range evs {
		if err := s.put(c, &evs[i]); err != nil {
			return eventnode.Published{}, fmt.Errorf("event %d of %d, from 0 on: %w", i, len(evs), err)
		}
	}
	return s.publish(ctx, c)
}

// PublishBody implements eventnode.Streams.
func (s *Streams) PublishBody(ctx context.Context, stream string, body any, meta ...string) (eventnode.Position, error) {
	if err := s.checkName(stream); err != nil {
		return eventnode.Position{}, err
	}
	ev, err := compose(stream, body, meta)
	if err != nil {
		return eventnode.Position{}, err
	}
	return s.Publish(ctx, stream, ev)
}

// put checks an event and puts it into a call.
func (s *Streams) put(c *call, ev *event.Event) error {
	if err := s.check(c.stream, ev); err != nil {
		return err
	}
	if c.add(ev); len(c.records) > maxBatchBytes {
		return &eventnode.LimitError{Limit: "max_batch_bytes", Max: maxBatchBytes, Got: len(c.records)}
	}
	return nil
}

// publish waits for the answer to one call.
func (s *Streams) publish(ctx context.Context, c *call) (eventnode.Published, error) {
	one := [1]*call{c}
	if err := s.enter(ctx, one[:]); err != nil {
		return eventnode.Published{}, err
	}
	return s.wait(ctx, c)
}

// enter puts calls into the outbox as soon as there is room.
func (s *Streams) enter(ctx context.Context, calls []*call) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		room, start, err := s.out.add(calls, time.Now())
		switch {
		case err != nil:
			return err
		case start:
			s.start()
		}
		if room == nil {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
		}
	}
}

// start sees to it that somebody sends.
func (s *Streams) start() {
	if err := s.cfg.Start(func() { s.run(s.cfg.Context) }); err != nil {
		s.out.close(err)
	}
}

// wait waits for the answer to a call that is in the outbox.
func (s *Streams) wait(ctx context.Context, c *call) (eventnode.Published, error) {
	select {
	case <-c.done:
		return c.got, c.err
	case <-ctx.Done():
		return s.out.leave(c, context.Cause(ctx))
	}
}
