package client

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/catchup"
)

// How gaps are filled: internal/catchup puts a subscription as all others and the
// client's streams together. What is the client's part is to say whether the
// subscription stood while the stream was asked where it ends.

// subscribeCatchingUp opens a subscription whose gaps are filled from a stream.
func (c *Client) subscribeCatchingUp(ctx context.Context, topics []string, o eventnode.SubscribeOptions) (eventnode.Subscription, error) {
	var live *subscription
	s, err := catchup.Open(ctx, catchup.Config{
		Streams: c.Streams(WithNamespace(o.CatchUpNamespace)), Stream: o.CatchUp, Topics: topics, Filter: o.Filter,
		QueueEvents: o.QueueEvents, QueueBytes: o.QueueBytes,
		Subscribe: func(ctx context.Context) (_ eventnode.Subscription, err error) {
			live, err = c.subscribe(ctx, topics, o)
			return live, err
		},
		Standing: func() uint64 { return live.standing.Load() },
	})
	if err != nil {
		return nil, err
	}
	if err := c.start(func() { s.Run(c.ctx) }); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}
