package shard

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

// Defaults of Config.
const (
	DefaultReadAhead      = 64
	DefaultReadAheadBytes = 4 << 20
	DefaultMaxPayload     = 16 << 20
	DefaultMaxCommands    = 4096
	DefaultConnectTimeout = 5 * time.Second
	DefaultAnswerTimeout  = 30 * time.Second
	DefaultWriteTimeout   = 5 * time.Second
	DefaultMinBackoff     = 250 * time.Millisecond
	DefaultMaxBackoff     = time.Minute
	DefaultSettledAfter   = time.Minute
	DefaultProgressEvery  = 5 * time.Second
)

// MaxShards bounds the shards of a bot.
const MaxShards = 1 << 16

// Config of a Shard. Name, Token and one of Gateway and API are needed; the zero value of
// everything else is its default.
type Config struct {
	// Name is the source's, in events, logs and metrics.
	Name string
	// Token is the bot's, with or without the word "Bot".
	Token string
	// Gateway is where to connect, such as wss://gateway.example.com.
	Gateway string
	// API is asked for the gateway otherwise, by GET /gateway/bot below it, such as
	// https://discord.com/api/v10.
	API string
	// Shard is the number of this shard, of Shards. Defaults to 0 of 1.
	Shard, Shards int
	// Resume goes on with a session that another Shard left. Defaults to a new session.
	Resume Resume

	// Intents is which events the bot wants, a bit each.
	Intents uint64
	// Presence is shown from the beginning on. Defaults to what the gateway makes of none.
	Presence *sessions.Presence
	// Properties tell the gateway what connects. Default to the operating system and
	// "eventnode".
	Properties map[string]string
	// NoMembers has members not be asked for. Otherwise they are for each guild that has
	// 250 members or more, and for every guild if Intents has members and not presences.
	NoMembers bool

	// Encoding is json or etf. Defaults to json, which costs less to decode.
	Encoding string
	// Compress is none, zlib-payload, zlib-stream or zstd-stream. Defaults to zlib-stream,
	// which every gateway has.
	Compress string

	// Normalise makes the data of an event into what consumers expect, such as ids of one
	// type. What it fails for is delivered as it came. It is called by one goroutine.
	// Defaults to data as it came.
	Normalise func(name string, data []byte) ([]byte, error)
	// OnProgress is told how far payloads were handled, each ProgressEvery if that has
	// changed and once when Run ends. It may take its time, and is called by one goroutine.
	// More often means that less comes again after a crash. Defaults to nothing, and to 5 s.
	OnProgress    func(ctx context.Context, r Resume)
	ProgressEvery time.Duration
	// OnGap is told of gaps, before consumers are. It is called by the goroutine that
	// delivers. Defaults to nothing.
	OnGap func(Gap)
	// Identify permits IDENTIFY. Shards of one bot in one process share one. Defaults to one
	// of this shard's own.
	Identify Limiter

	// ReadAhead and ReadAheadBytes bound the payloads that were read and are not yet
	// handled: beyond, nothing is read. More evens out slow handlers; each of them comes
	// again after a crash. Default to 64 and 4 MiB.
	ReadAhead, ReadAheadBytes int
	// MaxPayload bounds a payload in bytes, before and after inflating. Defaults to 16 MiB.
	MaxPayload int
	// MaxCommands bounds the commands that wait to be sent. Defaults to 4,096.
	MaxCommands int
	// ConnectTimeout bounds a request to the API, and connecting. Defaults to 5 s each.
	ConnectTimeout time.Duration
	// AnswerTimeout is how long the gateway may take to say HELLO, READY or RESUMED.
	// Defaults to 30 s.
	AnswerTimeout time.Duration
	// WriteTimeout is how long a write may wait for a gateway that does not read. Defaults
	// to 5 s.
	WriteTimeout time.Duration
	// MinBackoff and MaxBackoff bound the wait before connecting again. Default to 250 ms
	// and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// SettledAfter is how long a session has to last for the waits to begin anew. Defaults
	// to 1 min.
	SettledAfter time.Duration

	// HTTP asks the API. Defaults to a client with no settings of its own.
	HTTP *http.Client
	// Dial connects. Defaults to that of net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is for gateways at wss. Defaults to that of crypto/tls.
	TLS *tls.Config
	// Logger defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics; shards of one process share them. Defaults to none.
	Registerer prometheus.Registerer
}

func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, eventnode.ErrInvalidArgument)...)
}

func (c Config) withDefaults() (Config, error) {
	c.Token = strings.TrimPrefix(c.Token, "Bot ")
	c.Shards = cmp.Or(c.Shards, 1)
	if err := c.checkWho(); err != nil {
		return c, err
	}
	if err := c.durations(); err != nil {
		return c, err
	}
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"ReadAhead", &c.ReadAhead, DefaultReadAhead},
		{"ReadAheadBytes", &c.ReadAheadBytes, DefaultReadAheadBytes},
		{"MaxPayload", &c.MaxPayload, DefaultMaxPayload},
		{"MaxCommands", &c.MaxCommands, DefaultMaxCommands},
	} {
		if *f.value = cmp.Or(*f.value, f.def); *f.value < 0 {
			return c, invalid("%s is %d", f.name, *f.value)
		}
	}
	return c.withOthers(), c.checkResume()
}

