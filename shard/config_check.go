package shard

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
	"github.com/eventnode/eventnode/internal/encoding"
)

func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, eventnode.ErrInvalidArgument)...)
}

// Check is what New would say of the Config.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
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
			return fmt.Errorf("the presence: %w", err)
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
