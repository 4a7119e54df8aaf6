package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/tracing"
)

// topicPublisherCount is how many publishers dispatch what comes over HTTP. A topic has
// one of them, so that who waits for each answer has an order; a subscriber that holds
// one up does not hold up the others.
const topicPublisherCount = 64

// topicPublishers dispatch what comes over HTTP.
type topicPublishers struct {
	// all are made when first used: the loss of a node without publishers is no gap to
	// anybody.
	all func() ([]eventnode.Publisher, error)
}

func newTopicPublishers(d *dispatch.Dispatcher, t *tracing.Tracer) *topicPublishers {
	return &topicPublishers{sync.OnceValues(func() ([]eventnode.Publisher, error) {
		all := make([]eventnode.Publisher, topicPublisherCount)
		for i := range all {
			p, err := d.NewPublisher(context.Background())
			if err != nil {
				return nil, err
			}
			all[i] = t.Publisher(p)
		}
		return all, nil
	})}
}

// dispatch dispatches the events of one request.
func (t *topicPublishers) dispatch(ctx context.Context, topic string, events []event.Event) error {
	all, err := t.all()
	if err != nil {
		return err
	}
	publisher := all[xxhash.Sum64String(topic)%topicPublisherCount]
	for i := range events {
		if _, err := publisher.Dispatch(ctx, topic, events[i]); err != nil {
			if i > 0 {
				return fmt.Errorf("only the first %d of %d events were dispatched: %w", i, len(events), err)
			}
			return err
		}
	}
	return nil
}

// maxStreamProducers bounds the namespaces of which a producer is kept: a request may name
// any.
const maxStreamProducers = 256

// streamProducers publish what comes over HTTP. They are one a namespace, so that
// requests share its batches, and the streams remember one of them and not one a
// request.
type streamProducers struct {
	open func(namespace string) eventnode.Streams
	mu   sync.Mutex
	all  map[string]eventnode.Streams
}

// publish appends the events of one request.
func (s *streamProducers) publish(ctx context.Context, namespace, stream string, events []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error) {
	return s.of(namespace).PublishMany(ctx, stream, events, opts...)
}

// of is the producer of a namespace.
func (s *streamProducers) of(namespace string) eventnode.Streams {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.all[namespace]
	if !ok {
		if s.all == nil || len(s.all) >= maxStreamProducers {
			s.all = make(map[string]eventnode.Streams) // those that are forgotten end when they have nothing to do
		}
		p = s.open(namespace)
		s.all[namespace] = p
	}
	return p
}
