package memnet

import (
	"maps"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
)

// firstEphemeral is the first port that is chosen for who asks for none.
const firstEphemeral = 40000

// Host is one life of a machine: after Crash it is dead, and Network.Host
// returns its next life.
type Host struct {
	net    *Network
	name   string
	dead   atomic.Bool
	paused atomic.Bool

	// Guarded by Network.mu:
	sockets   map[uint64]socket
	listeners map[int]*listener
	packets   map[int]*packetConn
	port      int
}

// Name returns the host's address.
func (h *Host) Name() string { return h.name }

// stopped reports whether the host's calls must not return now.
func (h *Host) stopped() bool { return h.paused.Load() && !h.dead.Load() }

// gone reports whether the host crashed. The caller holds Network.mu.
func (h *Host) gone() bool { return h.net.hosts[h.name] != h }

// list returns the open sockets, oldest first.
func (h *Host) list() []socket {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	all := make([]socket, 0, len(h.sockets))
	for _, id := range slices.Sorted(maps.Keys(h.sockets)) {
		all = append(all, h.sockets[id])
	}
	return all
}

// add registers a socket and returns its number. The caller holds Network.mu.
func (h *Host) add(s socket) uint64 {
	h.net.sockets++
	h.sockets[h.net.sockets] = s
	return h.net.sockets
}

// ephemeral returns a port that nothing listens on. The caller holds Network.mu.
func (h *Host) ephemeral() int {
	for {
		h.port++
		if h.port > 65535 {
			h.port = firstEphemeral
		}
		if h.listeners[h.port] == nil && h.packets[h.port] == nil {
			return h.port
		}
	}
}

// Listen accepts streams on port; 0 chooses one.
func (h *Host) Listen(port int) (net.Listener, error) {
	l, err := h.listen(port)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: tcpAddr(h.name, port), Err: err}
	}
	h.net.changes()
	return l, nil
}

func (h *Host) listen(port int) (*listener, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.gone() {
		return nil, net.ErrClosed
	}
	if port == 0 {
		port = h.ephemeral()
	}
	if h.listeners[port] != nil {
		return nil, os.NewSyscallError("bind", syscall.EADDRINUSE)
	}
	l := newListener(h, port)
	l.id = h.add(l)
	h.listeners[port] = l
	return l, nil
}

// ListenPacket opens a datagram socket on port; 0 chooses one.
func (h *Host) ListenPacket(port int) (net.PacketConn, error) {
	c, err := h.listenPacket(port)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: udpAddr(h.name, port), Err: err}
	}
	return c, nil
}

func (h *Host) listenPacket(port int) (*packetConn, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.gone() {
		return nil, net.ErrClosed
	}
	if port == 0 {
		port = h.ephemeral()
	}
	if h.packets[port] != nil {
		return nil, os.NewSyscallError("bind", syscall.EADDRINUSE)
	}
	c := newPacketConn(h, port, h.net.cfg.PacketQueue)
	c.id = h.add(c)
	h.packets[port] = c
	return c, nil
}
