package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// answer does this node's part of a request, its own or another node's: from is who asks.
func (h *Hub) answer(ctx context.Context, from eventnode.NodeID, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	switch what := req.GetWhat().(type) {
	case *clusterv1.ChatRequest_Dispatch:
		d, err := h.dispatch(ctx, what.Dispatch)
		return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Dispatch{Dispatch: d}}, err
	case *clusterv1.ChatRequest_Subscribe:
		s, err := h.subscribe(ctx, what.Subscribe)
		return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Subscribe{Subscribe: s}, Error: toError(err)}, nil
	case *clusterv1.ChatRequest_Unsubscribe:
		return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Unsubscribe{Unsubscribe: h.unsubscribe(ctx, what.Unsubscribe)}}, nil
	case *clusterv1.ChatRequest_Remove:
		return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Remove{Remove: h.remove(ctx, what.Remove)}}, nil
	case *clusterv1.ChatRequest_Barrier:
		return h.barrier(ctx), nil
	case *clusterv1.ChatRequest_List:
		return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_List{List: h.list(what.List)}}, nil
	case *clusterv1.ChatRequest_Close:
		resp := &clusterv1.ChatResponse{}
		if h.manager.End(sessions.ID(what.Close.GetSessionId())) {
			resp.What = &clusterv1.ChatResponse_Close{Close: &eventnodev1.ChatServiceCloseSessionResponse{}}
		}
		return resp, nil
	case *clusterv1.ChatRequest_Lend:
		return h.lend(ctx, what.Lend), nil
	case *clusterv1.ChatRequest_Take:
		return h.give(ctx, from, what.Take), nil
	case *clusterv1.ChatRequest_Flush:
		return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Flush{Flush: &clusterv1.ChatBarrier{}}}, h.journal.flush(ctx)
	default:
		return nil, fmt.Errorf("this node does not know what it is asked; is it older than the other one?: %w", eventnode.ErrUnavailable)
	}
}

// barrier waits until the other nodes know what this one wants: the caller has seen to it
// that its directory is far enough.
func (h *Hub) barrier(ctx context.Context) *clusterv1.ChatResponse {
	return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Barrier{Barrier: &clusterv1.ChatBarrier{Missing: names(h.settle(ctx))}}}
}

// peers are all other nodes.
func (h *Hub) peers() map[eventnode.NodeID]bool {
	nodes := map[eventnode.NodeID]bool{}
	for _, node := range h.cfg.Cluster.Peers() {
		nodes[node] = true
	}
	return nodes
}

// Barrier waits until every live node has applied what this node's directory has, and all
// know what the others want, and names those of which that was not heard in time.
func (h *Hub) Barrier(ctx context.Context) (missing []eventnode.NodeID) {
	var late []eventnode.NodeID
	missing = h.everywhere(ctx, h.peers(), &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Barrier{Barrier: &clusterv1.ChatBarrier{}}}, func(r *clusterv1.ChatResponse) {
		for _, node := range r.GetBarrier().GetMissing() {
			late = append(late, eventnode.NodeID(node))
		}
	})
	missing = append(missing, late...)
	slices.Sort(missing)
	return slices.Compact(missing)
}

// ListSessions lists sessions of all nodes, a response for each.
func (h *Hub) ListSessions(ctx context.Context, req *eventnodev1.ChatServiceListSessionsRequest) (all []*eventnodev1.ChatSession, missing []eventnode.NodeID) {
	missing = h.everywhere(ctx, h.peers(), &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_List{List: req}}, func(r *clusterv1.ChatResponse) {
		all = append(all, r.GetList().GetSessions()...)
	})
	return all, missing
}

