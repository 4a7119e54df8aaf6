package streamsdk

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// PublishRecorded appends events with the topics to which they were dispatched, but
// for those that the stream remembers; all or none.
func (s *Streams) PublishRecorded(ctx context.Context, stream string, list []eventnode.Delivery) (eventnode.Published, error) {
	c := newCall(stream, eventnode.NewPublishOptions(eventnode.WithDedupe()))
	for i := range list {
		d := &list[i]
		if err := s.CheckRecorded(stream, d); err != nil {
			return eventnode.Published{}, fmt.Errorf("event %d of %d, from 0 on: %w", i, len(list), err)
		}
		if c.addTo(d.Topics, &d.Event); len(c.records) > maxBatchBytes {
			return eventnode.Published{}, &eventnode.LimitError{Limit: "max_batch_bytes", Max: maxBatchBytes, Got: len(c.records)}
		}
	}
	return s.publish(ctx, c)
}

// CheckRecorded returns why an event cannot be in a stream, as far as can be said here.
func (s *Streams) CheckRecorded(stream string, d *eventnode.Delivery) error {
	return s.check(stream, &d.Event)
}

// RecordedSize is what an event takes of a batch.
func RecordedSize(d *eventnode.Delivery) int {
	n := wire.EventSize(&d.Event)
	for _, t := range d.Topics {
		n += len(t)
	}
	return n
}
