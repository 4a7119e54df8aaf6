package client

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// change is one change of memberships: of each group, each member as often as
// it is listed.
type change struct {
	scope   string
	groups  []string
	members []*member
}

// count counts the memberships that it is about.
func (ch *change) count() int { return len(ch.groups) * len(ch.members) }

// entries is the change in the words of the protocol. The caller holds mu.
func (ch *change) entries(h *holder) ([]*eventnodev1.GroupRefs, error) {
	refs := make([]uint64, len(ch.members))
	for i, m := range ch.members {
		if err := h.stands(m); err != nil {
			return nil, err
		}
		refs[i] = m.Ref().Ref
	}
	entries := make([]*eventnodev1.GroupRefs, len(ch.groups))
	for i, group := range ch.groups {
		entries[i] = &eventnodev1.GroupRefs{Group: group, Refs: refs}
	}
	return entries, nil
}

// each calls f for each membership that the change is about.
func (ch *change) each(f func(m *member, k groupKey)) {
	for _, group := range ch.groups {
		for _, m := range ch.members {
			if !m.closed {
				f(m, groupKey{ch.scope, group})
			}
		}
	}
}

// join joins, and remembers it.
func (h *holder) join(ctx context.Context, ch *change, o eventnode.JoinOptions) (eventnode.JoinResult, error) {
	if ch.count() == 0 {
		return eventnode.JoinResult{}, nil
	}
	if err := h.room(ch.count()); err != nil {
		return eventnode.JoinResult{}, err
	}
	op := &op{
		request: func() (*eventnodev1.HoldRequest, error) {
			entries, err := ch.entries(h)
			return joinRequest(ch.scope, entries, o), err
		},
		answered: func(*eventnodev1.HoldResponse) {
			ch.each(func(m *member, k groupKey) {
				m.joined.join(k, o.Meta)
				h.held++
			})
		},
	}
	if err := h.do(ctx, op); err != nil {
		return eventnode.JoinResult{}, err
	}
	r := op.answer.GetResult()
	return eventnode.JoinResult{Joined: int(r.GetJoined()), Missing: convert.NodeIDsFromProto(r.GetMissing())}, nil
}

// room checks that n more memberships can be remembered.
func (h *holder) room(n int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if most := h.c.opts.maxMemberships; h.held+n > most {
		return &eventnode.LimitError{Limit: "client_memberships", Max: most, Got: h.held + n}
	}
	return nil
}

func joinRequest(scope string, entries []*eventnodev1.GroupRefs, o eventnode.JoinOptions) *eventnodev1.HoldRequest {
	j := &eventnodev1.JoinRequest{Scope: scope, Entries: entries, Meta: []byte(o.Meta)}
	if o.Wait > 0 {
		j.Wait = durationpb.New(o.Wait)
	}
	return &eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_Join{Join: j}}
}

// leave leaves, and forgets it.
func (h *holder) leave(ctx context.Context, ch *change) (eventnode.LeaveResult, error) {
	if ch.count() == 0 {
		return eventnode.LeaveResult{}, nil
	}
	op := &op{
		request: func() (*eventnodev1.HoldRequest, error) {
			entries, err := ch.entries(h)
			return &eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_Leave{
				Leave: &eventnodev1.LeaveRequest{Scope: ch.scope, Entries: entries},
			}}, err
		},
		answered: func(*eventnodev1.HoldResponse) {
			ch.each(func(m *member, k groupKey) {
				if m.joined.leave(k) {
					h.held--
				}
			})
		},
	}
	if err := h.do(ctx, op); err != nil {
		return eventnode.LeaveResult{}, err
	}
	r := op.answer.GetResult()
	return eventnode.LeaveResult{Left: int(r.GetLeft()), NotJoined: int(r.GetNotJoined())}, nil
}

// setMeta replaces metadata.
func (h *holder) setMeta(ctx context.Context, k groupKey, m *member, meta string) error {
	return h.do(ctx, &op{
		request: func() (*eventnodev1.HoldRequest, error) {
			if err := h.stands(m); err != nil {
				return nil, err
			}
			return &eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_SetMeta{
				SetMeta: &eventnodev1.SetMetaRequest{Scope: k.scope, Group: k.group, Ref: m.Ref().Ref, Meta: []byte(meta)},
			}}, nil
		},
		answered: func(*eventnodev1.HoldResponse) { m.joined.setMeta(k, meta) },
	})
}

// Join implements eventnode.Scope. With WithJoinWait the client's other changes
// of memberships wait as well: they are answered in order.
func (s scope) Join(ctx context.Context, group string, members []eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	list, err := s.c.hold.own(members)
	if err != nil {
		return eventnode.JoinResult{}, err
	}
	return s.c.hold.join(ctx, &change{s.name, []string{group}, list}, eventnode.NewJoinOptions(opts...))
}

// JoinMany implements eventnode.Scope.
func (s scope) JoinMany(ctx context.Context, groups []string, m eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	list, err := s.c.hold.own([]eventnode.Member{m})
	if err != nil {
		return eventnode.JoinResult{}, err
	}
	return s.c.hold.join(ctx, &change{s.name, groups, list}, eventnode.NewJoinOptions(opts...))
}

// Leave implements eventnode.Scope.
func (s scope) Leave(ctx context.Context, group string, members ...eventnode.Member) (eventnode.LeaveResult, error) {
	list, err := s.c.hold.own(members)
	if err != nil {
		return eventnode.LeaveResult{}, err
	}
	return s.c.hold.leave(ctx, &change{s.name, []string{group}, list})
}

// LeaveMany implements eventnode.Scope.
func (s scope) LeaveMany(ctx context.Context, groups []string, m eventnode.Member) (eventnode.LeaveResult, error) {
	list, err := s.c.hold.own([]eventnode.Member{m})
	if err != nil {
		return eventnode.LeaveResult{}, err
	}
	return s.c.hold.leave(ctx, &change{s.name, groups, list})
}

// SetMeta implements eventnode.Scope.
func (s scope) SetMeta(ctx context.Context, group string, m eventnode.Member, meta string) error {
	list, err := s.c.hold.own([]eventnode.Member{m})
	if err != nil {
		return err
	}
	return s.c.hold.setMeta(ctx, groupKey{s.name, group}, list[0], meta)
}
