package node

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/tracing"
)

// Dispatch implements eventnode.Publisher, with the order of the one publisher
// that all callers of this Node share. Before Ready it waits.
func (n *Node) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	p, t, err := n.sharedPublisher(ctx)
	if err != nil {
		return eventnode.Receipt{}, err
	}
	if t != nil {
		return t.Publisher(p).Dispatch(ctx, topic, ev, opts...)
	}
	return p.Dispatch(ctx, topic, ev, opts...)
}

// DispatchMany implements eventnode.Publisher, as Dispatch does.
func (n *Node) DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	p, t, err := n.sharedPublisher(ctx)
	if err != nil {
		return eventnode.Receipt{}, err
	}
	if t != nil {
		return t.Publisher(p).DispatchMany(ctx, topics, ev, opts...)
	}
	return p.DispatchMany(ctx, topics, ev, opts...)
}

// Flush implements eventnode.Publisher: an embedded node accepts or refuses at
// once, so there is nothing to wait for.
func (n *Node) Flush(ctx context.Context) error {
	p, _, err := n.sharedPublisher(ctx)
	if err != nil {
		return err
	}
	return p.Flush(ctx)
}

// sharedPublisher is the one behind Dispatch, DispatchMany and Flush, and what makes its
// spans.
func (n *Node) sharedPublisher(ctx context.Context) (*dispatch.Publisher, *tracing.Tracer, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, nil, err
	}
	shared, err := p.publisher()
	return shared, p.tracer, err
}

// NewPublisher implements eventnode.Live.
func (n *Node) NewPublisher(ctx context.Context) (eventnode.PublisherCloser, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	own, err := p.dispatch.NewPublisher(ctx)
	if err != nil {
		return nil, err
	}
	return p.tracer.PublisherCloser(own), nil
}

// Subscribe implements eventnode.Subscriber. Before Ready it waits.
func (n *Node) Subscribe(ctx context.Context, topics []string, opts ...eventnode.SubscribeOption) (eventnode.Subscription, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	var s eventnode.Subscription
	o := eventnode.NewSubscribeOptions(opts...)
	if err := o.CheckQueueGroup(); err != nil {
		return nil, err
	}
	if o.CatchUp != "" {
		s, err = p.subscribeCatchingUp(ctx, topics, o, opts)
	} else {
		s, err = p.dispatch.Subscribe(ctx, topics, opts...)
	}
	if err != nil {
		return nil, err
	}
	return p.tracer.Subscription(s), nil
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
