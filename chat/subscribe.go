package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// maxSubscribers bounds those of one request.
const maxSubscribers = 1_000

// Subscribe subscribes sessions, wherever they are, to topics. It returns when the live
// nodes know. Nothing is done on a node where something is wrong.
func (h *Hub) Subscribe(ctx context.Context, req *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error) {
	topics := make([]string, 0, len(req.GetSubscriptions()))
	for _, s := range req.GetSubscriptions() {
		topics = append(topics, s.GetTopic())
	}
	if err := h.checkSubscribers(req.GetSubscribers(), topics); err != nil {
		return nil, err
	}
	for _, topic := range topics {
		if _, _, err := h.subscribable(topic); err != nil {
			return nil, err
		}
	}
	answer := &eventnodev1.ChatServiceSubscribeResponse{}
	missing, err := h.ofSubscribers(ctx, req.GetSubscribers(), &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Subscribe{Subscribe: req}},
		func(r *clusterv1.ChatResponse) {
			answer.Sessions += r.GetSubscribe().GetSessions()
			answer.Missing = append(answer.Missing, r.GetSubscribe().GetMissing()...)
		})
	answer.Missing = allNames(answer.Missing, missing)
	return answer, err
}

// subscribable is backend of a topic that is subscribed to.
func (h *Hub) subscribable(topic string) (Subscribable, string, error) {
	b, key, err := h.backend(topic)
	if err != nil {
		return nil, "", err
	}
	sub, ok := b.(Subscribable)
	if !ok {
		return nil, "", &eventnode.TopicError{Topic: topic, Reason: "nobody subscribes to topics of this kind"}
	}
	return sub, key, nil
}

// Unsubscribe ends subscriptions of sessions, wherever they are.
func (h *Hub) Unsubscribe(ctx context.Context, req *eventnodev1.ChatServiceUnsubscribeRequest) (*eventnodev1.ChatServiceUnsubscribeResponse, error) {
	if err := h.checkSubscribers(req.GetSubscribers(), req.GetTopics()); err != nil {
		return nil, err
	}
	answer := &eventnodev1.ChatServiceUnsubscribeResponse{}
	missing, err := h.ofSubscribers(ctx, req.GetSubscribers(), &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Unsubscribe{Unsubscribe: req}},
		func(r *clusterv1.ChatResponse) { answer.Sessions += r.GetUnsubscribe().GetSessions() })
	answer.Missing = names(missing)
	return answer, err
}

// Remove ends all subscriptions to topics, on all nodes.
func (h *Hub) Remove(ctx context.Context, req *eventnodev1.ChatServiceRemoveRequest) (*eventnodev1.ChatServiceRemoveResponse, error) {
	if err := h.checkTopics(req.GetTopics()); err != nil {
		return nil, err
	}
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	answer := &eventnodev1.ChatServiceRemoveResponse{}
	missing := h.everywhere(ctx, h.nodesOf(req.GetTopics()), &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Remove{Remove: req}},
		func(r *clusterv1.ChatResponse) { answer.Ended += r.GetRemove().GetEnded() })
	answer.Missing = names(missing)
	return answer, nil
}

func (h *Hub) checkSubscribers(who []*eventnodev1.ChatSubscriber, topics []string) error {
	switch {
	case len(who) == 0 || len(topics) == 0:
		return fmt.Errorf("say at least one subscriber and one topic: %w", eventnode.ErrInvalidArgument)
	case len(who) > maxSubscribers:
		return &eventnode.LimitError{Limit: "max_subscribers", Max: maxSubscribers, Got: len(who)}
	}
	for _, w := range who {
		if w.GetUserId() == 0 {
			return fmt.Errorf("a subscriber without a user: %w", eventnode.ErrInvalidArgument)
		}
	}
	return h.checkTopics(topics)
}

// ofSubscribers does something where there are sessions of subscribers. A refusal of one
// node is the answer.
func (h *Hub) ofSubscribers(ctx context.Context, who []*eventnodev1.ChatSubscriber, req *clusterv1.ChatRequest, take func(*clusterv1.ChatResponse)) ([]eventnode.NodeID, error) {
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	users := make([]sessions.Snowflake, 0, len(who))
	for _, w := range who {
		users = append(users, sessions.Snowflake(w.GetUserId()))
	}
	nodes := map[eventnode.NodeID]bool{}
	h.addNodes(users, nodes)
	var refused error
	missing := h.everywhere(ctx, nodes, req, func(r *clusterv1.ChatResponse) {
		if e := r.GetError(); e != nil {
			refused = errors.Join(refused, fromError(e))
			return
		}
		take(r)
	})
	return missing, refused
}

// chosen are the sessions of this node that subscribers are, and whether each was named
// by itself.
func (h *Hub) chosen(who []*eventnodev1.ChatSubscriber) map[*sessions.Session]bool {
	out := map[*sessions.Session]bool{}
	for _, w := range who {
		for _, s := range h.manager.OfUser(sessions.Snowflake(w.GetUserId())) {
			switch named := sessions.ID(w.GetSessionId()); named {
			case "":
				out[s] = out[s] || false
			case s.ID():
				out[s] = true
			}
		}
	}
	return out
}

