package bus

import (
	"context"
	"errors"
)

// Bus is a producer and a consumer that start and close together. It has the methods of
// both.
type Bus struct {
	*Producer
	*Consumer
}

var _ Starter = (*Bus)(nil)

// New makes a bus over one transport.
func New(cfg Config) (*Bus, error) {
	p, err := NewProducer(cfg)
	if err != nil {
		return nil, err
	}
	c, err := NewConsumer(cfg)
	if err != nil {
		return nil, err
	}
	return Join(p, c), nil
}

// Join makes a bus of a producer and a consumer, perhaps over different transports.
func Join(p *Producer, c *Consumer) *Bus { return &Bus{Producer: p, Consumer: c} }

// Start starts the consumer and then the producer, so that what is produced is received;
// or none of them.
func (b *Bus) Start(ctx context.Context) error {
	if err := b.Consumer.Start(ctx); err != nil {
		return err
	}
	if err := b.Producer.Start(ctx); err != nil {
		return errors.Join(err, b.Consumer.Close(ctx))
	}
	return nil
}

// Close closes the producer and then the consumer.
func (b *Bus) Close(ctx context.Context) error {
	return errors.Join(b.Producer.Close(ctx), b.Consumer.Close(ctx))
}
