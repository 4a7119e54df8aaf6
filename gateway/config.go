package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// Defaults of Config.
const (
	DefaultHeartbeatInterval = 41_250 * time.Millisecond
	DefaultHeartbeatGrace    = 7_750 * time.Millisecond
	DefaultIdentifyTimeout   = 10 * time.Minute
	DefaultWriteTimeout      = 10 * time.Second
	DefaultCloseTimeout      = 2 * time.Second
	DefaultProbeTimeout      = 2 * time.Second
	DefaultReconnectWait     = 200 * time.Millisecond
	DefaultBackendTimeout    = 10 * time.Second
	DefaultMaxPayload        = 4096
	DefaultMaxConnections    = 100_000
)

// Config of a Gateway. Backend and Authenticator are needed; the zero value of everything
// else is its default.
type Config struct {
	Backend       Backend
	Authenticator Authenticator
	// PublicURL is where clients find the gateway, such as wss://gateway.example.com: for
	// clusters behind a proxy. Defaults to what a client asked for, by its Host header.
	PublicURL string
	// Shards recommends how many shards a user should use. Defaults to 1 for everybody.
	Shards func(ctx context.Context, user sessions.Snowflake) int

	// HeartbeatInterval is how often clients are told to say that they are there, and
	// HeartbeatGrace how much later than that they may. Shorter finds dead connections
	// sooner, for more traffic. Defaults to 41.25 s and 7.75 s: 49 s in all.
	HeartbeatInterval, HeartbeatGrace time.Duration
	// IdentifyTimeout is how long a connection may be without a session, with heartbeats.
	// Libraries that start many shards let them wait for their turn. Defaults to 10 min.
	IdentifyTimeout time.Duration
	// WriteTimeout is how long a write may wait for a client that does not read. Defaults
	// to 10 s.
	WriteTimeout time.Duration
	// CloseTimeout is how long a client may take to close a connection that was closed
	// here. Defaults to 2 s.
	CloseTimeout time.Duration
	// ProbeTimeout is how long a connection has to answer a ping when somebody else wants
	// its session. Defaults to 2 s.
	ProbeTimeout time.Duration
	// ReconnectWait is how long Drain waits between RECONNECT and closing. Defaults to
	// 200 ms.
	ReconnectWait time.Duration
	// BackendTimeout bounds each call of Backend and Authenticator. Defaults to 10 s.
	BackendTimeout time.Duration
	// MaxPayload bounds what a client sends at once, in bytes. Defaults to 4,096.
	MaxPayload int
	// MaxConnections bounds the connections. Who comes then gets 503. Defaults to 100,000.
	MaxConnections int
	// Limits of what clients do.
	Limits Limits

	// Logger defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// Defaults of Limits.
const (
	DefaultIdentifyInterval    = 5 * time.Second
	DefaultIdentifyConcurrency = 1
	DefaultMessages            = 120
	DefaultMessagesPeriod      = time.Minute
	DefaultPresences           = 5
	DefaultPresencesPeriod     = time.Minute
	DefaultSessions            = 1_000
	DefaultSessionsPeriod      = 4 * time.Hour
)

// Limits of what clients do. A negative number is no limit.
type Limits struct {
	// IdentifyInterval is the time between two sessions of a user whose shards have the
	// same number modulo IdentifyConcurrency. Who comes too soon waits for his turn, if
	// that is the next one, and gets INVALID_SESSION otherwise. Defaults to 5 s and 1.
	IdentifyInterval    time.Duration
	IdentifyConcurrency int
	// Messages a connection may send in each MessagesPeriod; one more closes it. Defaults
	// to 120 a minute.
	Messages       int
	MessagesPeriod time.Duration
	// Presences a connection may set in each PresencesPeriod; more are dropped. Defaults
	// to 5 a minute.
	Presences       int
	PresencesPeriod time.Duration
	// Sessions a user may open in each SessionsPeriod, on this node. Defaults to 1,000 in
	// 4 hours.
	Sessions       int
	SessionsPeriod time.Duration
}

func (l Limits) withDefaults() Limits {
	def(&l.IdentifyInterval, DefaultIdentifyInterval)
	def(&l.IdentifyConcurrency, DefaultIdentifyConcurrency)
	def(&l.Messages, DefaultMessages)
	def(&l.MessagesPeriod, DefaultMessagesPeriod)
	def(&l.Presences, DefaultPresences)
	def(&l.PresencesPeriod, DefaultPresencesPeriod)
	def(&l.Sessions, DefaultSessions)
	def(&l.SessionsPeriod, DefaultSessionsPeriod)
	l.IdentifyConcurrency = max(l.IdentifyConcurrency, 1)
	return l
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.Backend == nil || c.Authenticator == nil {
		return c, fmt.Errorf("a gateway needs a Backend and an Authenticator: %w", eventnode.ErrInvalidArgument)
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"HeartbeatInterval", &c.HeartbeatInterval, DefaultHeartbeatInterval},
		{"HeartbeatGrace", &c.HeartbeatGrace, DefaultHeartbeatGrace},
		{"IdentifyTimeout", &c.IdentifyTimeout, DefaultIdentifyTimeout},
		{"WriteTimeout", &c.WriteTimeout, DefaultWriteTimeout},
		{"CloseTimeout", &c.CloseTimeout, DefaultCloseTimeout},
		{"ProbeTimeout", &c.ProbeTimeout, DefaultProbeTimeout},
		{"ReconnectWait", &c.ReconnectWait, DefaultReconnectWait},
		{"BackendTimeout", &c.BackendTimeout, DefaultBackendTimeout},
	} {
		if def(f.value, f.def); *f.value < 0 {
			return c, fmt.Errorf("%s is %v: %w", f.name, *f.value, eventnode.ErrInvalidArgument)
		}
	}
	def(&c.MaxPayload, DefaultMaxPayload)
	def(&c.MaxConnections, DefaultMaxConnections)
	if c.MaxPayload < 0 || c.MaxConnections < 0 {
		return c, fmt.Errorf("MaxPayload is %d, MaxConnections %d: %w", c.MaxPayload, c.MaxConnections, eventnode.ErrInvalidArgument)
	}
	c.Limits = c.Limits.withDefaults()
	return c.withOthers()
}

// withOthers is what is no number.
func (c Config) withOthers() (Config, error) {
	if c.Shards == nil {
		c.Shards = func(context.Context, sessions.Snowflake) int { return 1 }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.PublicURL == "" {
		return c, nil
	}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return c, fmt.Errorf("PublicURL is %.200q, not such as wss://gateway.example.com: %w", c.PublicURL, eventnode.ErrInvalidArgument)
	}
	return c, nil
}
