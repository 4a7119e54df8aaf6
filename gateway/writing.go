package gateway

import (
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

const (
	// maxWrite is about how much is written at once, in bytes, and takeAtOnce how many
	// events at most.
	maxWrite   = 32 << 10
	takeAtOnce = 64
	// maxKeptBuffer is how large a buffer may have become to be used again.
	maxKeptBuffer = 4 * maxWrite
)

// scratch is what a goroutine that writes needs.
type scratch struct {
	bytes  []byte
	events []sessions.Sent

	// writeNow writes bytes to a socket, and notes how much was written. It is for
	// syscall.RawConn, and says that it does not wait.
	writeNow func(fd uintptr)
	written  int
}

// scratches are kept between writes, by nobody in particular.
type scratches struct{ pool sync.Pool }

func (p *scratches) take() *scratch {
	if s, ok := p.pool.Get().(*scratch); ok {
		return s
	}
	s := &scratch{bytes: make([]byte, 0, 4<<10), events: make([]sessions.Sent, 0, takeAtOnce)}
	s.writeNow = func(fd uintptr) { s.written = writeNow(fd, s.bytes) }
	return s
}

func (p *scratches) give(s *scratch) {
	clear(s.events[:cap(s.events)])
	if s.bytes, s.events = s.bytes[:0], s.events[:0]; cap(s.bytes) <= maxKeptBuffer {
		p.pool.Put(s)
	}
}

// todo is what there is to do for a goroutine that writes.
type todo struct {
	answers []answer
	replay  *replay
	socket  *sessions.Socket
	codec   *encoding.Writer
	bye     []byte
}

func (o *outgoing) todo() todo {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := todo{o.answers, o.replay, o.socket, o.codec, o.bye}
	o.answers, o.again = nil, false
	return t
}

// run writes until nothing is left, or the connection does not take it; first the rest of
// what a writer began.
func (o *outgoing) run(rest []byte) {
	s := o.writers.pool.take()
	defer o.writers.pool.give(s)
	err := o.writeAll(s, rest)
	for {
		more := false
		if err == nil {
			s.bytes = s.bytes[:0]
			more, err = o.turn(s, o.todo())
		}
		if err == nil {
			err = o.write(s)
		}
		if err != nil {
			o.broken(err)
		}
		if o.rests(more, err != nil) {
			return
		}
	}
}

// writeAll writes bytes, each part of them with its own deadline.
func (o *outgoing) writeAll(s *scratch, all []byte) error {
	for some := range slices.Chunk(all, maxWrite) {
		s.bytes = append(s.bytes[:0], some...)
		if err := o.write(s); err != nil {
			return err
		}
	}
	return nil
}

// turn appends what is to be written next. more: there may be something behind it.
func (o *outgoing) turn(s *scratch, t todo) (more bool, err error) {
	o.answer(s, t)
	switch {
	case t.bye != nil:
		s.bytes = appendControl(s.bytes, ws.OpClose, t.bye)
		return false, o.last(s)
	case t.replay != nil:
		return true, o.catchUp(s, t)
	case t.socket != nil:
		return o.events(s, t)
	default:
		return false, nil
	}
}

// rests reports whether the goroutine may end: nothing came since it looked.
func (o *outgoing) rests(more, broken bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = o.over || broken
	if !o.over && (more || o.again) {
		return false
	}
	o.busy = false
	if o.idle != nil {
		close(o.idle)
		o.idle = nil
	}
	return true
}

func (o *outgoing) answer(s *scratch, t todo) {
	for _, a := range t.answers {
		if a.frame != 0 {
			s.bytes = appendControl(s.bytes, a.frame, a.bytes)
			continue
		}
		start := len(s.bytes)
		next, err := t.codec.Control(beginFrame(s.bytes), a.op, a.data)
		o.append(s, start, next, err, t.codec)
	}
}

// append ends a frame that an encoder has filled, or takes it back.
func (o *outgoing) append(s *scratch, start int, filled []byte, err error, codec *encoding.Writer) {
	if err != nil {
		o.metrics.unsent.Inc()
		s.bytes = s.bytes[:start]
		return
	}
	kind := ws.OpText
	if codec.Binary() {
		kind = ws.OpBinary
	}
	s.bytes = endFrame(filled, start, kind)
}

// catchUp appends some of a replay, and RESUMED behind the last of it.
func (o *outgoing) catchUp(s *scratch, t todo) error {
	n := 0
	for ; n < len(t.replay.events) && len(s.bytes) < maxWrite; n++ {
		o.event(s, t.codec, t.replay.events[n])
	}
	t.replay.events = t.replay.events[n:]
	if len(t.replay.events) > 0 {
		return nil
	}
	start := len(s.bytes)
	next, err := t.codec.Dispatch(beginFrame(s.bytes), t.replay.last, resumed, struct{}{})
	o.append(s, start, next, err, t.codec)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.replay == t.replay {
		o.replay = nil
	}
	return nil
}

func (o *outgoing) event(s *scratch, codec *encoding.Writer, sent sessions.Sent) {
	start := len(s.bytes)
	next, err := codec.Event(beginFrame(s.bytes), sent.Seq, sent.Event)
	o.append(s, start, next, err, codec)
}

// events appends what the session has. What ends the socket is told, unless it was left.
func (o *outgoing) events(s *scratch, t todo) (more bool, err error) {
	s.events, err = t.socket.Take(s.events[:0], takeAtOnce)
	if err != nil {
		o.mu.Lock()
		mine := o.socket == t.socket
		o.mu.Unlock()
		if mine {
			o.leave()
			o.lag(err)
		}
		return true, nil
	}
	for _, sent := range s.events {
		if o.event(s, t.codec, sent); len(s.bytes) < maxWrite {
			continue
		}
		if err := o.write(s); err != nil {
			return false, err
		}
	}
	return len(s.events) == takeAtOnce, nil // who adds to fewer kicks
}

// write writes what was appended.
func (o *outgoing) write(s *scratch) error {
	if len(s.bytes) == 0 {
		return nil
	}
	if err := o.conn.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
		return err
	}
	n, err := o.conn.Write(s.bytes)
	o.metrics.bytesOut.Add(float64(n))
	o.metrics.io.Inc()
	s.bytes = s.bytes[:0]
	return err
}

// last writes the close frame, and says that nothing comes behind it: the client sees the
// end, and closes in its turn.
func (o *outgoing) last(s *scratch) error {
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	if err := o.write(s); err != nil {
		return err
	}
	if half, ok := o.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
