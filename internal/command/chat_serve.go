package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/node"
)

// chatFlags are those of serve that are about the chat service.
type chatFlags struct {
	cfg              node.Chat
	tokens           string
	jwt              gateway.JWTConfig
	identifyInterval time.Duration
}

// chatHelp is a paragraph of serve's help.
const chatHelp = `--chat makes the node a part of a chat service: it answers "eventnode chat" and
"eventnode sessions". All nodes that have it share a directory of guilds, channels and
members, which a durable stream keeps, so some need --data. --gateway HOST:PORT adds a
WebSocket address where clients of the Discord Gateway protocol connect. It says who
they are by --gateway-tokens, a file with a line "TOKEN USER_ID" or "TOKEN USER_ID bot"
each, which may be changed while the node runs; or by --gateway-jwt-key, the key of signed
tokens (sub: user id, bot: true or false, exp): a PEM public key, RSA or Ed25519, or a
secret of 32 bytes. Put a proxy that speaks TLS before it, and tell clients where that is
with --gateway-url. What a client missed is kept for --session-ttl, as much as
--replay-events and --replay-bytes say; --session-journal STREAM has a durable stream know
it, too, so that clients resume when their node was killed.`

func (f *chatFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&f.cfg.Enabled, "chat", false, "have a chat service; --gateway does so, too")
	fs.StringVar(&f.cfg.GatewayAddress, "gateway", "", "HOST:PORT where clients of the chat service connect (default: off)")
	fs.StringVar(&f.tokens, "gateway-tokens", "", "file of tokens and user ids, TOKEN USER_ID [bot] a line")
	fs.StringVar(&f.jwt.KeyFile, "gateway-jwt-key", "", "file with the key of signed tokens: PEM public keys, or a secret")
	fs.StringVar(&f.jwt.Issuer, "gateway-jwt-issuer", "", "what iss of signed tokens must be (default: anything)")
	fs.StringVar(&f.jwt.Audience, "gateway-jwt-audience", "", "what aud of signed tokens must be (default: anything)")
	fs.DurationVar(&f.jwt.Leeway, "gateway-jwt-leeway", 0, "how far the clock of who signs tokens may differ")
	fs.StringVar(&f.cfg.Gateway.PublicURL, "gateway-url", "", "where clients find the gateway, ws:// or wss:// (default: where they asked)")
	fs.IntVar(&f.cfg.Gateway.MaxConnections, "gateway-connections", gateway.DefaultMaxConnections, "connections of clients, at most")
	fs.DurationVar(&f.identifyInterval, "gateway-identify-interval", gateway.DefaultIdentifyInterval, "time between two new sessions of one user; 0: none")
	fs.DurationVar(&f.cfg.Sessions.TTL, "session-ttl", 2*time.Minute, "how long a client may be away and still resume")
	fs.IntVar(&f.cfg.Sessions.MaxSessions, "session-max", 100_000, "sessions of this node, at most")
	fs.IntVar(&f.cfg.Sessions.ReplayEvents, "replay-events", 2_048, "events kept for each session, for resume")
	fs.IntVar(&f.cfg.Sessions.ReplayBytes, "replay-bytes", 1<<20, "bytes of them, at most")
	fs.StringVar(&f.cfg.Journal, "session-journal", "", "durable stream that has sessions outlive a killed node; the same on all nodes (default: off)")
	fs.DurationVar(&f.cfg.HandOver, "session-hand-over", 10*time.Second, "how long a node that stops takes to hand its sessions over")
}

// Flags that mean nothing without others.
var (
	gatewayFlags = []string{"gateway-tokens", "gateway-jwt-key", "gateway-jwt-issuer", "gateway-jwt-audience", "gateway-jwt-leeway", "gateway-url", "gateway-connections", "gateway-identify-interval"}
	sessionFlags = []string{"session-ttl", "session-max", "replay-events", "replay-bytes", "session-hand-over", "session-journal"}
	jwtFlags     = []string{"gateway-jwt-issuer", "gateway-jwt-audience", "gateway-jwt-leeway"}
)

