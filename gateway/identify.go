package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

// authenticate finds out whose token it is. If it cannot, the connection is closed.
func (c *connection) authenticate(ctx context.Context, token string) (Principal, bool) {
	p, err := c.g.cfg.Authenticator.Authenticate(ctx, bare(token))
	switch {
	case err == nil:
		return p, true
	case errors.Is(err, eventnode.ErrUnauthenticated):
		c.close(CloseAuthentication, "the token is not good")
	default:
		c.g.log().LogAttrs(ctx, slog.LevelWarn, "authenticator failed", append(c.who(), slog.Any("error", err))...)
		c.close(CloseUnknown, "it cannot be told whose token it is: come again")
	}
	return p, false
}

// bare is a token without the word before it.
func bare(token string) string {
	for _, word := range []string{"Bot ", "Bearer "} {
		if rest, ok := strings.CutPrefix(token, word); ok {
			return rest
		}
	}
	return token
}

// identify opens a session.
func (c *connection) identify(ctx context.Context, id identify) {
	p, ok := c.authenticate(ctx, id.token)
	if !ok {
		c.identified("authentication")
		return
	}
	if !c.turn(ctx, p.User, id.who.Shard) {
		return
	}
	if !c.g.accepting() {
		c.identified("not_accepting")
		c.moveOn()
		return
	}
	id.who.User, id.who.Bot = p.User, p.Bot
	about := sessions.Hello{Version: c.asked.version, ResumeURL: c.asked.url, Properties: id.properties}
	s, err := c.g.cfg.Backend.Identify(ctx, id.who, id.presence, about)
	if err != nil {
		c.notIdentified(ctx, p.User, err)
		return
	}
	c.open(s, id.compress)
}

// turn waits for the user's turn to open a session.
func (c *connection) turn(ctx context.Context, user sessions.Snowflake, shard sessions.Shard) bool {
	wait, v := c.g.starts.admit(time.Now(), user, shard)
	switch v {
	case tooSoon:
		c.limited("identify")
		c.say(answer{op: opInvalidSession, data: false})
		return false
	case exhausted:
		c.limited("sessions")
		c.close(CloseRateLimited, "too many sessions were opened: see session_start_limit")
		return false
	default:
		return c.wait(ctx, wait)
	}
}

// wait waits unless the connection ends before.
func (c *connection) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.left:
	case <-ctx.Done():
		c.close(CloseUnknown, "the user's turn did not come: come again")
	}
	return false
}

// open gives the client its session. One of which it cannot know is ended.
func (c *connection) open(s *sessions.Session, compress bool) {
	k, err := s.Attach(0)
	if err != nil {
		c.identified("closed")
		c.g.cfg.Backend.End(s)
		c.close(CloseUnknown, "the session has ended")
		return
	}
	var codec *encoding.Writer
	if compress && c.asked.compression == encoding.None && c.asked.format == encoding.JSON {
		codec = encoding.NewWriter(encoding.JSON, encoding.ZlibPayload)
	}
	if !c.start(k, nil, codec) {
		c.identified("left")
		c.g.cfg.Backend.End(s)
		return
	}
	c.identified("ok")
}

// notIdentified is for a session that was not opened.
func (c *connection) notIdentified(ctx context.Context, user sessions.Snowflake, err error) {
	limit, isLimit := errors.AsType[*eventnode.LimitError](err)
	switch {
	case errors.Is(err, sessions.ErrShardingRequired):
		c.identified("sharding_required")
		c.close(CloseShardingRequired, "the user is in too many guilds for so few shards")
	case errors.Is(err, sessions.ErrNotAccepting), errors.Is(err, sessions.ErrClosed):
		c.identified("not_accepting")
		c.moveOn()
	case isLimit:
		c.limited("sessions")
		c.close(CloseRateLimited, limit.Error())
	default:
		c.identified("failed")
		c.g.log().LogAttrs(ctx, slog.LevelWarn, "session was not opened", append(c.who(), slog.String("user", user.String()), slog.Any("error", err))...)
		c.close(CloseUnknown, "the session was not opened: come again")
	}
}

func (c *connection) identified(result string) { c.g.metrics.identifies.WithLabelValues(result).Inc() }

func (c *connection) limited(limit string) {
	c.identified("limited")
	c.g.metrics.limited.WithLabelValues(limit).Inc()
}
