package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/internal/memberlist"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// A client resumes at whatever node it reaches. If its session is elsewhere it moves here:
//
//	this node                              where the session is
//	---------                              --------------------
//	Lend            ─────────────────────► says what it is, and keeps it
//	adopts it, subscribes, waits until
//	every node knows: from here on both
//	nodes are sent its events
//	Lend            ─────────────────────► says what it subscribes to by now
//	Take            ─────────────────────► gives it away with what the client has not seen,
//	puts that before what came here since, and sends on what still comes for it
//	each event once, and attaches the socket
//
// So nothing is missing, whatever is dispatched meanwhile. If the other node does not
// answer, nothing is known of what the client has missed, and it has to begin anew.

// Resume attaches a socket to a session of a user, wherever in the cluster it is, behind
// what the client has seen. It fails with sessions.ErrNotFound, also for somebody else's
// session; with sessions.ErrAttached if it has a socket that answers; and as
// Session.Attach does.
func (h *Hub) Resume(ctx context.Context, user sessions.Snowflake, sid sessions.ID, seen uint64) (*sessions.Socket, error) {
	s, err := h.manager.SessionOf(user, sid)
	if err == nil {
		err = h.stillMine(ctx, s)
	}
	if errors.Is(err, sessions.ErrNotFound) {
		s, err = h.fetch(ctx, user, sid, seen)
		if h.journal != nil && recoverable(err) {
			s, err = h.recover(ctx, user, sid, seen, err)
		}
	}
	if err != nil {
		return nil, err
	}
	return s.Attach(seen)
}

// fetch moves a session here. While it moves it is known at two nodes, and at one that asked
// for it in vain for a moment: who knows more than that it is not there is believed.
func (h *Hub) fetch(ctx context.Context, user sessions.Snowflake, sid sessions.ID, seen uint64) (*sessions.Session, error) {
	h.wantMu.RLock()
	nodes := h.places.find(user, sid)
	h.wantMu.RUnlock()
	why := error(sessions.ErrNotFound)
	for _, node := range nodes {
		if node == h.cfg.Node.ID {
			continue // it has just ended
		}
		s, err := h.fetchFrom(ctx, node, user, sid, seen)
		switch {
		case err == nil:
			h.metrics.moves.WithLabelValues("ok").Inc()
			return s, nil
		case errors.Is(why, sessions.ErrNotFound):
			why = err
		}
	}
	if len(nodes) > 0 {
		h.metrics.moves.WithLabelValues(moveResult(why)).Inc()
	}
	return nil, why
}

// moveResult is a word for why a session did not move.
func moveResult(err error) string {
	_, gap := errors.AsType[*sessions.GapError](err)
	if gap || errors.Is(err, sessions.ErrNotFound) || errors.Is(err, sessions.ErrAttached) || errors.Is(err, sessions.ErrAhead) {
		return "refused"
	}
	return "failed"
}

// movesAtOnce is how many sessions move here at a time. When ten thousand clients come at
// once, the calls for all of them would each take as long as all together: longer than
// CallTimeout, after which nobody knows whether a session was given away. Who has to wait has
// changed nothing yet.
const movesAtOnce = 128

// fetchFrom moves a session here from a node, when it is its turn.
func (h *Hub) fetchFrom(ctx context.Context, node eventnode.NodeID, user sessions.Snowflake, sid sessions.ID, seen uint64) (*sessions.Session, error) {
	select {
	case h.moving <- struct{}{}:
		defer func() { <-h.moving }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%d other sessions move: %w", movesAtOnce, context.Cause(ctx))
	}
	record, err := h.borrow(ctx, node, user, sid, seen)
	if err != nil {
		return nil, err
	}
	since := h.journal.recently()
	s, err := h.adopt(ctx, user, sid, record)
	if err != nil {
		return nil, err
	}
	log, err := h.take(ctx, node, s, seen)
	if err != nil {
		h.manager.End(sid)
		return nil, err
	}
	complete := func() { s.Complete(log.GetFirst(), eventsFromProto(log.GetEvents())) }
	if err := h.goOn(ctx, s, log.GetGeneration(), since, complete); err != nil {
		return nil, err
	}
	s.Release(seen) // the other node has let the client see it
	h.watchAgain(s, record.GetWatches())
	return s, nil
}

// borrow asks a node what a session is.
func (h *Hub) borrow(ctx context.Context, node eventnode.NodeID, user sessions.Snowflake, sid sessions.ID, seen uint64) (*clusterv1.ChatRecord, error) {
	lend := &clusterv1.ChatLend{UserId: uint64(user), SessionId: string(sid), Seen: seen}
	lent, err := h.call(ctx, node, &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Lend{Lend: lend}}, seen)
	if err == nil && lent.GetLend() == nil {
		err = sessions.ErrNotFound // that node has no chat service any more
	}
	return lent.GetLend(), err
}

