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
//
// An event may come late: its way to one node took longer than the session's. So the
// session recalls which events it has, for a while, and those that its client has seen last.
const (
	recallTime = 10 * time.Second // longer than an event is under way
	recallMost = 16_384           // events; with more the session recalls none
	recallSeen = 64               // events that the client has seen
)

// recall is which events a session has that has moved.
type recall struct {
	origins map[Origin]bool
	until   time.Time // zero: it is not complete yet
}

// news reports whether a session that has moved is sent an event for the first time. The
// caller holds mu.
func (s *Session) news(e *Event, now time.Time) bool {
	r := s.recall
	switch {
	case !r.until.IsZero() && now.After(r.until), len(r.origins) >= recallMost:
		s.recall = nil
		return true
	case e.Origin == Origin{}:
		return true
	}
	known := r.origins[e.Origin]
	r.origins[e.Origin] = true
	return !known
}

// Adopt opens a session under an ID that it has elsewhere. It takes what is sent to it,
// and is attached to by nobody (ErrAttached) before Complete. Errors as of Open;
// ErrAttached: it is here already.
func (m *Manager) Adopt(id ID, who Identity, since time.Time) (*Session, error) {
	s := m.newSession(id, who, since)
	s.adopted, s.recall = true, &recall{origins: map[Origin]bool{}}
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
	s.recall = &recall{origins: map[Origin]bool{}, until: time.Now().Add(recallTime)}
	for _, o := range had {
		s.recall.origins[o] = true
	}
	news := unsent(before, since, s.recall.origins)
	for _, e := range slices.Concat(before, news) {
		s.send(e)
		s.recall.origins[e.Origin] = true
	}
}

// unsent is what of a log is news to whoever was sent other events before: what comes
// from elsewhere, if it is not among them; and the newest of each state, unless the
// newest there says the same.
func unsent(before []*Event, log replay.Log[*Event], had map[Origin]bool) (news []*Event) {
	sent, states := maps.Clone(had), map[string]*Event{}
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
	origins := map[Origin]bool{}
	if s.recall != nil {
		maps.Copy(origins, s.recall.origins)
	}
	for n := s.log.First(); n <= min(seen, s.log.Last()); n++ {
		e, _ := s.log.At(n)
		origins[e.Origin] = true
	}
	delete(origins, Origin{}) // of what nodes make by themselves
	return slices.Collect(maps.Keys(origins))
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
