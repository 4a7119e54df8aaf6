package streams

import (
	"sync/atomic"
	"time"
)

// lastFor is how long what the own replica knew last counts after it was told:
// meanwhile the Observer asks others.
const lastFor = 2 * observeEvery

// lastLeader is who led when the own replica could still tell: one that stops after a
// hand-over is the last to be asked by those who wait here. It is safe for concurrent
// use.
type lastLeader struct{ told atomic.Pointer[toldLeader] }

type toldLeader struct {
	leader Leader
	at     time.Time
}

// note keeps who leads now; the zero Leader is nobody.
func (l *lastLeader) note(leader Leader, now time.Time) {
	const often = lastFor / 10
	if t := l.told.Load(); t == nil || t.leader != leader || now.Sub(t.at) > often {
		l.told.Store(&toldLeader{leader, now})
	}
}

// look returns who led, unless that was too long ago.
func (l *lastLeader) look(now time.Time) (Leader, bool) {
	t := l.told.Load()
	if t == nil || t.leader == (Leader{}) || now.Sub(t.at) > lastFor {
		return Leader{}, false
	}
	return t.leader, true
}
