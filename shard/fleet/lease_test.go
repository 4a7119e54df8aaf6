package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
)

// moodyLock is a lock whose refreshes take their time, fail, and arrive without an answer.
type moodyLock struct {
	eventnode.Lock
	r    *rand.Rand
	slow time.Duration // how long a way takes at most

	mu       sync.Mutex
	believed time.Time // by who holds it
	until    time.Time // by the cluster
}

func (l *moodyLock) TTL() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(time.Until(l.believed), 0)
}

func (l *moodyLock) Refresh(ctx context.Context, ttl time.Duration) error {
	asked := time.Now()
	l.mu.Lock()
	there, back := time.Duration(l.r.Int64N(int64(l.slow))), time.Duration(l.r.Int64N(int64(l.slow)))
	mood := l.r.IntN(4)
	l.mu.Unlock()
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := wait(there); err != nil || mood == 0 {
		return errors.Join(err, eventnode.ErrUnavailable)
	}
	l.mu.Lock()
	if !time.Now().Before(l.until) {
		l.mu.Unlock()
		return eventnode.ErrLockLost
	}
	l.until = time.Now().Add(ttl)
	l.mu.Unlock()
	if err := wait(back); err != nil || mood == 1 {
		return errors.Join(err, eventnode.ErrOutcomeUnknown)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.believed = asked.Add(ttl)
	return nil
}

// A lease that is lost ends a quarter of its time, at least, before anybody else can have it,
// however refreshes go; and not while they succeed in time.
func TestLeaseEndsBefore(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const ttl = 10 * time.Second
	kept := 0
	for round := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			lock := &moodyLock{r: rand.New(rand.NewPCG(seed, round)), slow: ttl / time.Duration(2+round%10), believed: begin.Add(ttl), until: begin.Add(ttl)}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			err := (&lease{lock, ttl}).keep(ctx)
			if err == nil != (ctx.Err() != nil) || err != nil && !errors.Is(err, ErrLeaseLost) {
				t.Fatalf("after %v: %v", time.Since(begin), err)
			}
			lock.mu.Lock()
			defer lock.mu.Unlock()
			if left := time.Until(lock.until); err != nil && left < ttl/marginPart {
				t.Errorf("round %d: given up %v before its end", round, left)
			}
			if time.Since(begin) > 2*ttl {
				kept++
			}
		})
	}
	if t.Logf("%d of 300 were kept for more than two times", kept); kept < 30 {
		t.Error("hardly any was kept for long")
	}
}
