package raftnet

import (
	"errors"
	"io"
	"log/slog"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/hclogslog"
)

// TransportConfig of a replica's transport.
type TransportConfig struct {
	// Timeout bounds a dial and each request, from its first byte to the
	// response. It must be longer than a log write may take (a follower answers
	// when it has fsynced); shorter finds a connection that leads nowhere sooner.
	// Defaults to 5 s.
	Timeout time.Duration
	// MaxPool bounds the idle connections kept to one replica. Three are in use
	// at the same time at most, besides the pipeline's own: heartbeat, append,
	// vote. Defaults to 3.
	MaxPool int
	// SnapshotRate is the slowest at which a snapshot may be sent and restored,
	// in bytes per second; the request's deadline follows from it and is Timeout
	// at least. That the sending makes progress is checked besides, see
	// Config.StallTimeout. Defaults to 2 MiB.
	SnapshotRate int
	// Await, if set, returns when this replica has all entries up to index on its own
	// disk, or why it never will, or when give is closed. Raft is told that another
	// replica has entries only after that, for it counts this replica's copy from the
	// moment at which it was begun.
	Await func(index uint64, give <-chan struct{}) error
	// Logger gets what hashicorp/raft has to say. Defaults to none.
	Logger *slog.Logger
}

// maxRPCsInFlight is the pipeline's depth: the next request is sent while the one
// before is fsynced. More only adds latency (hashicorp/raft#541).
const maxRPCsInFlight = 2

func (c TransportConfig) withDefaults() TransportConfig {
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.MaxPool <= 0 {
		c.MaxPool = 3
	}
	if c.SnapshotRate <= 0 {
		c.SnapshotRate = 2 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Await == nil {
		c.Await = func(uint64, <-chan struct{}) error { return nil }
	}
	return c
}

// Transport is hashicorp/raft's, with two things added. That others have entries is
// told when this replica has them, too (TransportConfig.Await). And a request whose connection
// turns out to be closed is sent again. The pool keeps connections to a process
// that was restarted, and would lose a vote to each: with three replicas of which
// one is down, that is an election.
type Transport struct {
	*raft.NetworkTransport
	pool  int
	await func(index uint64, give <-chan struct{}) error
}

var (
	_ raft.Transport   = (*Transport)(nil)
	_ raft.WithPreVote = (*Transport)(nil)
	_ raft.WithClose   = (*Transport)(nil)
)

// NewTransport returns the transport of the layer's replica. hashicorp/raft starts
// a goroutine in it at once; Close ends it and closes the layer. There is no
// ServerAddressProvider and must be none: it would put another address than the
// UUID into votes and entries.
func NewTransport(l *Layer, cfg TransportConfig) *Transport {
	cfg = cfg.withDefaults()
	t := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Logger:                  hclogslog.New(cfg.Logger, hclogslog.Config{Name: "raft-net"}),
		Stream:                  l,
		MaxPool:                 cfg.MaxPool,
		MaxRPCsInFlight:         maxRPCsInFlight,
		Timeout:                 cfg.Timeout,
		MsgpackUseNewTimeFormat: true, // every version of ours reads it
	})
	// A snapshot's deadline is Timeout * (size / TimeoutScale).
	t.TimeoutScale = max(1, int(float64(cfg.SnapshotRate)*cfg.Timeout.Seconds()))
	return &Transport{NetworkTransport: t, pool: cfg.MaxPool, await: cfg.Await}
}

// AppendEntries sends entries or a heartbeat. Sending them twice is harmless.
func (t *Transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := t.again(func() error { return t.NetworkTransport.AppendEntries(id, target, args, resp) })
	if err != nil {
		return err
	}
	return t.hold(args, resp, nil)
}

// hold returns when the answer to a request may be told: another replica's copy makes
// a majority with the own one only if that is durable.
func (t *Transport) hold(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse, give <-chan struct{}) error {
	if n := len(args.Entries); n > 0 && resp.Success && holds {
		return t.await(args.Entries[n-1].Index, give)
	}
	return nil
}

// RequestVote asks for a vote. A replica gives the same candidate the same answer.
func (t *Transport) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return t.again(func() error { return t.NetworkTransport.RequestVote(id, target, args, resp) })
}

// RequestPreVote asks whether a vote would be given. It changes nothing.
func (t *Transport) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return t.again(func() error { return t.NetworkTransport.RequestPreVote(id, target, args, resp) })
}

// TimeoutNow hands leadership over. Twice is one election too many at worst.
func (t *Transport) TimeoutNow(id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.again(func() error { return t.NetworkTransport.TimeoutNow(id, target, args, resp) })
}

// again repeats rpc while it fails for a stale connection. Each failure takes one
// out of the pool, so the last try has a fresh one.
func (t *Transport) again(rpc func() error) error {
	err := rpc()
	for range t.pool {
		if !stale(err) {
			return err
		}
		err = rpc()
	}
	return err
}

// stale reports whether err says that the other end had closed the connection. A
// failed dial is not that: the same would happen again.
func stale(err error) bool {
	if dial := (*DialError)(nil); err == nil || errors.As(err, &dial) {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
