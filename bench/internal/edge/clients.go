package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// openAtOnce is how many clients identify at a time, acceptAtOnce how many that resume
	// wait for the gateway's first word: kernels have a queue of 4,096 for a listener, and
	// let a second pass before they try again when it is full.
	openAtOnce, acceptAtOnce = 256, 2_048
	// beatEvery is how often each client says that it is there.
	beatEvery = 35 * time.Second
	// gather is how long what comes may gather before it is read, in nanoseconds: clients that
	// wake up for each socket take as much of the cores as the servers, and it is a socket's
	// writer who wakes them. So times are up to this too long, for all systems.
	gather = 1_000_000
	// tick is how long the loop waits at most, in milliseconds.
	tick = 50
	// wakeUp is the number of the pipe by which orders come.
	wakeUp = -1
)

// clients is a loop over many clients, which is all of its process.
type clients struct {
	cfg    clientsConfig
	p      process
	poll   *poll
	buf    []byte
	list   []*client
	fds    []int
	orders chan clientsOrder
	ended  chan error
	wake   [2]int

	to      netip.AddrPort // where those that wait connect to
	hail    []byte
	waiting []int // clients that are to connect
	under   int   // how many are under way, by atOnce
	atOnce  int
	until   stage // until where a client is under way
	busy    bool  // an order is not answered
	undone  int   // clients that are not as the order wants them
	began   int64
	last    int64 // when the last one was
	beaten  time.Time
	beating int     // whose heartbeat was the last
	due     float64 // heartbeats
}

// runClients is the process of clients.
func runClients(ctx context.Context, cfg clientsConfig, p process) (err error) {
	c := &clients{cfg: cfg, p: p, beaten: time.Now(), buf: make([]byte, 256<<10), orders: make(chan clientsOrder, 1), ended: make(chan error, 1)}
	if c.poll, err = newPoll(); err != nil {
		return err
	}
	if err := unix.Pipe2(c.wake[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return err
	}
	if err := c.poll.want(unix.EPOLL_CTL_ADD, c.wake[0], wakeUp, false); err != nil {
		return err
	}
	go c.listen() // until in ends, and the process with it
	if err := p.out.Encode(nothing{}); err != nil {
		return err
	}
	err = c.loop(ctx)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = p.out.Encode(failure(err))
	}
	return err
}

// listen hands orders to the loop.
func (c *clients) listen() {
	for {
		var o clientsOrder
		err := c.p.in.Decode(&o)
		if err != nil {
			c.ended <- err
		} else {
			c.orders <- o
		}
		_, _ = unix.Write(c.wake[1], []byte{0}) // full: it is awake
		if err != nil {
			return
		}
	}
}

func (c *clients) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		events, err := c.poll.wait(tick)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := c.happened(int(e.Fd)); err != nil {
				return err
			}
		}
		if err := errors.Join(c.connectMore(), c.beat(time.Now()), c.answer()); err != nil {
			return err
		}
		if len(events) < len(c.poll.events) {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: gather}, nil) // cut short: no harm
		}
	}
	return context.Cause(ctx)
}

func (c *clients) happened(number int) error {
	if number != wakeUp {
		if err := c.serve(number); err != nil {
			return fmt.Errorf("client %d: %w", c.list[number].user, err)
		}
		return nil
	}
	_, _ = unix.Read(c.wake[0], c.buf)
	select {
	case err := <-c.ended:
		return err
	case o := <-c.orders:
		return c.obey(o)
	default:
		return nil
	}
}

// connectMore has clients connect, as many at once as is good.
func (c *clients) connectMore() error {
	for c.under < c.atOnce && len(c.waiting) > 0 {
		i := c.waiting[0]
		fd, err := connect(c.to, c.list[i].user)
		if err == nil {
			err = c.poll.want(unix.EPOLL_CTL_ADD, fd, i, true)
		}
		if err != nil {
			return err
		}
		c.waiting, c.fds[i], c.list[i].stage = c.waiting[1:], fd, connecting
		c.under++
	}
	return nil
}

// serve does what a socket is ready for.
func (c *clients) serve(i int) error {
	x, fd := c.list[i], c.fds[i]
	if x.stage == idle {
		return nil // what came before it was cut
	}
	if x.stage == connecting {
		x.stage = upgrading
		return errors.Join(write(fd, c.hail), c.poll.want(unix.EPOLL_CTL_MOD, fd, i, false))
	}
	n, err := unix.Read(fd, c.buf)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	was, owed := x.stage, x.left
	answer, err := x.received(c.buf[:n])
	if err == nil && len(answer) > 0 {
		err = write(fd, answer)
	}
	if was < c.until && x.stage >= c.until {
		c.under--
	}
	if x.stage == live && x.left == 0 && (was != live || owed > 0) {
		if c.undone--; c.undone == 0 {
			c.last = now()
		}
	}
	return err
}

// write writes little: there is room for it.
func write(fd int, b []byte) error {
	n, err := unix.Write(fd, b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// answer answers the order when all clients are as it wants them.
func (c *clients) answer() error {
	if !c.busy || c.undone > 0 {
		return nil
	}
	c.busy = false
	return c.p.out.Encode(span{c.began, c.last})
}

// beat sends the heartbeats that are due, one client after the other.
func (c *clients) beat(at time.Time) error {
	c.due += at.Sub(c.beaten).Seconds() / beatEvery.Seconds() * float64(len(c.list))
	c.beaten = at
	for c.due = min(c.due, float64(len(c.list))); c.due >= 1; c.due-- {
		c.beating = (c.beating + 1) % len(c.list)
		x := c.list[c.beating]
		if b := x.beat(); b != nil {
			if err := write(c.fds[c.beating], b); err != nil {
				return fmt.Errorf("heartbeat of client %d: %w", x.user, err)
			}
		}
	}
	return nil
}