// config is what the flags of cmd say.
func (f *chatFlags) config(cmd *cobra.Command) (node.Chat, error) {
	if err := f.check(cmd); err != nil || f.cfg.GatewayAddress == "" {
		return f.cfg, err
	}
	if f.cfg.Gateway.Limits.IdentifyInterval = f.identifyInterval; f.identifyInterval == 0 {
		f.cfg.Gateway.Limits.IdentifyInterval = -1 // no limit
	}
	var who authenticators
	if f.tokens != "" {
		tokens, err := gateway.NewTokenFile(f.tokens)
		if err != nil {
			return f.cfg, usagef("--gateway-tokens: %w", err)
		}
		who = append(who, tokens)
	}
	if f.jwt.KeyFile != "" {
		signed, err := gateway.NewJWT(f.jwt)
		if err != nil {
			return f.cfg, usagef("--gateway-jwt-key: %w", err)
		}
		who = append(who, signed)
	}
	f.cfg.Gateway.Authenticator = who
	return f.cfg, nil
}

// check says what does not go together.
func (f *chatFlags) check(cmd *cobra.Command) error {
	given := func(flags []string) string {
		for _, name := range flags {
			if cmd.Flags().Changed(name) {
				return name
			}
		}
		return ""
	}
	on := f.cfg.GatewayAddress != ""
	if name := given(gatewayFlags); name != "" && !on {
		return usagef("--%s needs --gateway HOST:PORT: where clients connect", name)
	}
	if name := given(sessionFlags); name != "" && !on && !f.cfg.Enabled {
		return usagef("--%s needs --gateway HOST:PORT, or --chat: without a chat service there are no sessions", name)
	}
	if name := given(jwtFlags); name != "" && f.jwt.KeyFile == "" {
		return usagef("--%s needs --gateway-jwt-key FILE: the key of signed tokens", name)
	}
	if on && f.tokens == "" && f.jwt.KeyFile == "" {
		return usagef("--gateway has to know who its clients are: name a file of tokens with --gateway-tokens, or the key of signed tokens with --gateway-jwt-key")
	}
	return f.checkValues()
}

// checkValues says which flag has no value that can be.
func (f *chatFlags) checkValues() error {
	for _, v := range []struct {
		flag  string
		value int64
	}{
		{"gateway-connections", int64(f.cfg.Gateway.MaxConnections)},
		{"session-ttl", int64(f.cfg.Sessions.TTL)},
		{"session-max", int64(f.cfg.Sessions.MaxSessions)},
		{"replay-events", int64(f.cfg.Sessions.ReplayEvents)},
		{"replay-bytes", int64(f.cfg.Sessions.ReplayBytes)},
		{"session-hand-over", int64(f.cfg.HandOver)},
	} {
		if v.value <= 0 {
			return usagef("--%s must be more than 0", v.flag)
		}
	}
	if f.identifyInterval < 0 || f.jwt.Leeway < 0 {
		return usagef("--gateway-identify-interval and --gateway-jwt-leeway must not be negative")
	}
	if at := f.cfg.Gateway.PublicURL; at != "" {
		if u, err := url.Parse(at); err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
			return usagef("--gateway-url %q: write such as wss://gateway.example.com", at)
		}
	}
	return nil
}

// authenticators asks one after the other who a token is of.
type authenticators []gateway.Authenticator

// Authenticate implements gateway.Authenticator: the first that knows says who it is. If
// none does, and one could not tell, nobody can.
func (list authenticators) Authenticate(ctx context.Context, token string) (gateway.Principal, error) {
	var unsure error
	for _, a := range list {
		p, err := a.Authenticate(ctx, token)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, eventnode.ErrUnauthenticated) {
			unsure = errors.Join(unsure, err)
		}
	}
	if unsure != nil {
		return gateway.Principal{}, fmt.Errorf("it cannot be told whose token it is: %w", unsure)
	}
	return gateway.Principal{}, eventnode.ErrUnauthenticated
}
