package cluster

import (
	"math/rand/v2"
	"time"
)

// HostQueue is how many packets are under way from one machine to another at most, while
// Delay or Loss is on between them. What comes then is lost, as at a router whose
// buffer is full, and Traffic counts it.
const HostQueue = 4096

// Traffic is what a machine sent to another while Delay or Loss was on in that direction,
// in packets.
type Traffic struct {
	// Passed is what arrived, or is under way.
	Passed uint64
	// Lost is what vanished by chance.
	Lost uint64
	// Full is what vanished because HostQueue packets were under way.
	Full uint64
}

// path is one direction between two machines while something is wrong with it. It has
// no clock and no socket: what becomes of its nth packet depends on its seed and settings.
type path struct {
	rng         *rand.Rand
	least, most time.Duration
	loss        float64
	held        int // packets under way
	traffic     Traffic
}

func newPath(seed uint64, from, to int) *path {
	return &path{rng: rand.New(rand.NewPCG(seed, uint64(from)<<32|uint64(to)))}
}

// healthy reports whether nothing is wrong with the direction.
func (p *path) healthy() bool { return p.most == 0 && p.loss == 0 }

// take decides what becomes of the next packet: whether it arrives, and how much later.
// What arrives is held until release.
func (p *path) take() (later time.Duration, arrives bool) {
	// Both are drawn always: a setting does not change the other's outcome.
	lost := p.rng.Float64() < p.loss
	later = p.least + time.Duration(p.rng.Int64N(int64(p.most-p.least)+1))
	switch {
	case lost:
		p.traffic.Lost++
		return 0, false
	case p.held >= HostQueue:
		p.traffic.Full++
		return 0, false
	}
	p.held++
	p.traffic.Passed++
	return later, true
}

// release says that a packet is not under way any more.
func (p *path) release() { p.held-- }
