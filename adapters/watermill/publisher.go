package watermill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// PublisherConfig of a Publisher.
type PublisherConfig struct {
	// Streams publishes: a client's or an embedded node's. Required.
	Streams eventnode.Streams
	// StreamOf names the stream of a topic: 255 bytes without spaces, slashes and control
	// characters. Defaults to the topic.
	StreamOf func(topic string) string
	// Stream is how a stream is kept that is not there yet. One that is there stays as it
	// is. Defaults to keeping each message until every group has acked it.
	Stream eventnode.StreamConfig
	// NoDeclare has Publish fail with ErrStreamNotFound where there is no stream, instead
	// of declaring it.
	NoDeclare bool
	// Name is the name of a message's event, 1 to 255 bytes. Defaults to the stream's.
	Name func(topic string, m *message.Message) string
	// Key is the ordering key of a message, 255 bytes at most. Defaults to the metadata
	// under MetadataKey.
	Key func(topic string, m *message.Message) string
	// Dedupe leaves out messages whose UUID the stream remembers: one that is published
	// again stands there once, within the stream's window. It costs the cluster a row a
	// message.
	Dedupe bool
	// Timeout bounds one Publish. Defaults to 30 s.
	Timeout time.Duration
}

// Publisher publishes messages to streams.
type Publisher struct {
	cfg   PublisherConfig
	place place
	opts  []eventnode.PublishOption
	gate  gate
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a Publisher. It starts nothing.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	if cfg.Streams == nil || cfg.Timeout < 0 {
		return nil, fmt.Errorf("a publisher needs Streams, and a Timeout that is not below zero: %w", eventnode.ErrInvalidArgument)
	}
	p := &Publisher{cfg: cfg, place: place{
		streams: cfg.Streams, streamOf: cfg.StreamOf, noDeclare: cfg.NoDeclare, stream: cfg.Stream, timeout: cfg.Timeout,
	}}
	if cfg.Dedupe {
		p.opts = append(p.opts, eventnode.WithDedupe())
	}
	return p, nil
}

// Publish stores messages, all or none, in their order, and returns when a majority of the
// copies has them. It ends with the contexts of the messages, and after Timeout: then with
// ErrOutcomeUnknown if the messages may have been stored. More than the cluster takes as one
// batch, by default 4 MiB or 8,192 messages, is ErrLimit.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	if err := p.gate.enter("publisher"); err != nil {
		return err
	}
	defer p.gate.leave()
	stream := p.place.of(topic)
	evs, err := p.events(topic, stream, messages)
	if err == nil {
		err = p.publish(stream, evs, messages)
	}
	if err != nil {
		return fmt.Errorf("publish to topic %.255q: %w", topic, err)
	}
	return nil
}

// events makes events of messages.
func (p *Publisher) events(topic, stream string, messages []*message.Message) ([]event.Event, error) {
	evs := make([]event.Event, len(messages))
	for i, m := range messages {
		name := stream
		if p.cfg.Name != nil {
			name = p.cfg.Name(topic, m)
		}
		ev, err := toEvent(m, name)
		if err != nil {
			return nil, fmt.Errorf("message %.80q: %w", m.UUID, err)
		}
		if p.cfg.Key != nil {
			ev.Key = p.cfg.Key(topic, m)
		}
		evs[i] = ev
	}
	return evs, nil
}

// publish stores events, in a stream that it declares if that is missing.
func (p *Publisher) publish(stream string, evs []event.Event, messages []*message.Message) error {
	ctx, cancel := p.context(messages)
	defer cancel()
	_, err := p.cfg.Streams.PublishMany(ctx, stream, evs, p.opts...)
	if p.cfg.NoDeclare || !errors.Is(err, eventnode.ErrStreamNotFound) {
		return err
	}
	if err := p.place.declare(ctx, stream); err != nil {
		return err
	}
	_, err = p.cfg.Streams.PublishMany(ctx, stream, evs, p.opts...)
	return err
}

// context ends with that of any message.
func (p *Publisher) context(messages []*message.Message) (context.Context, context.CancelFunc) {
	first := messages[0].Context()
	ctx, cancel := p.place.limited(first)
	var forget []func() bool
	for _, m := range messages[1:] {
		if other := m.Context(); other != first && other.Done() != nil {
			forget = append(forget, context.AfterFunc(other, cancel))
		}
	}
	return ctx, func() {
		for _, f := range forget {
			f()
		}
		cancel()
	}
}

// Close waits for the calls of Publish that are under way; later ones are ErrClosed. The
// client or node is not the publisher's, and stays.
func (p *Publisher) Close() error {
	p.gate.close(func() {})
	return nil
}
