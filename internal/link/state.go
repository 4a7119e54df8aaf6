package link

import (
	"time"

	"github.com/eventnode/eventnode"
)

// Phase is how an outgoing link is.
type Phase uint8

// The phases.
const (
	PhaseConnecting Phase = iota // never up so far
	PhaseUp                      // frames flow
	PhaseStalled                 // connected, without progress: events for a full lane are dropped
	PhaseDown                    // was up, is dialled again
)

// String returns the phase as one word.
func (p Phase) String() string {
	switch p {
	case PhaseConnecting:
		return "connecting"
	case PhaseUp:
		return "up"
	case PhaseStalled:
		return "stalled"
	case PhaseDown:
		return "down"
	}
	return "unknown"
}

// State is how one outgoing link is.
type State struct {
	Ref     eventnode.NodeRef
	Address string
	Phase   Phase
	// Refused says that its port refuses connections: the process is gone,
	// whatever gossip still believes.
	Refused bool
	// LastError is why it was not up, the last time it was not.
	LastError string
	// Kind is what LastError is about.
	Kind ErrorKind
	// Down is for how long there has been no link; 0 while there is one.
	Down time.Duration
	// Clocks says how far the peer's clock is from this node's.
	Clocks Difference
	// Generation counts this node's dials; it is that of the present link.
	Generation uint64
	// Lanes is how many lanes the peer granted; 0 before the first handshake.
	Lanes int
	// QueuedBytes wait in all lanes.
	QueuedBytes int
	// Frames, Bytes and Events were handed over to the connection.
	Frames, Bytes, Events uint64
	// Dropped counts events dropped here for that peer.
	Dropped uint64
	// LostFrames were handed over and never arrived, as the peer said later.
	LostFrames uint64
	// ExchangesRefused counts group-table messages that found a full queue.
	ExchangesRefused uint64
}
