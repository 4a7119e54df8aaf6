package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/event"
)

// Producer produces events. It is safe for concurrent use; what one goroutine produces
// keeps its order.
//
// Its errors are *event.ProduceError, with the event and the cause: among others
// event.ErrExternalEvent and event.ErrNotRegistered, ErrInvalidEvent, ErrLimit for an
// event that is too large, ErrClosed before Start and after Close, the context's error,
// ErrUnavailable, ErrOutcomeUnknown.
type Producer struct {
	cfg  Config
	open session[Sender]
}

var _ Starter = (*Producer)(nil)

// NewProducer makes a producer, which Start starts.
func NewProducer(cfg Config) (*Producer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("bus: producer: %w", err)
	}
	return &Producer{cfg: cfg}, nil
}

// Start opens what it needs of the transport, until Close; ctx bounds only that. A
// type that was registered wrongly is told here.
func (p *Producer) Start(ctx context.Context) error {
	if err := p.cfg.Registry.Err(); err != nil {
		return err
	}
	err := p.open.start(func() (Sender, error) { return p.cfg.Transport.OpenSender(ctx) })
	if err != nil {
		return fmt.Errorf("bus: start the producer: %w", err)
	}
	return nil
}

// Close waits until what was produced is accepted, and ends the producer. It may be
// started again. Closing what is not open is no error.
func (p *Producer) Close(ctx context.Context) error {
	s, ok := p.open.end()
	if !ok {
		return nil
	}
	if err := s.Close(ctx); err != nil {
		return produceError(event.Event{}, err)
	}
	return nil
}

// Produce produces a value whose type is registered, or an event.Event as it is. opts
// change the event, such as event.WithKey.
//
// On a stream it returns when the event is stored. On a topic it returns when the event
// was taken over; a client may learn only later that its node refused it, and then Flush
// or Close tell.
func (p *Producer) Produce(ctx context.Context, v any, opts ...event.Option) error {
	return p.produceOne(ctx, v, opts, false)
}

// ProduceSync is Produce, and returns when the transport has accepted the event, on a
// topic, too: there, when each node with subscribers has answered, at most after a
// second. If that takes longer than timeout it is ErrTimeout.
func (p *Producer) ProduceSync(ctx context.Context, timeout time.Duration, v any, opts ...event.Option) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := p.produceOne(limited, v, opts, true)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		if pe, ok := errors.AsType[*event.ProduceError](err); ok {
			pe.Err = fmt.Errorf("%w (%v): %w", ErrTimeout, timeout, pe.Err)
		}
	}
	return err
}

func (p *Producer) produceOne(ctx context.Context, v any, opts []event.Option, accepted bool) error {
	e, err := p.make(v, opts)
	if err != nil {
		return produceError(e, err)
	}
	if err := p.send(ctx, []event.Event{e}, accepted); err != nil {
		return produceError(e, err)
	}
	return nil
}

// ProduceAll produces several values, in their order. If one of them cannot be made into
// an event none is produced. On a stream all are stored together, or none is; on a topic
// those before one that is refused are produced.
func (p *Producer) ProduceAll(ctx context.Context, vs ...any) error {
	evs := make([]event.Event, len(vs))
	for i, v := range vs {
		var err error
		if evs[i], err = p.make(v, nil); err != nil {
			return produceError(evs[i], fmt.Errorf("value %d of %d: %w", i+1, len(vs), err))
		}
	}
	if len(evs) == 0 {
		return nil
	}
	if err := p.send(ctx, evs, false); err != nil {
		if _, ok := errors.AsType[*event.ProduceError](err); ok {
			return err // it says which one
		}
		return produceError(event.Event{}, fmt.Errorf("%d events: %w", len(evs), err))
	}
	return nil
}

// Flush waits until what was produced is accepted, and tells what was refused since it
// was called last.
func (p *Producer) Flush(ctx context.Context) error {
	s, err := p.open.get()
	if err == nil {
		err = s.Flush(ctx)
	}
	if err != nil {
		return produceError(event.Event{}, err)
	}
	return nil
}

// make makes an event of a value.
func (p *Producer) make(v any, opts []event.Option) (event.Event, error) {
	e, err := p.cfg.Registry.Of(v, opts...)
	if err != nil {
		return e, err
	}
	if e.Source == "" {
		e.Source = p.cfg.Source
	}
	return e, e.Validate()
}

// send hands events over.
func (p *Producer) send(ctx context.Context, evs []event.Event, accepted bool) error {
	s, err := p.open.get()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Send(ctx, evs, accepted)
}