// take has a node give a session that was adopted here. Before that it is asked once more
// what the session subscribes to: that may have become more, by what this node knew before
// it had the session. Who asked may go away, but the session is not to be lost between the
// nodes: so this is not cut short.
func (h *Hub) take(ctx context.Context, node eventnode.NodeID, s *sessions.Session, seen uint64) (*clusterv1.ChatLog, error) {
	now, err := h.borrow(ctx, node, s.User, s.ID(), seen)
	if err != nil {
		return nil, err
	}
	if h.rejoinAll(s, now.GetSubscriptions()) {
		h.settle(ctx)
	}
	take := &clusterv1.ChatTake{UserId: uint64(s.User), SessionId: string(s.ID()), Seen: seen}
	taken, err := h.call(context.WithoutCancel(ctx), node, &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Take{Take: take}}, seen)
	return taken.GetTake(), err
}

// call asks another node for a session.
func (h *Hub) call(ctx context.Context, node eventnode.NodeID, req *clusterv1.ChatRequest, seen uint64) (*clusterv1.ChatResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	req.Position = h.cfg.Progress.Applied().String()
	resp, err := h.cfg.Cluster.Call(ctx, node, req)
	if err != nil {
		return nil, fmt.Errorf("node %s has the session: %w", node, err)
	}
	return resp, fromRefusal(resp, seen)
}

// adopt opens a session that is elsewhere, and has it subscribe to what it subscribes to
// there, as far as its user still may.
func (h *Hub) adopt(ctx context.Context, user sessions.Snowflake, sid sessions.ID, r *clusterv1.ChatRecord) (*sessions.Session, error) {
	who := sessions.Identity{
		User: user, Shard: sessions.Shard{Index: r.GetShard(), Count: r.GetShards()}, Bot: r.GetBot(),
		Intents: r.GetIntents(), LargeThreshold: int(r.GetLargeThreshold()),
	}
	h.mu.Lock()
	s, err := h.manager.Adopt(sid, who, r.GetSince().AsTime())
	if err == nil {
		h.departed.forgetID(user, sid)
		s.SetPresence(presenceFromProto(r.GetPresence()))
		h.rejoin(s, r.GetSubscriptions())
	}
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := h.register(ctx, s); err != nil {
		h.manager.End(sid)
		return nil, err
	}
	h.settle(ctx)
	return s, nil
}

// rejoinAll is rejoin with what was heard later.
func (h *Hub) rejoinAll(s *sessions.Session, subs []*eventnodev1.ChatSubscription) (more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.here(s) && h.rejoin(s, subs)
}

// rejoin subscribes a session to what it subscribed to elsewhere, unless it does already or
// its user may not any more; it reports whether there was something. The caller holds mu.
func (h *Hub) rejoin(s *sessions.Session, subs []*eventnodev1.ChatSubscription) (more bool) {
	has := make(map[string]bool, len(h.table.of[s]))
	for _, in := range h.table.of[s] {
		has[in.topic] = true
	}
	for _, sub := range subs {
		if has[sub.GetTopic()] {
			continue
		}
		if b, key, err := h.subscribable(sub.GetTopic()); err == nil && b.Admit(h.cfg.Directory, s, key) == nil {
			h.table.add(s, sub.GetTopic(), flagsOf(sub))
			more = true
		}
	}
	return more
}

// watchAgain sends the member lists anew that a session looks at: what it was told
// elsewhere ends where it left, and goes on from here.
func (h *Hub) watchAgain(s *sessions.Session, watches []*clusterv1.ChatWatch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.here(s) {
		return
	}
	for _, w := range watches {
		var ranges []memberlist.Range
		for pair := range slices.Chunk(w.GetRanges(), 2) {
			ranges = append(ranges, memberlist.Range{First: int(pair[0]), Last: int(pair[len(pair)-1])})
		}
		if err := h.lists.watch(s, id(w.GetChannelId()), ranges); err != nil {
			h.log.Debug("a session that has moved looks at a member list no more", "session", s.ID(), "error", err)
		}
	}
	h.kickOff()
}

// lend says what a session of this node is. One that is attached is asked for first: its
// client may have lost the connection without a word.
func (h *Hub) lend(ctx context.Context, req *clusterv1.ChatLend) *clusterv1.ChatResponse {
	s, err := h.manager.SessionOf(id(req.GetUserId()), sessions.ID(req.GetSessionId()))
	if err != nil {
		return h.unknown(sessions.ID(req.GetSessionId()), err)
	}
	if err := h.stillMine(ctx, s); err != nil {
		return h.unknown(s.ID(), err)
	}
	if s.Attached() && !h.cfg.Release(ctx, s) && s.Attached() { // it may have lost its socket meanwhile
		resp := refuse(sessions.ErrAttached)
		resp.Life = h.life
		return resp
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Lend{Lend: h.record(s)}, Life: h.life}
}

