package sessions

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

// Defaults of Config.
const (
	DefaultTTL          = 2 * time.Minute
	DefaultMaxSessions  = 100_000
	DefaultMaxPerUser   = 1_000
	DefaultReplayEvents = 2_048
	DefaultReplayBytes  = 1 << 20
)

// Config of a Manager. The zero value is the defaults.
type Config struct {
	// TTL is how long a session is kept without a socket. Longer lets clients come back
	// later, and keeps more of those in memory that never do. Defaults to 2 minutes.
	TTL time.Duration
	// MaxSessions bounds the sessions of this node, those without a socket included.
	// Defaults to 100,000.
	MaxSessions int
	// MaxPerUser bounds those of one user on this node. Defaults to 1,000, which is what
	// a bot with many shards needs.
	MaxPerUser int
	// ReplayEvents and ReplayBytes bound what is kept of what a session was sent: what a
	// client may miss and still resume. An event that many were sent is counted for each,
	// and is in memory once. Defaults to 2,048 events and 1 MiB.
	ReplayEvents, ReplayBytes int
	// OnEnd is told of each session that has ended, and why, by the goroutine that ended
	// it, without any lock. It must not wait for the Manager's Run. Defaults to nothing.
	OnEnd func(*Session, Reason)
	// OnSend is told of each event that a session was sent, and its number, in order, with
	// the session locked: it must neither wait nor call the session. With it, sockets have
	// no event before Session.Release says so. Defaults to nothing.
	OnSend func(s *Session, seq uint64, e *Event)
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// Reason is why a session has ended.
type Reason uint8

const (
	// Ended was by End: the client said goodbye, or somebody ended it.
	Ended Reason = iota
	// Expired was for TTL without a socket.
	Expired
	// Closed was with the Manager.
	Closed
	// Moved is to another node, by Give: the session goes on there.
	Moved
)

// String is a word for metrics and logs.
func (r Reason) String() string { return [...]string{"ended", "expired", "closed", "moved"}[r] }

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"MaxSessions", &c.MaxSessions, DefaultMaxSessions},
		{"MaxPerUser", &c.MaxPerUser, DefaultMaxPerUser},
		{"ReplayEvents", &c.ReplayEvents, DefaultReplayEvents},
		{"ReplayBytes", &c.ReplayBytes, DefaultReplayBytes},
	} {
		switch {
		case *f.value < 0:
			return c, fmt.Errorf("%s is %d: %w", f.name, *f.value, eventnode.ErrInvalidArgument)
		case *f.value == 0:
			*f.value = f.def
		}
	}
	switch {
	case c.TTL < 0:
		return c, fmt.Errorf("TTL is %v: %w", c.TTL, eventnode.ErrInvalidArgument)
	case c.TTL == 0:
		c.TTL = DefaultTTL
	}
	if c.OnEnd == nil {
		c.OnEnd = func(*Session, Reason) {}
	}
	return c, nil
}
