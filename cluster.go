package eventnode

import (
	"context"
	"time"
)

// Cluster tells about nodes and who subscribes.
type Cluster interface {
	// Nodes lists the cluster as the asked node sees it, that node first. At the end
	// are entries without ID: addresses where there should be a node, or from where one
	// called, that is no member, and why.
	Nodes(ctx context.Context) ([]NodeInfo, error)
	// Status says how the asked node is.
	Status(ctx context.Context) (Status, error)
	// Subscriptions lists who subscribes to topic ("" for all) on all nodes,
	// and the nodes that could not be asked.
	Subscriptions(ctx context.Context, topic string) ([]SubscriptionInfo, []NodeID, error)
}

// Administration changes which nodes a cluster has. What is begun goes on if ctx
// ends, and is called again to see it through; tell is called with what is waited
// for, each time that changes, by the calling goroutine.
type Administration interface {
	// LeaveCluster has a node leave for good, and end; "" is the asked one. Where the
	// others could not do without it, it is ErrMajorityNeeded, and nothing was done.
	LeaveCluster(ctx context.Context, node NodeID, tell func(step string)) error
	// RemoveNode removes a node that is dead for good from those that keep streams:
	// its data counts no more, should it come back. node is its name, or the UUID of
	// its replica. Where it answers, it is ErrNodeAlive, where no such node has a
	// copy, ErrNodeNotFound, and where the others are no majority without it,
	// ErrMajorityNeeded.
	RemoveNode(ctx context.Context, node string, tell func(step string)) error
}

// NodeInfo is a node as another one sees it. It is printed as JSON by the
// command line: the names of its fields are stable.
type NodeInfo struct {
	ID    NodeID `json:"id"`
	Epoch uint64 `json:"epoch"`
	// State is alive, lost or left; of an entry without ID, which is an address where no
	// node can be joined, or from where one called, unreachable or refused.
	State         string            `json:"state"`
	GossipAddress string            `json:"gossip_address"`
	RPCAddress    string            `json:"rpc_address"`
	Version       string            `json:"version"`
	Zone          string            `json:"zone,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"` // nobody changes it
	Link          string            `json:"link"`             // self, connecting, up, stalled, down
	LinkError     string            `json:"link_error,omitempty"`
	LinkDropped   uint64            `json:"link_dropped"`
	// Trouble says what is wrong between the asked node and this one, and what to do;
	// empty if nothing is, as far as is known.
	Trouble string `json:"trouble,omitempty"`
	// ClockAhead is by how much its clock was ahead of the asked node's when the link was
	// made; nil if that is not known.
	ClockAhead *time.Duration `json:"clock_ahead_ns,omitempty"`
}

// Status is how a node is.
type Status struct {
	ID            NodeID        `json:"id"`
	Epoch         uint64        `json:"epoch"`
	Cluster       string        `json:"cluster"`
	ClusterUUID   string        `json:"cluster_uuid,omitempty"`
	Version       string        `json:"version"`
	Uptime        time.Duration `json:"uptime_ns"`
	Healthy       bool          `json:"healthy"`
	Problems      []string      `json:"problems,omitempty"`
	Nodes         int           `json:"nodes"`
	Subscriptions int           `json:"subscriptions"`
	Groups        int           `json:"groups"`
	// Notices are what an operator should know and what does not make the node
	// unhealthy, a line each.
	Notices []string `json:"notices,omitempty"`
}

// SubscriptionInfo is a subscription as its node sees it.
type SubscriptionInfo struct {
	Node         NodeID   `json:"node"`
	Holder       string   `json:"holder"`
	Topics       []string `json:"topics"`
	Policy       string   `json:"policy"`
	QueuedEvents int      `json:"queued_events"`
	QueuedBytes  int      `json:"queued_bytes"`
	Delivered    uint64   `json:"delivered"`
	Dropped      uint64   `json:"dropped"`
	QueueGroup   string   `json:"queue_group,omitempty"` // empty: none
}
