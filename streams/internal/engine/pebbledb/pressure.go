package pebbledb

import "sync"

// pressure holds the writer back while the disk is behind. Pebble would do so
// by itself, but what waits in there cannot be woken when the store fails or is
// closed. All but changed is the writer's.
type pressure struct {
	limit int64  // bytes that may be committed and not durable
	every int64  // bytes between two marks, and between two looks at the disk
	total int64  // bytes committed
	base  int64  // bytes committed that are known to be durable
	marks []mark // those after base, one every so many bytes: limit/every of them

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when the disk got on
}

// mark is how much had been committed with an entry.
type mark struct {
	index uint64
	bytes int64
}

func newPressure(memtable int64) *pressure {
	return &pressure{limit: waitingTables * memtable, every: memtable / 4, changed: make(chan struct{})}
}

// due reports whether so much came since the last mark that it is time for
// another one, and to look at the disk. Index is the last entry committed.
func (p *pressure) due(index uint64) bool {
	last := p.base
	if len(p.marks) > 0 {
		last = p.marks[len(p.marks)-1].bytes
	}
	if p.total-last < p.every {
		return false
	}
	p.marks = append(p.marks, mark{index: index, bytes: p.total})
	return true
}

// behind reports whether memory is full of what is not durable yet.
func (p *pressure) behind(durable uint64) bool {
	for len(p.marks) > 0 && p.marks[0].index <= durable {
		p.base, p.marks = p.marks[0].bytes, p.marks[1:]
	}
	return p.total-p.base >= p.limit
}

// next is closed when a flush or compaction ended after this call.
func (p *pressure) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// ease says that a flush or a compaction ended.
func (p *pressure) ease() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
}
