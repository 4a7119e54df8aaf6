package shard

import (
	"context"
	"sync"
	"time"
)

// IdentifyInterval is the time between two sessions that shards of one bucket open.
const IdentifyInterval = 5500 * time.Millisecond

// Limiter permits IDENTIFY, which gateways limit for all shards of a bot together. RESUME
// needs no permit.
type Limiter interface {
	// Permit returns when the shard may identify: at once. It is called by several
	// goroutines, and fails with the cause of ctx's end, or if it cannot tell: the shard
	// then tries again later.
	Permit(ctx context.Context, shard int) error
}

// StartLimit is how many sessions may be opened, as the gateway says.
type StartLimit struct {
	// Total in a day, of which so many are Remaining for ResetAfter. A Total of 0 is no
	// limit.
	Total, Remaining int
	ResetAfter       time.Duration
	// MaxConcurrency is in how many buckets the shards are, by their number modulo it: each
	// has its own turn. Defaults to 1.
	MaxConcurrency int
}

// maxBuckets bounds MaxConcurrency.
const maxBuckets = 1 << 10

// Starts is a Limiter for the shards of one bot in one process.
type Starts struct {
	mu      sync.Mutex
	limit   StartLimit
	reset   time.Time // when Remaining is Total again
	next    map[int]time.Time
	buckets map[int]chan struct{} // one place: who has it waits for the bucket's turn
}

var _ Limiter = (*Starts)(nil)

// NewStarts makes a Limiter. The zero value of a limit is one bucket, and no limit a day.
func NewStarts(l StartLimit) *Starts {
	s := &Starts{next: map[int]time.Time{}, buckets: map[int]chan struct{}{}}
	s.Learn(l)
	return s
}

// Learn has the limit be what the gateway says now.
func (s *Starts) Learn(l StartLimit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.MaxConcurrency = min(max(l.MaxConcurrency, 1), maxBuckets)
	s.limit, s.reset = l, time.Now().Add(l.ResetAfter)
}

// Permit implements Limiter.
func (s *Starts) Permit(ctx context.Context, shard int) error {
	bucket := s.bucket(shard)
	select {
	case bucket <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-bucket }()
	for {
		wait := s.take(time.Now(), shard)
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// bucket is the place of a shard's bucket.
func (s *Starts) bucket(shard int) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := shard % s.limit.MaxConcurrency
	if s.buckets[n] == nil {
		s.buckets[n] = make(chan struct{}, 1)
	}
	return s.buckets[n]
}

// take takes a start, if it is its turn, and says after which wait to ask again otherwise.
func (s *Starts) take(now time.Time, shard int) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := shard % s.limit.MaxConcurrency
	if wait = s.next[n].Sub(now); wait > 0 {
		return wait
	}
	if s.limit.Total > 0 && s.limit.Remaining <= 0 {
		if wait = s.reset.Sub(now); wait > 0 {
			return wait
		}
		s.limit.Remaining, s.reset = s.limit.Total, now.Add(24*time.Hour)
	}
	s.limit.Remaining--
	s.next[n] = now.Add(IdentifyInterval)
	return 0
}
