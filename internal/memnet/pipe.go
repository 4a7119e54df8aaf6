package memnet

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipe is one direction of a stream. What is written is in flight until its time
// has come and the path is open; then it is in the reader's buffer. As long as
// the way back is cut the writer does not learn what was read, so the window does
// not open again.
type pipe struct {
	src, dst   *Host
	there      *path
	back       *path
	limit      int
	mu         sync.Mutex
	readable   *sync.Cond
	writable   *sync.Cond
	flight     []segment
	inFlight   int          // bytes in flight
	buf        bytes.Buffer // arrived, not read
	unacked    int          // bytes read, which the writer does not know of
	arrival    time.Time    // when the last segment arrives: the others not before
	timer      *time.Timer
	rdeadline  deadline
	wdeadline  deadline
	writing    bool // somebody is in write: the others wait
	wclosed    bool // the writer's end is closed
	rclosed    bool // the reader's end is closed
	eof        bool // the reader was told the end
	reset      bool // the reader was told of a reset
	unwanted   bool // data came to a closed reader
	brokenPipe bool // the writer was told that nobody reads
}

// segment is data under way, the end, or a reset.
type segment struct {
	data []byte
	at   time.Time
	end  bool
	rst  bool
}

func newPipe(src, dst *Host, there, back *path, limit int) *pipe {
	p := &pipe{src: src, dst: dst, there: there, back: back, limit: limit}
	p.readable, p.writable = sync.NewCond(&p.mu), sync.NewCond(&p.mu)
	return p
}

// read waits for data, the end, a reset, or the deadline.
func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if n, err, done := p.tryRead(b); done {
			return n, err
		}
		p.readable.Wait()
	}
}

func (p *pipe) tryRead(b []byte) (n int, err error, done bool) {
	switch {
	case p.rclosed:
		return 0, net.ErrClosed, true
	case p.dst.dead.Load():
		return 0, os.NewSyscallError("read", syscall.ECONNRESET), true
	case p.dst.stopped():
		return 0, nil, false
	case p.rdeadline.passed():
		return 0, os.ErrDeadlineExceeded, true
	case p.buf.Len() > 0:
		n, _ = p.buf.Read(b)
		p.unacked += n
		p.acknowledge()
		return n, nil, true
	case p.reset:
		return 0, os.NewSyscallError("read", syscall.ECONNRESET), true
	case p.eof:
		return 0, io.EOF, true
	}
	return 0, nil, len(b) == 0
}

// acknowledge tells the writer what was read, if the way back is open.
func (p *pipe) acknowledge() {
	if !p.back.open.Load() {
		return
	}
	p.unacked = 0
	p.brokenPipe = p.brokenPipe || p.unwanted
	p.writable.Broadcast()
}

// write waits until all of b is under way.
func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.writing && !p.wclosed {
		p.writable.Wait()
	}
	p.writing = true
	defer p.endWrite()
	for {
		k, err, done := p.tryWrite(b[n:])
		n += k
		if done {
			return n, err
		}
		if k == 0 {
			p.writable.Wait()
		}
	}
}

func (p *pipe) endWrite() {
	p.writing = false
	p.writable.Broadcast()
}

func (p *pipe) tryWrite(b []byte) (n int, err error, done bool) {
	switch {
	case p.wclosed:
		return 0, net.ErrClosed, true
	case p.src.dead.Load(): // what a crashed process did not write is never written
		return 0, os.NewSyscallError("write", syscall.ECONNRESET), true
	case p.src.stopped():
		return 0, nil, false
	case p.wdeadline.passed():
		return 0, os.ErrDeadlineExceeded, true
	case p.brokenPipe:
		return 0, os.NewSyscallError("write", syscall.EPIPE), true
	}
	room := p.limit - p.inFlight - p.buf.Len() - p.unacked
	n = min(len(b), max(room, 0))
	if n > 0 {
		p.send(segment{data: b[:n]})
	}
	return n, nil, n == len(b)
}

// send puts s under way; it copies the data.
func (p *pipe) send(s segment) {
	now := time.Now()
	s.at = now.Add(p.there.delay())
	if s.at.Before(p.arrival) {
		s.at = p.arrival
	}
	p.arrival = s.at
	if len(p.flight) == 0 && !s.at.After(now) && p.passes(s) {
		p.arrive(s)
		return
	}
	s.data = bytes.Clone(s.data)
	p.inFlight += len(s.data)
	p.flight = append(p.flight, s)
	p.advance()
}

// passes reports whether s may arrive, were it the time. A stopped process does
// not close its connections.
func (p *pipe) passes(s segment) bool {
	return p.there.open.Load() && (!s.end || !p.src.stopped())
}

// advance takes in what has arrived, and sets the timer for the next.
func (p *pipe) advance() {
	now := time.Now()
	for len(p.flight) > 0 && p.passes(p.flight[0]) {
		s := p.flight[0]
		if s.at.After(now) {
			p.wakeIn(s.at.Sub(now))
			return
		}
		p.flight = p.flight[1:]
		p.inFlight -= len(s.data)
		p.arrive(s)
	}
}

func (p *pipe) wakeIn(d time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.kick)
		return
	}
	p.timer.Reset(d)
}

// arrive gives s to the reader.
func (p *pipe) arrive(s segment) {
	switch {
	case s.rst:
		p.reset = true
	case s.end:
		p.eof = true
	case p.rclosed:
		p.unwanted = true
		p.acknowledge()
	default:
		p.buf.Write(s.data)
	}
	p.readable.Broadcast()
}

// kick looks again after a change of the faults, or when a segment arrives.
func (p *pipe) kick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance()
	p.acknowledge()
	p.readable.Broadcast()
}

// closeWrite ends what is written.
func (p *pipe) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wclosed {
		return
	}
	p.wclosed = true
	p.wdeadline.stop()
	p.send(segment{end: true})
	p.writable.Broadcast()
}

// closeRead ends reading: what was not read is gone, and what still comes breaks
// the pipe for the writer.
func (p *pipe) closeRead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rclosed = true
	p.rdeadline.stop()
	p.unwanted = p.unwanted || p.buf.Len() > 0
	p.buf.Reset()
	p.acknowledge()
	p.readable.Broadcast()
}

// abort is the death of the writer: what it had under way is lost, and the
// reader is told of a reset when the path is open.
func (p *pipe) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wclosed = true
	p.wdeadline.stop()
	p.flight, p.inFlight = nil, 0
	p.send(segment{rst: true})
	p.writable.Broadcast()
}

// refuse is the death of the reader: whoever writes to it learns that.
func (p *pipe) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rclosed, p.unwanted = true, true
	p.rdeadline.stop()
	p.buf.Reset()
	p.acknowledge()
	p.readable.Broadcast()
}

func (p *pipe) setReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rclosed {
		return net.ErrClosed
	}
	p.rdeadline.set(t, p.readable)
	return nil
}

func (p *pipe) setWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wclosed {
		return net.ErrClosed
	}
	p.wdeadline.set(t, p.writable)
	return nil
}
