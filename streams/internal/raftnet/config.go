package raftnet

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

// Resolver returns the rpc address, host:port, of the node that has the replica
// now, as far as this node has heard. It is called for each dial and must not
// block.
type Resolver func(replica uuid.UUID) (address string, ok bool)

// DialFunc opens a connection to a node's rpc address. It ends with ctx.
type DialFunc func(ctx context.Context, address string) (net.Conn, error)

// Config of a Server.
type Config struct {
	// Cluster is the cluster's name, at most 255 bytes. Defaults to none.
	Cluster string
	// Secret is what both ends prove to know. Defaults to the empty secret,
	// which anybody knows.
	Secret []byte
	// Secrets are several, as they are now: this node proves the first one, and takes the
	// proof of any. It is called for each connection, concurrently. Defaults to Secret
	// alone.
	Secrets func() [][]byte
	// Resolve finds replicas. Required.
	Resolve Resolver
	// Dial opens connections; see TLS. Defaults to TCP in the clear.
	Dial DialFunc
	// PreambleTimeout bounds the preamble of a connection that came in, from its
	// first byte to the welcome. Defaults to 5 s.
	PreambleTimeout time.Duration
	// MaxPending bounds the connections that are in their preamble; one more
	// ends the oldest. Defaults to 64.
	MaxPending int
	// StallTimeout is how long one write (at most a few MiB) may take, and how
	// long a request may stop in the middle. Shorter frees a follower sooner from
	// a snapshot whose sender vanished; longer bears slower networks and disks.
	// Defaults to 10 s.
	StallTimeout time.Duration
	// Logger gets refusals, the first ones and then one a minute. Defaults to
	// none.
	Logger *slog.Logger
	// Registerer gets the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() (Config, error) {
	if c.Resolve == nil {
		return c, fmt.Errorf("%w: raft transport without a resolver", eventnode.ErrInvalidArgument)
	}
	if len(c.Cluster) > maxCluster {
		return c, fmt.Errorf("%w: the cluster's name has %d bytes, at most %d",
			eventnode.ErrInvalidArgument, len(c.Cluster), maxCluster)
	}
	if c.Secrets == nil {
		alone := [][]byte{c.Secret}
		c.Secrets = func() [][]byte { return alone }
	}
	if c.Dial == nil {
		c.Dial = dialTCP
	}
	if c.PreambleTimeout <= 0 {
		c.PreambleTimeout = 5 * time.Second
	}
	if c.MaxPending <= 0 {
		c.MaxPending = 64
	}
	if c.StallTimeout <= 0 {
		c.StallTimeout = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// TLS returns a DialFunc that secures what dial opens; nil is TCP. cfg is called for each
// connection. Raft's ALPN
// name is set, and the server's name too where cfg has none: the host that is
// dialled.
func TLS(dial DialFunc, cfg func() *tls.Config) DialFunc {
	if dial == nil {
		dial = dialTCP
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		own := cfg().Clone()
		own.NextProtos = []string{Protocol().ALPN}
		if own.ServerName == "" {
			own.ServerName, _, _ = net.SplitHostPort(address)
		}
		shaken := tls.Client(conn, own)
		if err := shaken.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("tls handshake: %w", err)
		}
		return shaken, nil
	}
}
