package eventnode

import (
	"context"
	"time"
)

// Locks are distributed locks, replicated like streams. A holder that is paused for
// longer than its lock lasts cannot know that it has lost it: whatever the lock guards
// has to refuse a token that is less than one it has seen. Names are those of one
// namespace. It is safe for concurrent use.
type Locks interface {
	// Obtain takes a lock for ttl, in whole milliseconds, and waits for it, at most so
	// long, while somebody else has it: 0 is one try. Who waits is served in turn.
	// ErrLockTaken: that was not long enough. A ttl of 0 is ErrInvalidArgument.
	Obtain(ctx context.Context, name string, ttl, wait time.Duration) (Lock, error)
	// Info says whether somebody has a lock.
	Info(ctx context.Context, name string) (LockInfo, error)
}

// Lock is a lock that was obtained. It is safe for concurrent use.
type Lock interface {
	// Name is the lock's name.
	Name() string
	// Token is the fencing token: greater than that of every holder before.
	Token() uint64
	// TTL is how long the lock lasts still, as seen from here, on the safe side; 0: it
	// is over or was lost.
	TTL() time.Duration
	// Refresh has the lock last ttl from now. ErrLockLost: it is over, or somebody else
	// has it.
	Refresh(ctx context.Context, ttl time.Duration) error
	// Release gives it back. One that is lost is success.
	Release(ctx context.Context) error
}

// LockInfo is a lock as the leader saw it.
type LockInfo struct {
	// Held says that somebody has it, with this token.
	Held  bool
	Token uint64
	// TTL is for how long, and Until when that is, by the cluster's time.
	TTL   time.Duration
	Until time.Time
}
