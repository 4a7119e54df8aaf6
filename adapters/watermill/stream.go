package watermill

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/eventnode/eventnode"
)

// defaultTimeout is PublisherConfig.Timeout and SubscriberConfig.Timeout.
const defaultTimeout = 30 * time.Second

// place is how topics are streams.
type place struct {
	streams   eventnode.Streams
	streamOf  func(topic string) string
	noDeclare bool
	stream    eventnode.StreamConfig
	timeout   time.Duration
}

// of names the stream of a topic.
func (p *place) of(topic string) string {
	if p.streamOf == nil {
		return topic
	}
	return p.streamOf(topic)
}

// declare makes a stream, if that is wanted and it is not there. One that is there stays
// as it is.
func (p *place) declare(ctx context.Context, stream string) error {
	if p.noDeclare {
		return nil
	}
	_, err := p.streams.Declare(ctx, stream, p.stream)
	if errors.Is(err, eventnode.ErrStreamDiffers) {
		return nil
	}
	return err
}

// limited bounds a call.
func (p *place) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(p.timeout, defaultTimeout))
}
