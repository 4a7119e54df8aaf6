package membership

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// errStopped ends what gossip still tries after its end.
var errStopped = errors.New("gossip has stopped")

// carrier wraps the transport of one memberlist, so that it can be ended at once:
// memberlist gives no context to what it dials and does not close what it
// accepted. Dials are bounded by a time-out of their own.
type carrier struct {
	memberlist.NodeAwareTransport
	dial    func() (context.Context, context.CancelFunc) // of one dial
	streams chan net.Conn
	done    <-chan struct{}
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex
	conns   map[*tracked]struct{}
	stopped bool
	keep    bool // leave the transport open for the next memberlist
}

// contextDialer is a transport whose dials can be called off.
type contextDialer interface {
	DialContext(ctx context.Context, addr string) (net.Conn, error)
}

// newCarrier wraps t. Its one goroutine ends with stop.
func newCarrier(t memberlist.Transport, dial time.Duration) *carrier {
	aware, ok := t.(memberlist.NodeAwareTransport)
	if !ok {
		aware = plainTransport{t}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &carrier{
		NodeAwareTransport: aware,
		dial:               func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, dial) },
		streams:            make(chan net.Conn),
		done:               ctx.Done(),
		cancel:             cancel,
		conns:              make(map[*tracked]struct{}),
	}
	c.wg.Go(c.accept)
	return c
}

// accept passes accepted streams on, and remembers them.
func (c *carrier) accept() {
	for {
		var conn net.Conn
		select {
		case conn = <-c.NodeAwareTransport.StreamCh():
		case <-c.done:
			return
		}
		t, err := c.track(conn)
		if err != nil {
			return
		}
		select {
		case c.streams <- t:
		case <-c.done:
		}
	}
}

// StreamCh returns accepted streams.
func (c *carrier) StreamCh() <-chan net.Conn { return c.streams }

// track remembers conn until it is closed; after stop it closes it.
func (c *carrier) track(conn net.Conn) (net.Conn, error) {
	t := &tracked{Conn: conn, carrier: c}
	if c.remember(t) {
		return t, nil
	}
	return nil, errors.Join(errStopped, conn.Close())
}

func (c *carrier) remember(t *tracked) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.conns[t] = struct{}{}
	return true
}

func (c *carrier) isStopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// WriteTo sends a datagram.
func (c *carrier) WriteTo(b []byte, addr string) (time.Time, error) {
	return c.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a datagram.
func (c *carrier) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	if c.isStopped() {
		return time.Time{}, errStopped
	}
	return c.NodeAwareTransport.WriteToAddress(b, addr)
}

// DialTimeout opens a stream.
func (c *carrier) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return c.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream.
func (c *carrier) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := c.dial()
	defer cancel()
	ctx, cancelSooner := context.WithTimeout(ctx, timeout)
	defer cancelSooner()
	conn, err := c.dialContext(ctx, addr)
	if err != nil {
		return nil, err
	}
	return c.track(conn)
}

func (c *carrier) dialContext(ctx context.Context, addr memberlist.Address) (net.Conn, error) {
	if d, ok := c.NodeAwareTransport.(contextDialer); ok {
		return d.DialContext(ctx, addr.Addr)
	}
	deadline, _ := ctx.Deadline()
	return c.NodeAwareTransport.DialAddressTimeout(addr, time.Until(deadline))
}

// stop ends all that is under way. Datagrams that come in are still read, so that
// the transport does not stand still before its own end.
func (c *carrier) stop() {
	c.mu.Lock()
	again := c.stopped
	c.stopped = true
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	if again {
		return
	}
	c.cancel()
	for t := range conns {
		_ = t.Conn.Close()
	}
	c.wg.Wait()
}

// keepOpen makes Shutdown leave the transport to the next memberlist.
func (c *carrier) keepOpen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = true
}

func (c *carrier) kept() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keep
}

// Shutdown is called by memberlist at its end.
func (c *carrier) Shutdown() error {
	c.stop()
	if c.kept() {
		return nil
	}
	return shutTransport(c.NodeAwareTransport)
}

// shutTransport shuts t down while nobody reads from it: what it still wants to
// hand over is taken and dropped.
func shutTransport(t memberlist.Transport) error {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case conn := <-t.StreamCh():
				if conn == nil {
					return // a transport may close its channels
				}
				_ = conn.Close()
			case packet := <-t.PacketCh():
				if packet == nil {
					return
				}
			case <-done:
				return
			}
		}
	})
	err := t.Shutdown()
	close(done)
	wg.Wait()
	return err
}

// tracked is a stream that the carrier can close.
type tracked struct {
	net.Conn
	carrier *carrier
}

// Close closes and forgets it.
func (t *tracked) Close() error {
	t.carrier.mu.Lock()
	delete(t.carrier.conns, t)
	t.carrier.mu.Unlock()
	return t.Conn.Close()
}

// netTransport is UDP and TCP.
type netTransport struct{ *memberlist.NetTransport }

// DialContext opens a TCP stream.
func (netTransport) DialContext(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// plainTransport is a transport that does not care for names.
type plainTransport struct{ memberlist.Transport }

// WriteToAddress sends a datagram.
func (t plainTransport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

// DialAddressTimeout opens a stream.
func (t plainTransport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}
