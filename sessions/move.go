package sessions

import (
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
	s.adopted, s.recall = true, newRecall()
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
	s.recall = newRecall()
	s.recall.until = time.Now().Add(recallTime)
	for _, o := range had {
		s.recall.add(o)
	}
	for _, e := range before {
		s.recall.add(e.Origin)
	}
	for _, e := range slices.Concat(before, unsent(before, since, s.recall)) {
		s.send(e)
		s.recall.add(e.Origin)
	}
}

// unsent is what of a log is news to whoever was sent other events before: what comes
// from elsewhere, if it is not among them; and the newest of each state, unless the
// newest there says the same.
func unsent(before []*Event, log replay.Log[*Event], had *recall) (news []*Event) {
	states := map[string]*Event{}
	for _, e := range before {
		states[e.State] = e
	}
	newest := map[string]*Event{}
	for n := log.First(); n <= log.Last(); n++ {
		e, _ := log.At(n)
		newest[e.State] = e
	}
	for n := log.First(); n <= log.Last(); n++ {
		e, _ := log.At(n)
		known := had.has(e.Origin)
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

// Give ends a session here, for it goes on elsewhere, and returns what a client that has
// seen some of it is still to be sent, behind some of what it has seen last: the number of
// the first of these, and all of them. Errors as of Attach, or ErrNotFound: it is not here,
// or not this user's.
func (m *Manager) Give(user Snowflake, id ID, seen uint64) (first uint64, events []*Event, err error) {
	return m.give(user, id, func(*Session) uint64 { return seen })
}

// GiveAll is Give for a client that is nowhere yet: nobody knows what it has seen, so what
// is returned is all that is kept.
func (m *Manager) GiveAll(user Snowflake, id ID) (first uint64, events []*Event, err error) {
	return m.give(user, id, func(s *Session) uint64 { return s.log.First() - 1 })
}

// give is Give, where seen is asked while nothing can be sent.
func (m *Manager) give(user Snowflake, id ID, seen func(*Session) uint64) (first uint64, events []*Event, err error) {
	s, err := m.SessionOf(user, id)
	if err != nil {
		return 0, nil, err
	}
	if first, events, err = s.give(seen); err != nil {
		return 0, nil, err
	}
	if m.take(s) {
		m.finish(s, Moved)
	}
	return first, events, nil
}

// give ends the session, unless somebody has it.
func (s *Session) give(from func(*Session) uint64) (first uint64, events []*Event, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := from(s)
	if err := s.free(seen); err != nil {
		return 0, nil, err
	}
	first = max(s.log.First(), seen+1-min(seen, recallSeen))
	for n := first; n <= s.log.Last(); n++ {
		e, _ := s.log.At(n)
		events = append(events, e)
	}
	s.ended = true
	return first, events, nil
}
