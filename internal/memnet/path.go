package memnet

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// path is the way from one host to another, one direction.
type path struct {
	pair
	cut  bool        // guarded by Network.mu
	open atomic.Bool // neither cut nor parted

	mu       sync.Mutex
	rng      *rand.Rand
	min, max time.Duration
	loss     float64
}

// newPath returns an open path whose chances depend on seed and names only.
func newPath(seed uint64, at pair) *path {
	h := fnv.New64a()
	_, _ = h.Write([]byte(at.from + "\x00" + at.to))
	return &path{pair: at, rng: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

func (p *path) setDelay(min, max time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.min, p.max = min, max
}

func (p *path) setLoss(prob float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loss = prob
}

// delay draws how long the next thing takes.
func (p *path) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.max <= p.min {
		return p.min
	}
	return p.min + time.Duration(p.rng.Int64N(int64(p.max-p.min)))
}

// loses draws whether the next datagram vanishes.
func (p *path) loses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loss > 0 && p.rng.Float64() < p.loss
}
