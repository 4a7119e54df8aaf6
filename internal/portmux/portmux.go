package portmux

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Protocol is one of the protocols on the port.
type Protocol struct {
	// Name is for logs and counters.
	Name string
	// Preface is what a connection in the clear starts with.
	Preface []byte
	// ALPN is what a connection under TLS negotiates.
	ALPN string
	// Mutual refuses connections under TLS without a certificate of the other end.
	Mutual bool
}

// HTTP2 is gRPC's protocol (RFC 9113, section 3.4).
func HTTP2() Protocol {
	return Protocol{Name: "grpc", Preface: []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ALPN: "h2"}
}

// Config of a Mux.
type Config struct {
	// TLS, if set, is required of every connection. It is asked for the
	// configuration of each one; its NextProtos are set by the Mux.
	TLS func() *tls.Config
	// SniffTimeout bounds the first bytes and the TLS handshake. Defaults to
	// 5 s.
	SniffTimeout time.Duration
	// MaxPending bounds connections that have not said who they are. Defaults
	// to 256.
	MaxPending int
	// Refused is told of each connection that was closed, but for those that the
	// other end closed without a word; may be nil. It is called from many
	// goroutines and must not block.
	Refused func(remote net.Addr, err error)
}

// errClosed is what an endpoint's Accept returns in the end.
var errClosed = fmt.Errorf("portmux: %w", net.ErrClosed)

// ErrUnknownProtocol is what Refused gets for first bytes that nobody
// registered.
var ErrUnknownProtocol = errors.New("unknown protocol")

// ErrNoCertificate is what Refused gets for a connection that must have one.
var ErrNoCertificate = errors.New("no certificate of the other end")

// Mux shares a listener. Register all protocols before Run.
type Mux struct {
	cfg       Config
	endpoints []*endpoint
}

// New returns a Mux.
func New(cfg Config) *Mux {
	if cfg.SniffTimeout <= 0 {
		cfg.SniffTimeout = 5 * time.Second
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = 256
	}
	if cfg.Refused == nil {
		cfg.Refused = func(net.Addr, error) {}
	}
	return &Mux{cfg: cfg}
}

// Register adds a protocol and returns the listener of its connections. addr is
// what that listener says its address is.
func (m *Mux) Register(p Protocol, addr net.Addr) net.Listener {
	e := &endpoint{protocol: p, addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	m.endpoints = append(m.endpoints, e)
	return e
}

// Run accepts connections until ctx ends or l fails, and closes l.
func (m *Mux) Run(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer func() { _ = l.Close() }()
	pending := make(chan struct{}, m.cfg.MaxPending)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer m.closeEndpoints()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		select {
		case pending <- struct{}{}:
		case <-ctx.Done():
			_ = conn.Close()
			return nil
		}
		wg.Go(func() {
			defer func() { <-pending }()
			m.sort(ctx, conn)
		})
	}
}

// sort finds out whose connection it is and hands it over.
func (m *Mux) sort(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	sorted, e, err := m.recognise(ctx, conn)
	if err == nil {
		err = e.hand(ctx, sorted)
	}
	if err == nil {
		return
	}
	_ = conn.Close()
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) { // who only looks whether somebody is there; the end of this
		m.cfg.Refused(conn.RemoteAddr(), err)
	}
}

func (m *Mux) recognise(ctx context.Context, conn net.Conn) (net.Conn, *endpoint, error) {
	if err := conn.SetDeadline(time.Now().Add(m.cfg.SniffTimeout)); err != nil {
		return nil, nil, err
	}
	recognise := m.byFirstBytes
	if m.cfg.TLS != nil {
		recognise = m.byALPN
	}
	recognised, e, err := recognise(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	return recognised, e, conn.SetDeadline(time.Time{})
}

func (m *Mux) byALPN(ctx context.Context, conn net.Conn) (net.Conn, *endpoint, error) {
	cfg := m.cfg.TLS().Clone()
	cfg.NextProtos = nil
	for _, e := range m.endpoints {
		cfg.NextProtos = append(cfg.NextProtos, e.protocol.ALPN)
	}
	shaken := tls.Server(conn, cfg)
	if err := shaken.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("tls handshake: %w", err)
	}
	state := shaken.ConnectionState()
	for _, e := range m.endpoints {
		if e.protocol.ALPN != state.NegotiatedProtocol {
			continue
		}
		if e.protocol.Mutual && len(state.VerifiedChains) == 0 {
			return nil, nil, fmt.Errorf("%w: %s", ErrNoCertificate, e.protocol.Name)
		}
		return shaken, e, nil
	}
	return nil, nil, fmt.Errorf("%w: ALPN %q", ErrUnknownProtocol, state.NegotiatedProtocol)
}

// byFirstBytes reads until the bytes can be only one protocol's preface, or no
// one's.
func (m *Mux) byFirstBytes(_ context.Context, conn net.Conn) (net.Conn, *endpoint, error) {
	var read []byte
	for {
		e, more := m.match(read)
		if e != nil {
			return &replayed{Conn: conn, read: read}, e, nil
		}
		if more == 0 {
			return nil, nil, fmt.Errorf("%w: starts with %.24q", ErrUnknownProtocol, read)
		}
		chunk := make([]byte, more)
		n, err := conn.Read(chunk)
		read = append(read, chunk[:n]...)
		if errors.Is(err, io.EOF) && len(read) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && n == 0 {
			return nil, nil, fmt.Errorf("first bytes: %w", err)
		}
	}
}

// match returns the endpoint whose preface read starts with, or how many more
// bytes may tell; 0 means nobody's.
func (m *Mux) match(read []byte) (e *endpoint, more int) {
	for _, e := range m.endpoints {
		p := e.protocol.Preface
		n := min(len(read), len(p))
		if string(read[:n]) != string(p[:n]) {
			continue
		}
		if n == len(p) {
			return e, 0
		}
		if left := len(p) - n; more == 0 || left < more {
			more = left
		}
	}
	return nil, more
}

func (m *Mux) closeEndpoints() {
	for _, e := range m.endpoints {
		_ = e.Close()
	}
}

// replayed gives back the bytes that were read to recognise the connection.
type replayed struct {
	net.Conn
	read []byte
}

func (c *replayed) Read(b []byte) (int, error) {
	if len(c.read) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.read)
	c.read = c.read[n:]
	return n, nil
}

// endpoint is the listener of one protocol.
type endpoint struct {
	protocol Protocol
	addr     net.Addr
	conns    chan net.Conn // unbuffered: whoever is not accepted is pending
	once     sync.Once
	done     chan struct{}
}

var _ net.Listener = (*endpoint)(nil)

func (e *endpoint) hand(ctx context.Context, conn net.Conn) error {
	select {
	case e.conns <- conn:
		return nil
	case <-e.done:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Accept waits for the next connection of this protocol.
func (e *endpoint) Accept() (net.Conn, error) {
	select {
	case conn := <-e.conns:
		return conn, nil
	case <-e.done:
		return nil, errClosed
	}
}

// Close refuses further connections.
func (e *endpoint) Close() error {
	e.once.Do(func() { close(e.done) })
	return nil
}

// Addr returns the shared listener's address.
func (e *endpoint) Addr() net.Addr { return e.addr }
