package watermill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
)

// SubscriberConfig of a Subscriber.
type SubscriberConfig struct {
	// Streams declares and reads: a client's or an embedded node's. Required.
	Streams eventnode.Streams
	// Consumers consumes, of the same client or node. Required with a Group.
	Consumers eventnode.Consumers
	// Group is the consumer group, added to a stream if it is not there. Subscribers of a
	// group share the messages; 256 subscriptions of it to a topic work at once, and more of
	// them stand by. Defaults to none: each subscription gets all messages, and keeps its
	// place for itself, as long as it lasts.
	Group string
	// GroupConfig is how the group is served; where the group is served in another way
	// that is ErrConsumerGroupDiffers. Defaults to how it is served, or, if it is not there,
	// to the defaults of eventnode.ConsumerGroupConfig: a nacked message comes again after
	// a second, then two, and so on, and is a dead letter after 20 deliveries.
	GroupConfig *eventnode.ConsumerGroupConfig
	// Exclusive has one subscription of the group to a topic work at a time, if they all
	// are exclusive, in the order of the stream. The others wait, and one takes over when
	// it ends.
	Exclusive bool
	// Start is where a group begins that is added, or a subscription without one. Defaults
	// to the oldest message that is there.
	Start eventnode.StartPlace
	// Batch is how many messages a subscription of a group has in hand, and as many wait
	// behind them, which others of the group do not get meanwhile. Handlers that take long
	// do well with few. Defaults to 64.
	Batch int
	// NackDelay is after what time a nacked message comes again, a millisecond at least.
	// Defaults to the group's back-off, and without a group to 100 ms.
	NackDelay time.Duration

	// StreamOf names the stream of a topic: 255 bytes without spaces, slashes and control
	// characters. Defaults to the topic.
	StreamOf func(topic string) string
	// Stream is how a stream is kept that is not there yet. One that is there stays as it
	// is. Defaults to keeping each message until every group has acked it.
	Stream eventnode.StreamConfig
	// NoDeclare has Subscribe fail with ErrStreamNotFound where there is no stream, instead
	// of declaring it.
	NoDeclare bool

	// Timeout bounds the making of a subscription. Defaults to 30 s.
	Timeout time.Duration
	// CloseTimeout is how long Close, or the end of the context of Subscribe, leaves a
	// message to its handler, which has neither acked nor nacked it. Then its context ends,
	// and it is given back. Defaults to 10 s.
	CloseTimeout time.Duration
	// OnLost is told of messages that retention has removed before they were delivered.
	// Defaults to a log line.
	OnLost func(topic string, gap eventnode.Gap)
	// Logger takes logs. Defaults to none.
	Logger *slog.Logger
}

// The defaults of SubscriberConfig.
const (
	defaultCloseTimeout = 10 * time.Second
	defaultNackDelay    = 100 * time.Millisecond
)

// check returns what is wrong with a configuration.
func (c *SubscriberConfig) check() error {
	problem := ""
	switch {
	case c.Streams == nil:
		problem = "it needs Streams"
	case c.Group != "" && c.Consumers == nil:
		problem = "with a Group it needs Consumers"
	case c.Group == "" && (c.Exclusive || c.GroupConfig != nil):
		problem = "Exclusive and GroupConfig are for a Group"
	case c.NackDelay < 0 || c.NackDelay > 0 && c.NackDelay < time.Millisecond:
		problem = "NackDelay is a millisecond at least"
	case c.Batch < 0 || c.Timeout < 0 || c.CloseTimeout < 0:
		problem = "Batch, Timeout and CloseTimeout are not below zero"
	default:
		return nil
	}
	return fmt.Errorf("subscriber: %s: %w", problem, eventnode.ErrInvalidArgument)
}

// Subscriber hands out the messages of streams.
type Subscriber struct {
	cfg   SubscriberConfig
	place place
	gate  gate

	life context.Context //nolint:containedctx // ends with Close
	stop context.CancelFunc
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber makes a Subscriber. It starts nothing.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.CloseTimeout = cmp.Or(cfg.CloseTimeout, defaultCloseTimeout)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Subscriber{cfg: cfg, place: place{
		streams: cfg.Streams, streamOf: cfg.StreamOf, noDeclare: cfg.NoDeclare, stream: cfg.Stream, timeout: cfg.Timeout,
	}}
	s.life, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// SubscribeInitialize makes the stream of a topic, and the consumer group, if they are not
// there: what is published from then on is kept for the group.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	if err := s.gate.enter("subscriber"); err != nil {
		return err
	}
	defer s.gate.leave()
	ctx, cancel := s.place.limited(s.life)
	defer cancel()
	return about(topic, s.initialize(ctx, s.place.of(topic)))
}

// initialize makes the stream and the group.
func (s *Subscriber) initialize(ctx context.Context, stream string) error {
	if err := s.place.declare(ctx, stream); err != nil || s.cfg.Group == "" {
		return err
	}
	var group eventnode.ConsumerGroupConfig
	if s.cfg.GroupConfig != nil {
		group = *s.cfg.GroupConfig
	}
	_, err := s.cfg.Consumers.AddGroup(ctx, stream, s.cfg.Group, group, s.cfg.Start)
	if s.cfg.GroupConfig == nil && errors.Is(err, eventnode.ErrConsumerGroupDiffers) {
		return nil
	}
	return err
}

// Subscribe hands out the messages of a topic, one at a time, until ctx ends or Close is
// called; then the channel is closed. Each message must be acked or nacked.
//
// A message's context has the values of ctx, and ends when the message was acked or
// nacked, with ctx, with the lease of the consumer, and CloseTimeout after Close.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := s.gate.enter("subscriber"); err != nil {
		return nil, err
	}
	in, err := s.open(ctx, s.place.of(topic))
	if err != nil {
		s.gate.leave()
		return nil, about(topic, err)
	}
	u := &subscription{cfg: &s.cfg, topic: topic, ctx: ctx, out: make(chan *message.Message)}
	run, stop := context.WithCancel(ctx)
	forget := context.AfterFunc(s.life, stop)
	go func() {
		defer s.gate.leave()
		defer stop()
		defer forget()
		u.receive(run, in)
	}()
	return u.out, nil
}

// open opens the source of a subscription.
func (s *Subscriber) open(ctx context.Context, stream string) (bus.Receiver, error) {
	ctx, cancel := s.place.limited(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	if err := s.initialize(ctx, stream); err != nil {
		return nil, err
	}
	if s.cfg.Group == "" {
		return openReader(ctx, &s.cfg, stream)
	}
	t := bus.Stream{Consumers: s.cfg.Consumers, Stream: stream, Group: s.cfg.Group, Batch: s.cfg.Batch}
	if s.cfg.Exclusive {
		t.Number = 1
	}
	return t.OpenReceiver(ctx)
}

// Close ends all subscriptions. Messages that were handed out have CloseTimeout to be
// acked or nacked; what was not is given back, and comes again, uncounted. It returns
// when all channels are closed. The client or node is not the subscriber's, and stays.
func (s *Subscriber) Close() error {
	s.gate.close(s.stop)
	return nil
}

// about says which topic an error is about.
func about(topic string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("subscribe to topic %.255q: %w", topic, err)
}
