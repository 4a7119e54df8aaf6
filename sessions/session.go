package sessions

import (
	"context"
	"sync"
	"time"

	"github.com/eventnode/eventnode/sessions/internal/replay"
)

// Identity is who a session is for, and what it asked for.
type Identity struct {
	User  Snowflake
	Shard Shard
	Bot   bool
	// Intents is which events it wants, a bit each; see package chat.
	Intents uint64
	// LargeThreshold is from how many members on a guild is sent without those that are
	// offline.
	LargeThreshold int
}

// Session is one client. Its log outlives its sockets.
type Session struct {
	Identity
	id     ID
	number uint64
	since  time.Time
	m      *Manager

	mu       sync.Mutex
	log      replay.Log[*Event]
	released uint64  // up to here sockets have events; with OnSend
	socket   *Socket // nil: detached
	ended    bool
	// adopted: it was elsewhere, and not all it was sent there is here.
	adopted  bool
	recall   *recall // nil: it has not moved lately
	presence Presence

	// taken is closed when the socket has taken something, or is another one; nil: nobody
	// waits for that.
	taken chan struct{}

	// place is where it is among those that are detached; the manager's.
	place *detached
}

// ID names the session.
func (s *Session) ID() ID { return s.id }

// Number tells the session from all others that its manager ever had.
func (s *Session) Number() uint64 { return s.number }

// Since is when it was opened.
func (s *Session) Since() time.Time { return s.since }

// Seq is the number of the newest event; 0: none was sent.
func (s *Session) Seq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Last()
}

// Oldest is the number of the oldest event that is kept, or of the next one if none is.
func (s *Session) Oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.First()
}

// Kept is how many events can be replayed, and what they cost in bytes.
func (s *Session) Kept() (events, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Len(), s.log.Bytes()
}

// Attached reports whether the session has a socket.
func (s *Session) Attached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket != nil
}

// Presence is what the session says of its user; the zero value is offline.
func (s *Session) Presence() Presence {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.presence
}

// SetPresence replaces it.
func (s *Session) SetPresence(p Presence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presence = p
}

// Send adds an event to the log and returns its number. It does not wait. ErrClosed: the
// session has ended, and will not see it. ErrTwice: it has moved lately, and has the event.
func (s *Session) Send(e *Event) (seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0, ErrClosed
	}
	if s.recall != nil && !s.news(e, time.Now()) {
		return 0, ErrTwice
	}
	return s.send(e), nil
}

// Greet is Send of what a client is told in the beginning: it is kept, whatever its size,
// until a socket has taken it.
func (s *Session) Greet(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.tell(s.log.AppendFree(e, e.cost()), e)
	}
}

// SendBehind is Send if the newest event has this number: so an event that sums up the ones
// before it is right when it is sent. Not ok: there is a newer one, or the session has
// ended; nothing was sent.
func (s *Session) SendBehind(newest uint64, e *Event) (seq uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.log.Last() != newest {
		return 0, false
	}
	return s.send(e), true
}

func (s *Session) send(e *Event) (seq uint64) {
	seq = s.log.Append(e, e.cost())
	s.tell(seq, e)
	return seq
}

// tell lets the socket have an event: now, or when it is written down.
func (s *Session) tell(seq uint64, e *Event) {
	if hook := s.m.cfg.OnSend; hook == nil {
		s.release(seq)
	} else if !s.adopted {
		hook(s, seq, e)
	}
}