// checkWho is who connects where.
func (c Config) checkWho() error {
	switch {
	case c.Name == "" || c.Token == "":
		return invalid("a shard needs a Name and a Token")
	case c.Gateway == "" && c.API == "":
		return invalid("a shard needs a Gateway, or an API to ask for it")
	case c.Shard < 0 || c.Shard >= c.Shards || c.Shards > MaxShards:
		return invalid("shard %d of %d: they are numbered from 0 on, and there may be %d", c.Shard, c.Shards, MaxShards)
	}
	if err := checkURL(c.Gateway, "ws"); c.Gateway != "" && err != nil {
		return invalid("Gateway: %w", err)
	}
	if err := checkURL(c.API, "http"); c.API != "" && err != nil {
		return invalid("API: %w", err)
	}
	if c.Presence != nil {
		if _, err := presenceOf(*c.Presence); err != nil {
			return fmt.Errorf("Presence: %w", err)
		}
	}
	_, _, err := c.encoding()
	return err
}

// checkURL checks an address with a scheme, or with the same and an s.
func checkURL(address, scheme string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != scheme && u.Scheme != scheme+"s" {
		return fmt.Errorf("%.200q is no address such as %ss://example.com", address, scheme)
	}
	return nil
}

// checkResume: a session is one shard's.
func (c Config) checkResume() error {
	r := c.Resume
	if r.Session != "" && (r.Source != c.Name || r.Shard != c.Shard || r.Shards != c.Shards) {
		return invalid("the session to resume is of shard %d of %d of %q, and this is shard %d of %d of %q", r.Shard, r.Shards, r.Source, c.Shard, c.Shards, c.Name)
	}
	return nil
}

func (c *Config) durations() error {
	for _, f := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"ProgressEvery", &c.ProgressEvery, DefaultProgressEvery},
		{"ConnectTimeout", &c.ConnectTimeout, DefaultConnectTimeout},
		{"AnswerTimeout", &c.AnswerTimeout, DefaultAnswerTimeout},
		{"WriteTimeout", &c.WriteTimeout, DefaultWriteTimeout},
		{"MinBackoff", &c.MinBackoff, DefaultMinBackoff},
		{"MaxBackoff", &c.MaxBackoff, DefaultMaxBackoff},
		{"SettledAfter", &c.SettledAfter, DefaultSettledAfter},
	} {
		if *f.value = cmp.Or(*f.value, f.def); *f.value < 0 {
			return invalid("%s is %v", f.name, *f.value)
		}
	}
	return nil
}

// withOthers is what is no number.
func (c Config) withOthers() Config {
	if c.Normalise == nil {
		c.Normalise = func(_ string, data []byte) ([]byte, error) { return data, nil }
	}
	if c.OnProgress == nil {
		c.OnProgress = func(context.Context, Resume) {}
	}
	if c.OnGap == nil {
		c.OnGap = func(Gap) {}
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Properties == nil {
		c.Properties = map[string]string{"os": runtime.GOOS, "browser": "eventnode", "device": "eventnode"}
	}
	c.Properties = maps.Clone(c.Properties)
	return c
}

func (c Config) encoding() (f encoding.Format, z encoding.Compression, err error) {
	if f, err = encoding.ParseFormat(cmp.Or(c.Encoding, "json")); err != nil {
		return f, z, invalid("Encoding: %w", err)
	}
	switch c.Compress {
	case "none":
	case "", encoding.ZlibStream.String():
		z = encoding.ZlibStream
	case encoding.ZstdStream.String():
		z = encoding.ZstdStream
	case encoding.ZlibPayload.String():
		z = encoding.ZlibPayload
	default:
		return f, z, invalid("there is no Compress %q: use none, zlib-payload, zlib-stream or zstd-stream", c.Compress)
	}
	if z == encoding.ZlibPayload && f != encoding.JSON {
		return f, z, invalid("Compress zlib-payload goes with Encoding json only")
	}
	return f, z, nil
}

// machine is the state machine of a shard.
func (c Config) machine() *machine {
	_, z, _ := c.encoding() // was checked
	m := &machine{
		rules: rules{
			identity: identifyData{
				Token: c.Token, Properties: c.Properties, Compress: z == encoding.ZlibPayload,
				LargeThreshold: largeGuild, Shard: [2]int{c.Shard, c.Shards}, Intents: c.Intents,
			},
			members: !c.NoMembers, gateway: cmp.Or(c.Gateway, c.Resume.Gateway),
			back:   backoff.Backoff{Min: c.MinBackoff, Max: c.MaxBackoff},
			answer: c.AnswerTimeout, settled: c.SettledAfter,
		},
		asked: newCommands(c.MaxCommands),
	}
	if c.Resume.Session != "" {
		m.session = session{id: c.Resume.Session, seq: c.Resume.Seq}
		if mayResumeAt(c.Resume.ResumeGateway, m.gateway) {
			m.session.url = c.Resume.ResumeGateway
		}
	}
	if c.Presence != nil {
		m.presence, _ = presenceOf(*c.Presence) // was checked
	}
	return m
}
