package shard

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
