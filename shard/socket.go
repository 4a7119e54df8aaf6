package shard

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/eventnode/eventnode/internal/encoding"
)

// version is that of the protocol.
const version = "10"

// closeKeeping is the code with which connections are closed: after 1000 and 1001 the
// gateway would end the session.
const closeKeeping = 4000

// readBuffer is how much is read at once, in bytes.
const readBuffer = 16 << 10

// maxBuffer is how much memory a socket keeps from one message to the next, in bytes.
const maxBuffer = 256 << 10

// socket is a connection to a gateway. One goroutine reads, which hands over frame by frame
// and waits until each is taken; another one writes.
type socket struct {
	conn    net.Conn
	in      wsutil.Reader
	buffer  bytes.Buffer // a message
	read    *encoding.Reader
	format  encoding.Format
	timeout time.Duration
	between *frame // a control frame between the fragments of the message
	held    bool   // the message comes behind that
	heldOp  ws.OpCode

	frames chan frame
	gone   chan struct{}
	end    func() // closes gone and the connection
}

// connect dials a gateway at an address that was checked.
func (c Config) connect(ctx context.Context, address string) (*socket, error) {
	f, z, err := c.encoding()
	if err != nil {
		return nil, err
	}
	d := ws.Dialer{Timeout: c.ConnectTimeout, NetDial: c.Dial, TLSConfig: c.TLS}
	conn, buffered, _, err := d.Dial(ctx, withQuery(address, f, z))
	if err != nil {
		return nil, fmt.Errorf("connect to %.200s: %w", address, err)
	}
	s := &socket{
		conn: conn, read: encoding.NewReader(f, z, c.MaxPayload), format: f, timeout: c.WriteTimeout,
		frames: make(chan frame), gone: make(chan struct{}),
	}
	s.in = wsutil.Reader{State: ws.StateClientSide, MaxMessageSize: int64(c.MaxPayload), OnIntermediate: s.intermediate}
	if s.in.Source = bufio.NewReaderSize(conn, readBuffer); buffered != nil {
		s.in.Source = buffered
	}
	s.end = sync.OnceFunc(func() { close(s.gone); _ = conn.Close() })
	return s, nil
}

// withQuery is an address with what is asked of the gateway.
func withQuery(address string, f encoding.Format, z encoding.Compression) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // dialling says so
	}
	if u.Path == "" {
		u.Path = "/"
	}
	q := u.Query()
	q.Set("v", version)
	q.Set("encoding", f.String())
	if z == encoding.ZlibStream || z == encoding.ZstdStream {
		q.Set("compress", z.String())
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// serve is the goroutine that reads.
func (s *socket) serve() {
	for {
		f := s.next()
		select {
		case s.frames <- f:
		case <-s.gone:
			return
		}
		if f.kind.last() {
			return
		}
	}
}

// next is the next frame. Messages of which nothing comes are left out.
func (s *socket) next() frame {
	for {
		op, err := s.message()
		switch {
		case s.between != nil:
			f := *s.between
			s.between = nil
			s.held, s.heldOp = err == nil, op
			return f
		case errors.Is(err, wsutil.ErrMessageTooLarge):
			return frame{kind: frameBroken, err: fmt.Errorf("a message is larger than %d bytes, the limit for payloads", s.in.MaxMessageSize)}
		case err != nil:
			return frame{kind: frameEnd, reason: err.Error()}
		case op.IsControl():
			if f, ok := control(op, s.buffer.Bytes()); ok {
				return f
			}
		default:
			if f, ok := s.decode(); ok {
				return f
			}
		}
	}
}

// message is the message that was held back, or the next.
func (s *socket) message() (ws.OpCode, error) {
	if s.held {
		s.held = false
		return s.heldOp, nil
	}
	return s.receive()
}

// receive reads a message, or a control frame, into s.buffer.
func (s *socket) receive() (ws.OpCode, error) {
	if s.buffer.Cap() > maxBuffer {
		s.buffer = bytes.Buffer{}
	}
	s.buffer.Reset()
	h, err := s.in.NextFrame()
	if err != nil {
		return 0, err
	}
	_, err = s.buffer.ReadFrom(&s.in)
	return h.OpCode, err
}

// decode is the payload of s.buffer.
func (s *socket) decode() (f frame, ok bool) {
	p, whole, err := s.read.Read(s.buffer.Bytes())
	_, broken := errors.AsType[*encoding.StreamError](err)
	switch {
	case broken:
		return frame{kind: frameBroken, err: err}, true
	case err != nil:
		return frame{kind: frameUnread, err: err}, true
	default:
		return frame{payload: p}, whole
	}
}

// errClosed ends a message in whose middle the gateway closes.
var errClosed = errors.New("closed within a message")

// intermediate is a control frame between the fragments of a message. A ping is answered
// before it; of several only the last.
func (s *socket) intermediate(h ws.Header, from io.Reader) error {
	data, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	f, ok := control(h.OpCode, data)
	switch {
	case !ok:
	case f.kind == frameEnd:
		s.between = &f
		return errClosed
	default:
		s.between = &f
	}
	return nil
}

// send writes a payload.
func (s *socket) send(op int, data any) error {
	payload, err := encoding.NewWriter(s.format, encoding.None).Control(nil, op, data)
	if err != nil {
		return err
	}
	kind := ws.OpText
	if s.format != encoding.JSON {
		kind = ws.OpBinary
	}
	return s.write(ws.NewFrame(kind, true, payload), s.timeout)
}

func (s *socket) pong(data []byte) error { return s.write(ws.NewPongFrame(data), s.timeout) }

func (s *socket) write(f ws.Frame, timeout time.Duration) error {
	bytes, err := ws.CompileFrame(ws.MaskFrameInPlace(f))
	if err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err = s.conn.Write(bytes)
	return err
}

// hangUp closes the connection so that the session lives.
func (s *socket) hangUp() {
	const patience = 100 * time.Millisecond // it is a courtesy
	_ = s.write(ws.NewCloseFrame(ws.NewCloseFrameBody(closeKeeping, "")), min(patience, s.timeout))
	s.end()
}
