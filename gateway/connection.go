package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

// connection is the life of one socket. One goroutine reads; see outgoing for who writes.
type connection struct {
	g      *Gateway
	asked  asked
	conn   net.Conn
	in     incoming
	out    outgoing
	talk   conversation
	since  time.Time
	beat   time.Time         // the last heartbeat
	holds  sessions.ID       // guarded by g.mu
	active *sessions.Session // of the goroutine that reads

	left chan struct{} // closed when there is no session any more: it ends, or is to go
	gone chan struct{} // closed at the very end

	mu      sync.Mutex
	socket  *sessions.Socket
	leaving bool          // left is closed
	code    CloseCode     // 0: not closed; else by whom it was closed first
	reason  string        // why, if it was here
	pong    chan struct{} // closed when the client answers a ping
}

// asked is what a client wants, by its address.
type asked struct {
	version     int
	format      encoding.Format
	compression encoding.Compression
	url         string // where it is to resume
	refusal     action // not ignore: the connection is closed at once
}

func newConnection(g *Gateway, conn net.Conn, from io.Reader, want asked) *connection {
	c := &connection{
		g: g, asked: want, conn: conn, since: time.Now(),
		in: incoming{from: from, limit: g.cfg.MaxPayload}, talk: conversation{limits: &g.cfg.Limits},
		left: make(chan struct{}), gone: make(chan struct{}),
	}
	c.out = outgoing{
		conn: conn, timeout: g.cfg.WriteTimeout, metrics: g.metrics, writers: g.writers,
		codec: encoding.NewWriter(want.format, want.compression), lag: c.lag, broken: c.broke,
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		c.out.raw, _ = tcp.SyscallConn() // fails if it is closed
	}
	return c
}

// hello is the data of HELLO.
type hello struct {
	Interval int64 `json:"heartbeat_interval"` // ms
}

// serve is the connection's goroutine.
func (c *connection) serve(ctx context.Context) {
	defer c.end()
	c.greet()
	for {
		kind, data, err := c.in.next()
		if c.closed() {
			c.linger()
			return
		}
		if err != nil {
			c.failed(err)
			return
		}
		c.received(ctx, kind, data)
	}
}

func (c *connection) greet() {
	accepting := c.g.add(c)
	c.beats(c.since)
	if r := c.asked.refusal; r.verb == refuse {
		c.close(r.code, r.reason)
		return
	}
	c.out.say(answer{op: opHello, data: hello{c.g.cfg.HeartbeatInterval.Milliseconds()}})
	if !accepting {
		c.moveOn()
	}
}

// beats has the deadline be that of a heartbeat at this time.
func (c *connection) beats(now time.Time) {
	c.beat = now
	c.arm()
}

// arm sets the deadline of the next heartbeat, and without a session that of having one.
func (c *connection) arm() {
	due := c.beat.Add(c.g.cfg.HeartbeatInterval + c.g.cfg.HeartbeatGrace)
	if limit := c.since.Add(c.g.cfg.IdentifyTimeout); !c.talk.session && limit.Before(due) {
		due = limit
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code == 0 {
		_ = c.conn.SetReadDeadline(due) // fails if it is closed: so does the next read
	}
}

// failed tells the client why it cannot be read, if it is there.
func (c *connection) failed(err error) {
	_, protocol := errors.AsType[ws.ProtocolError](err)
	switch {
	case errors.Is(err, errTooLarge):
		c.g.metrics.limited.WithLabelValues("payload").Inc()
		c.close(CloseTooLarge, "the message is too large")
	case errors.Is(err, errBadText):
		c.close(CloseBadText, "the text is not UTF-8")
	case protocol:
		c.close(CloseProtocol, err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.late()
	default:
		return
	}
	c.linger()
}

// late closes a connection whose deadline has passed.
func (c *connection) late() {
	if !c.talk.session && time.Since(c.since) >= c.g.cfg.IdentifyTimeout {
		c.close(CloseUnknown, "no session was asked for in time")
		return
	}
	c.g.metrics.missed.Inc()
	c.close(CloseUnknown, "no heartbeat came in time")
}

// alive reports whether the client answers a ping. If not, the connection is cut off.
func (c *connection) alive(ctx context.Context) bool {
	c.mu.Lock()
	if c.pong == nil {
		c.pong = make(chan struct{})
	}
	pong := c.pong
	c.mu.Unlock()
	c.out.say(answer{frame: ws.OpPing})
	timeout := time.NewTimer(c.g.cfg.ProbeTimeout)
	defer timeout.Stop()
	select {
	case <-pong:
		return true
	case <-ctx.Done():
		return true // not known
	case <-c.left:
	case <-timeout.C:
		c.g.log().LogAttrs(ctx, slog.LevelInfo, "connection did not answer, its session is wanted elsewhere", c.who()...)
	}
	c.kill()
	<-c.left // whoever was the first to leave
	return false
}

// ponged notes that the client answers.
func (c *connection) ponged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pong != nil {
		close(c.pong)
		c.pong = nil
	}
}

// who is what the log says of a connection.
func (c *connection) who() []slog.Attr {
	return []slog.Attr{slog.String("remote", c.conn.RemoteAddr().String())}
}
