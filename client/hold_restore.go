package client

import (
	"context"
	"slices"
	"strings"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// restore makes the members on this stream that an earlier one held, and joins
// what they had joined. A join that the node refuses is logged; the membership
// stays remembered, for the node after it.
func (s *held) restore(ctx context.Context) error {
	members := s.h.all()
	var ops []*op
	for _, m := range members {
		ops = append(ops, s.reopenOp(m))
	}
	if err := s.finish(ctx, ops); err != nil {
		return err
	}
	for _, m := range members {
		m.queue.push(eventnode.Received{Gap: &eventnode.Gap{Reason: eventnode.GapReconnected}})
	}
	ops = nil
	for _, b := range s.h.batches() {
		ops = append(ops, s.rejoinOp(b))
	}
	return s.finish(ctx, ops)
}

// all lists the members.
func (h *holder) all() []*member {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.members)
}

// finish sends operations and waits for their answers.
func (s *held) finish(ctx context.Context, ops []*op) error {
	for _, o := range ops {
		o.done = make(chan struct{})
		if err := s.send(o); err != nil {
			return err
		}
	}
	for _, o := range ops {
		select {
		case <-o.done:
		case <-s.ended:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if o.err != nil {
			s.h.c.opts.log.ErrorContext(ctx, "membership could not be restored", "error", o.err)
		}
	}
	return nil
}

// reopenOp makes a member anew. It belongs to this stream only.
func (s *held) reopenOp(m *member) *op {
	return &op{
		passing: true,
		request: func() (*eventnodev1.HoldRequest, error) {
			if m.closed {
				return nil, nil
			}
			return openRequest(m), nil
		},
		answered: func(r *eventnodev1.HoldResponse) { s.h.bind(m, r.GetOpened()) },
	}
}

// batch is memberships that can be joined by one request.
type batch struct {
	scope, meta string
	entries     []entry
}

// entry is a member, once for each time it joined the group.
type entry struct {
	group  string
	member *member
	times  int
}

// batches lists what all members have joined, in few requests.
func (h *holder) batches() []batch {
	h.mu.Lock()
	defer h.mu.Unlock()
	type key struct{ scope, meta string }
	all := make(map[key][]entry)
	for _, m := range h.members {
		for k, metas := range m.joined {
			for meta, times := range tally(metas) {
				bk := key{k.scope, meta}
				all[bk] = append(all[bk], entry{k.group, m, times})
			}
		}
	}
	var list []batch
	for k, entries := range all {
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.group, b.group) })
		for chunk := range slices.Chunk(entries, joinChunk) {
			list = append(list, batch{k.scope, k.meta, chunk})
		}
	}
	return list
}

// tally counts equal strings.
func tally(list []string) map[string]int {
	n := make(map[string]int, 1)
	for _, s := range list {
		n[s]++
	}
	return n
}

// rejoinOp joins a batch.
func (s *held) rejoinOp(b batch) *op {
	return &op{
		passing: true,
		request: func() (*eventnodev1.HoldRequest, error) {
			entries := s.h.refs(b)
			if len(entries) == 0 {
				return nil, nil
			}
			return joinRequest(b.scope, entries, eventnode.JoinOptions{Meta: b.meta}), nil
		},
	}
}

// refs is a batch in the words of the protocol, without members that were
// closed meanwhile or that the node did not take. The caller holds mu.
func (h *holder) refs(b batch) []*eventnodev1.GroupRefs {
	var list []*eventnodev1.GroupRefs
	for _, e := range b.entries {
		if h.stands(e.member) != nil {
			continue
		}
		if n := len(list); n == 0 || list[n-1].GetGroup() != e.group {
			list = append(list, &eventnodev1.GroupRefs{Group: e.group})
		}
		last := list[len(list)-1]
		last.Refs = append(last.Refs, slices.Repeat([]uint64{e.member.Ref().Ref}, e.times)...)
	}
	return list
}
