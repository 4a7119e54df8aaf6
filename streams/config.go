package streams

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Config of the durable plane on one node.
type Config struct {
	// Dir is the data directory of the durable plane. Required.
	Dir string
	// Self is this node's name, and Cluster the cluster's. Required.
	Self    eventnode.NodeID
	Cluster string
	// Secret is what Raft's connections prove to know. Defaults to none.
	Secret []byte
	// Secrets are several, as they are now: the first one is proved, any is taken. It is
	// called concurrently. Defaults to Secret alone.
	Secrets func() [][]byte
	// Peers is what this node knows of others, and how it asks them. Required.
	Peers Peers
	// Dial opens a connection to an rpc port, for Raft. Required.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	// Expect is how many nodes with storage found a cluster: when so many are there
	// and none belongs to one, they do. All must be given the same number. 0 never
	// founds one, but joins.
	Expect int
	// Replicas is how many voters a partition is to have, 1 to 5. Defaults to 3.
	Replicas int
	// DeadReplicaTimeout is how long a voter may be away before another takes its
	// place. Defaults to 10 min.
	DeadReplicaTimeout time.Duration
	// HeartbeatTimeout is how long a follower waits for its leader. Defaults to
	// 500 ms.
	HeartbeatTimeout time.Duration
	// MemoryBytes is for the caches of a replica's state. Defaults to 128 MiB.
	MemoryBytes int64

	// LeaseTTL is how long a consumer's lease is kept for a holder that is not there.
	// Defaults to 15 s.
	LeaseTTL time.Duration
	// MaxConsumers bounds the consumers of which this node leads the streams. Defaults
	// to 16,384.
	MaxConsumers int
	// MaxLockWaiters bounds those who wait for a lock at this node. Defaults to 16,384.
	MaxLockWaiters int

	// MinFreeBytes is how much is to be left on the disk: with less a node should
	// not lead, and events are refused with eventnode.ErrStorageFull when no
	// majority has more. Defaults to 512 MiB.
	MinFreeBytes uint64

	// FS is the file system of logs and states; the founding and the identity are
	// always on the operating system's. Defaults to that. Tests put in one that
	// forgets or fails.
	FS vfs.FS
	// WallClock is the machine's clock. Defaults to time.Now. Tests set it wrongly.
	WallClock func() time.Time

	// Logger takes what happens. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// Peers is the cluster as the durable plane needs to know it. Its methods do not
// block, but for Ask.
type Peers interface {
	// Nodes lists the nodes with storage that gossip holds alive, this one among
	// them.
	Nodes() []Node
	// Ask asks a node's durable plane; errors are as for group deliveries.
	Ask(ctx context.Context, to eventnode.NodeID, req *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error)
	// Conn is a gRPC connection to a node's rpc port, for its public API.
	Conn(address string) (grpc.ClientConnInterface, error)
	// Announce tells the others which replica this node has, and to which cluster
	// it belongs.
	Announce(replica, cluster uuid.UUID) error
}

// Node is a node with storage.
type Node struct {
	ID      eventnode.NodeID
	Address string // of its rpc port
	Replica uuid.UUID
	// Cluster is that which it belongs to; uuid.Nil: none yet.
	Cluster uuid.UUID
	// Level is the highest level of storage commands that it knows.
	Level uint32
	// Labels are what is said of it: pools ask for them.
	Labels map[string]string
}

// DirName is where a node has the durable plane inside its data directory.
const DirName = "streams"

// MaxReplicas bounds the voters of a partition.
const MaxReplicas = 5

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" || c.Self == "" || c.Cluster == "" || c.Peers == nil || c.Dial == nil {
		return c, errors.New("streams: Dir, Self, Cluster, Peers and Dial are required")
	}
	if c.Replicas == 0 {
		c.Replicas = 3
	}
	if c.Replicas < 1 || c.Replicas > MaxReplicas || c.Expect < 0 || c.Expect > MaxReplicas {
		return c, errors.New("streams: Replicas is 1 to 5, Expect 0 to 5")
	}
	if c.DeadReplicaTimeout == 0 {
		c.DeadReplicaTimeout = 10 * time.Minute
	}
	if c.HeartbeatTimeout == 0 {
		c.HeartbeatTimeout = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
