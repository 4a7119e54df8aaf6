package stream

import (
	"context"
	"errors"

	"github.com/eventnode/eventnode"
)

func (e *eventnodeStore) addGroup(ctx context.Context, group string, start GroupStart) error {
	_, err := e.c.Consumers().AddGroup(ctx, Name, group, eventnode.ConsumerGroupConfig{Keyed: start.Keyed}, eventnode.StartPlace{Newest: start.Newest})
	return err
}

// consume uses the SDK with its defaults: what the handler returns from is acked.
func (e *eventnodeStore) consume(ctx context.Context, group string, number, batch int, handle func([][]byte)) error {
	c := e.c.Consumers().Consumer(group, eventnode.WithStreams(Name))
	var events [][]byte
	ran, err := c.ConsumeMany(ctx, number, batch, func(_ context.Context, batch []*eventnode.StreamDelivery) error {
		events = events[:0]
		for _, d := range batch {
			events = append(events, d.Event().Data)
		}
		handle(events)
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case !ran:
		return errors.New("another one is this consumer")
	}
	return errors.New("the consumer ended by itself")
}

func (e *eventnodeStore) left(ctx context.Context, group string) (uint64, error) {
	info, err := e.c.Consumers().Group(ctx, Name, group)
	return info.Lag + info.Pending, err
}
