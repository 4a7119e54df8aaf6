package sdktest

import (
	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// pageEvents is how many events a response has: few, so that tests meet several.
const pageEvents = 3

// reader is one Read.
type reader struct {
	c   *Cluster
	req *eventnodev1.ReadRequest

	begun     bool
	number    uint64 // of the event that comes next
	sent      uint64
	cut, done bool
}

// next is the next response. Moved is closed when there may be more.
func (r *reader) next() (m *eventnodev1.ReadResponse, moved <-chan struct{}, err error) {
	if err := r.c.enter(); err != nil {
		return nil, nil, err
	}
	defer r.c.mu.Unlock()
	s, err := r.c.find(r.req.GetStream())
	if err != nil {
		return nil, nil, err
	}
	m = &eventnodev1.ReadResponse{}
	r.begin(s, m)
	for _, e := range s.from(r.number) {
		if r.full(m) {
			break
		}
		m.Lost += e.number - r.number
		r.add(m, e)
	}
	r.cut = r.c.breaks > 0 && r.sent >= uint64(r.c.breaks)
	m.End = r.number > s.published
	r.done = r.req.GetLimit() > 0 && r.sent == r.req.GetLimit() || m.End && !r.req.GetFollow()
	if len(m.GetEnvelopes()) == 0 && !r.done {
		return nil, r.c.moved, nil
	}
	return m, nil, nil
}

func (r *reader) full(m *eventnodev1.ReadResponse) bool {
	return len(m.GetEnvelopes()) == pageEvents || r.req.GetLimit() > 0 && r.sent == r.req.GetLimit() ||
		r.c.breaks > 0 && r.sent >= uint64(r.c.breaks)
}

func (r *reader) add(m *eventnodev1.ReadResponse, e stored) {
	r.number = e.number + 1
	r.sent++
	m.Envelopes = append(m.Envelopes, e.envelope)
	if n := len(m.Slices); n > 0 {
		last := m.Slices[n-1]
		if position(last.GetFirst()).MS == e.position.MS && position(last.GetFirst()).Seq+uint64(last.GetCount()) == e.position.Seq {
			last.Count++
			return
		}
	}
	m.Slices = append(m.Slices, &eventnodev1.Slice{First: positionOf(e.position), Count: 1, Number: e.number})
}

// begin finds the place.
func (r *reader) begin(s *stream, m *eventnodev1.ReadResponse) {
	if r.begun {
		return
	}
	r.begun = true
	first := s.published + 1
	if len(s.events) > 0 {
		first = s.events[0].number
	}
	r.number = first
	var from eventnode.Position
	switch at := r.req.GetFrom().(type) {
	case nil:
		return
	case *eventnodev1.ReadRequest_Last:
		r.number = s.published + 1 - min(at.Last, uint64(len(s.events)))
		return
	case *eventnodev1.ReadRequest_Position:
		from = position(at.Position)
	case *eventnodev1.ReadRequest_After:
		from = position(at.After)
		from.Seq++
	case *eventnodev1.ReadRequest_Time:
		from.MS = at.Time.AsTime().UnixMilli()
	}
	if from.MS <= s.created {
		m.Lost = first - 1
		return
	}
	for _, e := range s.events {
		if e.position.Compare(from) >= 0 {
			return
		}
		r.number = e.number + 1
	}
}
