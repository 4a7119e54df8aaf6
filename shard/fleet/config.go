package fleet

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/source"
)

// Defaults of Config.
const (
	DefaultEvery            = time.Second
	DefaultTTL              = 10 * time.Second
	DefaultSettle           = 2 * time.Second
	DefaultDrain            = 10 * time.Second
	DefaultIdentifyInterval = 5500 * time.Millisecond
	DefaultMinBackoff       = time.Second
	DefaultMaxBackoff       = time.Minute
)

// minTTL is the shortest lease.
const minTTL = 200 * time.Millisecond

// Groups is what a fleet needs of eventnode.Groups.
type Groups interface {
	NewMember(ctx context.Context, queue int) (eventnode.Member, error)
	Scope(name string) eventnode.Scope
}

// Streams is what a fleet needs of eventnode.Streams.
type Streams interface {
	Declare(ctx context.Context, stream string, cfg eventnode.StreamConfig) (created bool, err error)
	Info(ctx context.Context, stream string) (eventnode.StreamInfo, error)
	Publish(ctx context.Context, stream string, ev event.Event, opts ...eventnode.PublishOption) (eventnode.Position, error)
	Read(ctx context.Context, stream string, opts ...eventnode.ReadOption) iter.Seq2[eventnode.StreamEvent, error]
}

// Locks is what a fleet needs of eventnode.Locks, which see.
type Locks interface {
	Obtain(ctx context.Context, name string, ttl, wait time.Duration) (eventnode.Lock, error)
	Info(ctx context.Context, name string) (eventnode.LockInfo, error)
}

// Opening is a shard that is to run.
type Opening struct {
	ID ShardID
	// Resume is what a shard said in its Progress, perhaps on another node. None: begin
	// anew.
	Resume []byte
	// Unknown: a session was opened before, perhaps, and the node was killed before anything
	// of it was kept. Consumers may miss events that nobody can name.
	Unknown bool
	// Token is the fencing token of the lease: greater than that of whoever had the shard
	// before.
	Token uint64
	// Permit is to be waited for before a session is opened, which is written down; and not
	// before one is gone on with.
	Permit Permit
	// Changed may be called when Progress has another State, by any goroutine. It does not
	// wait. Without, that is seen at the next Config.Every.
	Changed func()
}

// Shard is a shard that runs here. All methods but Run may be called at any time, by
// several goroutines.
type Shard interface {
	// Run runs it until Stop (nil), ctx ends, or it cannot go on: with ErrFatal if it could
	// not the next time either. It is called once. When ctx ends the connection has to be
	// closed at once: before long another node has the shard.
	Run(ctx context.Context) error
	// Stop has Run take nothing more in, handle what was, and return. It may wait for that,
	// as long as ctx lasts. Afterwards Progress says where to go on.
	Stop(ctx context.Context)
	// Progress is how it is now. It does not wait.
	Progress() Progress
}

// Progress is how a Shard is, and what another one needs to go on: everything up to Seq was
// handled.
type Progress struct {
	// State is StateStarting, StateResuming or StateConnected.
	State State
	// Problem is why it is not connected, for people. Empty: it is, or nothing is in the way.
	Problem string
	// Session, of at most 256 bytes, and Seq are for people.
	Session string
	Seq     uint64
	// Resume is for the next Opening, of at most 4 KiB. None: there is no session to go on
	// with.
	Resume []byte
}

// Config of a Fleet. It is the same on all nodes, but for Node.
type Config struct {
	// Source is the name of the source. Required.
	Source string
	// Node is this life of this node. Required.
	Node eventnode.NodeRef
	// Shards is which shards there are. Defaults to as many as Advise recommends.
	Shards Spec
	// Groups, Streams and Locks are the node's, of one namespace. Required.
	Groups  Groups
	Streams Streams
	Locks   Locks
	// Open makes a shard, which Run runs. It wraps ErrFatal if there is no point in trying
	// again. Required.
	Open func(ctx context.Context, o Opening) (Shard, error)
	// Advise asks the gateway for its limits, and how many shards it recommends. Defaults to
	// one bucket, no limit a day, and no recommendation.
	Advise func(ctx context.Context) (Advice, error)

	// Every is how often what a shard needs to go on is written down. More often means that
	// less comes again when a node was killed. Defaults to 1 s.
	Every time.Duration
	// TTL is how long a lease lasts, in whole milliseconds: so long a shard does not run
	// when its node was killed, and three quarters of it a node that is cut off goes on.
	// Each shard's is refreshed four times in a TTL, a write each. Defaults to 10 s.
	TTL time.Duration
	// Settle is how long nodes must not come or go before shards are placed anew. Defaults
	// to 2 s.
	Settle time.Duration
	// Drain is how long a shard may take to handle what it has taken in, when it is stopped.
	// Defaults to 10 s.
	Drain time.Duration
	// IdentifyInterval is the time between two sessions that shards of one bucket open.
	// Defaults to 5.5 s.
	IdentifyInterval time.Duration
	// MinBackoff and MaxBackoff bound the wait before a shard that has failed is run again.
	// Default to 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// Logger defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics; fleets of several sources share them. Defaults to none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() (Config, error) {
	if err := source.CheckName(c.Source); err != nil {
		return c, err
	}
	if err := c.Shards.Check(); err != nil {
		return c, err
	}
	switch {
	case c.Groups == nil || c.Streams == nil || c.Locks == nil || c.Open == nil:
		return c, invalid("Groups, Streams, Locks and Open are needed")
	case c.Node.ID == "" || len(c.Node.ID) > maxNodeName:
		return c, invalid("the node's name has 1 to %d bytes", maxNodeName)
	case c.Shards == Auto() && c.Advise == nil:
		return c, invalid("Shards is auto: say who recommends how many, with Advise, or how many there are")
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"Every", &c.Every, DefaultEvery}, {"TTL", &c.TTL, DefaultTTL}, {"Settle", &c.Settle, DefaultSettle},
		{"Drain", &c.Drain, DefaultDrain}, {"IdentifyInterval", &c.IdentifyInterval, DefaultIdentifyInterval},
		{"MinBackoff", &c.MinBackoff, DefaultMinBackoff}, {"MaxBackoff", &c.MaxBackoff, DefaultMaxBackoff},
	} {
		if *f.value = cmp.Or(*f.value, f.def); *f.value < time.Millisecond {
			return c, invalid("%s is %v: use a millisecond or more", f.name, *f.value)
		}
	}
	if c.TTL < minTTL || c.TTL%time.Millisecond != 0 || c.IdentifyInterval%time.Millisecond != 0 {
		return c, invalid("TTL is %v and IdentifyInterval %v: use whole milliseconds, and %v or more for TTL", c.TTL, c.IdentifyInterval, minTTL)
	}
	if c.Advise == nil {
		c.Advise = func(context.Context) (Advice, error) { return Advice{}, nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("source", c.Source)
	return c, nil
}
