package node

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/event"
)

// Dispatch implements eventnode.Publisher, with the order of the one publisher
// that all callers of this Node share. Before Ready it waits.
func (n *Node) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	p, err := n.sharedPublisher(ctx)
	if err != nil {
		return eventnode.Receipt{}, err
	}
	return p.Dispatch(ctx, topic, ev, opts...)
}

// DispatchMany implements eventnode.Publisher, as Dispatch does.
func (n *Node) DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	p, err := n.sharedPublisher(ctx)
	if err != nil {
		return eventnode.Receipt{}, err
	}
	return p.DispatchMany(ctx, topics, ev, opts...)
}

// Flush implements eventnode.Publisher: an embedded node accepts or refuses at
// once, so there is nothing to wait for.
func (n *Node) Flush(ctx context.Context) error {
	p, err := n.sharedPublisher(ctx)
	if err != nil {
		return err
	}
	return p.Flush(ctx)
}

// sharedPublisher is the one behind Dispatch, DispatchMany and Flush.
func (n *Node) sharedPublisher(ctx context.Context) (*dispatch.Publisher, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	return p.publisher()
}

// NewPublisher implements eventnode.Live.
func (n *Node) NewPublisher(ctx context.Context) (eventnode.PublisherCloser, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	return p.dispatch.NewPublisher(ctx)
}

// Subscribe implements eventnode.Subscriber. Before Ready it waits.
func (n *Node) Subscribe(ctx context.Context, topics []string, opts ...eventnode.SubscribeOption) (eventnode.Subscription, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	if o := eventnode.NewSubscribeOptions(opts...); o.CatchUp != "" {
		return p.subscribeCatchingUp(ctx, topics, o, opts)
	}
	return p.dispatch.Subscribe(ctx, topics, opts...)
}

// NewMember implements eventnode.Groups. Before Ready it waits.
func (n *Node) NewMember(ctx context.Context, queue int) (eventnode.Member, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	return p.groups.NewMember(ctx, queue)
}

// Scope implements eventnode.Groups. Once the node is ready it is the table's
// own scope; until then its methods wait for that.
func (n *Node) Scope(name string) eventnode.Scope {
	if p, ok := n.now(); ok {
		return p.groups.Scope(name)
	}
	return &earlyScope{node: n, name: name}
}
