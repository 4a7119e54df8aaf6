package gateway

import (
	"sync"
	"time"

	"github.com/eventnode/eventnode/sessions"
)

// window counts what happens in a period that begins with the first of it.
type window struct {
	since time.Time
	n     int
}

// allow counts one more, if that is not too much; a negative limit is none.
func (w *window) allow(now time.Time, most int, period time.Duration) bool {
	if most < 0 {
		return true
	}
	if w.over(now, period) {
		*w = window{since: now}
	}
	if w.n >= most {
		return false
	}
	w.n++
	return true
}

func (w *window) over(now time.Time, period time.Duration) bool {
	return w.n == 0 || now.Sub(w.since) >= period
}

// left is how many more are allowed, and for how long that holds.
func (w *window) left(now time.Time, most int, period time.Duration) (n int, reset time.Duration) {
	if w.over(now, period) {
		return most, 0
	}
	return most - w.n, w.since.Add(period).Sub(now)
}

// starts limits the sessions that users open.
type starts struct {
	limits Limits

	mu    sync.Mutex
	users map[sessions.Snowflake]*userStarts
}

// userStarts is the pure part, of one user.
type userStarts struct {
	opened window
	turns  map[uint32]time.Time // when each bucket's next turn is
}

func newStarts(l Limits) *starts {
	return &starts{limits: l, users: map[sessions.Snowflake]*userStarts{}}
}

// verdict about a start.
type verdict uint8

const (
	granted   verdict = iota // after waiting
	tooSoon                  // others wait already
	exhausted                // no more sessions in this period
)

// admit says whether, and after which time, a user may open a session for a shard.
func (s *starts) admit(now time.Time, user sessions.Snowflake, shard sessions.Shard) (wait time.Duration, v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	if u == nil {
		u = &userStarts{turns: map[uint32]time.Time{}}
		s.users[user] = u
	}
	return u.admit(now, shard.Index%uint32(s.limits.IdentifyConcurrency), s.limits)
}

func (u *userStarts) admit(now time.Time, bucket uint32, l Limits) (wait time.Duration, v verdict) {
	turn := u.turns[bucket]
	if turn.Before(now) {
		turn = now
	}
	if wait = turn.Sub(now); wait > l.IdentifyInterval && l.IdentifyInterval > 0 {
		return 0, tooSoon
	}
	if !u.opened.allow(now, l.Sessions, l.SessionsPeriod) {
		return 0, exhausted
	}
	if l.IdentifyInterval > 0 {
		u.turns[bucket] = turn.Add(l.IdentifyInterval)
	}
	return wait, granted
}

// idle reports whether nothing need be known of a user any more.
func (u *userStarts) idle(now time.Time, l Limits) bool {
	for _, turn := range u.turns {
		if turn.After(now) {
			return false
		}
	}
	return u.opened.over(now, l.SessionsPeriod)
}

// left is what /gateway/bot tells.
func (s *starts) left(now time.Time, user sessions.Snowflake) (total, remaining int, reset time.Duration) {
	total = s.limits.Sessions
	if total < 0 {
		return unlimitedSessions, unlimitedSessions, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[user]; u != nil {
		remaining, reset = u.opened.left(now, total, s.limits.SessionsPeriod)
		return total, remaining, reset
	}
	return total, total, 0
}

// unlimitedSessions is told where there is no limit: clients want a number.
const unlimitedSessions = 1_000_000

// forget drops the users of whom nothing need be known.
func (s *starts) forget(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user, u := range s.users {
		if u.idle(now, s.limits) {
			delete(s.users, user)
		}
	}
}
