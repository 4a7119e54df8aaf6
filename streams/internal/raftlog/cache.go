package raftlog

import (
	"sync"

	"github.com/hashicorp/raft"
)

// entryOverhead is what an entry costs beside its bytes: its slot in the ring.
const entryOverhead = 128

// cache keeps the latest entries, at most max bytes of them: a contiguous range
// that ends with the log. The oldest goes first. Data is shared with whoever
// stored it, as in raft.LogCache: bytes that were handed to raft must not be
// changed.
type cache struct {
	max int

	mu    sync.RWMutex
	ring  []raft.Log // capacity is a power of two
	head  int        // where first is
	first uint64     // index of the oldest
	n     int
	bytes int
}

func newCache(max int) *cache { return &cache{max: max} }

func cost(l *raft.Log) int { return len(l.Data) + len(l.Extensions) + entryOverhead }

func (c *cache) at(i int) *raft.Log { return &c.ring[(c.head+i)&(len(c.ring)-1)] }

func (c *cache) get(index uint64, to *raft.Log) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if index < c.first || index-c.first >= uint64(c.n) {
		return false
	}
	*to = *c.at(int(index - c.first))
	return true
}

// add appends the entries that were just stored.
func (c *cache) add(logs []*raft.Log) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range logs {
		if l.Index != c.first+uint64(c.n) {
			c.popFront(c.n)
			c.first = l.Index
		}
		c.push(l)
		for c.bytes > c.max && c.n > 0 {
			c.popFront(1)
		}
	}
}

func (c *cache) push(l *raft.Log) {
	if c.n == len(c.ring) {
		bigger := make([]raft.Log, max(16, 2*len(c.ring)))
		for i := range c.n {
			bigger[i] = *c.at(i)
		}
		c.ring, c.head = bigger, 0
	}
	c.n++
	*c.at(c.n - 1) = *l
	c.bytes += cost(l)
}

func (c *cache) popFront(n int) {
	for range n {
		c.forget(c.at(0))
		c.head = (c.head + 1) & (len(c.ring) - 1)
		c.first++
		c.n--
	}
}

func (c *cache) forget(l *raft.Log) {
	c.bytes -= cost(l)
	*l = raft.Log{}
}

// drop forgets a range.
func (c *cache) drop(lo, hi uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n > 0 && c.first+uint64(c.n)-1 >= lo && c.first+uint64(c.n)-1 <= hi {
		c.forget(c.at(c.n - 1))
		c.n--
	}
	for c.n > 0 && c.first >= lo && c.first <= hi {
		c.popFront(1)
	}
}
