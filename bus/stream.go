package bus

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Stream carries events by a durable stream, of a client or an embedded node: at least
// once. What was produced is stored by a majority of the copies, and kept until the
// consumer group has acked it. Each event goes to one consumer of the group at a time;
// when that fails, or is gone, it comes again, and in the end it is a dead letter
// (eventnode.ConsumerGroupConfig).
//
// Consumers of one group, in any number of processes, share the events. The order is
// that of the stream with one of them, and while nothing is nacked; with a keyed group
// (ConsumerGroupConfig.Keyed) it is kept for the events of a key always.
type Stream struct {
	// Streams publishes. Required to produce.
	Streams eventnode.Streams
	// Consumers consumes. Required to consume.
	Consumers eventnode.Consumers
	// Stream is the name of a stream that was declared. Required.
	Stream string
	// Group is the consumer group. Required to consume.
	Group string
	// AddGroup, if set, has Start add the consumer group if it is not there, at the
	// oldest event.
	AddGroup *eventnode.ConsumerGroupConfig
	// Number is which consumer of the group to be, from 1 on: while somebody else is it
	// this one waits. Defaults to one that is free: all run beside each other.
	Number int
	// Batch is how many events are in hand at once, and as many wait behind them.
	// Defaults to 64.
	Batch int
	// Dedupe leaves out events whose ID the stream remembers (eventnode.WithDedupe).
	Dedupe bool
	// Options change the consumer. WithManualAck and WithErrorHandler are of no use here.
	Options []eventnode.ConsumerOption
}

var _ Transport = Stream{}

// defaultBatch is Stream.Batch.
const defaultBatch = 64

// Guarantee implements Transport.
func (Stream) Guarantee() Guarantee { return AtLeastOnce }

// OpenSender implements Transport. A stream that is not there is ErrStreamNotFound.
func (s Stream) OpenSender(ctx context.Context) (Sender, error) {
	if s.Streams == nil || s.Stream == "" {
		return nil, fmt.Errorf("to produce to a stream, say Streams and Stream: %w", eventnode.ErrInvalidArgument)
	}
	if _, err := s.Streams.Info(ctx, s.Stream); err != nil {
		return nil, err
	}
	sender := streamSender{s: s}
	if s.Dedupe {
		sender.opts = append(sender.opts, eventnode.WithDedupe())
	}
	return sender, nil
}

// streamSender publishes.
type streamSender struct {
	s    Stream
	opts []eventnode.PublishOption
}

// Send implements Sender.
func (s streamSender) Send(ctx context.Context, evs []event.Event, _ bool) (err error) {
	if len(evs) == 1 {
		_, err = s.s.Streams.Publish(ctx, s.s.Stream, evs[0], s.opts...)
	} else {
		_, err = s.s.Streams.PublishMany(ctx, s.s.Stream, evs, s.opts...)
	}
	return err
}

// Flush implements Sender: Send has waited.
func (streamSender) Flush(ctx context.Context) error { return ctx.Err() }

// Close implements Sender.
func (streamSender) Close(context.Context) error { return nil }

// OpenReceiver implements Transport. A consumer group that is not there, and is not to be
// added, is ErrConsumerGroupNotFound.
func (s Stream) OpenReceiver(ctx context.Context) (Receiver, error) {
	if s.Consumers == nil || s.Stream == "" || s.Group == "" || s.Number < 0 || s.Batch < 0 {
		return nil, fmt.Errorf("to consume a stream, say Consumers, Stream and Group, and nothing below zero: %w", eventnode.ErrInvalidArgument)
	}
	if s.AddGroup != nil {
		if _, err := s.Consumers.AddGroup(ctx, s.Stream, s.Group, *s.AddGroup, eventnode.StartPlace{}); err != nil {
			return nil, err
		}
	}
	info, err := s.Consumers.Group(ctx, s.Stream, s.Group)
	if err != nil {
		return nil, err
	}
	return &streamReceiver{s: s, keyed: info.Config.Keyed}, nil
}
