package edge

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// perSource is how many clients have the same address: so each finds a port of its own.
const perSource = 10_000

// connect begins to connect, from an address by the client's number.
func connect(to netip.AddrPort, number int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	source := number/perSource + 1
	from := unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(source >> 8), byte(source)}}
	// The port is chosen in connect: only the pair of addresses must be free then.
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Bind(fd, &from),
	)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// reset ends a connection without a word.
func reset(fd int) error {
	return errors.Join(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), unix.Close(fd))
}

// poll is an epoll of sockets, by the numbers of their clients.
type poll struct {
	fd     int
	events []unix.EpollEvent
}

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &poll{fd: fd, events: make([]unix.EpollEvent, 1024)}, err
}

// want has the poll say when a socket can be read, or written first.
func (p *poll) want(op, fd, number int, write bool) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number)}
	if write {
		e.Events = unix.EPOLLOUT
	}
	return unix.EpollCtl(p.fd, op, fd, &e)
}

// wait is the numbers of the sockets that have something, after some milliseconds at most.
func (p *poll) wait(ms int) ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(p.fd, p.events, ms)
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return p.events[:max(n, 0)], err
}
