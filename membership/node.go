package membership

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// State is how a node is, as this one sees it.
type State uint8

// The states.
const (
	Alive State = iota // answers probes, as far as is known
	Lost               // stopped answering, or was replaced by a new life
	Left               // said that it leaves
)

// String returns "alive", "lost" or "left".
func (s State) String() string {
	switch s {
	case Lost:
		return "lost"
	case Left:
		return "left"
	case Alive:
	}
	return "alive"
}

// Node is one life of a node, as gossip tells of it. It is a value: nobody
// changes one that was handed out.
type Node struct {
	// Ref is its name and epoch.
	Ref eventnode.NodeRef
	// State is how it is.
	State State
	// GossipAddress is the HOST:PORT of its gossip.
	GossipAddress string
	// RPCAddress is the HOST:PORT of its rpc listener.
	RPCAddress string
	// Zone is its failure domain.
	Zone string
	// Version is its program's version.
	Version string
	// VersionMin is the lowest link protocol version that it speaks.
	VersionMin uint32
	// VersionMax is the highest one.
	VersionMax uint32
	// Roles is what it does.
	Roles []clusterv1.Role
	// ClusterUUID is the cluster's; zero as long as none was born.
	ClusterUUID uuid.UUID
	// Replica is that of its data directory; zero if it has no storage.
	Replica uuid.UUID
	// StorageLevel is the highest level of storage commands that it knows; 0 if it
	// has no storage.
	StorageLevel uint32
	// Labels are what is said of it, for placement. Nobody changes the map.
	Labels map[string]string
	// Tentative says that it does not know yet that its name is free, or has
	// found that it is not. Only Self may be so: others are not presented then.
	Tentative bool
}

// equal reports whether both say the same.
func (n Node) equal(o Node) bool {
	return slices.Equal(n.Roles, o.Roles) && n.Ref == o.Ref && n.State == o.State &&
		n.GossipAddress == o.GossipAddress && n.RPCAddress == o.RPCAddress &&
		n.Zone == o.Zone && n.Version == o.Version &&
		n.VersionMin == o.VersionMin && n.VersionMax == o.VersionMax &&
		n.ClusterUUID == o.ClusterUUID && n.Replica == o.Replica && n.StorageLevel == o.StorageLevel && maps.Equal(n.Labels, o.Labels) && n.Tentative == o.Tentative
}

// EventKind says what an Event tells.
type EventKind uint8

// The kinds.
const (
	EventSnapshot EventKind = iota // Nodes is everything at the start of a watch
	EventResync                    // Nodes replaces everything: the watcher fell behind
	EventJoined                    // Node lives
	EventUpdated                   // Node says something else of itself
	EventLost                      // Node stopped answering or was replaced
	EventLeft                      // Node announced that it leaves
)

// String returns the kind as one word.
func (k EventKind) String() string {
	names := [...]string{"snapshot", "resync", "joined", "updated", "lost", "left"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Event is a change, or everything.
type Event struct {
	// Kind says which.
	Kind EventKind
	// Node is the changed node; zero in a snapshot or resync.
	Node Node
	// Nodes are all living nodes, this one first, then by id. Only in a snapshot
	// or resync.
	Nodes []Node
}
