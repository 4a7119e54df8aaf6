package jsonws

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
)

// Config of a Source. Name, URL, and one of NameField and EventName are required.
//
// A field is a path of names in the object, with dots between them: "meta.type".
type Config struct {
	// Name tells the source from others.
	Name string
	// URL is where to connect to: ws:// or wss://.
	URL string
	// Header is sent with the request, such as Authorization.
	Header http.Header
	// Hello is sent, each value as a text, when a connection is there: to log in, or to
	// subscribe.
	Hello []json.RawMessage

	// NameField has the name of the event, a string. Objects without it are left out.
	NameField string
	// EventName is the name of all events, where there is no NameField.
	EventName string
	// DataField has the data. Defaults to the whole object. Objects without it are left
	// out.
	DataField string
	// SeqField has the number of the payload, an integer above 0 that grows, or its
	// digits as a string. Defaults to none: payloads are not numbered. Objects without it
	// are not.
	SeqField string
	// SessionField has the session in which numbers grow, a string or a number. Without
	// it the session is Session, and without that each connection is one.
	SessionField, Session string
	// Shard is the part of the source that this is, of Shards. Defaults to 0 of 1.
	Shard, Shards int

	// MaxBytes bounds one object, in bytes. What is longer is left out. Defaults to
	// 1 MiB less 4 KiB: what a live event may have, with room for where it comes from.
	MaxBytes int
	// DialTimeout bounds connecting, and writing. Defaults to 10 s.
	DialTimeout time.Duration
	// Ping is how often the other side is pinged, so that it knows that this one lives
	// also while it reads nothing, for want of credit. Defaults to 20 s.
	Ping time.Duration
	// Idle is how long the other side may say nothing, not even a pong, while it is read.
	// Defaults to 60 s.
	Idle time.Duration
	// MinWait and MaxWait bound the wait before connecting again, which doubles from one
	// attempt to the next, with jitter. Defaults to 500 ms and 30 s.
	MinWait, MaxWait time.Duration
	// FinalCodes are close codes after which there is no use in connecting again.
	// Defaults to 1008, policy violation.
	FinalCodes []int

	// TLS is for wss. Defaults to that of the system.
	TLS *tls.Config
	// Dial connects. Defaults to net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger takes connections, their ends, and what is left out, at most a line a second
	// of that. Defaults to discard.
	Logger *slog.Logger
	// Registerer takes the metrics, which sources of one registerer share. Defaults to
	// none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() (Config, error) {
	if err := source.CheckName(c.Name); err != nil {
		return c, err
	}
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return c, invalid("URL is %.200q: write ws://HOST/PATH or wss://HOST/PATH", c.URL)
	}
	if (c.NameField == "") == (c.EventName == "") {
		return c, invalid("NameField is %q and EventName %q: set one of them", c.NameField, c.EventName)
	}
	if c.Shards == 0 {
		c.Shards = 1
	}
	if c.Shard < 0 || c.Shard >= c.Shards {
		return c, invalid("shard %d of %d: they are numbered from 0 on", c.Shard, c.Shards)
	}
	for _, hello := range c.Hello {
		if !json.Valid(hello) {
			return c, invalid("Hello has %.80q, which is no JSON", hello)
		}
	}
	if c.FinalCodes == nil {
		c.FinalCodes = []int{1008}
	}
	c.FinalCodes = slices.Clone(c.FinalCodes)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.withLimits()
}

func (c Config) withLimits() (Config, error) {
	for _, f := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"DialTimeout", &c.DialTimeout, 10 * time.Second}, {"Ping", &c.Ping, 20 * time.Second}, {"Idle", &c.Idle, time.Minute},
		{"MinWait", &c.MinWait, 500 * time.Millisecond}, {"MaxWait", &c.MaxWait, 30 * time.Second},
	} {
		if *f.value < 0 {
			return c, invalid("%s is negative", f.name)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if c.MaxBytes < 0 {
		return c, invalid("MaxBytes is negative")
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1<<20 - 4<<10
	}
	return c, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("jsonws: %s: %w", fmt.Sprintf(format, args...), eventnode.ErrInvalidArgument)
}
