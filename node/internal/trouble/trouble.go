package trouble

import (
	"time"

	"github.com/eventnode/eventnode"
)

// Cause is what is wrong, in one word, for logs and metrics.
type Cause string

// The causes.
const (
	RPCBlocked    Cause = "rpc_blocked"    // gossip passes, rpc gets no answer
	RPCRefused    Cause = "rpc_refused"    // gossip passes, nothing takes connections for rpc
	LinkRefused   Cause = "link_refused"   // rpc answers, and one of the two refuses the other
	UDPBlocked    Cause = "udp_blocked"    // gossip passes by TCP or by others only
	GossipBlocked Cause = "gossip_blocked" // no answer by TCP at a gossip address
	GossipRefused Cause = "gossip_refused" // nothing takes connections there
	GossipKey     Cause = "gossip_key"     // two keys, or one side has none
	ClusterName   Cause = "cluster_name"   // two cluster names, or two clusters of one name
	NameTaken     Cause = "name_taken"     // somebody came with this node's name
	Clock         Cause = "clock"          // two clocks that differ
)

// Causes lists all of them.
func Causes() []Cause {
	return []Cause{RPCBlocked, RPCRefused, LinkRefused, UDPBlocked, GossipBlocked, GossipRefused, GossipKey, ClusterName, NameTaken, Clock}
}

// Finding is one thing that is wrong.
type Finding struct {
	// Cause is what.
	Cause Cause
	// Node is whom it is about; "" if that is not known.
	Node eventnode.NodeID
	// Address is where: HOST:PORT, or the host alone of somebody who called.
	Address string
	// Text says what is wrong, and what to do.
	Text string
}

// What must pass before something counts.
const (
	// linkGrace is how long a link is missing, while gossip holds the node alive,
	// before that is no process that was killed: gossip needs up to 10 s to see that.
	linkGrace = 15 * time.Second
	// silentGrace is the same where dials get no answer: a dial takes 5 s.
	silentGrace = 12 * time.Second
	// tlsGrace is the same where it is closed before a word was said, as TLS on one side
	// does, and a process that ends.
	tlsGrace = 5 * time.Second
	// seedGrace is how long a seed is tried before it should have been started.
	seedGrace = 30 * time.Second
	// udpStreak is how many probes in a row UDP must have failed.
	udpStreak = 3
	// clockTolerance is by how much clocks may differ.
	clockTolerance = time.Minute
)
