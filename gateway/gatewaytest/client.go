package gatewaytest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// Client is a client of the gateway protocol for tests, as plain as can be: JSON, no
// compression, and no heartbeats, so that it lives for one interval. It belongs to one
// goroutine.
type Client struct {
	conn   net.Conn
	frames *bufio.Reader
	// Token, Session and Seq are what it resumes with: as of the last IDENTIFY, READY and
	// event.
	Token, Session string
	Seq            uint64
}

// Payload is what a client is sent.
type Payload struct {
	Op   int             `json:"op"`
	Data json.RawMessage `json:"d"`
	Seq  uint64          `json:"s"`
	Type string          `json:"t"`
}

// ClosedError says that the gateway closed the connection.
type ClosedError struct {
	Code   int
	Reason string
}

func (e *ClosedError) Error() string { return fmt.Sprintf("closed with %d: %s", e.Code, e.Reason) }

// Dial connects to a gateway at HOST:PORT and takes its HELLO.
func Dial(ctx context.Context, address string) (*Client, error) {
	conn, buffered, _, err := ws.Dial(ctx, "ws://"+address+"/?v=10&encoding=json")
	if err != nil {
		return nil, err
	}
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	c := &Client{conn: conn, frames: buffered}
	if p, err := c.Next(ctx); err != nil || p.Op != 10 {
		c.Cut()
		return nil, fmt.Errorf("no HELLO but op %d: %w", p.Op, err)
	}
	return c, nil
}

// Identify opens a session and returns READY. Fields go into IDENTIFY as they are.
func (c *Client) Identify(ctx context.Context, token string, fields map[string]any) (ready json.RawMessage, err error) {
	d := map[string]any{"token": token, "properties": struct{}{}}
	maps.Copy(d, fields)
	if err := c.Send(2, d); err != nil {
		return nil, err
	}
	p, err := c.Next(ctx)
	if err != nil || p.Type != "READY" {
		return nil, fmt.Errorf("no READY but op %d %s %s: %w", p.Op, p.Type, p.Data, err)
	}
	var said struct {
		Session string `json:"session_id"`
	}
	c.Token = token
	err = json.Unmarshal(p.Data, &said)
	c.Session = said.Session
	return p.Data, err
}

// Resume goes on with the session of another client on this connection, and returns what
// that had missed, RESUMED apart.
func (c *Client) Resume(ctx context.Context, from *Client) (missed []Payload, err error) {
	c.Token, c.Session, c.Seq = from.Token, from.Session, from.Seq
	if err := c.Send(6, map[string]any{"token": c.Token, "session_id": c.Session, "seq": c.Seq}); err != nil {
		return nil, err
	}
	for {
		p, err := c.Next(ctx)
		switch {
		case err != nil:
			return missed, err
		case p.Type == "RESUMED":
			return missed, nil
		case p.Op != 0:
			return missed, fmt.Errorf("not resumed but op %d %s", p.Op, p.Data)
		}
		missed = append(missed, p)
	}
}

// Send sends a payload.
func (c *Client) Send(op int, d any) error {
	data, err := json.Marshal(map[string]any{"op": op, "d": d})
	if err != nil {
		return err
	}
	return ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewTextFrame(data)))
}

// Next waits for the next payload, until ctx ends. It fails with a *ClosedError.
func (c *Client) Next(ctx context.Context) (p Payload, err error) {
	until, _ := ctx.Deadline() // none: the zero time, for ever
	if err := c.conn.SetReadDeadline(until); err != nil {
		return p, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	data, err := c.read()
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if p.Seq > 0 {
		c.Seq = p.Seq
	}
	return p, err
}

// read is the next text. Pings are answered.
func (c *Client) read() ([]byte, error) {
	for {
		h, err := ws.ReadHeader(c.frames)
		if err != nil {
			return nil, err
		}
		data := make([]byte, h.Length)
		if _, err := io.ReadFull(c.frames, data); err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(data)
			return nil, &ClosedError{int(code), reason}
		case ws.OpPing:
			if err := ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewPongFrame(data))); err != nil {
				return nil, err
			}
		case ws.OpPong:
		default:
			return data, nil
		}
	}
}

// Close sends a close frame with a code. The connection is still to be cut.
func (c *Client) Close(code int) error {
	body := ws.NewCloseFrameBody(ws.StatusCode(code), "")
	return ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(body)))
}

// LocalAddr is its end of the connection, which logs of gateways name.
func (c *Client) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// Cut ends the connection without a word.
func (c *Client) Cut() { _ = c.conn.Close() }
