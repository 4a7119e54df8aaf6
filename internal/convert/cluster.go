package convert

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// NodeIDsToProto writes names of nodes.
func NodeIDsToProto(ids []eventnode.NodeID) []string {
	return list(ids, func(id eventnode.NodeID) string { return string(id) })
}

// NodeIDsFromProto reads names of nodes.
func NodeIDsFromProto(names []string) []eventnode.NodeID {
	return list(names, func(name string) eventnode.NodeID { return eventnode.NodeID(name) })
}

// NodesToProto writes descriptions of nodes. States that are not known are left
// out.
func NodesToProto(nodes []eventnode.NodeInfo) []*eventnodev1.NodeInfo {
	return list(nodes, func(n eventnode.NodeInfo) *eventnodev1.NodeInfo {
		return &eventnodev1.NodeInfo{
			Id:            string(n.ID),
			Epoch:         n.Epoch,
			State:         nodeStateToProto(n.State),
			GossipAddress: n.GossipAddress,
			RpcAddress:    n.RPCAddress,
			Version:       n.Version,
			Zone:          n.Zone,
			Labels:        n.Labels,
			Link:          linkStateToProto(n.Link),
			LinkError:     n.LinkError,
			LinkDropped:   n.LinkDropped,
			Trouble:       n.Trouble,
			ClockAhead:    durationToProto(n.ClockAhead),
		}
	})
}

// NodesFromProto reads descriptions of nodes. States that are not known, or not
// said, are "unknown".
func NodesFromProto(nodes []*eventnodev1.NodeInfo) []eventnode.NodeInfo {
	return list(nodes, func(m *eventnodev1.NodeInfo) eventnode.NodeInfo {
		return eventnode.NodeInfo{
			ID:            eventnode.NodeID(m.GetId()),
			Epoch:         m.GetEpoch(),
			State:         nodeStateFromProto(m.GetState()),
			GossipAddress: m.GetGossipAddress(),
			RPCAddress:    m.GetRpcAddress(),
			Version:       m.GetVersion(),
			Zone:          m.GetZone(),
			Labels:        m.GetLabels(),
			Link:          linkStateFromProto(m.GetLink()),
			LinkError:     m.GetLinkError(),
			LinkDropped:   m.GetLinkDropped(),
			Trouble:       m.GetTrouble(),
			ClockAhead:    durationFromProto(m.GetClockAhead()),
		}
	})
}

// durationToProto writes a duration that may be unknown.
func durationToProto(d *time.Duration) *durationpb.Duration {
	if d == nil {
		return nil
	}
	return durationpb.New(*d)
}

// durationFromProto reads one; what is no duration is not known.
func durationFromProto(m *durationpb.Duration) *time.Duration {
	if m.CheckValid() != nil {
		return nil
	}
	d := m.AsDuration()
	return &d
}

func nodeStateToProto(word string) eventnodev1.NodeState {
	switch word {
	case "alive":
		return eventnodev1.NodeState_NODE_STATE_ALIVE
	case "lost":
		return eventnodev1.NodeState_NODE_STATE_LOST
	case "left":
		return eventnodev1.NodeState_NODE_STATE_LEFT
	case "unreachable":
		return eventnodev1.NodeState_NODE_STATE_UNREACHABLE
	case "refused":
		return eventnodev1.NodeState_NODE_STATE_REFUSED
	}
	return eventnodev1.NodeState_NODE_STATE_UNSPECIFIED
}

func nodeStateFromProto(s eventnodev1.NodeState) string {
	switch s {
	case eventnodev1.NodeState_NODE_STATE_ALIVE:
		return "alive"
	case eventnodev1.NodeState_NODE_STATE_LOST:
		return "lost"
	case eventnodev1.NodeState_NODE_STATE_LEFT:
		return "left"
	case eventnodev1.NodeState_NODE_STATE_UNREACHABLE:
		return "unreachable"
	case eventnodev1.NodeState_NODE_STATE_REFUSED:
		return "refused"
	case eventnodev1.NodeState_NODE_STATE_UNSPECIFIED:
	}
	return unknown
}

func linkStateToProto(word string) eventnodev1.LinkState {
	switch word {
	case "self":
		return eventnodev1.LinkState_LINK_STATE_SELF
	case "connecting":
		return eventnodev1.LinkState_LINK_STATE_CONNECTING
	case "up":
		return eventnodev1.LinkState_LINK_STATE_UP
	case "stalled":
		return eventnodev1.LinkState_LINK_STATE_STALLED
	case "down":
		return eventnodev1.LinkState_LINK_STATE_DOWN
	}
	return eventnodev1.LinkState_LINK_STATE_UNSPECIFIED
}

func linkStateFromProto(s eventnodev1.LinkState) string {
	switch s {
	case eventnodev1.LinkState_LINK_STATE_SELF:
		return "self"
	case eventnodev1.LinkState_LINK_STATE_CONNECTING:
		return "connecting"
	case eventnodev1.LinkState_LINK_STATE_UP:
		return "up"
	case eventnodev1.LinkState_LINK_STATE_STALLED:
		return "stalled"
	case eventnodev1.LinkState_LINK_STATE_DOWN:
		return "down"
	case eventnodev1.LinkState_LINK_STATE_UNSPECIFIED:
	}
	return unknown
}

// StatusToProto writes how a node is.
func StatusToProto(s eventnode.Status) *eventnodev1.StatusResponse {
	return &eventnodev1.StatusResponse{
		Id:            string(s.ID),
		Epoch:         s.Epoch,
		Cluster:       s.Cluster,
		ClusterUuid:   s.ClusterUUID,
		Version:       s.Version,
		Uptime:        durationpb.New(s.Uptime),
		Healthy:       s.Healthy,
		Problems:      s.Problems,
		Nodes:         uint32(s.Nodes),
		Subscriptions: uint64(s.Subscriptions),
		Groups:        uint64(s.Groups),
		Notices:       s.Notices,
	}
}

// StatusFromProto reads how a node is.
func StatusFromProto(m *eventnodev1.StatusResponse) eventnode.Status {
	return eventnode.Status{
		ID:            eventnode.NodeID(m.GetId()),
		Epoch:         m.GetEpoch(),
		Cluster:       m.GetCluster(),
		ClusterUUID:   m.GetClusterUuid(),
		Version:       m.GetVersion(),
		Uptime:        m.GetUptime().AsDuration(),
		Healthy:       m.GetHealthy(),
		Problems:      m.GetProblems(),
		Nodes:         int(m.GetNodes()),
		Subscriptions: int(m.GetSubscriptions()),
		Groups:        int(m.GetGroups()),
		Notices:       m.GetNotices(),
	}
}
