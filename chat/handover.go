package chat

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// handOvers is how many sessions a node hands over at a time.
const handOvers = 64

// HandOver gives the sessions of this node to the others, in turn, for the node goes down:
// their clients may resume anywhere, and miss nothing. It says how many it gave and how
// many there were, which is more if nobody took them until ctx ended. No session is opened
// here any more.
func (h *Hub) HandOver(ctx context.Context) (given, all int) {
	h.manager.StopAccepting()
	h.leaving.Store(true)
	peers := h.cfg.Cluster.Peers()
	list := h.manager.All()
	if len(peers) == 0 {
		return 0, len(list)
	}
	var done atomic.Int64
	var g errgroup.Group
	g.SetLimit(handOvers)
	for i, s := range list {
		g.Go(func() error {
			if h.offer(ctx, s, peers, i) {
				done.Add(1)
			}
			return nil
		})
	}
	_ = g.Wait()  // no function fails
	h.settle(ctx) // nobody asks this node for them any more
	return int(done.Load()), len(list)
}

// offer offers a session to one node after the other.
func (h *Hub) offer(ctx context.Context, s *sessions.Session, peers []eventnode.NodeID, first int) bool {
	offer := &clusterv1.ChatHandOver{UserId: uint64(s.User), SessionId: string(s.ID()), Seen: s.Oldest() - 1}
	for i := range peers {
		if ctx.Err() != nil {
			return false
		}
		if h.offerTo(ctx, peers[(first+i)%len(peers)], offer) {
			return true
		}
	}
	return false
}

// offerTo offers a session to a node, which asks back three times before it answers.
func (h *Hub) offerTo(ctx context.Context, node eventnode.NodeID, offer *clusterv1.ChatHandOver) bool {
	ctx, cancel := context.WithTimeout(ctx, 4*h.cfg.CallTimeout)
	defer cancel()
	resp, err := h.cfg.Cluster.Call(ctx, node, &clusterv1.ChatRequest{
		Position: h.cfg.Progress.Applied().String(), What: &clusterv1.ChatRequest_HandOver{HandOver: offer},
	})
	return err == nil && resp.GetHandOver() != nil
}

// accept takes a session from a node that goes down.
func (h *Hub) accept(ctx context.Context, from eventnode.NodeID, offer *clusterv1.ChatHandOver) (*clusterv1.ChatResponse, error) {
	user, sid := id(offer.GetUserId()), sessions.ID(offer.GetSessionId())
	if _, err := h.fetchFrom(ctx, from, user, sid, offer.GetSeen()); err != nil {
		h.metrics.moves.WithLabelValues(moveResult(err)).Inc()
		return nil, fmt.Errorf("take session from %s: %w", from, err)
	}
	h.metrics.moves.WithLabelValues("ok").Inc()
	return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_HandOver{HandOver: &clusterv1.ChatBarrier{}}}, nil
}
