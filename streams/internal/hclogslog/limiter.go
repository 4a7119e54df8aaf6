package hclogslog

import (
	"sync"
	"time"
)

// maxKeys bounds the messages that are told apart, some tens in practice; at more
// the limiter forgets all of them and starts anew.
const maxKeys = 1024

// limiter lets the first burst of each key in each interval pass.
type limiter struct {
	interval time.Duration
	burst    int

	mu   sync.Mutex
	keys map[string]*tally
}

type tally struct {
	since   time.Time
	passed  int
	leftOut int
}

func newLimiter(interval time.Duration, burst int) *limiter {
	return &limiter{interval: interval, burst: burst, keys: make(map[string]*tally)}
}

// allow reports whether one more of key passes now, and how many were left out
// since the last that did.
func (l *limiter) allow(now time.Time, key string) (ok bool, leftOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.keys[key]
	if t == nil {
		if len(l.keys) >= maxKeys {
			clear(l.keys)
		}
		t = &tally{since: now}
		l.keys[key] = t
	}
	if now.Sub(t.since) >= l.interval {
		leftOut = t.leftOut
		*t = tally{since: now}
	}
	if t.passed == l.burst {
		t.leftOut++
		return false, 0
	}
	t.passed++
	return true, leftOut
}
