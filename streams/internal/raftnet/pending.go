package raftnet

import (
	"container/list"
	"net"
	"sync"
	"time"
)

// pending are the connections in their preamble: at most max, and one more ends
// the oldest, because one that means it is done in milliseconds. The server
// counts those as evicted.
type pending struct {
	max int

	mu    sync.Mutex
	order list.List // of *candidate, oldest first
}

// candidate is a connection in its preamble.
type candidate struct {
	net.Conn
	at      *list.Element
	evicted bool
}

// add counts c in and evicts the oldest where there are too many.
func (p *pending) add(conn net.Conn) *candidate {
	c := &candidate{Conn: conn}
	p.mu.Lock()
	var oldest *candidate
	if p.order.Len() >= p.max {
		oldest, _ = p.order.Remove(p.order.Front()).(*candidate)
		oldest.evicted = true
	}
	c.at = p.order.PushBack(c)
	p.mu.Unlock()
	if oldest != nil {
		_ = oldest.SetDeadline(time.Unix(1, 0)) // ends its reads and writes; its goroutine closes it
	}
	return c
}

// done counts c out and reports whether it was evicted.
func (p *pending) done(c *candidate) (evicted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.evicted {
		p.order.Remove(c.at)
	}
	return c.evicted
}
