package eventnodepubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"

	"github.com/eventnode/eventnode"
)

// SubscriptionOptions change a subscription. The zero value has the defaults.
type SubscriptionOptions struct {
	// ReceiveBatcherOptions constrain further what is received together: by default up to
	// 1,000 messages.
	ReceiveBatcherOptions batcher.Options
	// AckBatcherOptions constrain further what is acked together: by default up to 1,000
	// messages.
	AckBatcherOptions batcher.Options
	// KeyName is the key in Metadata under which the ordering key (event.Event.Key) is
	// told. Defaults to none: it is not.
	KeyName string
	// Batch is how many messages wait in this process until they are received, and as many
	// behind them, which other processes do not get meanwhile. Defaults to 64.
	Batch int
	// Logger takes logs. Defaults to none.
	Logger *slog.Logger
}

const (
	defaultBatch = 64
	// receiveWait bounds how long ReceiveBatch waits, as package driver asks for.
	receiveWait = time.Second
)

// OpenSubscription returns a subscription that receives from a stream as its consumer group.
// That both are there is found out by the first Receive.
func OpenSubscription(consumers eventnode.Consumers, stream, group string, opts *SubscriptionOptions) (*pubsub.Subscription, error) {
	if opts == nil {
		opts = &SubscriptionOptions{}
	}
	if consumers == nil || stream == "" || group == "" || opts.Batch < 0 {
		return nil, fmt.Errorf("a subscription needs consumers, the names of a stream and of a group, and a Batch that is not below zero: %w",
			eventnode.ErrInvalidArgument)
	}
	return wrap(newSubscription(consumers, stream, group, opts), opts), nil
}

// wrap makes of a driver's subscription what the application has.
func wrap(s *subscription, opts *SubscriptionOptions) *pubsub.Subscription {
	most := batcher.Options{MaxHandlers: 1, MaxBatchSize: 1000}
	return pubsub.NewSubscription(s, most.NewMergedOptions(&opts.ReceiveBatcherOptions), most.NewMergedOptions(&opts.AckBatcherOptions))
}

// subscription receives from a stream as a consumer group.
type subscription struct {
	errorCodes
	desk
	keyName string
	end     func() error // of what the subscription has for itself
}

var _ driver.Subscription = (*subscription)(nil)

func newSubscription(consumers eventnode.Consumers, stream, group string, opts *SubscriptionOptions) *subscription {
	s := &subscription{keyName: opts.KeyName, end: func() error { return nil }}
	s.prepare(consumers, stream, group, opts)
	return s
}

// ReceiveBatch implements driver.Subscription.
func (s *subscription) ReceiveBatch(ctx context.Context, maxMessages int) ([]*driver.Message, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, receiveWait, errNothing)
	defer cancel()
	ds, err := s.receive(ctx, maxMessages)
	if errors.Is(err, errNothing) {
		return nil, nil
	}
	ms := make([]*driver.Message, len(ds))
	for i, d := range ds {
		ms[i] = s.message(d)
	}
	return ms, err
}

// message makes a message of an event. It shares the data.
func (s *subscription) message(d *eventnode.StreamDelivery) *driver.Message {
	meta := maps.Clone(d.Meta())
	if key := d.Event().Key; key != "" && s.keyName != "" {
		if meta == nil {
			meta = map[string]string{}
		}
		meta[s.keyName] = key
	}
	return &driver.Message{
		LoggableID: d.ID(), Body: d.Event().Data, Metadata: meta, AckID: d,
		AsFunc: func(i any) bool {
			p, ok := i.(**eventnode.StreamDelivery)
			if ok {
				*p = d
			}
			return ok
		},
	}
}

// SendAcks implements driver.Subscription.
func (s *subscription) SendAcks(ctx context.Context, ids []driver.AckID) error {
	return settle(ctx, ids, (*eventnode.StreamDelivery).Ack)
}

// CanNack implements driver.Subscription.
func (*subscription) CanNack() bool { return true }

// SendNacks implements driver.Subscription.
func (s *subscription) SendNacks(ctx context.Context, ids []driver.AckID) error {
	return settle(ctx, ids, func(d *eventnode.StreamDelivery) error { return d.Nack(0) })
}

// settle says something of deliveries. What was settled before stays as it was, and what
// is not this consumer's any more comes again: neither is an error.
func settle(ctx context.Context, ids []driver.AckID, say func(*eventnode.StreamDelivery) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, id := range ids {
		d, ok := id.(*eventnode.StreamDelivery)
		if !ok {
			return fmt.Errorf("an AckID of another driver, %T: %w", id, eventnode.ErrInvalidArgument)
		}
		if err := say(d); err != nil && !errors.Is(err, eventnode.ErrNotPending) && !errors.Is(err, eventnode.ErrFenced) {
			return err
		}
	}
	return nil
}

// As implements driver.Subscription.
func (s *subscription) As(i any) bool {
	p, ok := i.(*eventnode.Consumers)
	if ok {
		*p = s.consumers
	}
	return ok
}

// Close implements driver.Subscription. Acks that were sent are flushed; all else comes
// again.
func (s *subscription) Close() error {
	s.close()
	return s.end()
}