// Taken waits until the socket has taken the event with a number. It fails with ErrDetached
// if there is no socket, or not the same one any more, with ErrClosed, or with the cause of
// ctx's end.
func (s *Session) Taken(ctx context.Context, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := s.socket; ; {
		switch {
		case s.ended:
			return ErrClosed
		case k == nil || s.socket != k:
			return ErrDetached
		case k.next > seq:
			return nil
		}
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
}

// wait waits until something was taken. The caller holds mu, which is free meanwhile.
func (s *Session) wait(ctx context.Context) error {
	if s.taken == nil {
		s.taken = make(chan struct{})
	}
	taken := s.taken
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-taken:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// took wakes who waits. The caller holds mu.
func (s *Session) took() {
	if s.taken != nil {
		close(s.taken)
		s.taken = nil
	}
}

// Attach gives the session a socket that begins behind an event that the client has seen,
// 0 for the beginning. It fails with ErrAttached, ErrAhead, a *GapError or ErrClosed, and
// changes nothing then.
func (s *Session) Attach(seen uint64) (*Socket, error) {
	s.mu.Lock()
	socket, err := s.attach(seen)
	s.mu.Unlock()
	if err != nil {
		s.m.metrics.attach(err)
		return nil, err
	}
	s.m.keep(s)
	s.m.metrics.attach(nil)
	return socket, nil
}

func (s *Session) attach(seen uint64) (*Socket, error) {
	if err := s.free(seen); err != nil {
		return nil, err
	}
	s.socket = &Socket{s: s, next: seen + 1, replay: s.released, woken: make(chan struct{}, 1), gone: make(chan struct{})}
	return s.socket, nil
}

// free says why nobody can go on behind an event. The caller holds mu.
func (s *Session) free(seen uint64) error {
	missing := s.log.Missing(seen)
	switch {
	case s.ended:
		return ErrClosed
	case s.socket != nil || s.adopted:
		return ErrAttached
	case seen > s.released:
		return ErrAhead
	case missing > 0:
		return &GapError{seen + 1, missing}
	}
	return nil
}

// expire ends the session unless it has a socket.
func (s *Session) expire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended || s.socket == nil
	return s.ended
}

// end ends the session, and its socket.
func (s *Session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.socket != nil {
		s.socket.leave(ErrClosed)
		s.socket = nil
	}
}

// Socket is a cursor in a session's log: what the client of one connection is to be sent.
type Socket struct {
	s      *Session
	next   uint64 // what it takes next
	replay uint64 // the newest event when it was attached

	woken  chan struct{} // one place: there may be something
	gone   chan struct{} // closed when why is set
	why    error
	notify func()
}

// Session is whose socket it is.
func (k *Socket) Session() *Session { return k.s }

// Replayed is the number of the newest event that was there when the socket was attached:
// the client is up to date when it has that.
func (k *Socket) Replayed() uint64 { return k.replay }

// wake is for Next, or for who asked to be notified.
func (k *Socket) wake() {
	if k.notify != nil {
		k.notify()
		return
	}
	select {
	case k.woken <- struct{}{}:
	default:
	}
}

// leave ends the socket. The caller holds the session's lock.
func (k *Socket) leave(why error) {
	k.why = why
	close(k.gone)
	k.s.took()
	if k.notify != nil {
		k.notify()
	}
}

// Notify has f called whenever Take may have something new to say, and now if it has: so
// an idle socket needs no goroutine that waits. f is called with the session locked, by
// whoever sends, attaches or ends: it must neither wait nor call the session.
func (k *Socket) Notify(f func()) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.notify = f; k.s.socket != k || k.s.released >= k.next {
		f()
	}
}

// Sent is an event with its number.
type Sent struct {
	Seq   uint64
	Event *Event
}

// Next appends the events that come next to a slice, at least one and at most so many; it
// waits for the first one. It fails with a *GapError when the client has fallen out of the
// log, with ErrDetached or ErrClosed, or with the cause of ctx's end.
func (k *Socket) Next(ctx context.Context, into []Sent, most int) ([]Sent, error) {
	for {
		got, err := k.Take(into, most)
		if err != nil || len(got) > len(into) {
			return got, err
		}
		select {
		case <-k.woken:
		case <-k.gone:
			return into, k.why
		case <-ctx.Done():
			return into, context.Cause(ctx)
		}
	}
}

// Take is Next that does not wait: it appends what is there, which may be nothing.
func (k *Socket) Take(into []Sent, most int) ([]Sent, error) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.s.socket != k {
		return into, k.why
	}
	if missing := k.s.log.Missing(k.next - 1); missing > 0 {
		return into, &GapError{k.next, missing}
	}
	for range most {
		e, ok := k.s.log.At(k.next)
		if !ok || k.next > k.s.released {
			break
		}
		into = append(into, Sent{k.next, e})
		k.next++
	}
	k.s.took()
	if k.next > k.s.log.Free() {
		k.s.log.Count()
	}
	return into, nil
}

// Detach takes the socket from its session, which is kept for Config.TTL. It may be
// called more than once.
func (k *Socket) Detach() {
	s := k.s
	s.mu.Lock()
	mine := s.socket == k
	if mine {
		s.socket = nil
		k.leave(ErrDetached)
	}
	s.mu.Unlock()
	if mine {
		s.m.leave(s)
	}
}
