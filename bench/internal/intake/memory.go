package intake

import (
	"net"
	"sync"
)

// inMemory is both ends of a connection in memory. What the recorder's end writes the client
// copies out, in pieces as large as it reads; a write returns when all of it was taken. The
// other way is a net.Pipe.
func inMemory() (client, recorder net.Conn) {
	c, r := net.Pipe()
	both := &heard{say: make(chan []byte), taken: make(chan struct{}), gone: make(chan struct{})}
	both.end = sync.OnceFunc(func() { close(both.gone) })
	return &listening{Conn: c, heard: both}, &saying{Conn: r, heard: both}
}

// heard is what goes from the recorder to the client.
type heard struct {
	say   chan []byte
	taken chan struct{}
	gone  chan struct{}
	end   func() // closes gone
}

// listening is the client's end.
type listening struct {
	net.Conn
	*heard
	rest []byte
}

// Read implements net.Conn, for one goroutine.
func (l *listening) Read(b []byte) (int, error) {
	for len(l.rest) == 0 {
		select {
		case l.rest = <-l.say:
		case <-l.gone:
			return 0, net.ErrClosed
		}
	}
	n := copy(b, l.rest)
	if l.rest = l.rest[n:]; len(l.rest) == 0 {
		select {
		case l.taken <- struct{}{}:
		case <-l.gone:
		}
	}
	return n, nil
}

// Close implements net.Conn.
func (l *listening) Close() error {
	l.end()
	return l.Conn.Close()
}

// saying is the recorder's end.
type saying struct {
	net.Conn
	*heard
}

// Write implements net.Conn.
func (s *saying) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	select {
	case s.say <- b:
	case <-s.gone:
		return 0, net.ErrClosed
	}
	select {
	case <-s.taken:
		return len(b), nil
	case <-s.gone:
		return 0, net.ErrClosed
	}
}

// Close implements net.Conn.
func (s *saying) Close() error {
	s.end()
	return s.Conn.Close()
}
