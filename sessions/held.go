package sessions

// With Config.OnSend somebody else writes down what sessions are sent, and a client must
// not have seen what was not written down: else it would be sent other events under the
// same numbers by a node that knows only what was. So a session has a mark in its log,
// and its socket stops there.

// Release lets sockets have the events up to a number. One that is less than before
// changes nothing.
func (s *Session) Release(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(min(seq, s.log.Last()))
}

func (s *Session) release(seq uint64) {
	if seq <= s.released {
		return
	}
	s.released = seq
	if s.socket != nil {
		s.socket.wake()
	}
}

// Released is the number up to which sockets have events.
func (s *Session) Released() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.released
}

// Held says again what Config.OnSend was told and Release was not: all events behind the
// mark, in order, with the session locked. ready is called first; if it is false nothing
// is said.
func (s *Session) Held(ready func() bool, each func(seq uint64, e *Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.adopted || !ready() {
		return
	}
	for n := max(s.released+1, s.log.First()); n <= s.log.Last(); n++ {
		e, _ := s.log.At(n)
		each(n, e)
	}
}
