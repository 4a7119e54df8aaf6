package sessions

import "time"

// An event may come late to a session that has moved: its way to one node took longer than
// the session's. So the session recalls which events it has, for a while, and those that its
// client has seen last.
const (
	recallTime = 10 * time.Second // longer than an event is under way
	recallMost = 16_384           // events: the newest, and at least half as many
	recallSeen = 64               // events that the client has seen
)

// recall is which events a session has that has moved.
type recall struct {
	newest, older map[Origin]bool // together what is recalled
	until         time.Time       // zero: it is not complete yet
}

func newRecall() *recall { return &recall{newest: map[Origin]bool{}} }

// has reports whether an event is there. What nodes make by themselves is never known.
func (r *recall) has(o Origin) bool { return r.newest[o] || r.older[o] }

// add adds an event, and forgets the oldest half of them when there are too many.
func (r *recall) add(o Origin) {
	if o == (Origin{}) || r.has(o) {
		return
	}
	if len(r.newest) >= recallMost/2 {
		r.older, r.newest = r.newest, map[Origin]bool{}
	}
	r.newest[o] = true
}

// news reports whether a session that has moved is sent an event for the first time. The
// caller holds mu.
func (s *Session) news(e *Event, now time.Time) bool {
	r := s.recall
	if !r.until.IsZero() && now.After(r.until) {
		s.recall = nil
		return true
	}
	known := r.has(e.Origin)
	r.add(e.Origin)
	return !known
}
