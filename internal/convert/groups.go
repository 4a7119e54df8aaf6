package convert

import (
	"fmt"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// MemberRefToProto writes what names a member.
func MemberRefToProto(r eventnode.MemberRef) *eventnodev1.MemberRef {
	return &eventnodev1.MemberRef{Node: string(r.Node.ID), Epoch: r.Node.Epoch, Ref: r.Ref}
}

// MemberRefFromProto reads what names a member.
func MemberRefFromProto(m *eventnodev1.MemberRef) eventnode.MemberRef {
	return eventnode.MemberRef{
		Node: eventnode.NodeRef{ID: eventnode.NodeID(m.GetNode()), Epoch: m.GetEpoch()},
		Ref:  m.GetRef(),
	}
}

// MembershipsToProto writes memberships.
func MembershipsToProto(members []eventnode.Membership) []*eventnodev1.GroupMember {
	return list(members, func(m eventnode.Membership) *eventnodev1.GroupMember {
		return &eventnodev1.GroupMember{Member: MemberRefToProto(m.Member), Meta: []byte(m.Meta)}
	})
}

// MembershipsFromProto reads memberships.
func MembershipsFromProto(members []*eventnodev1.GroupMember) []eventnode.Membership {
	return list(members, func(m *eventnodev1.GroupMember) eventnode.Membership {
		return eventnode.Membership{Member: MemberRefFromProto(m.GetMember()), Meta: string(m.GetMeta())}
	})
}

// GroupSizesToProto writes the sizes of groups.
func GroupSizesToProto(sizes []eventnode.GroupSize) []*eventnodev1.GroupSummary {
	return list(sizes, func(g eventnode.GroupSize) *eventnodev1.GroupSummary {
		return &eventnodev1.GroupSummary{Group: g.Group, Members: uint64(g.Members)}
	})
}

// GroupSizesFromProto reads the sizes of groups.
func GroupSizesFromProto(sizes []*eventnodev1.GroupSummary) []eventnode.GroupSize {
	return list(sizes, func(m *eventnodev1.GroupSummary) eventnode.GroupSize {
		return eventnode.GroupSize{Group: m.GetGroup(), Members: int(m.GetMembers())}
	})
}

// StrategyToProto writes a strategy. One that is not known becomes a number that
// no node knows: the node is who refuses it.
func StrategyToProto(s eventnode.Strategy) eventnodev1.Strategy {
	switch s {
	case eventnode.PickRandom:
		return eventnodev1.Strategy_STRATEGY_RANDOM
	case eventnode.PickLeastLoaded:
		return eventnodev1.Strategy_STRATEGY_LEAST_LOADED
	case eventnode.PickLocalFirst:
		return eventnodev1.Strategy_STRATEGY_LOCAL_FIRST
	case eventnode.PickHash:
		return eventnodev1.Strategy_STRATEGY_HASH
	}
	return eventnodev1.Strategy(s) + 1
}

// StrategyFromProto reads a strategy; unspecified is the default. One that is
// not known is eventnode.ErrInvalidArgument.
func StrategyFromProto(s eventnodev1.Strategy) (eventnode.Strategy, error) {
	switch s {
	case eventnodev1.Strategy_STRATEGY_UNSPECIFIED, eventnodev1.Strategy_STRATEGY_RANDOM:
		return eventnode.PickRandom, nil
	case eventnodev1.Strategy_STRATEGY_LEAST_LOADED:
		return eventnode.PickLeastLoaded, nil
	case eventnodev1.Strategy_STRATEGY_LOCAL_FIRST:
		return eventnode.PickLocalFirst, nil
	case eventnodev1.Strategy_STRATEGY_HASH:
		return eventnode.PickHash, nil
	}
	return 0, fmt.Errorf("%w: strategy %d", eventnode.ErrInvalidArgument, s)
}
