package eventnode

import (
	"context"
	"time"
)

// Sources are a cluster's event sources: the shards that nodes share, and commands about
// them. Any node answers: one that does not run a source asks one that does. If no node runs
// it that is ErrSourceNotFound.
type Sources interface {
	// Sources names those of all nodes, as far as the asked one has heard, in order.
	Sources(ctx context.Context) ([]string, error)
	// Shards is all shards of a source, in order, as the node that answers knows them.
	Shards(ctx context.Context, source string) ([]ShardStatus, error)
	// StartShard has a shard that was stopped, or has failed, run again, and returns when it
	// is connected. It fails with ErrShardFailed if it fails again.
	StartShard(ctx context.Context, source string, shard int) error
	// StopShard has a shard not run until it is started, and returns when it surely does not.
	StopShard(ctx context.Context, source string, shard int) error
	// MoveShard has a shard run on a node, and returns when it does; "" ends that it is to be
	// on one. It fails with ErrNoRunner if no such node runs the source.
	//
	// What these three are asked is written down first: if ctx ends before it is done the
	// error is ErrShardPending, and it will be.
	MoveShard(ctx context.Context, source string, shard int, node NodeID) error
}

// ShardStatus is what is known of a shard.
type ShardStatus struct {
	// Shard is its number, of Shards.
	Shard, Shards int
	// State is a word: stopped, failed, unplaced, waiting, starting, resuming, connected,
	// restarting, stopping.
	State string
	// Node has it, or waits for it. Empty if none does.
	Node NodeID
	// Pin is the node that it was moved to by hand.
	Pin NodeID
	// Session and Seq are how far its events were handled when that was last kept, at Kept,
	// by KeptBy.
	Session string
	Seq     uint64
	Kept    time.Time
	KeptBy  NodeID
	// Since is when it got into its state, by the clock of its node.
	Since time.Time
	// Restarts counts how often it was run again on this node, after it had failed.
	Restarts uint64
	// Err is why it has failed, or what it waits for.
	Err string
}
