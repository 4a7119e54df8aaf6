package client

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/recording"
	"github.com/eventnode/eventnode/internal/streamsdk"
)

var _ eventnode.Recorder = (*Client)(nil)

// Record implements eventnode.Recorder. When the client loses its node it goes on at
// another one, with a gap: a second recorder, at another node, has what is missing.
func (c *Client) Record(ctx context.Context, topics []string, stream string, opts ...eventnode.RecordOption) error {
	o := eventnode.NewRecordOptions(opts...)
	return recording.New(recording.Config{
		Subscriber: c, Appender: streamsdk.New(c.streamsConfig(WithNamespace(o.Namespace))),
		Topics: topics, Stream: stream, Options: o,
	}).Run(ctx)
}
