package consuming

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// The state gives a lock or refuses it. Who wants to wait stands in a queue here, of
// which the first one alone tries: when the lock was released, and when its time is
// over as it was known at the last try. One that is refreshed is found to be taken for
// longer, so there is one try for each TTL. Who does not wait tries at once, past the
// queue.

// queue is who waits for a lock. There is one as long as somebody does.
type queue struct {
	all []*lockWaiter // the first one tries
}

// lockWaiter waits for a lock.
type lockWaiter struct {
	try chan struct{} // capacity 1: it is first, or the lock was released
}

func (w *lockWaiter) signal() {
	select {
	case w.try <- struct{}{}:
	default:
	}
}

// Obtain takes a lock, and waits for it so long while somebody else has it. The error is
// eventnode.ErrLockTaken if that was not enough.
func (d *Desk) Obtain(ctx context.Context, p Partition, c *storagev1.ObtainLock, wait time.Duration) (state.Lock, error) {
	if wait <= 0 {
		return obtain(ctx, p, c)
	}
	over, leads := d.Reign(p)
	if !leads {
		return state.Lock{}, errMoved
	}
	n := state.Name{Namespace: c.GetLock().GetNamespace(), Name: c.GetLock().GetName()}
	w, err := d.enqueue(n)
	if err != nil {
		return state.Lock{}, err
	}
	defer d.dequeue(n, w)
	return w.wait(ctx, p, c, over, time.After(wait))
}

var errMoved = fmt.Errorf("the partition has another leader now: %w", eventnode.ErrUnavailable)

// wait tries whenever it may be in time.
func (w *lockWaiter) wait(ctx context.Context, p Partition, c *storagev1.ObtainLock, over <-chan struct{}, late <-chan time.Time) (state.Lock, error) {
	var ends <-chan time.Time
	var refused error
	for {
		select {
		case <-w.try:
		case <-ends:
		case <-late:
			return state.Lock{}, taken(c, refused)
		case <-over:
			return state.Lock{}, errMoved
		case <-ctx.Done():
			return state.Lock{}, context.Cause(ctx)
		}
		l, err := obtain(ctx, p, c)
		if !errors.Is(err, eventnode.ErrLockTaken) {
			return l, err
		}
		refused = err
		left, err := leftOf(p, c.GetLock())
		if err != nil {
			return state.Lock{}, err
		}
		ends = time.After(left)
	}
}

// taken is the error of who waited in vain.
func taken(c *storagev1.ObtainLock, refused error) error {
	if refused != nil {
		return refused
	}
	n := state.Name{Namespace: c.GetLock().GetNamespace(), Name: c.GetLock().GetName()}
	return &eventnode.StreamError{Err: eventnode.ErrLockTaken, Reason: fmt.Sprintf("lock %v is taken, and others waited for it before", n)}
}

func obtain(ctx context.Context, p Partition, c *storagev1.ObtainLock) (state.Lock, error) {
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_ObtainLock{ObtainLock: c}})
	return r.Lock, err
}

// leftOf is for how long a lock is still taken, a little more than nothing at the
// least.
func leftOf(p Partition, n *storagev1.LockName) (time.Duration, error) {
	v, done, err := p.Look()
	if err != nil {
		return 0, err
	}
	defer done()
	_, now := p.Reign()
	l, _, err := v.Lock(state.Name{Namespace: n.GetNamespace(), Name: n.GetName()}, now)
	return time.Duration(min(max(l.TTLMS, 0), maxTTL.Milliseconds()))*time.Millisecond + time.Millisecond, err
}

// maxTTL bounds how long the first one in a queue does not look.
const maxTTL = time.Hour

func (d *Desk) enqueue(n state.Name) (*lockWaiter, error) {
	w := &lockWaiter{try: make(chan struct{}, 1)}
	d.mu.Lock()
	if d.parked >= d.cfg.MaxLockWaiters {
		defer d.mu.Unlock()
		return nil, &eventnode.LimitError{Limit: "max_lock_waiters", Max: d.cfg.MaxLockWaiters, Got: d.parked + 1}
	}
	d.parked++
	q := d.locks[n]
	if q == nil {
		q = &queue{}
		d.locks[n] = q
	}
	q.all = append(q.all, w)
	first := len(q.all) == 1
	d.mu.Unlock()
	if first {
		w.signal()
	}
	return w, nil
}

// dequeue takes one out; the next one tries.
func (d *Desk) dequeue(n state.Name, w *lockWaiter) {
	d.mu.Lock()
	q := d.locks[n]
	first := q.all[0]
	d.parked--
	if q.all = slices.DeleteFunc(q.all, func(o *lockWaiter) bool { return o == w }); len(q.all) == 0 {
		delete(d.locks, n)
	}
	var next *lockWaiter
	if first == w && len(q.all) > 0 {
		next = q.all[0]
	}
	d.mu.Unlock()
	if next != nil {
		next.signal()
	}
}

// released has the first one in the queue of a lock try.
func (d *Desk) released(n state.Name) {
	d.mu.Lock()
	var first *lockWaiter
	if q := d.locks[n]; q != nil {
		first = q.all[0]
	}
	d.mu.Unlock()
	if first != nil {
		first.signal()
	}
}
