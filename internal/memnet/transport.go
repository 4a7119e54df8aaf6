package memnet

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Transport carries memberlist's gossip over a host's streams and datagrams.
// Two goroutines serve it until Shutdown.
type Transport struct {
	host    *Host
	port    int
	ln      net.Listener
	pc      *packetConn
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

// Transport opens port for streams and datagrams, and serves them until
// Shutdown.
func (h *Host) Transport(port int) (*Transport, error) {
	ln, err := h.Listen(port)
	if err != nil {
		return nil, err
	}
	port = ln.Addr().(*net.TCPAddr).Port
	pc, err := h.listenPacket(port)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	t := &Transport{
		host: h, port: port, ln: ln, pc: pc,
		packets: make(chan *memberlist.Packet),
		streams: make(chan net.Conn),
		done:    make(chan struct{}),
	}
	t.wg.Go(t.accept)
	t.wg.Go(t.receive)
	return t, nil
}

func (t *Transport) accept() {
	for {
		c, err := t.ln.Accept()
		if err != nil {
			return
		}
		select {
		case t.streams <- c:
		case <-t.done:
			_ = c.Close()
		}
	}
}

func (t *Transport) receive() {
	for {
		d, err := t.pc.next()
		if err != nil {
			return
		}
		select {
		case t.packets <- &memberlist.Packet{Buf: d.data, From: d.from, Timestamp: time.Now()}:
		case <-t.done:
		}
	}
}

// FinalAdvertiseAddr returns the given address, or else the host's own.
func (t *Transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if ip == "" {
		ip, port = t.host.name, t.port
	}
	addr := net.ParseIP(ip)
	if addr == nil {
		return nil, 0, fmt.Errorf("advertised address %q: %w", ip, net.InvalidAddrError("not an IP address"))
	}
	if four := addr.To4(); four != nil {
		addr = four
	}
	return addr, port, nil
}

// WriteTo sends one datagram.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	if err := t.pc.sendTo(b, addr); err != nil {
		return time.Time{}, t.pc.wrap("write", err)
	}
	return time.Now(), nil
}

// WriteToAddress sends one datagram.
func (t *Transport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

// PacketCh returns what arrives.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout opens a stream.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.host.Dial(ctx, addr)
}

// DialContext opens a stream.
func (t *Transport) DialContext(ctx context.Context, addr string) (net.Conn, error) {
	return t.host.Dial(ctx, addr)
}

// DialAddressTimeout opens a stream.
func (t *Transport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}

// StreamCh returns accepted streams.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// Addr returns HOST:PORT.
func (t *Transport) Addr() string { return net.JoinHostPort(t.host.name, strconv.Itoa(t.port)) }

// Shutdown closes the port and waits for the transport's goroutines.
func (t *Transport) Shutdown() error {
	t.once.Do(func() {
		close(t.done)
		_ = t.ln.Close()
		_ = t.pc.Close()
	})
	t.wg.Wait()
	return nil
}
