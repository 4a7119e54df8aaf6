package convert

import (
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// ReceiptToProto writes a receipt.
func ReceiptToProto(r eventnode.Receipt) *eventnodev1.Receipt {
	return &eventnodev1.Receipt{
		Reached: uint64(r.Reached),
		Nodes: list(r.Nodes, func(n eventnode.NodeReceipt) *eventnodev1.NodeReceipt {
			m := &eventnodev1.NodeReceipt{Node: string(n.Node), Reached: uint64(n.Reached)}
			if n.Err != nil {
				m.Error, m.NotSent = n.Err.Error(), errors.Is(n.Err, eventnode.ErrUnavailable)
			}
			return m
		}),
	}
}

// notSent is an error of a node that an event was surely not sent to.
type notSent string

func (e notSent) Error() string { return string(e) }

// Is reports whether target is ErrUnavailable.
func (notSent) Is(target error) bool { return target == eventnode.ErrUnavailable }

// ReceiptFromProto reads a receipt. Of its errors only the text is left, and whether they are
// ErrUnavailable.
func ReceiptFromProto(m *eventnodev1.Receipt) eventnode.Receipt {
	return eventnode.Receipt{
		Reached: int(m.GetReached()),
		Nodes: list(m.GetNodes(), func(m *eventnodev1.NodeReceipt) eventnode.NodeReceipt {
			n := eventnode.NodeReceipt{Node: eventnode.NodeID(m.GetNode()), Reached: int(m.GetReached())}
			switch {
			case m.GetError() == "":
			case m.GetNotSent():
				n.Err = notSent(m.GetError())
			default:
				n.Err = errors.New(m.GetError())
			}
			return n
		}),
	}
}

// GapsToProto writes gaps.
func GapsToProto(gaps []eventnode.Gap) []*eventnodev1.Gap { return list(gaps, GapToProto) }

// GapsFromProto reads gaps.
func GapsFromProto(gaps []*eventnodev1.Gap) []eventnode.Gap { return list(gaps, GapFromProto) }

// GapToProto writes a gap.
func GapToProto(g eventnode.Gap) *eventnodev1.Gap {
	m := &eventnodev1.Gap{Node: string(g.Node), Reason: gapReasonToProto(g.Reason)}
	if g.Known {
		m.Count = &g.Count
	}
	return m
}

// GapFromProto reads a gap.
func GapFromProto(m *eventnodev1.Gap) eventnode.Gap {
	return eventnode.Gap{
		Node:   eventnode.NodeID(m.GetNode()),
		Count:  m.GetCount(),
		Known:  m.Count != nil,
		Reason: gapReasonFromProto(m.GetReason()),
	}
}

func gapReasonToProto(r eventnode.GapReason) eventnodev1.GapReason {
	switch r {
	case eventnode.GapQueueFull:
		return eventnodev1.GapReason_GAP_REASON_QUEUE_FULL
	case eventnode.GapSenderDropped:
		return eventnodev1.GapReason_GAP_REASON_SENDER_DROPPED
	case eventnode.GapLinkLost:
		return eventnodev1.GapReason_GAP_REASON_LINK_LOST
	case eventnode.GapNodeLost:
		return eventnodev1.GapReason_GAP_REASON_NODE_LOST
	case eventnode.GapReconnected:
		return eventnodev1.GapReason_GAP_REASON_RECONNECTED
	case eventnode.GapUnspecified:
	}
	return eventnodev1.GapReason_GAP_REASON_UNSPECIFIED
}

func gapReasonFromProto(r eventnodev1.GapReason) eventnode.GapReason {
	switch r {
	case eventnodev1.GapReason_GAP_REASON_QUEUE_FULL:
		return eventnode.GapQueueFull
	case eventnodev1.GapReason_GAP_REASON_SENDER_DROPPED:
		return eventnode.GapSenderDropped
	case eventnodev1.GapReason_GAP_REASON_LINK_LOST:
		return eventnode.GapLinkLost
	case eventnodev1.GapReason_GAP_REASON_NODE_LOST:
		return eventnode.GapNodeLost
	case eventnodev1.GapReason_GAP_REASON_RECONNECTED:
		return eventnode.GapReconnected
	case eventnodev1.GapReason_GAP_REASON_UNSPECIFIED:
	}
	return eventnode.GapUnspecified
}

// PolicyToProto writes a policy. One that is not known becomes a number that no
// node knows: the node is who refuses it.
func PolicyToProto(p eventnode.Policy) eventnodev1.Policy {
	switch p {
	case eventnode.PolicyDropOldest:
		return eventnodev1.Policy_POLICY_DROP_OLDEST
	case eventnode.PolicyDropNewest:
		return eventnodev1.Policy_POLICY_DROP_NEWEST
	case eventnode.PolicyDisconnect:
		return eventnodev1.Policy_POLICY_DISCONNECT
	case eventnode.PolicyBlock:
		return eventnodev1.Policy_POLICY_BLOCK
	}
	return eventnodev1.Policy(p) + 1
}

// PolicyFromProto reads a policy; unspecified is the default. One that is not
// known is eventnode.ErrInvalidArgument.
func PolicyFromProto(p eventnodev1.Policy) (eventnode.Policy, error) {
	switch p {
	case eventnodev1.Policy_POLICY_UNSPECIFIED, eventnodev1.Policy_POLICY_DROP_OLDEST:
		return eventnode.PolicyDropOldest, nil
	case eventnodev1.Policy_POLICY_DROP_NEWEST:
		return eventnode.PolicyDropNewest, nil
	case eventnodev1.Policy_POLICY_DISCONNECT:
		return eventnode.PolicyDisconnect, nil
	case eventnodev1.Policy_POLICY_BLOCK:
		return eventnode.PolicyBlock, nil
	}
	return 0, fmt.Errorf("unknown policy %d: %w", p, eventnode.ErrInvalidArgument)
}

// policyFromName writes the name of a policy, as a description has it.
func policyFromName(name string) eventnodev1.Policy {
	p, err := eventnode.ParsePolicy(name)
	if err != nil {
		return eventnodev1.Policy_POLICY_UNSPECIFIED
	}
	return PolicyToProto(p)
}

// policyName reads the name of a policy; unspecified is the default's.
func policyName(m eventnodev1.Policy) string {
	p, err := PolicyFromProto(m)
	if err != nil {
		return unknown
	}
	return p.String()
}

// SubscriptionsToProto writes descriptions of subscriptions. A policy's name
// that is not known is left out.
func SubscriptionsToProto(infos []eventnode.SubscriptionInfo) []*eventnodev1.SubscriptionInfo {
	return list(infos, func(s eventnode.SubscriptionInfo) *eventnodev1.SubscriptionInfo {
		return &eventnodev1.SubscriptionInfo{
			Node:         string(s.Node),
			Holder:       s.Holder,
			Topics:       s.Topics,
			Policy:       policyFromName(s.Policy),
			QueuedEvents: uint64(s.QueuedEvents),
			QueuedBytes:  uint64(s.QueuedBytes),
			Delivered:    s.Delivered,
			Dropped:      s.Dropped,
			QueueGroup:   s.QueueGroup,
		}
	})
}

// SubscriptionsFromProto reads descriptions of subscriptions.
func SubscriptionsFromProto(infos []*eventnodev1.SubscriptionInfo) []eventnode.SubscriptionInfo {
	return list(infos, func(m *eventnodev1.SubscriptionInfo) eventnode.SubscriptionInfo {
		return eventnode.SubscriptionInfo{
			Node:         eventnode.NodeID(m.GetNode()),
			Holder:       m.GetHolder(),
			Topics:       m.GetTopics(),
			Policy:       policyName(m.GetPolicy()),
			QueuedEvents: int(m.GetQueuedEvents()),
			QueuedBytes:  int(m.GetQueuedBytes()),
			Delivered:    m.GetDelivered(),
			Dropped:      m.GetDropped(),
			QueueGroup:   m.GetQueueGroup(),
		}
	})
}

// FilterToProto returns the message for a filter; nil for one that wants everything.
func FilterToProto(f eventnode.Filter) *eventnodev1.Filter {
	if f.IsZero() {
		return nil
	}
	return &eventnodev1.Filter{Names: f.Names, Meta: f.Meta}
}

// FilterFromProto is the inverse of FilterToProto.
func FilterFromProto(f *eventnodev1.Filter) eventnode.Filter {
	return eventnode.Filter{Names: f.GetNames(), Meta: f.GetMeta()}
}
