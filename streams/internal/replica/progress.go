package replica

import "sync"

// progress is how far something has come, for those who wait for a point of it.
type progress struct {
	mu   sync.Mutex
	at   uint64
	next chan struct{} // closed when at grows
}

func newProgress() *progress { return &progress{next: make(chan struct{})} }

// advance says how far it has come; it never goes back.
func (p *progress) advance(to uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if to <= p.at {
		return
	}
	p.at = to
	close(p.next)
	p.next = make(chan struct{})
}

// look returns how far it has come, and what is closed when it has come further.
func (p *progress) look() (uint64, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at, p.next
}
