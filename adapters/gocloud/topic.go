package eventnodepubsub

import (
	"context"
	"fmt"
	"maps"

	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// TopicOptions change a topic. The zero value has the defaults.
type TopicOptions struct {
	// BatcherOptions constrain further what is sent together: by default up to 1,000
	// messages and 3 MiB, one batch after the other. Those of a batch are stored all or
	// none.
	BatcherOptions batcher.Options
	// Name is the name of the events. Defaults to the stream's.
	Name string
	// KeyName is the key in Metadata of the ordering key (event.Event.Key), which is then no
	// metadata. Defaults to none.
	KeyName string
}

// OpenTopic returns a topic that sends to a stream. That it is there is found out by the
// first Send.
func OpenTopic(streams eventnode.Streams, stream string, opts *TopicOptions) (*pubsub.Topic, error) {
	if streams == nil || stream == "" {
		return nil, fmt.Errorf("a topic needs streams, and the name of one: %w", eventnode.ErrInvalidArgument)
	}
	if opts == nil {
		opts = &TopicOptions{}
	}
	return pubsub.NewTopic(newTopic(streams, stream, opts), sendBatches(opts)), nil
}

// sendBatches is what is sent together. A node takes 4 MiB as one batch, metadata included.
func sendBatches(opts *TopicOptions) *batcher.Options {
	most := batcher.Options{MaxHandlers: 1, MaxBatchSize: 1000, MaxBatchByteSize: 3 << 20}
	return most.NewMergedOptions(&opts.BatcherOptions)
}

// topic sends to a stream.
type topic struct {
	errorCodes
	streams eventnode.Streams
	stream  string
	name    string
	keyName string
	end     func() error // of what the topic has for itself
}

var _ driver.Topic = (*topic)(nil)

func newTopic(streams eventnode.Streams, stream string, opts *TopicOptions) *topic {
	t := &topic{streams: streams, stream: stream, name: opts.Name, keyName: opts.KeyName, end: func() error { return nil }}
	if t.name == "" {
		t.name = stream
	}
	return t
}

// SendBatch implements driver.Topic: all or none.
func (t *topic) SendBatch(ctx context.Context, ms []*driver.Message) error {
	evs := make([]event.Event, len(ms))
	for i, m := range ms {
		evs[i] = t.event(m)
		if m.BeforeSend == nil {
			continue
		}
		if err := m.BeforeSend(asSent(&evs[i], nil)); err != nil {
			return err
		}
	}
	published, err := t.streams.PublishMany(ctx, t.stream, evs)
	if err != nil {
		return err
	}
	for i, m := range ms {
		if m.AfterSend == nil {
			continue
		}
		at := published.First
		at.Seq += uint64(i)
		if err := m.AfterSend(asSent(&evs[i], &at)); err != nil {
			return err
		}
	}
	return nil
}

// event makes an event of a message. It shares the body.
func (t *topic) event(m *driver.Message) event.Event {
	meta := maps.Clone(m.Metadata)
	key := ""
	if t.keyName != "" {
		if key = meta[t.keyName]; key != "" {
			delete(meta, t.keyName)
		}
	}
	return event.New(t.name, m.Body, event.WithKey(key), event.WithMeta(meta))
}

// asSent is the As of a message that is sent, and, if at is not nil, was.
func asSent(ev *event.Event, at *eventnode.Position) func(any) bool {
	return func(i any) bool {
		switch p := i.(type) {
		case **event.Event:
			*p = ev
			return true
		case *eventnode.Position:
			if at != nil {
				*p = *at
			}
			return at != nil
		}
		return false
	}
}

// As implements driver.Topic.
func (t *topic) As(i any) bool {
	p, ok := i.(*eventnode.Streams)
	if ok {
		*p = t.streams
	}
	return ok
}

// Close implements driver.Topic.
func (t *topic) Close() error { return t.end() }
