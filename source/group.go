package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
)

// GroupScope is the scope of the groups of consumers; the group of a source has its name.
const GroupScope = "source"

// ConsumerGroup is everybody, on all nodes, who consumes what one source says. It is made
// of a node or a client, and safe for concurrent use.
//
// Who consumes is a group of process groups, which can be monitored; what they consume
// comes by a subscription of each to the topic of the source. So one copy of an event goes
// to each node, and what is done about a slow consumer is its own affair.
type ConsumerGroup struct {
	live   eventnode.Live
	source string
	sends  *Live
}

// NewConsumerGroup makes the group of a source. Nobody has to create it: it is there.
func NewConsumerGroup(live eventnode.Live, source string) (*ConsumerGroup, error) {
	sends, err := NewLive(live, source)
	if err != nil {
		return nil, err
	}
	return &ConsumerGroup{live: live, source: source, sends: sends}, nil
}

// NewConsumer makes a consumer that has joined nothing yet. Options say how much it may
// have queued up, and what is done when that is full. ctx bounds only the making.
func (g *ConsumerGroup) NewConsumer(ctx context.Context, opts ...eventnode.SubscribeOption) (*Consumer, error) {
	member, err := g.live.NewMember(ctx, 1) // nothing is sent to it
	if err != nil {
		return nil, err
	}
	return newConsumer(g, member, opts), nil
}

// Join joins a consumer. One that has joined twice gets every event twice, one right
// behind the other. It returns when the live nodes know, or after a second: what is
// dispatched from then on is received, or there is a gap in its place.
func (g *ConsumerGroup) Join(ctx context.Context, c *Consumer) error {
	if err := g.owns(c); err != nil {
		return err
	}
	return c.join(ctx)
}

// Leave takes a consumer out, once for each time it is listed. One that has left as often
// as it had joined receives nothing more, and what was queued for it is gone. If none of
// the listed was in the group, it is ErrNotJoined.
func (g *ConsumerGroup) Leave(ctx context.Context, consumers ...*Consumer) error {
	for _, c := range consumers {
		if err := g.owns(c); err != nil {
			return err
		}
	}
	left := 0
	for _, c := range consumers {
		err := c.leave(ctx)
		switch {
		case err == nil:
			left++
		case !errors.Is(err, ErrNotJoined):
			return err
		}
	}
	if left == 0 {
		return fmt.Errorf("source: %d consumers of %s: %w", len(consumers), g.source, ErrNotJoined)
	}
	return nil
}

func (g *ConsumerGroup) owns(c *Consumer) error {
	if c == nil || c.g != g {
		return fmt.Errorf("source: the consumer was made by another group: %w", eventnode.ErrNotOwner)
	}
	return nil
}

// Members lists those that have joined, on all nodes, each as often as it has.
func (g *ConsumerGroup) Members(ctx context.Context) ([]eventnode.Membership, error) {
	return g.live.Scope(GroupScope).Members(ctx, g.source)
}

// Monitor watches who joins and leaves: a snapshot, then each change.
func (g *ConsumerGroup) Monitor(ctx context.Context) (eventnode.Monitor, error) {
	return g.live.Scope(GroupScope).Monitor(ctx, g.source)
}

// Dispatch sends events to all consumers, in order. A malformed event is an *EventError,
// and nothing was sent: one without a name, of another source, or whose data is no JSON.
// Other errors are as those of Live.Dispatch. No events are no error.
func (g *ConsumerGroup) Dispatch(ctx context.Context, events ...Event) error {
	return g.sends.dispatch(ctx, events, true)
}

// Await joins for one event: the first that is holds of. It returns with the event, or
// with the cause of ctx's end, and has left then. It sees what is dispatched after ready
// was called; ready may be nil.
func (g *ConsumerGroup) Await(ctx context.Context, is func(e Event) bool, ready func()) (e Event, err error) {
	if is == nil {
		return e, fmt.Errorf("source: what is awaited needs a predicate: %w", eventnode.ErrInvalidArgument)
	}
	c, err := g.NewConsumer(ctx)
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.join(ctx); err != nil {
		return e, err
	}
	if ready != nil {
		ready()
	}
	for {
		got, err := c.Receive(ctx)
		if err != nil || got.Gap == nil && is(got.Event) {
			return got.Event, err
		}
	}
}

// Close ends what Dispatch needed. Consumers go on.
func (g *ConsumerGroup) Close(ctx context.Context) error { return g.sends.Close(ctx) }
