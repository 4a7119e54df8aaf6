package gateway

import (
	"context"
	"errors"
	"log/slog"

	"github.com/eventnode/eventnode/sessions"
)

// resume goes on with a session.
func (c *connection) resume(ctx context.Context, r resume) {
	p, ok := c.authenticate(ctx, r.token)
	if !ok {
		c.resumed("authentication")
		return
	}
	if !c.g.accepting() {
		c.resumed("not_accepting")
		c.moveOn()
		return
	}
	k, err := c.g.attach(ctx, p.User, r.session, r.seen)
	if err != nil {
		c.notResumed(ctx, p.User, r, err)
		return
	}
	missed, err := catchUp(k)
	if err != nil {
		k.Detach()
		c.notResumed(ctx, p.User, r, err)
		return
	}
	last := r.seen
	if len(missed) > 0 {
		last = missed[len(missed)-1].Seq
	}
	if !c.start(k, &replay{missed, last}, nil) {
		c.resumed("left")
		return
	}
	c.resumed("ok")
}

// attach gives a user's session a socket. If it has one, whose client does not answer, it
// is taken from that. Who had it may also have left by itself meanwhile, so the session is
// asked again in any case.
func (g *Gateway) attach(ctx context.Context, user sessions.Snowflake, id sessions.ID, seen uint64) (*sessions.Socket, error) {
	k, err := g.cfg.Backend.Resume(ctx, user, id, seen)
	if !errors.Is(err, sessions.ErrAttached) {
		return k, err
	}
	_ = g.Release(ctx, id)
	return g.cfg.Backend.Resume(ctx, user, id, seen)
}

// notResumed is for a session that the client does not get: it opens another one on this
// connection, or comes again.
func (c *connection) notResumed(ctx context.Context, user sessions.Snowflake, r resume, err error) {
	gap, isGap := errors.AsType[*sessions.GapError](err)
	attrs := append(c.who(), slog.String("user", user.String()), slog.Uint64("seq", r.seen), slog.Any("error", err))
	switch {
	case isGap:
		c.g.metrics.lost.Add(float64(gap.Missing))
		c.invalid(r, "gap")
	case errors.Is(err, sessions.ErrAttached):
		c.invalid(r, "attached")
	case errors.Is(err, sessions.ErrNotFound) && c.g.others(user, r.session):
		c.invalid(r, "not_owner")
	case errors.Is(err, sessions.ErrNotFound), errors.Is(err, sessions.ErrClosed), errors.Is(err, sessions.ErrDetached):
		c.invalid(r, "not_found")
	case errors.Is(err, sessions.ErrAhead):
		c.resumed("ahead")
		c.close(CloseBadSeq, "the sequence number is ahead of the session")
	case errors.Is(err, sessions.ErrNotAccepting):
		c.resumed("not_accepting")
		c.moveOn()
	default:
		c.resumed("failed")
		c.close(CloseUnknown, "the session was not found out about: come again")
	}
	c.g.log().LogAttrs(ctx, slog.LevelInfo, "session was not resumed", attrs...)
}

// others reports whether a session is known here to be somebody else's.
func (g *Gateway) others(user sessions.Snowflake, id sessions.ID) bool {
	h, ok := g.holder(id)
	return ok && h.user != user
}

// invalid says that the session is not there.
func (c *connection) invalid(r resume, result string) {
	c.resumed(result)
	c.talk.claimed = max(c.talk.claimed, r.seen)
	c.say(answer{op: opInvalidSession, data: false})
}

func (c *connection) resumed(result string) { c.g.metrics.resumes.WithLabelValues(result).Inc() }
