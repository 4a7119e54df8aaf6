package link

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Handler is what a node does with what its links bring. Package link calls
// it; calls for different peers, and for different lanes of one peer, overlap.
//
// Exchange, Dropped, DroppedAny, Gap, LinkUp, LinkDown, Refused and Goodbye
// must be quick and must not call Add, Remove, Drain or Send; SendExchange
// never blocks and is allowed everywhere.
type Handler interface {
	// Exchange takes group-table messages, each an encoded clusterv1.Exchange, in
	// order: all that came together. Calls for one peer are in order and do not
	// overlap. The bytes are never written again, the list is used again after
	// the call.
	Exchange(from eventnode.NodeRef, msgs [][]byte)

	// Frame takes the envelopes of one frame: a run of fields number 15, as the
	// publishers encoded them. The bytes are never written again; a handler that
	// keeps them for longer than the call holds the piece.
	//
	// Calls for one lane are in order and do not overlap. Frame may block
	// (policy block): its lane waits, and the sender is told. It must return
	// soon after ctx ended (the link was replaced or removed). The frame counts
	// as received then: what was not delivered Frame must account for itself.
	//
	// An error means that the bytes are no envelopes. It ends the link, and Gap
	// is called, since nobody knows what the rest of them was.
	Frame(ctx context.Context, from eventnode.NodeRef, envelopes wire.Piece) error
	// Queued is Frame for envelopes that are not for the plain subscriptions alone. It may
	// pass them on with SendQueued, under a context that has ended: without waiting.
	Queued(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelopes wire.Piece) error
	// Tracked takes one encoded Envelope and returns how many subscriptions
	// took it. Order, blocking and errors are as for Frame.
	Tracked(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelope []byte) (reached int, err error)

	// Dropped tells that the sender dropped count events of topic. It is called
	// in place: before the envelopes that come after them in their lane.
	Dropped(from eventnode.NodeRef, topic string, count uint64)
	// DroppedAny tells the same of events whose topics were not kept.
	DroppedAny(from eventnode.NodeRef, count uint64)
	// Gap tells that events from that node may be missing and nobody knows how
	// many: GapLinkLost before the frames of the next generation are read, or
	// GapNodeLost when the node is gone.
	Gap(from eventnode.NodeRef, reason eventnode.GapReason)

	// Deliver hands an event to group members. An error reaches the caller as
	// the sentinel it wraps, if that is one of package eventnode's.
	Deliver(ctx context.Context, from eventnode.NodeRef, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error)
	// Storage answers a question about the durable plane; errors as for Deliver.
	Storage(ctx context.Context, from eventnode.NodeRef, req *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error)
	// Chat does this node's part of what a chat service does; errors as for Deliver.
	Chat(ctx context.Context, from eventnode.NodeRef, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error)
	// Source answers what another node asks of an event source, in parts that send takes;
	// errors as for Deliver.
	Source(ctx context.Context, from eventnode.NodeRef, req *clusterv1.SourceRequest, send func(*clusterv1.SourceResponse) error) error
	// ListSubscriptions lists the node's own; "" means all topics.
	ListSubscriptions(topic string) []*eventnodev1.SubscriptionInfo

	// LinkUp and LinkDown follow the outgoing link to a peer, in turns. At
	// LinkUp SendExchange is accepted already; at LinkDown what it had queued
	// is gone.
	LinkUp(to eventnode.NodeRef)
	LinkDown(to eventnode.NodeRef)
	// Refused tells that the peer's port refused two connections, 200 ms apart:
	// its process is gone. It is called once between two LinkUps.
	Refused(to eventnode.NodeRef)
	// Goodbye tells that the peer goes for good and that all it sent was read.
	Goodbye(from eventnode.NodeRef)
}