// record is a session without its events. The caller holds mu.
func (h *Hub) record(s *sessions.Session) *clusterv1.ChatRecord {
	r := &clusterv1.ChatRecord{
		Shard: s.Shard.Index, Shards: s.Shard.Count, Bot: s.Bot, Intents: s.Intents, LargeThreshold: uint32(s.LargeThreshold),
		Since: timestamppb.New(s.Since()), Presence: presenceToProto(s.Presence()), Subscriptions: h.subscriptions(s),
	}
	for _, w := range h.lists.watching[s] {
		out := &clusterv1.ChatWatch{ChannelId: uint64(w.channel)}
		for _, rng := range w.ranges {
			out.Ranges = append(out.Ranges, uint32(rng.First), uint32(rng.Last))
		}
		r.Watches = append(r.Watches, out)
	}
	return r
}

// give ends a session here and hands over what its client has not seen. A node that goes
// down gives what it has: the client may have more than the oldest that is kept.
func (h *Hub) give(ctx context.Context, to eventnode.NodeID, req *clusterv1.ChatTake) *clusterv1.ChatResponse {
	user, sid := id(req.GetUserId()), sessions.ID(req.GetSessionId())
	s, err := h.depart(user, sid, to)
	if err != nil {
		return h.unknown(sid, err)
	}
	generation, done, err := h.journal.pass(ctx, s)
	if err != nil {
		h.stay(s)
		return h.unknown(sid, err)
	}
	first, events, err := h.manager.Give(user, sid, req.GetSeen())
	if _, gap := errors.AsType[*sessions.GapError](err); gap && h.leaving.Load() {
		first, events, err = h.manager.GiveAll(user, sid)
	}
	if done(err == nil); err != nil {
		h.stay(s)
		return refuse(err)
	}
	log := &clusterv1.ChatLog{First: first, Generation: generation}
	for _, e := range events {
		log.Events = append(log.Events, &clusterv1.ChatLogged{
			Type: e.Type, Data: e.Data, Origin: e.Origin.Node, Number: e.Origin.Number, State: e.State, View: e.View,
		})
	}
	return &clusterv1.ChatResponse{What: &clusterv1.ChatResponse_Take{Take: log}}
}

// depart remembers a session before it leaves, so that no event finds it neither here nor
// gone.
func (h *Hub) depart(user sessions.Snowflake, sid sessions.ID, to eventnode.NodeID) (*sessions.Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, err := h.manager.SessionOf(user, sid)
	if err == nil && !h.departed.add(s, to, h.table.of[s], time.Now()) {
		return nil, sessions.ErrAttached // somebody else has it
	}
	return s, err
}

// stay is for a session that does not leave.
func (h *Hub) stay(s *sessions.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.departed.forget(s)
}

func eventsFromProto(logged []*clusterv1.ChatLogged) (events []*sessions.Event) {
	for _, l := range logged {
		events = append(events, &sessions.Event{
			Type: l.GetType(), Data: l.GetData(), State: l.GetState(), View: l.GetView(), Origin: sessions.Origin{Node: l.GetOrigin(), Number: l.GetNumber()},
		})
	}
	return events
}

// refuse says why a session does not move.
func refuse(err error) *clusterv1.ChatResponse {
	resp := &clusterv1.ChatResponse{Refusal: clusterv1.ChatRefusal_CHAT_REFUSAL_NOT_FOUND}
	gap, isGap := errors.AsType[*sessions.GapError](err)
	switch {
	case errors.Is(err, sessions.ErrAttached):
		resp.Refusal = clusterv1.ChatRefusal_CHAT_REFUSAL_ATTACHED
	case errors.Is(err, sessions.ErrAhead):
		resp.Refusal = clusterv1.ChatRefusal_CHAT_REFUSAL_AHEAD
	case isGap:
		resp.Refusal, resp.Missing = clusterv1.ChatRefusal_CHAT_REFUSAL_GAP, gap.Missing
	}
	return resp
}

// fromRefusal is the error behind a refusal to a client that has seen so much.
func fromRefusal(resp *clusterv1.ChatResponse, seen uint64) error {
	switch resp.GetRefusal() {
	case clusterv1.ChatRefusal_CHAT_REFUSAL_UNSPECIFIED:
		return fromError(resp.GetError())
	case clusterv1.ChatRefusal_CHAT_REFUSAL_ATTACHED:
		return sessions.ErrAttached
	case clusterv1.ChatRefusal_CHAT_REFUSAL_AHEAD:
		return sessions.ErrAhead
	case clusterv1.ChatRefusal_CHAT_REFUSAL_GAP:
		return &sessions.GapError{First: seen + 1, Missing: resp.GetMissing()}
	default:
		return sessions.ErrNotFound
	}
}
