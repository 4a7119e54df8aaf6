package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/sessions"
)

// maxLinger bounds what is read and thrown away after a close, in bytes.
const maxLinger = 1 << 20

// close closes the connection with a code. The session may go on with another one at once.
func (c *connection) close(code CloseCode, reason string) {
	c.mu.Lock()
	first := c.code == 0
	if first {
		c.code, c.reason = code, reason
		_ = c.conn.SetReadDeadline(time.Now().Add(c.g.cfg.CloseTimeout))
	}
	c.mu.Unlock()
	if first {
		c.leave()
		c.out.close(closePayload(code, reason))
	}
}

// goodbye is the client's close frame, which is answered by the same code. The session is
// kept: some libraries say 1000 and resume.
func (c *connection) goodbye(data []byte) {
	code, _ := ws.ParseCloseFrameData(data)
	switch {
	case len(data) == 0:
		code = ws.StatusNormalClosure
	case code < 1000 || code >= 5000 || code == ws.StatusNoMeaningYet || code.IsProtocolReserved():
		code = ws.StatusProtocolError
	}
	c.close(CloseCode(code), "")
}

func (c *connection) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code != 0
}

// leave takes the socket from the session: nothing more of it is written. When left is
// closed the session is free.
func (c *connection) leave() {
	c.mu.Lock()
	k, first := c.socket, !c.leaving
	c.socket, c.leaving = nil, true
	c.mu.Unlock()
	c.out.leave()
	if k != nil {
		k.Detach()
	}
	if first {
		close(c.left)
	}
}

// kill cuts the connection off without a word.
func (c *connection) kill() {
	c.leave()
	_ = c.conn.Close()
}

// broke cuts off a connection that takes nothing any more. One whose client does not read is
// a line in the log: no close frame would reach it.
func (c *connection) broke(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.mu.Lock()
		if c.code == 0 {
			c.code, c.reason = closeAbnormal, "the client did not read for too long"
		}
		c.mu.Unlock()
	}
	c.kill()
}

// reconnect tells the client to resume elsewhere. Nothing is written behind that: the
// events wait in the log.
func (c *connection) reconnect() {
	c.leave()
	c.out.say(answer{op: opReconnect})
}

// moveOn is reconnect, and closing.
func (c *connection) moveOn() {
	c.reconnect()
	c.close(CloseUnknown, "the node takes no sessions: resume on another one")
}

// linger waits for the client to close: who closes first, with data unread, would take the
// close frame from him.
func (c *connection) linger() { _, _ = io.CopyN(io.Discard, c.conn, maxLinger) }

// lag is what became of a socket that was not left, told by the goroutine that writes.
func (c *connection) lag(err error) {
	gap, isGap := errors.AsType[*sessions.GapError](err)
	switch {
	case isGap:
		c.g.metrics.lost.Add(float64(gap.Missing))
		c.mu.Lock()
		k := c.socket
		c.mu.Unlock()
		c.close(CloseUnknown, "the client reads too slowly: "+gap.Error())
		if k != nil {
			c.g.cfg.Backend.End(k.Session())
		}
	case errors.Is(err, sessions.ErrClosed):
		c.out.say(answer{op: opInvalidSession, data: false})
		c.close(CloseUnknown, "the session has ended")
	default:
		c.close(CloseUnknown, "the session goes on with another connection")
	}
}

// end is the end.
func (c *connection) end() {
	c.kill()
	c.out.stop()
	close(c.gone)
	c.g.remove(c)
	c.mu.Lock()
	code, reason := c.code, c.reason
	c.mu.Unlock()
	if code == 0 {
		code = closeAbnormal
	}
	c.g.metrics.closes.WithLabelValues(code.String()).Inc()
	c.report(code, reason)
	c.g.release()
}

// report logs an end that was not as it should be.
func (c *connection) report(code CloseCode, reason string) {
	if code == CloseNormal || code == CloseGoingAway {
		return
	}
	level := slog.LevelInfo
	if reason == "" { // the client's doing
		level = slog.LevelDebug
	}
	attrs := append(c.who(), slog.Int("code", int(code)), slog.String("reason", reason))
	if c.active != nil {
		attrs = append(attrs, slog.String("user", c.active.User.String()))
	}
	c.g.log().LogAttrs(context.Background(), level, "connection ended", attrs...)
}
