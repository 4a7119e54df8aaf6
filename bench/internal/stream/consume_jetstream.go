package stream

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// ackPending is how many events the server hands out without an ack. With the default
// of 1,000 it waits for acks.
const ackPending = 10_000

// addGroup makes a durable pull consumer, of as many copies as the stream has.
func (s *jetStream) addGroup(ctx context.Context, group string, start GroupStart) error {
	if start.Keyed {
		return errors.New("no keyed consumer groups in JetStream")
	}
	cfg := jetstream.ConsumerConfig{Durable: group, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: ackPending}
	if start.Newest {
		cfg.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	_, err := s.js.CreateOrUpdateConsumer(ctx, Name, cfg)
	return err
}

// consume has events pulled in advance, handles each and acks it, without waiting for
// what becomes of the ack. To fetch batch after batch costs the servers a third more.
func (s *jetStream) consume(ctx context.Context, group string, _, batch int, handle func([][]byte)) error {
	c, err := s.js.Consumer(ctx, Name, group)
	if err != nil {
		return err
	}
	msgs, err := c.Messages(jetstream.PullMaxMessages(max(batch, pullEvents)))
	if err != nil {
		return err
	}
	defer msgs.Stop()
	defer context.AfterFunc(ctx, msgs.Stop)()
	for {
		m, err := msgs.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		handle([][]byte{m.Data()})
		if err := m.Ack(); err != nil {
			return err
		}
	}
}

func (s *jetStream) left(ctx context.Context, group string) (uint64, error) {
	c, err := s.js.Consumer(ctx, Name, group)
	if err != nil {
		return 0, err
	}
	info := c.CachedInfo() // it was asked for just now
	return info.NumPending + uint64(info.NumAckPending), nil
}