// subscribe does this node's part of Subscribe.
func (h *Hub) subscribe(ctx context.Context, req *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error) {
	h.mu.Lock()
	chosen := h.chosen(req.GetSubscribers())
	err := h.subscribeAll(chosen, req.GetSubscriptions())
	h.mu.Unlock()
	if err != nil || len(chosen) == 0 {
		return &eventnodev1.ChatServiceSubscribeResponse{}, err
	}
	return &eventnodev1.ChatServiceSubscribeResponse{Sessions: uint64(len(chosen)), Missing: names(h.settle(ctx))}, nil
}

// subscribeAll subscribes sessions, or changes nothing. One that was not named is left
// out where its shard does not have the guild. The caller holds mu.
func (h *Hub) subscribeAll(chosen map[*sessions.Session]bool, subs []*eventnodev1.ChatSubscription) error {
	type one struct {
		s     *sessions.Session
		topic string
		flags Flags
	}
	var all []one
	for s, named := range chosen {
		own := h.own(s)
		for _, sub := range subs {
			b, key, err := h.subscribable(sub.GetTopic())
			if err != nil {
				return err // from a node that knows other kinds
			}
			err = b.Admit(h.cfg.Directory, s, key)
			if _, other := errors.AsType[*shardError](err); other && !named {
				continue
			}
			if err != nil {
				return err
			}
			all = append(all, one{s, sub.GetTopic(), flagsOf(sub)})
			if h.others[b.Kind()] {
				own[sub.GetTopic()] = true
			}
		}
		if len(own) > h.cfg.MaxTopics {
			return &eventnode.LimitError{Limit: "max_topics", Max: h.cfg.MaxTopics, Got: len(own)}
		}
	}
	for _, o := range all {
		h.join(o.s, o.topic, o.flags)
	}
	return nil
}

// own are the topics of Config.Kinds that a session subscribes to. Of the others it has as
// many as its user has guilds, channels and friends. The caller holds mu.
func (h *Hub) own(s *sessions.Session) map[string]bool {
	own := map[string]bool{}
	for _, in := range h.table.of[s] {
		if h.others[kindOf(in.topic)] {
			own[in.topic] = true
		}
	}
	return own
}

// join subscribes a session to a topic and what comes with it. The caller holds mu, and
// the session is admitted.
func (h *Hub) join(s *sessions.Session, topic string, f Flags) {
	h.table.add(s, topic, f)
	b, key, _ := h.subscribable(topic)
	with, flags := b.With(h.cfg.Directory, s, key, f)
	for _, t := range with {
		h.table.add(s, t, flags)
	}
}

// part unsubscribes a session from a topic and what came with it. The caller holds mu.
func (h *Hub) part(s *sessions.Session, topic string) {
	h.table.remove(s, topic)
	if guild, ok := h.lazyGuild(topic); ok {
		h.lists.part(s, guild)
	}
	if b, key, err := h.subscribable(topic); err == nil {
		with, _ := b.With(h.cfg.Directory, s, key, 0)
		for _, t := range with {
			h.table.remove(s, t)
		}
	}
}

// lazyGuild is the guild whose member lists a topic is.
func (h *Hub) lazyGuild(topic string) (sessions.Snowflake, bool) {
	b, key, err := h.backend(topic)
	lazy, ok := b.(lazyKind)
	if err != nil || !ok {
		return 0, false
	}
	return lazy.Key(key), true
}

// unsubscribe does this node's part of Unsubscribe.
func (h *Hub) unsubscribe(ctx context.Context, req *eventnodev1.ChatServiceUnsubscribeRequest) *eventnodev1.ChatServiceUnsubscribeResponse {
	h.mu.Lock()
	chosen := h.chosen(req.GetSubscribers())
	for s := range chosen {
		for _, topic := range req.GetTopics() {
			h.part(s, topic)
		}
	}
	h.mu.Unlock()
	_ = h.say(ctx) // Run says it later
	return &eventnodev1.ChatServiceUnsubscribeResponse{Sessions: uint64(len(chosen))}
}

// remove does this node's part of Remove.
func (h *Hub) remove(ctx context.Context, req *eventnodev1.ChatServiceRemoveRequest) *eventnodev1.ChatServiceRemoveResponse {
	ended := 0
	h.mu.Lock()
	for _, topic := range req.GetTopics() {
		ended += h.table.clear(topic, req.GetKeep())
		if guild, ok := h.lazyGuild(topic); ok {
			h.lists.remove(guild)
		}
	}
	h.mu.Unlock()
	_ = h.say(ctx) // Run says it later
	return &eventnodev1.ChatServiceRemoveResponse{Ended: uint64(ended)}
}

func flagsOf(s *eventnodev1.ChatSubscription) (f Flags) {
	if s.GetNoPresence() {
		f |= NoPresence
	}
	if s.GetNoTyping() {
		f |= NoTyping
	}
	return f
}

func subscription(topic string, f Flags) *eventnodev1.ChatSubscription {
	return &eventnodev1.ChatSubscription{Topic: topic, NoPresence: f.Has(NoPresence), NoTyping: f.Has(NoTyping)}
}
