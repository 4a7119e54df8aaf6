package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

// received is one message of the client, or a control frame, which counts as one.
func (c *connection) received(ctx context.Context, kind ws.OpCode, data []byte) {
	now := time.Now()
	if kind == ws.OpClose {
		c.goodbye(data)
		return
	}
	if !c.talk.arrived(now) {
		c.g.metrics.limited.WithLabelValues("messages").Inc()
		c.close(CloseRateLimited, "too many messages")
		return
	}
	switch kind {
	case ws.OpPing:
		c.say(answer{frame: ws.OpPong, bytes: data})
	case ws.OpPong:
		c.ponged()
	default:
		c.payload(ctx, data, now)
	}
}

// say answers. A client that asks for more than it reads is closed.
func (c *connection) say(a answer) {
	if !c.out.say(a) {
		c.close(CloseRateLimited, "too many answers are not read")
	}
}

func (c *connection) payload(ctx context.Context, data []byte, now time.Time) {
	p, err := encoding.Decode(c.asked.format, data)
	if err != nil {
		c.close(CloseDecode, "the payload does not decode")
		return
	}
	c.g.metrics.received.WithLabelValues(opName(p.Op)).Inc()
	newest := uint64(0)
	if c.active != nil {
		newest = c.active.Seq()
	}
	ctx, cancel := context.WithTimeout(ctx, c.g.cfg.BackendTimeout)
	defer cancel()
	c.act(ctx, c.talk.receive(p, newest, now), now)
}

// act does what the conversation says.
func (c *connection) act(ctx context.Context, a action, now time.Time) {
	backend := c.g.cfg.Backend
	switch a.verb {
	case ignore:
		if a.limited {
			c.g.metrics.limited.WithLabelValues("presences").Inc()
		}
	case refuse:
		c.close(a.code, a.reason)
	case acknowledge:
		c.beats(now)
		c.say(answer{op: opACK})
	case doIdentify:
		c.identify(ctx, a.body.(identify))
	case doResume:
		c.resume(ctx, a.body.(resume))
	case doPresence:
		c.answered(ctx, "presence", backend.SetPresence(ctx, c.active, a.body.(sessions.Presence)))
	case doMembers:
		c.answered(ctx, "members", backend.RequestMembers(ctx, c.active, a.body.(sessions.MembersRequest)))
	case doWatch:
		c.answered(ctx, "watch", backend.WatchMembers(ctx, c.active, a.body.(sessions.WatchRequest)))
	}
}

// answered is what became of something that the back end was asked for: a client is closed
// for what it asked wrongly, not for what the back end cannot.
func (c *connection) answered(ctx context.Context, what string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, eventnode.ErrInvalidArgument):
		c.close(CloseDecode, err.Error())
	default:
		c.g.log().LogAttrs(ctx, slog.LevelWarn, "back end failed", append(c.who(), slog.String("asked", what), slog.Any("error", err))...)
	}
}

// start has a session's events be written to the client, behind what it missed. It reports
// whether the connection is still there.
func (c *connection) start(k *sessions.Socket, r *replay, codec *encoding.Writer) bool {
	c.mu.Lock()
	leaving := c.leaving
	if !leaving {
		c.socket = k
	}
	c.mu.Unlock()
	if leaving {
		k.Detach()
		return false
	}
	c.active = k.Session()
	c.talk.session = true
	c.g.hold(c.active, c)
	c.arm()
	c.out.serve(k, r, codec)
	return true
}
