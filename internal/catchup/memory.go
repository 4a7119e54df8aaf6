package catchup

import (
	"time"

	"github.com/eventnode/eventnode/event"
)

// memory is the IDs that were delivered last, at most so many.
type memory struct {
	most int
	ids  map[event.ID]struct{}
	// list has them in order, from head on.
	list []remembered
	head int
	// forgot is when the last of those was delivered that went because there were too
	// many; zero if none did.
	forgot time.Time
	// added counts all, ever.
	added uint64
}

type remembered struct {
	id event.ID
	at time.Time
}

func newMemory(most int) memory { return memory{most: most, ids: make(map[event.ID]struct{})} }

func (m *memory) has(id event.ID) bool {
	_, ok := m.ids[id]
	return ok
}

// add remembers an ID that is not remembered yet.
func (m *memory) add(id event.ID, now time.Time) {
	if len(m.ids) >= m.most {
		m.forgot = m.list[m.head].at
		m.drop()
	}
	m.ids[id] = struct{}{}
	m.list = append(m.list, remembered{id, now})
	m.added++
}

// forget forgets what was delivered before a time.
func (m *memory) forget(before time.Time) {
	for m.head < len(m.list) && m.list[m.head].at.Before(before) {
		m.drop()
	}
}

// drop forgets the oldest.
func (m *memory) drop() {
	delete(m.ids, m.list[m.head].id)
	if m.head++; 2*m.head > len(m.list) {
		n := copy(m.list, m.list[m.head:])
		m.list, m.head = m.list[:n], 0
	}
}
