package watermill_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode/adapters/watermill"
)

// TestReconnect of the suite takes note of what it has published when Publish has returned,
// in a goroutine that it does not wait for; when the last message comes sooner than that, it
// says that it got one that nobody had published. So here the last one waits.

// reconnectMessages is how many messages TestReconnect publishes.
const reconnectMessages = 10_000

// countingPublisher counts what it has published.
type countingPublisher struct {
	*watermill.Publisher
	published *atomic.Int64
}

// Publish implements message.Publisher.
func (p countingPublisher) Publish(topic string, ms ...*message.Message) error {
	err := p.Publisher.Publish(topic, ms...)
	if err == nil {
		p.published.Add(int64(len(ms)))
	}
	return err
}

// patientSubscriber hands the last message out when all were published, and a bit later.
type patientSubscriber struct {
	*watermill.Subscriber
	published *atomic.Int64
}

// Subscribe implements message.Subscriber.
func (s patientSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	in, err := s.Subscriber.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		seen := map[string]bool{}
		for m := range in {
			if seen[m.UUID] = true; len(seen) == reconnectMessages {
				s.wait(m.Context())
			}
			select {
			case out <- m:
			case <-m.Context().Done():
			}
		}
	}()
	return out, nil
}

func (s patientSubscriber) wait(ctx context.Context) {
	for s.published.Load() < reconnectMessages && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond) // nothing says when the note is taken
}
