package groups

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Peers is how this package reaches other nodes. The links implement it. Its
// methods are called concurrently.
type Peers interface {
	// SendExchange queues an encoded clusterv1.Exchange for a node, in order. It
	// never blocks; false means that there is no link or that its queue is full.
	// The bytes must not be changed by either side afterwards.
	SendExchange(to eventnode.NodeRef, msg []byte) bool
	// Deliver hands an event to members on another node. ErrUnavailable says
	// that it surely was not delivered; after any other error nobody knows.
	Deliver(ctx context.Context, to eventnode.NodeRef, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error)
}

// Config configures a Groups. The zero value of each field but Self is useful.
type Config struct {
	// Self is this life of this node. Required.
	Self eventnode.NodeRef
	// Peers reaches the other nodes. Defaults to nobody: a node alone.
	Peers Peers
	// Limits bounds what local callers may ask for.
	Limits Limits
	// MonitorBuffer bounds what waits for a monitor's reader, in memberships; a
	// monitor that overflows gets one resync. Defaults to 65,536.
	MonitorBuffer int
	// Interval is the time between two hashes sent to a random peer, which
	// bounds how long a lost change stays unknown. Defaults to 1 s.
	Interval time.Duration
	// LogLength is how many recent change sets are kept of each origin in each
	// scope; whoever misses more gets a copy. Defaults to 512.
	LogLength int
	// Seed seeds the choice of the peer that gets a hash. Defaults to a random
	// one.
	Seed uint64
	// Logger gets what happens. Defaults to none.
	Logger *slog.Logger
	// Registerer gets the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// Limits bounds what local callers may ask for. Exceeding one is a
// *eventnode.LimitError to the caller. Copies of other nodes' parts are bound
// by those nodes' limits.
type Limits struct {
	// MaxGroups bounds the groups in one scope in which this node has members.
	// Defaults to 1,000,000.
	MaxGroups int
	// MaxMembersPerGroup bounds a group's memberships, of all nodes. Defaults
	// to 4,000,000.
	MaxMembersPerGroup int
	// MaxMetaBytes bounds one membership's metadata; at most 65,536. Defaults
	// to 1,024.
	MaxMetaBytes int
	// MaxNameBytes bounds names of scopes and groups; at most 255. Defaults to
	// 255.
	MaxNameBytes int
	// MaxListLen bounds the members or groups in one call. Defaults to 100,000.
	MaxListLen int
	// MaxScopes bounds the scopes of this node and of those heard of. Defaults
	// to 4,096.
	MaxScopes int
	// MaxEventBytes bounds an encoded event. Defaults to 1 MiB.
	MaxEventBytes int
	// MaxQueue bounds the queue that a member may ask for, in events. Defaults
	// to 65,536.
	MaxQueue int
}

func (c Config) withDefaults() Config {
	def(&c.Limits.MaxGroups, 1_000_000)
	def(&c.Limits.MaxMembersPerGroup, 4_000_000)
	def(&c.Limits.MaxMetaBytes, 1024)
	def(&c.Limits.MaxNameBytes, 255)
	def(&c.Limits.MaxListLen, 100_000)
	def(&c.Limits.MaxScopes, 4096)
	def(&c.Limits.MaxEventBytes, 1<<20)
	def(&c.Limits.MaxQueue, 65536)
	def(&c.MonitorBuffer, 65536)
	def(&c.LogLength, 512)
	def(&c.Interval, time.Second)
	c.Limits.MaxMetaBytes = min(c.Limits.MaxMetaBytes, 65536)
	c.Limits.MaxNameBytes = min(c.Limits.MaxNameBytes, 255)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	if c.Peers == nil {
		c.Peers = nobody{}
	}
	return c
}

// def sets *v to d unless it is positive.
func def[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// nobody is the Peers of a node alone.
type nobody struct{}

var _ Peers = nobody{}

// SendExchange sends to nobody.
func (nobody) SendExchange(eventnode.NodeRef, []byte) bool { return false }

// Deliver delivers to nobody.
func (nobody) Deliver(context.Context, eventnode.NodeRef, *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	return nil, eventnode.ErrUnavailable
}
