package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// maxType bounds the name of an event's type, in bytes.
const maxType = 64

// Dispatch sends an event to the sessions of topics, on all nodes, and returns when it is
// in their logs: so two calls one after the other arrive in that order.
func (h *Hub) Dispatch(ctx context.Context, req *eventnodev1.ChatServiceDispatchRequest) (*eventnodev1.ChatServiceDispatchResponse, error) {
	if err := h.checkDispatch(req); err != nil {
		return nil, err
	}
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	h.metrics.dispatched.Inc()
	d := &clusterv1.ChatDispatch{Request: req, Origin: h.life, Number: h.number.Add(1)}
	written, err := h.journal.dispatched(d.GetNumber(), req) // before it is asked who wants it
	if err != nil {
		return nil, err
	}
	answer := &eventnodev1.ChatServiceDispatchResponse{}
	missing := h.everywhere(ctx, h.nodesOf(req.GetTopics()), &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Dispatch{Dispatch: d}},
		func(r *clusterv1.ChatResponse) { addReached(answer, r.GetDispatch()) })
	answer.Missing = allNames(answer.Missing, missing)
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	return answer, h.journal.wait(ctx, written)
}

func addReached(sum, part *eventnodev1.ChatServiceDispatchResponse) {
	sum.Reached += part.GetReached()
	sum.SessionIds = append(sum.SessionIds, part.GetSessionIds()...)
	sum.Missing = append(sum.Missing, part.GetMissing()...)
}

// checkDispatch says what is wrong with a request.
func (h *Hub) checkDispatch(req *eventnodev1.ChatServiceDispatchRequest) error {
	switch {
	case len(req.GetTopics()) == 0:
		return fmt.Errorf("no topics: %w", eventnode.ErrInvalidArgument)
	case req.GetType() == "" || len(req.GetType()) > maxType:
		return fmt.Errorf("type %.80q: use 1 to %d bytes: %w", req.GetType(), maxType, eventnode.ErrInvalidArgument)
	case len(req.GetData()) > h.cfg.MaxEventBytes:
		return &eventnode.LimitError{Limit: "max_event_bytes", Max: h.cfg.MaxEventBytes, Got: len(req.GetData())}
	case !json.Valid(req.GetData()):
		return fmt.Errorf("data is no JSON: %w", eventnode.ErrInvalidArgument)
	}
	for _, f := range []*eventnodev1.ChatFilter{req.GetOnly(), req.GetExcept()} {
		if n := max(len(f.GetSessionIds()), len(f.GetUserIds())); n > h.cfg.MaxFilter {
			return &eventnode.LimitError{Limit: "max_filter", Max: h.cfg.MaxFilter, Got: n}
		}
	}
	return h.checkTopics(req.GetTopics())
}

func (h *Hub) checkTopics(topics []string) error {
	if len(topics) > h.cfg.MaxTopics {
		return &eventnode.LimitError{Limit: "max_topics", Max: h.cfg.MaxTopics, Got: len(topics)}
	}
	for _, topic := range topics {
		if _, _, err := h.backend(topic); err != nil {
			return err
		}
	}
	return nil
}

// everywhere does what a request says here and on other nodes, and takes the answers, one
// at a time. It names the nodes that did not answer.
func (h *Hub) everywhere(ctx context.Context, nodes map[eventnode.NodeID]bool, req *clusterv1.ChatRequest, take func(*clusterv1.ChatResponse)) (missing []eventnode.NodeID) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	req.Position = h.cfg.Progress.Applied().String()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for node := range nodes {
		wg.Go(func() {
			resp, err := h.cfg.Cluster.Call(ctx, node, req)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				h.metrics.failures.WithLabelValues("call").Inc()
				missing = append(missing, node)
				return
			}
			take(resp)
		})
	}
	resp, err := h.answer(ctx, h.cfg.Node.ID, req)
	wg.Wait()
	if err != nil {
		missing = append(missing, h.cfg.Node.ID)
	} else {
		take(resp)
	}
	slices.Sort(missing)
	return missing
}

