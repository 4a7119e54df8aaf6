package node

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/catchup"
	"github.com/eventnode/eventnode/internal/recording"
	"github.com/eventnode/eventnode/internal/streamsdk"
)

var _ eventnode.Recorder = (*Node)(nil)

// Record implements eventnode.Recorder. Before Ready it waits. Let another node record
// the same topics, too: what this one misses is there.
func (n *Node) Record(ctx context.Context, topics []string, stream string, opts ...eventnode.RecordOption) error {
	p, err := n.settled(ctx)
	if err != nil {
		return err
	}
	o := eventnode.NewRecordOptions(opts...)
	return recording.New(recording.Config{
		Subscriber: n, Appender: p.streams(o.Namespace), Topics: topics, Stream: stream, Options: o,
	}).Run(ctx)
}

// streams returns the durable streams of a namespace.
func (p *parts) streams(namespace string) *streamsdk.Streams {
	return streamsdk.New(p.streamsConfig(namespace))
}

// subscribeCatchingUp opens a subscription whose gaps are filled from a stream.
func (p *parts) subscribeCatchingUp(ctx context.Context, topics []string, o eventnode.SubscribeOptions, opts []eventnode.SubscribeOption) (eventnode.Subscription, error) {
	s, err := catchup.Open(ctx, catchup.Config{
		Streams: p.streams(o.CatchUpNamespace), Stream: o.CatchUp, Topics: topics, Filter: o.Filter,
		QueueEvents: o.QueueEvents, QueueBytes: o.QueueBytes,
		Subscribe: func(ctx context.Context) (eventnode.Subscription, error) {
			return p.dispatch.Subscribe(ctx, topics, opts...)
		},
	})
	if err != nil {
		return nil, err
	}
	if err := p.callers.start(func() { s.Run(p.callers.ctx) }); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}
