package streamsdk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Locks is the locks of one namespace of a cluster.
//
// A lock lasts ttl by the cluster's time from the moment at which it was granted. Here
// that is counted from the moment at which it was asked for, so it is over here before
// it is over there. Who had to wait for it asks once more, to know from when to count.
type Locks struct{ cfg Config }

var _ eventnode.Locks = (*Locks)(nil)

// NewLocks makes a Locks. It starts nothing.
func NewLocks(cfg Config) *Locks { return &Locks{cfg: cfg.withDefaults()} }

// waitedPart of the ttl is how long a lock may take to be obtained before it is
// refreshed at once.
const waitedPart = 10

// Obtain implements eventnode.Locks.
func (l *Locks) Obtain(ctx context.Context, name string, ttl, wait time.Duration) (eventnode.Lock, error) {
	last, err := milliseconds("ttl", ttl)
	if err != nil {
		return nil, err
	}
	if wait < 0 {
		return nil, fmt.Errorf("wait %v: it must not be below zero: %w", wait, eventnode.ErrInvalidArgument)
	}
	ctx, done := l.life(ctx)
	defer done()
	k := &lock{l: l, name: name}
	req := &eventnodev1.ObtainLockRequest{Lock: l.lock(name), Holder: newHolder(), Ttl: last}
	until := time.Now().Add(wait)
	for failures := 0; ; failures++ {
		err := k.obtain(ctx, req, until)
		switch {
		case err == nil:
			return k, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, eventnode.ErrLockLost) && time.Now().Before(until):
		case !isAny(err, eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown), time.Now().After(until.Add(max(l.cfg.Patience, 0))):
			return nil, err
		}
		if !pause(ctx, failures) {
			return nil, context.Cause(ctx)
		}
	}
}

// obtain asks for the lock once, to wait for it until then.
func (k *lock) obtain(ctx context.Context, req *eventnodev1.ObtainLockRequest, until time.Time) error {
	asked := time.Now()
	if req.Wait = nil; asked.Before(until) {
		req.Wait = durationpb.New(until.Sub(asked).Truncate(time.Millisecond))
	}
	resp := &eventnodev1.ObtainLockResponse{}
	if err := k.l.cfg.Consumers.Call(ctx, eventnodev1.LockService_ObtainLock_FullMethodName, Harmless, req, resp); err != nil {
		return err
	}
	k.took(resp.GetLock(), asked)
	ttl := req.GetTtl().AsDuration()
	if time.Since(asked) <= ttl/waitedPart {
		return nil
	}
	err := k.refresh(ctx, ttl)
	if err != nil && !errors.Is(err, eventnode.ErrLockLost) && k.TTL() > 0 {
		return nil
	}
	return err
}

// life ends with ctx and with the owner.
func (l *Locks) life(ctx context.Context) (context.Context, func()) {
	return lifeOf(ctx, l.cfg)
}

// lifeOf is a context that ends with ctx and with the owner.
func lifeOf(ctx context.Context, cfg Config) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(cfg.Context, func() { cancel(context.Cause(cfg.Context)) })
	return ctx, func() { forget(); cancel(nil) }
}

// newHolder is 16 random bytes.
func newHolder() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return b
}

func (l *Locks) lock(name string) *eventnodev1.LockName {
	return &eventnodev1.LockName{Namespace: l.cfg.Namespace, Name: name}
}

// Info implements eventnode.Locks.
func (l *Locks) Info(ctx context.Context, name string) (eventnode.LockInfo, error) {
	ctx, done := l.life(ctx)
	defer done()
	r, err := invoke[eventnodev1.LockInfoResponse](ctx, l.cfg, eventnodev1.LockService_LockInfo_FullMethodName, Harmless, &eventnodev1.LockInfoRequest{Lock: l.lock(name)})
	if err != nil || r.GetLock() == nil {
		return eventnode.LockInfo{}, err
	}
	return eventnode.LockInfo{
		Held: true, Token: r.GetLock().GetToken(), TTL: r.GetLock().GetTtl().AsDuration(), Until: timeFromProto(r.GetLock().GetUntil()),
	}, nil
}

// lock is a lock that was obtained.
type lock struct {
	l    *Locks
	name string

	mu       sync.Mutex
	token    uint64
	until    time.Time // by the monotonic clock; zero: it is lost
	released bool
}

// Name implements eventnode.Lock.
func (k *lock) Name() string { return k.name }

// Token implements eventnode.Lock.
func (k *lock) Token() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.token
}

// TTL implements eventnode.Lock.
func (k *lock) TTL() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.until.IsZero() {
		return 0
	}
	return max(time.Until(k.until), 0)
}

// took notes for how long the lock lasts, as it was said to who asked then.
func (k *lock) took(m *eventnodev1.Lock, asked time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token = m.GetToken()
	if !k.released {
		k.until = asked.Add(m.GetTtl().AsDuration())
	}
}

func (k *lock) lose(released bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until, k.released = time.Time{}, k.released || released
}

// Refresh implements eventnode.Lock.
func (k *lock) Refresh(ctx context.Context, ttl time.Duration) error {
	ctx, done := k.l.life(ctx)
	defer done()
	return k.refresh(ctx, ttl)
}

func (k *lock) refresh(ctx context.Context, ttl time.Duration) error {
	last, err := milliseconds("ttl", ttl)
	if err != nil {
		return err
	}
	req := &eventnodev1.RefreshLockRequest{Lock: k.l.lock(k.name), Token: k.Token(), Ttl: last}
	_, err = again(ctx, k.l.cfg, Harmless, func() (*eventnodev1.Lock, error) {
		asked, resp := time.Now(), &eventnodev1.RefreshLockResponse{}
		err := k.l.cfg.Consumers.Call(ctx, eventnodev1.LockService_RefreshLock_FullMethodName, Harmless, req, resp)
		if err == nil {
			k.took(resp.GetLock(), asked)
		}
		return resp.GetLock(), err
	})
	if errors.Is(err, eventnode.ErrLockLost) {
		k.lose(false)
	}
	return err
}

// Release implements eventnode.Lock.
func (k *lock) Release(ctx context.Context) error {
	ctx, done := k.l.life(ctx)
	defer done()
	k.lose(true)
	_, err := invoke[eventnodev1.ReleaseLockResponse](ctx, k.l.cfg, eventnodev1.LockService_ReleaseLock_FullMethodName, Harmless,
		&eventnodev1.ReleaseLockRequest{Lock: k.l.lock(k.name), Token: k.Token()})
	return err
}
