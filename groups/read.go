package groups

import (
	"context"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// Members lists a group on all nodes, duplicates kept, in no order.
func (s *scope) Members(_ context.Context, group string) ([]eventnode.Membership, error) {
	v, err := s.view(group)
	if err != nil || v.Total == 0 {
		return nil, err
	}
	return memberships(v), nil
}

// LocalMembers lists those on this node.
func (s *scope) LocalMembers(_ context.Context, group string) ([]eventnode.Membership, error) {
	v, err := s.view(group)
	if err != nil {
		return nil, err
	}
	p := v.Part(s.g.cfg.Self)
	if p == nil {
		return nil, nil
	}
	return spell(make([]eventnode.Membership, 0, p.Total), p.Origin, p.Members), nil
}

// view returns a group as it is now; an unknown scope has only empty ones.
func (s *scope) view(group string) (*table.View, error) {
	if err := s.check(group); err != nil {
		return nil, err
	}
	if t := s.g.x.Table(s.name); t != nil {
		return t.View(group), nil
	}
	return &table.View{}, nil
}

// memberships spells out a view.
func memberships(v *table.View) []eventnode.Membership {
	list := make([]eventnode.Membership, 0, v.Total)
	for i := range v.Parts {
		list = spell(list, v.Parts[i].Origin, v.Parts[i].Members)
	}
	return list
}

// spell appends each member as many times as it is joined.
func spell(list []eventnode.Membership, origin eventnode.NodeRef, ms []table.Member) []eventnode.Membership {
	for _, m := range ms {
		one := eventnode.Membership{Member: eventnode.MemberRef{Node: origin, Ref: m.Ref}, Meta: m.Meta}
		for range m.Times {
			list = append(list, one)
		}
	}
	return list
}

// Groups lists the non-empty groups with their number of memberships.
func (s *scope) Groups(context.Context) ([]eventnode.GroupSize, error) { return s.sizes(nil) }

// LocalGroups lists the groups with a member on this node, and how many.
func (s *scope) LocalGroups(context.Context) ([]eventnode.GroupSize, error) {
	return s.sizes(&s.g.cfg.Self)
}

func (s *scope) sizes(of *eventnode.NodeRef) ([]eventnode.GroupSize, error) {
	if s.err != nil {
		return nil, s.err
	}
	t := s.g.x.Table(s.name)
	if t == nil {
		return nil, nil
	}
	var list []eventnode.GroupSize
	t.Sizes(of, func(group string, n int) bool {
		list = append(list, eventnode.GroupSize{Group: group, Members: n})
		return true
	})
	return slices.Clip(list), nil
}
