package fleet

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/eventnode/eventnode/internal/backoff"
)

// A gateway lets shards of one bucket (their number modulo its max_concurrency) open one
// session in five seconds. So who wants to holds the bucket's lock, and does not release it:
// it ends by itself when the next one may. The gateway counts from when IDENTIFY arrives,
// the lock from when it was granted: if it took long to get it, it is refreshed.
//
// The day's limit is the gateway's to count. It is asked for under the lock, unless it was
// within the last minute and had more left than all buckets can use in one.

// Permit returns when a shard may open a session: at once. It fails with the cause of ctx's
// end, or if the gateway could not be asked: then it is tried again later. To go on with a
// session needs none.
type Permit func(ctx context.Context) error

// Advice is what a gateway says of itself.
type Advice struct {
	// Shards is how many it recommends.
	Shards int
	// MaxConcurrency is in how many buckets shards are. Defaults to 1.
	MaxConcurrency int
	// Total is how many sessions may be opened in a day, of which so many are Remaining for
	// ResetAfter. A Total of 0 is no limit.
	Total, Remaining int
	ResetAfter       time.Duration
}

const (
	adviceAge = time.Minute
	maxWait   = 24 * time.Hour
	// maxBuckets bounds what a gateway may say.
	maxBuckets = 1024
	// identifySlack is the part of the interval in which IDENTIFY may follow its permit.
	identifySlack = 11
)

// adviser asks for the advice, one at a time, and remembers it for a while.
type adviser struct {
	ask func(context.Context) (Advice, error)

	turn   chan struct{} // one place
	mu     sync.Mutex
	advice Advice
	asked  time.Time
}

func newAdviser(ask func(context.Context) (Advice, error)) *adviser {
	return &adviser{ask: ask, turn: make(chan struct{}, 1)}
}

// get is the advice; if is says whether one that is remembered will do.
func (a *adviser) get(ctx context.Context, will func(Advice) bool) (Advice, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return Advice{}, context.Cause(ctx)
	}
	a.mu.Lock()
	advice, asked := a.advice, a.asked
	a.mu.Unlock()
	if !asked.IsZero() && time.Since(asked) < adviceAge && will(advice) {
		return advice, nil
	}
	var err error
	if failed := caught(func() error { advice, err = a.ask(ctx); return err }); failed != nil {
		return Advice{}, fmt.Errorf("ask the gateway for its limits: %w", failed)
	}
	advice.MaxConcurrency = min(max(advice.MaxConcurrency, 1), maxBuckets)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advice, a.asked = advice, time.Now()
	return advice, nil
}

// permit waits until a shard may open a session. mark writes down that it will.
func (f *Fleet) permit(ctx context.Context, shard int, mark func(context.Context) error) error {
	defer func(began time.Time) { f.metrics.identify.Observe(time.Since(began).Seconds()) }(time.Now())
	every := f.cfg.IdentifyInterval
	for {
		a, err := f.adviser.get(ctx, func(Advice) bool { return true })
		if err != nil {
			return err
		}
		l, err := obtain(ctx, f.cfg.Locks, f.cfg.lock("identify", shard%a.MaxConcurrency), every, func(error) {})
		if err != nil {
			return err
		}
		a, err = f.adviser.get(ctx, func(a Advice) bool { return a.Total == 0 || a.Remaining > perMinute(a, every) })
		if err != nil {
			return err
		}
		if a.Total > 0 && a.Remaining <= 0 {
			wait := min(max(a.ResetAfter, every), maxWait)
			f.cfg.Logger.WarnContext(ctx, "the gateway lets no more sessions be opened today", "source", f.cfg.Source, "shard", shard, "wait", wait)
			if !backoff.Wait(ctx, wait) {
				return context.Cause(ctx)
			}
			continue
		}
		if err := mark(ctx); err != nil {
			return err
		}
		if l.lock.TTL() >= every-every/identifySlack || l.refresh(ctx, every) == nil {
			return nil
		}
	}
}

// perMinute is how many sessions all shards can open while advice is remembered.
func perMinute(a Advice, every time.Duration) int {
	return a.MaxConcurrency * int(adviceAge/every+1)
}

// lock is the name of a lock.
func (c Config) lock(what string, n int) string { return c.stream(what) + "." + strconv.Itoa(n) }

// stream is the name of a stream.
func (c Config) stream(what string) string { return "shards." + c.Source + "." + what }
