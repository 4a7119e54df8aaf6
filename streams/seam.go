package streams

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// partition is a partition as this node has it; *replica.Replica is one.
type partition interface {
	// Propose has a command applied: only the leader can.
	Propose(ctx context.Context, p *replica.Proposal) (state.Result, error)
	// Submit has commands applied in the order in which it was called; wait, to be
	// called once, returns the result.
	Submit(ctx context.Context, p *replica.Proposal) (wait func(context.Context) (state.Result, error), err error)
	// Read returns the state with everything acked before the call: only the leader
	// can. The caller calls done.
	Read(ctx context.Context) (v state.View, done func(), err error)
	// Look returns the state as this node has it.
	Look() (v state.View, done func(), err error)
	// Applied returns how far the state is, and what is closed when it is further.
	Applied() (index uint64, next <-chan struct{}, err error)
	// Leads reports whether this node leads, and is ready to.
	Leads() bool
	// Reign is the term in which this node leads, and is ready to, and the partition's
	// time in milliseconds since 1970; term 0: it does not lead.
	Reign() (term uint64, stampMS int64)
	// Report tells of an error that was met in the state: damage ends the replica.
	Report(err error)
	// Status says how it is.
	Status() replica.Status
}

var _ partition = (*replica.Replica)(nil)

// Leader is the node that leads a partition, and where its rpc port is.
type Leader struct {
	Node    eventnode.NodeID
	Address string
}
