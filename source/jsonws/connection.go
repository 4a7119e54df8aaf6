package jsonws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// closedError says that the other side has closed the connection.
type closedError struct {
	code   int
	reason string
}

func (e *closedError) Error() string {
	return fmt.Sprintf("closed by the other side with %d: %.123s", e.code, e.reason)
}

// connection is one to the other side. One goroutine reads, and others may write.
type connection struct {
	cfg  Config
	conn net.Conn
	from *wsutil.Reader
	mu   sync.Mutex // of writing
}

// dial connects, and says hello.
func dial(ctx context.Context, cfg Config) (*connection, error) {
	d := ws.Dialer{Timeout: cfg.DialTimeout, Header: ws.HandshakeHeaderHTTP(cfg.Header), NetDial: cfg.Dial, TLSConfig: cfg.TLS}
	conn, buffered, _, err := d.Dial(ctx, cfg.URL)
	if err != nil {
		return nil, dialError(err)
	}
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	c := &connection{cfg: cfg, conn: conn}
	c.from = &wsutil.Reader{Source: buffered, State: ws.StateClientSide, OnIntermediate: c.control}
	for _, hello := range cfg.Hello {
		if err := c.write(ws.NewTextFrame(hello)); err != nil {
			return nil, errors.Join(fmt.Errorf("saying hello: %w", err), conn.Close())
		}
	}
	return c, nil
}

// dialError tells a connection that will never be accepted from one that may be, later.
func dialError(err error) error {
	status, ok := errors.AsType[ws.StatusError](err)
	const tooEarly, timeout, tooMany = 425, 408, 429
	if !ok || status < 400 || status >= 500 || status == tooEarly || status == timeout || status == tooMany {
		return fmt.Errorf("connecting: %w", err)
	}
	return fmt.Errorf("connecting: %w: the answer was %d", ErrRejected, int(status))
}

// read is the next text, or why there is none. A text that is too long is a *RefusedError,
// and the next one can be read. What the other side asks for in between is answered.
func (c *connection) read(ctx context.Context) ([]byte, error) {
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(c.cfg.Idle)); err != nil {
			return nil, err
		}
		if ctx.Err() != nil { // from here on its end sets another deadline
			return nil, context.Cause(ctx)
		}
		h, err := c.from.NextFrame()
		switch {
		case err != nil:
			return nil, err
		case !h.OpCode.IsControl():
			return c.text()
		}
		if err := c.control(h, c.from); err != nil {
			return nil, err
		}
		if err := c.from.Discard(); err != nil {
			return nil, err
		}
	}
}

func (c *connection) text() ([]byte, error) {
	most := c.cfg.MaxBytes
	data, err := io.ReadAll(io.LimitReader(c.from, int64(most)+1))
	if err == nil && len(data) > most {
		if err = c.from.Discard(); err == nil {
			err = &RefusedError{"too_large", fmt.Sprintf("it is longer than MaxBytes (%d)", most)}
		}
	}
	return data, err
}

// control answers a control frame.
func (c *connection) control(h ws.Header, from io.Reader) error {
	data := make([]byte, h.Length) // 125 at most: that was checked
	if _, err := io.ReadFull(from, data); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return c.write(ws.NewPongFrame(data))
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(data)
		return &closedError{int(code), reason}
	default: // a pong: that it came was enough
	}
	return nil
}

func (c *connection) write(f ws.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.cfg.DialTimeout)); err != nil {
		return err
	}
	return ws.WriteFrame(c.conn, ws.MaskFrame(f))
}

// ping pings until ctx ends. A connection that does not take it is closed, which the
// reader sees.
func (c *connection) ping(ctx context.Context) {
	tick := time.NewTicker(c.cfg.Ping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if c.write(ws.NewPingFrame(nil)) != nil {
				_ = c.conn.Close()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// close says goodbye, as far as that needs no waiting, and closes.
func (c *connection) close(why error) {
	code := ws.StatusNormalClosure
	if _, ok := errors.AsType[ws.ProtocolError](why); ok {
		code = ws.StatusProtocolError
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second)) // also for who writes now
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))) // it may be gone
	_ = c.conn.Close()
}
