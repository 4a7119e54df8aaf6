package dispatch

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// Links carries events to the other nodes. It is implemented over the links of
// the cluster; tests join dispatchers directly.
//
// Calls for different publishers overlap; calls for one publisher do not, and
// its order is the order of the calls, Send and Track taken together. The bytes
// never change; whoever keeps them for longer than the call holds them.
type Links interface {
	// Send queues a run of envelope records for a peer on the publisher's
	// lane. It waits while the link is full but makes progress. It returns
	// false if the events were dropped: the link counts them and tells the
	// peer. topic is the topic of the whole run, for that account; it is empty
	// if the run goes to several topics, and then any subscription of the peer
	// may have lost something.
	Send(ctx context.Context, to eventnode.NodeRef, lane uint32, topic string, run wire.Piece, count int) bool
	// SendQueued is Send for events that are not for the plain subscriptions of the peer
	// alone.
	SendQueued(ctx context.Context, to eventnode.NodeRef, lane uint32, topic string, audience wire.Audience, run wire.Piece, count int) bool
	// Track is Send for one encoded Envelope (no record) that wants a receipt.
	// The answer comes through reply: once, perhaps before Track returns; or
	// never, when ctx ends first.
	Track(ctx context.Context, to eventnode.NodeRef, lane uint32, topic string, audience wire.Audience, envelope []byte, reply func(reached int, err error))
	// SetPublishing is called before the first event of a publisher is taken:
	// the loss of this node may lose events from now on.
	SetPublishing()
}

// Interest makes known which topics this node wants. It is implemented over
// groups: a node that wants a topic is a member of that topic's group. What a node announces
// that has members of a queue group is the topic, a space and the group's name.
//
// For one topic calls do not overlap.
type Interest interface {
	// Announce says that this node wants topic. It is idempotent, and returns
	// when the node's own table knows.
	Announce(ctx context.Context, topic string) error
	// Withdraw says that it does not any more.
	Withdraw(topic string)
	// Wait returns when all live nodes know everything announced so far, at
	// most after one second: how many do, this node among them, and which do
	// not.
	Wait(ctx context.Context) (nodes int, missing []eventnode.NodeID)
}

// noLinks is the Links of a node that is alone.
type noLinks struct{}

// Send drops.
func (noLinks) Send(context.Context, eventnode.NodeRef, uint32, string, wire.Piece, int) bool {
	return false
}

// SendQueued drops.
func (noLinks) SendQueued(context.Context, eventnode.NodeRef, uint32, string, wire.Audience, wire.Piece, int) bool {
	return false
}

// Track says that nobody is there.
func (noLinks) Track(_ context.Context, _ eventnode.NodeRef, _ uint32, _ string, _ wire.Audience, _ []byte, reply func(int, error)) {
	reply(0, eventnode.ErrUnavailable)
}

// SetPublishing tells nobody.
func (noLinks) SetPublishing() {}

// noInterest is the Interest of a node that is alone.
type noInterest struct{}

// Announce tells nobody.
func (noInterest) Announce(context.Context, string) error { return nil }

// Withdraw tells nobody.
func (noInterest) Withdraw(string) {}

// Wait counts this node.
func (noInterest) Wait(context.Context) (nodes int, missing []eventnode.NodeID) { return 1, nil }

var (
	_ Links    = noLinks{}
	_ Interest = noInterest{}
)