// CloseSession ends a session, wherever it is. It fails with sessions.ErrNotFound.
func (h *Hub) CloseSession(ctx context.Context, id sessions.ID) error {
	closed := false
	req := &eventnodev1.ChatServiceCloseSessionRequest{SessionId: string(id)}
	missing := h.everywhere(ctx, h.peers(), &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Close{Close: req}}, func(r *clusterv1.ChatResponse) {
		closed = closed || r.GetClose() != nil
	})
	switch {
	case closed:
		return nil
	case len(missing) > 0:
		return fmt.Errorf("session %.40s is on no node that answered, and %v did not: %w", id, missing, eventnode.ErrUnavailable)
	default:
		return fmt.Errorf("%.40s: %w", id, sessions.ErrNotFound)
	}
}

// list lists sessions of this node.
func (h *Hub) list(req *eventnodev1.ChatServiceListSessionsRequest) *eventnodev1.ChatServiceListSessionsResponse {
	h.mu.RLock()
	defer h.mu.RUnlock()
	answer := &eventnodev1.ChatServiceListSessionsResponse{}
	for _, s := range h.candidates(req) {
		if g := sessions.Snowflake(req.GetGuildId()); g == 0 || s.Shard.Owns(g) && h.cfg.Directory.Member(g, s.User) != nil {
			answer.Sessions = append(answer.Sessions, h.describe(s, req.GetSessionId() != ""))
		}
	}
	return answer
}

func (h *Hub) candidates(req *eventnodev1.ChatServiceListSessionsRequest) []*sessions.Session {
	var all []*sessions.Session
	switch {
	case req.GetSessionId() != "":
		if s, err := h.manager.Session(sessions.ID(req.GetSessionId())); err == nil {
			all = []*sessions.Session{s}
		}
	case req.GetUserId() != 0:
		return h.manager.OfUser(sessions.Snowflake(req.GetUserId()))
	default:
		all = h.manager.All()
	}
	if u := sessions.Snowflake(req.GetUserId()); u != 0 {
		all = slices.DeleteFunc(all, func(s *sessions.Session) bool { return s.User != u })
	}
	return all
}

// describe says how a session is. The caller holds mu.
func (h *Hub) describe(s *sessions.Session, details bool) *eventnodev1.ChatSession {
	events, bytes := s.Kept()
	out := &eventnodev1.ChatSession{
		Id: string(s.ID()), Node: string(h.cfg.Node.ID), UserId: uint64(s.User), Bot: s.Bot,
		Shard: s.Shard.Index, Shards: s.Shard.Count, Intents: s.Intents, Since: timestamppb.New(s.Since()),
		Sequence: s.Seq(), Attached: s.Attached(), KeptEvents: uint32(events), KeptBytes: uint64(bytes),
		Status: s.Presence().Status.String(), Topics: uint32(len(h.table.of[s])),
	}
	if details {
		out.Subscriptions = h.subscriptions(s)
	}
	return out
}

// subscriptions are what a session subscribes to, sorted. The caller holds mu.
func (h *Hub) subscriptions(s *sessions.Session) (out []*eventnodev1.ChatSubscription) {
	for _, in := range h.table.of[s] {
		f, _ := in.flags(s)
		out = append(out, subscription(in.topic, f))
	}
	slices.SortFunc(out, func(a, b *eventnodev1.ChatSubscription) int { return cmp.Compare(a.GetTopic(), b.GetTopic()) })
	return out
}

// bySession orders sessions by user, and then by when they were opened.
func bySession(a, b *eventnodev1.ChatSession) int {
	return cmp.Or(cmp.Compare(a.GetUserId(), b.GetUserId()), a.GetSince().AsTime().Compare(b.GetSince().AsTime()), cmp.Compare(a.GetId(), b.GetId()))
}

// toError makes an error ready for its way to another node.
func toError(err error) *clusterv1.ChatError {
	if err == nil {
		return nil
	}
	return &clusterv1.ChatError{Reason: apierr.Reason(err), Message: err.Error(), Details: apierr.Details(err)}
}

func fromError(e *clusterv1.ChatError) error {
	if e == nil {
		return nil
	}
	if err := apierr.FromReason(e.GetReason(), e.GetMessage(), e.GetDetails()); err != nil {
		return err
	}
	return errors.New(e.GetMessage())
}
