package groups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/groups/internal/table"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// deliverTimeout bounds one call to a peer if the caller's context does not.
const deliverTimeout = 5 * time.Second

// deliverCalls bounds the peers that one broadcast calls at the same time.
const deliverCalls = 16

// maxPicks bounds how many members SendOne tries.
const maxPicks = 32

// encode checks an event and encodes it, once for all who get it.
func (g *Groups) encode(ev *event.Event) ([]byte, error) {
	if err := ev.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, err)
	}
	b := wire.AppendEvent(nil, ev)
	return b, g.checkSize(b)
}

func (g *Groups) checkSize(b []byte) error {
	if most := g.cfg.Limits.MaxEventBytes; len(b) > most {
		return &eventnode.LimitError{Limit: "max_event_bytes", Max: most, Got: len(b)}
	}
	return nil
}

// Broadcast sends an event to every member, once per membership, with one call
// to each node that has any.
func (s *scope) Broadcast(ctx context.Context, group string, ev event.Event) (eventnode.BroadcastResult, error) {
	b, err := s.g.encode(&ev)
	if err != nil {
		return eventnode.BroadcastResult{}, err
	}
	return s.broadcast(ctx, group, b, false)
}

// BroadcastLocal does so for members on this node.
func (s *scope) BroadcastLocal(ctx context.Context, group string, ev event.Event) (eventnode.BroadcastResult, error) {
	b, err := s.g.encode(&ev)
	if err != nil {
		return eventnode.BroadcastResult{}, err
	}
	return s.broadcast(ctx, group, b, true)
}

func (s *scope) broadcast(ctx context.Context, group string, b []byte, local bool) (eventnode.BroadcastResult, error) {
	v, err := s.view(group)
	if err != nil {
		return eventnode.BroadcastResult{}, err
	}
	var res eventnode.BroadcastResult
	var mu sync.Mutex // guards res
	var calls errgroup.Group
	calls.SetLimit(deliverCalls)
	for i := range v.Parts {
		p := &v.Parts[i]
		if p.Origin == s.g.cfg.Self || local {
			continue
		}
		calls.Go(func() error {
			resp, err := s.g.call(ctx, p.Origin, &clusterv1.DeliverRequest{Scope: s.name, Group: group, Event: b})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				res.Missing = append(res.Missing, p.Origin.ID)
			}
			res.Delivered += int(resp.GetDelivered())
			return nil
		})
	}
	delivered := 0
	if p := v.Part(s.g.cfg.Self); p != nil {
		delivered = s.g.deliverAll(s.name, group, p.Members, b)
	}
	_ = calls.Wait() // the calls return no error
	res.Delivered += delivered
	slices.Sort(res.Missing)
	return res, nil
}

// call calls a peer, for a bounded time.
func (g *Groups) call(ctx context.Context, to eventnode.NodeRef, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	return g.cfg.Peers.Deliver(ctx, to, req)
}

// deliverAll puts an event into the queues of members on this node, once per
// membership, and counts those that took it.
func (g *Groups) deliverAll(scope, group string, ms []table.Member, b []byte) int {
	n := 0
	for _, m := range ms {
		for range m.Times {
			if _, ok := g.deliver(m.Ref, item{scope, group, b}); ok {
				n++
			}
		}
	}
	return n
}

// deliver puts an event into one member's queue and returns how many are there.
func (g *Groups) deliver(ref uint64, it item) (queued int, ok bool) {
	h, open := g.handles.Load(ref)
	if !open {
		return 0, false
	}
	queued, dropped, ok := h.(*member).queue.put(it)
	if dropped {
		g.metrics.queueDropped.Add(1)
	}
	return queued, ok
}

// DeliverLocal puts a peer's event into the queues of members on this node: of
// one member, if it is in the group, or of all in the group.
func (g *Groups) DeliverLocal(req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	if err := wire.CheckEvent(req.GetEvent()); err != nil {
		return nil, fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, err)
	}
	if err := g.checkSize(req.GetEvent()); err != nil {
		return nil, err
	}
	t := g.x.Table(req.GetScope())
	if t == nil {
		return &clusterv1.DeliverResponse{}, nil
	}
	if req.GetRef() == 0 {
		p := t.View(req.GetGroup()).Part(g.cfg.Self)
		if p == nil {
			return &clusterv1.DeliverResponse{}, nil
		}
		n := g.deliverAll(req.GetScope(), req.GetGroup(), p.Members, req.GetEvent())
		return &clusterv1.DeliverResponse{Delivered: uint64(n)}, nil
	}
	return g.deliverOne(t, req), nil
}

func (g *Groups) deliverOne(t *table.Table, req *clusterv1.DeliverRequest) *clusterv1.DeliverResponse {
	ref := eventnode.MemberRef{Node: g.cfg.Self, Ref: req.GetRef()}
	if !t.Has(ref, req.GetGroup()) {
		return &clusterv1.DeliverResponse{}
	}
	queued, ok := g.deliver(ref.Ref, item{req.GetScope(), req.GetGroup(), req.GetEvent()})
	if !ok {
		return &clusterv1.DeliverResponse{}
	}
	return &clusterv1.DeliverResponse{Delivered: 1, Queued: uint32(queued)}
}

// SendOne sends an event to one member of a group. If that one is surely gone
// another is tried; if nobody knows, the error is ErrOutcomeUnknown.
func (s *scope) SendOne(ctx context.Context, group string, ev event.Event, pick eventnode.Pick) (eventnode.MemberRef, error) {
	b, err := s.g.encode(&ev)
	if err != nil {
		return eventnode.MemberRef{}, err
	}
	return s.sendOne(ctx, group, b, pick)
}

func (s *scope) sendOne(ctx context.Context, group string, b []byte, pick eventnode.Pick) (eventnode.MemberRef, error) {
	v, err := s.view(group)
	if err != nil {
		return eventnode.MemberRef{}, err
	}
	if pick.Strategy > eventnode.PickHash {
		return eventnode.MemberRef{}, invalid("strategy %d", pick.Strategy)
	}
	c := chooser{view: v, self: s.g.cfg.Self, load: s.g.load}
	for range maxPicks {
		ref, ok := c.choose(pick)
		if !ok {
			break
		}
		delivered, err := s.try(ctx, &c, ref, group, b)
		if err != nil {
			return eventnode.MemberRef{}, err
		}
		if delivered {
			return ref, nil
		}
	}
	return eventnode.MemberRef{}, eventnode.ErrNoMembers
}

// try sends to one member. If it surely did not get the event, it is excluded;
// an error says that nobody knows.
func (s *scope) try(ctx context.Context, c *chooser, ref eventnode.MemberRef, group string, b []byte) (bool, error) {
	req := &clusterv1.DeliverRequest{Scope: s.name, Group: group, Ref: ref.Ref, Event: b}
	if ref.Node == s.g.cfg.Self {
		resp := s.g.deliverOne(s.g.x.Table(s.name), req)
		c.exclude(ref)
		return resp.GetDelivered() > 0, nil
	}
	resp, err := s.g.call(ctx, ref.Node, req)
	switch {
	case errors.Is(err, eventnode.ErrUnavailable):
		c.excludeNode(ref.Node)
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%w: %s: %w", eventnode.ErrOutcomeUnknown, ref.Node.ID, err)
	case resp.GetDelivered() == 0:
		c.exclude(ref)
		return false, nil
	}
	s.g.loads.set(ref, int(resp.GetQueued()))
	return true, nil
}