// dispatch sends an event to sessions of this node.
func (h *Hub) dispatch(ctx context.Context, c *clusterv1.ChatDispatch) (*eventnodev1.ChatServiceDispatchResponse, error) {
	req := c.GetRequest()
	if err := h.checkDispatch(req); err != nil {
		return nil, err // from a node that knows other kinds
	}
	e := &sessions.Event{Type: req.GetType(), Data: req.GetData(), Origin: sessions.Origin{Node: c.GetOrigin(), Number: c.GetNumber()}}
	d := h.delivery(e, len(req.GetTopics()) > 1 || h.others[kindOf(req.GetTopics()[0])])
	d.only, d.except = newFilter(req.GetOnly()), newFilter(req.GetExcept())
	moved := h.deliver(d, req.GetTopics())
	if !c.GetSentOn() { // else this node may be sent it once more, for others
		h.journal.handled(e.Origin)
	}
	h.metrics.delivered.Add(float64(len(d.reached)))
	answer := &eventnodev1.ChatServiceDispatchResponse{Reached: uint64(len(d.reached))}
	if req.GetList() {
		for _, id := range d.reached {
			answer.SessionIds = append(answer.SessionIds, string(id))
		}
	}
	h.sendOn(ctx, c, moved, answer)
	return answer, nil
}

// deliver sends an event where it goes, and says who is to be sent it elsewhere. Only member
// lists change by it.
func (h *Hub) deliver(d *Delivery, topics []string) (moved map[eventnode.NodeID][]*sessions.Session) {
	lazy := func(topic string) bool { return strings.HasPrefix(topic, KindLazyGuild+":") }
	if slices.ContainsFunc(topics, lazy) {
		h.mu.Lock()
		defer h.mu.Unlock()
	} else {
		h.mu.RLock()
		defer h.mu.RUnlock()
	}
	h.each(d, topics)
	return h.toFollow(d, topics)
}

// each has the kinds of topics dispatch an event. The caller holds mu.
func (h *Hub) each(d *Delivery, topics []string) {
	for _, topic := range topics {
		b, key, _ := h.backend(topic)
		d.topic = topic
		b.Dispatch(d, key)
	}
}

// delivery is an event that begins its way.
func (h *Hub) delivery(e *sessions.Event, many bool) *Delivery {
	d := &Delivery{hub: h, event: e, many: many, facts: facts{data: e.Data}}
	if many {
		d.done = map[*sessions.Session]bool{}
	}
	return d
}

func newFilter(f *eventnodev1.ChatFilter) *filter {
	if f == nil {
		return nil
	}
	out := &filter{sessions: make(map[sessions.ID]bool, len(f.GetSessionIds())), users: make(map[sessions.Snowflake]bool, len(f.GetUserIds()))}
	for _, id := range f.GetSessionIds() {
		out.sessions[sessions.ID(id)] = true
	}
	for _, u := range f.GetUserIds() {
		out.users[sessions.Snowflake(u)] = true
	}
	return out
}

// Answer does this node's part of what another one was asked. The node calls it.
func (h *Hub) Answer(ctx context.Context, from eventnode.NodeID, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	p, err := eventnode.ParsePosition(req.GetPosition())
	if err != nil {
		return nil, fmt.Errorf("position: %w", err)
	}
	if err := h.waitApplied(ctx, p); err != nil {
		h.metrics.failures.WithLabelValues("behind").Inc()
		return nil, fmt.Errorf("the directory of this node is behind that of the caller: %w: %w", eventnode.ErrUnavailable, err)
	}
	if offer := req.GetHandOver(); offer != nil {
		return h.accept(ctx, from, offer)
	}
	return h.answer(ctx, from, req)
}

// behindTimeout bounds how long a node waits for its directory, so that a node whose
// streams stand still does not hold up those whose do not.
const behindTimeout = time.Second

func (h *Hub) waitApplied(ctx context.Context, p eventnode.Position) error {
	if h.cfg.Progress.Applied().Compare(p) >= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, behindTimeout)
	defer cancel()
	return h.cfg.Progress.Wait(ctx, p)
}

// allNames are nodes that were named and others, each once, sorted.
func allNames(named []string, nodes []eventnode.NodeID) []string {
	named = append(named, names(nodes)...)
	slices.Sort(named)
	return slices.Compact(named)
}

func names(nodes []eventnode.NodeID) (out []string) {
	for _, n := range nodes {
		out = append(out, string(n))
	}
	return out
}
