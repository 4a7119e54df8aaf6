package fleet

import (
	"time"

	"github.com/eventnode/eventnode"
)

// State is how a shard is.
type State string

// The states.
const (
	// StateStopped: somebody stopped it.
	StateStopped State = "stopped"
	// StateFailed: it cannot go on. Start tries again.
	StateFailed State = "failed"
	// StateUnplaced: no node runs the source.
	StateUnplaced State = "unplaced"
	// StateWaiting: for its lease, which another node has or had.
	StateWaiting State = "waiting"
	// StateStarting: it connects, or waits until it may open a session.
	StateStarting State = "starting"
	// StateResuming: it goes on with a session.
	StateResuming State = "resuming"
	// StateConnected: events come.
	StateConnected State = "connected"
	// StateRestarting: it has failed, and waits to be run again on the same node.
	StateRestarting State = "restarting"
	// StateStopping: what it has taken in is being handled.
	StateStopping State = "stopping"
)

// running reports whether a shard in this state is one that runs.
func (s State) running() bool {
	return s == StateStarting || s == StateResuming || s == StateConnected
}

// Status is what is known of a shard on the node that is asked.
type Status struct {
	ID    ShardID
	State State
	// Node has the shard, or waits for it. Empty if none does.
	Node eventnode.NodeID
	// Pin is the node that it was moved to by hand.
	Pin eventnode.NodeID
	// Session and Seq are how far its events were handled when that was last kept, at Kept,
	// and KeptBy the node that kept it.
	Session string
	Seq     uint64
	Kept    time.Time
	KeptBy  eventnode.NodeID
	// Since is when it got into its state, by the clock of its node.
	Since time.Time
	// Restarts counts how often it was run again on this node, after it had failed.
	Restarts uint64
	// Err is why it has failed, or what it waits for.
	Err string
}
