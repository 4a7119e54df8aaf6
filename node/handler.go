package node

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/groups"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams"
)

// handler hands what comes over the links to the part that it is for.
type handler struct {
	groups   *groups.Groups
	dispatch *dispatch.Dispatcher
	streams  *streams.Streams // nil: no storage
	chat     *chatService     // nil: no chat service
	sources  *sources
}

var _ link.Handler = (*handler)(nil)

// Exchange implements link.Handler.
func (h *handler) Exchange(from eventnode.NodeRef, msgs [][]byte) { h.groups.Receive(from, msgs) }

// Frame implements link.Handler.
func (h *handler) Frame(ctx context.Context, from eventnode.NodeRef, envelopes wire.Piece) error {
	return h.dispatch.Receive(ctx, from, envelopes)
}

// Queued implements link.Handler.
func (h *handler) Queued(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelopes wire.Piece) error {
	return h.dispatch.ReceiveQueued(ctx, from, to, envelopes)
}

// Tracked implements link.Handler.
func (h *handler) Tracked(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelope []byte) (int, error) {
	return h.dispatch.ReceiveTracked(ctx, from, to, envelope)
}

// Dropped implements link.Handler.
func (h *handler) Dropped(from eventnode.NodeRef, topic string, count uint64) {
	h.dispatch.Dropped(from.ID, topic, count)
}

// DroppedAny implements link.Handler.
func (h *handler) DroppedAny(from eventnode.NodeRef, count uint64) {
	h.dispatch.DroppedAny(from.ID, count)
}

// Gap implements link.Handler.
func (h *handler) Gap(from eventnode.NodeRef, reason eventnode.GapReason) {
	h.dispatch.Gap(from.ID, reason)
}

// Deliver implements link.Handler.
func (h *handler) Deliver(_ context.Context, _ eventnode.NodeRef, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	return h.groups.DeliverLocal(req)
}

// Storage implements link.Handler.
func (h *handler) Storage(ctx context.Context, from eventnode.NodeRef, req *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error) {
	if h.streams == nil {
		return nil, fmt.Errorf("this node has no storage: %w", eventnode.ErrUnavailable)
	}
	return h.streams.Answer(ctx, from.ID, req)
}

// Chat implements link.Handler.
func (h *handler) Chat(ctx context.Context, from eventnode.NodeRef, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	return h.chat.answer(ctx, from.ID, req)
}

// Source implements link.Handler.
func (h *handler) Source(ctx context.Context, _ eventnode.NodeRef, req *clusterv1.SourceRequest, send func(*clusterv1.SourceResponse) error) error {
	return h.sources.service.Answer(ctx, req, send)
}

// ListSubscriptions implements link.Handler.
func (h *handler) ListSubscriptions(topic string) []*eventnodev1.SubscriptionInfo {
	return convert.SubscriptionsToProto(h.dispatch.Subscriptions(topic))
}

// LinkUp implements link.Handler.
func (h *handler) LinkUp(to eventnode.NodeRef) { h.groups.PeerUp(to) }

// LinkDown implements link.Handler.
func (h *handler) LinkDown(to eventnode.NodeRef) { h.groups.PeerDown(to) }

// Refused implements link.Handler: the kernel of that machine answers, the process does not exist. The
// members go now; gossip will need seconds to say the same.
func (h *handler) Refused(to eventnode.NodeRef) { h.groups.NodeGone(to) }

// Goodbye implements link.Handler: that node stops, and all it sent has been read.
func (h *handler) Goodbye(from eventnode.NodeRef) { h.groups.NodeGone(from) }
