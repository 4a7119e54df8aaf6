package link

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"

	"github.com/eventnode/eventnode"
)

// Config says how a node keeps its links.
type Config struct {
	// Self is this life of this node. Required.
	Self eventnode.NodeRef
	// Cluster is the cluster's name: links between two names are refused.
	Cluster string
	// ClusterUUID returns the cluster's UUID, 16 bytes, or nothing as long as
	// none was born. Two different UUIDs refuse each other. It is called in each
	// handshake and must be quick. Defaults to none.
	ClusterUUID func() (uuid []byte)
	// Secret is what both ends prove to know. Defaults to the empty secret,
	// which anybody knows.
	Secret []byte
	// Secrets are several, as they are now: this node proves the first one, and takes the
	// proof of any. It is called in each handshake, concurrently, must be quick and return
	// one at least. Defaults to Secret alone.
	Secrets func() [][]byte

	// Lanes is how many ordered streams a link has: more use more cores, fewer
	// make larger frames. The called node grants at most its own number.
	// Defaults to 4.
	Lanes int
	// Dial opens a connection to a peer's rpc address. Defaults to TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Credentials secure the connections that this node dials. Defaults to
	// none: plain TCP.
	Credentials credentials.TransportCredentials

	// LaneBytes bounds what waits in one lane of one link, in bytes. A full
	// lane makes the sender wait, or drop when the link makes no progress.
	// Defaults to 4 MiB.
	LaneBytes int
	// FrameBytes is how much one frame gathers, in bytes; a larger run goes
	// alone. Larger frames cost less for each event, smaller ones let lanes
	// alternate sooner. Defaults to 255 KiB: with its head a frame then fits into
	// a block of memory of 256 KiB.
	FrameBytes int
	// StallTimeout is how long a link may make no progress before events for
	// it are dropped. Defaults to 250 ms.
	StallTimeout time.Duration
	// ControlQueue bounds the group-table messages that wait for one link; more
	// are refused. Defaults to 65,536, of 16 MiB together at most.
	ControlQueue int
	// MaxDropTopics bounds the topics for which one lane counts drops; the rest
	// is counted together. Defaults to 1,024.
	MaxDropTopics int
	// MaxTracked bounds the tracked envelopes of one link that wait for their
	// receipt. Defaults to 65,536.
	MaxTracked int
	// HandshakeTimeout bounds a dial and, again, the handshake. Defaults to 5 s.
	HandshakeTimeout time.Duration

	// Clock is the machine's, which is compared with the peers'. Defaults to time.Now.
	Clock func() time.Time
	// Logger takes one line for each change of a link. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
	// Rand is the source of back-off jitter; it need not be safe for concurrent
	// use. Defaults to a random seed.
	Rand *rand.Rand

	// versions are what this node speaks; tests change them.
	versions versions
}

// withDefaults returns c with its zero fields filled in.
func (c Config) withDefaults() (Config, error) {
	if c.Self.ID == "" {
		return c, errors.New("link: Config.Self is not set")
	}
	if c.ClusterUUID == nil {
		c.ClusterUUID = func() []byte { return nil }
	}
	if c.Secrets == nil {
		alone := [][]byte{c.Secret}
		c.Secrets = func() [][]byte { return alone }
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.versions == (versions{}) {
		c.versions = spoken
	}
	c.Lanes = orDefault(c.Lanes, 4)
	c.LaneBytes = orDefault(c.LaneBytes, 4<<20)
	c.FrameBytes = orDefault(c.FrameBytes, 255<<10)
	c.StallTimeout = orDefault(c.StallTimeout, 250*time.Millisecond)
	c.ControlQueue = orDefault(c.ControlQueue, 65536)
	c.MaxDropTopics = orDefault(c.MaxDropTopics, 1024)
	c.MaxTracked = orDefault(c.MaxTracked, 65536)
	c.HandshakeTimeout = orDefault(c.HandshakeTimeout, 5*time.Second)
	return c, nil
}

// orDefault returns v, or def if v is not positive.
func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}
