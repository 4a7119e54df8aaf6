package sessions

import (
	"maps"
	"slices"
	"time"

	"github.com/eventnode/eventnode/sessions/internal/replay"
)

// A session moves to the node where its client is now. The new node adopts it first, and
// has it subscribe to all that it subscribed to: from then on both nodes are sent its
// events. Then the old one gives it away, with what it was sent, and the new one
// completes it: nothing is missing in between, and what both were sent is there once.

// Adopt opens a session under an ID that it has elsewhere. It takes what is sent to it,
// and is attached to by nobody (ErrAttached) before Complete. Errors as of Open;
// ErrAttached: it is here already.
func (m *Manager) Adopt(id ID, who Identity, since time.Time) (*Session, error) {
	s := m.newSession(id, who, since)
	s.adopted = true
	return s, m.open(s)
}

// Complete puts what the session was sent elsewhere before what it was sent here since:
// events in order, the first of which has a number. What was sent in both places stands
// where it was there. The numbers of what was sent here begin anew, for nobody has seen
// them. had is more of what it was sent there, which may be on its way to this node still.
func (s *Session) Complete(first uint64, before []*Event, had ...Origin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := s.log
	s.log = replay.From[*Event](s.m.limits(), first)
	s.adopted, s.released = false, first-1
	for _, e := range before {
		s.send(e)
	}
	s.moved = newMoved(had, time.Now())
	for _, e := range unsent(before, since) {
		if !s.had(e) {
			s.send(e)
		}
	}
	s.moved.add(s.log)
}

// unsent is what of a log is news to whoever was sent other events before: what comes
// from elsewhere, if it is not among them; and the newest of each state, unless the
// newest there says the same.
func unsent(before []*Event, log replay.Log[*Event]) (news []*Event) {
	sent, states := map[Origin]bool{}, map[string]*Event{}
	for _, e := range before {
		sent[e.Origin] = true
		states[e.State] = e
	}
	newest := map[string]*Event{}
	for n := log.First(); n <= log.Last(); n++ {
		e, _ := log.At(n)
		newest[e.State] = e
	}
	for n := log.First(); n <= log.Last(); n++ {
		e, _ := log.At(n)
		known := sent[e.Origin] && e.Origin != Origin{}
		if e.State != "" {
			was := states[e.State]
			known = newest[e.State] != e || was != nil && string(was.Data) == string(e.Data)
		}
		if !known {
			news = append(news, e)
		}
	}
	return news
}

// Had are the origins of what a session was sent up to a number, as far as it is kept:
// for Complete.
func (s *Session) Had(seen uint64) (had []Origin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moved != nil {
		had = slices.Collect(maps.Keys(s.moved.had))
	}
	for n := s.log.First(); n <= min(seen, s.log.Last()); n++ {
		if e, _ := s.log.At(n); e.Origin != (Origin{}) {
			had = append(had, e.Origin)
		}
	}
	return had
}

// Give ends a session here, for it goes on elsewhere, and returns what a client that has
// seen some of it is still to be sent: the number of the first of these, and all of them.
// Errors as of Attach, or ErrNotFound: it is not here, or not this user's.
func (m *Manager) Give(user Snowflake, id ID, seen uint64) (first uint64, events []*Event, err error) {
	s, err := m.SessionOf(user, id)
	if err != nil {
		return 0, nil, err
	}
	if events, err = s.give(seen); err != nil {
		return 0, nil, err
	}
	if m.take(s) {
		m.finish(s, Moved)
	}
	return seen + 1, events, nil
}

// give ends the session, unless somebody has it.
func (s *Session) give(seen uint64) (events []*Event, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(seen); err != nil {
		return nil, err
	}
	for n := seen + 1; n <= s.log.Last(); n++ {
		e, _ := s.log.At(n)
		events = append(events, e)
	}
	s.ended = true
	return events, nil
}
