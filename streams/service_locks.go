package streams

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// ObtainLock takes a lock, when it is free.
func (s *Service) ObtainLock(ctx context.Context, req *eventnodev1.ObtainLockRequest) (*eventnodev1.ObtainLockResponse, error) {
	return serve(ctx, s, eventnodev1.LockService_ObtainLock_FullMethodName, writes, req, s.obtainLock)
}

func (s *Service) obtainLock(ctx context.Context, p partition, req *eventnodev1.ObtainLockRequest) (*eventnodev1.ObtainLockResponse, error) {
	ttl, err := milliseconds("ttl", req.GetTtl())
	if err != nil {
		return nil, err
	}
	wait, err := milliseconds("wait", req.GetWait())
	switch {
	case err != nil:
		return nil, err
	case ttl == 0:
		return nil, fmt.Errorf("a ttl must be higher than zero: %w", eventnode.ErrInvalidArgument)
	case len(req.GetHolder()) != idBytes:
		return nil, fmt.Errorf("a holder has %d bytes, not %d: %w", idBytes, len(req.GetHolder()), eventnode.ErrInvalidArgument)
	}
	l, err := s.cfg.Desk.Obtain(ctx, p, &storagev1.ObtainLock{Lock: lockIn(req.GetLock()), Holder: req.GetHolder(), TtlMs: ttl}, time.Duration(wait)*time.Millisecond)
	if err != nil {
		return nil, err
	}
	return &eventnodev1.ObtainLockResponse{Lock: lockOut(l)}, nil
}

// RefreshLock has a lock end later.
func (s *Service) RefreshLock(ctx context.Context, req *eventnodev1.RefreshLockRequest) (*eventnodev1.RefreshLockResponse, error) {
	return serve(ctx, s, eventnodev1.LockService_RefreshLock_FullMethodName, writes, req, refreshLock)
}

func refreshLock(ctx context.Context, p partition, req *eventnodev1.RefreshLockRequest) (*eventnodev1.RefreshLockResponse, error) {
	ttl, err := milliseconds("ttl", req.GetTtl())
	if err != nil {
		return nil, err
	}
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_RefreshLock{RefreshLock: &storagev1.RefreshLock{
		Lock: lockIn(req.GetLock()), Token: req.GetToken(), TtlMs: ttl,
	}}})
	if err != nil {
		return nil, err
	}
	return &eventnodev1.RefreshLockResponse{Lock: lockOut(r.Lock)}, nil
}

// ReleaseLock gives a lock back.
func (s *Service) ReleaseLock(ctx context.Context, req *eventnodev1.ReleaseLockRequest) (*eventnodev1.ReleaseLockResponse, error) {
	return serve(ctx, s, eventnodev1.LockService_ReleaseLock_FullMethodName, writes, req, releaseLock)
}

func releaseLock(ctx context.Context, p partition, req *eventnodev1.ReleaseLockRequest) (*eventnodev1.ReleaseLockResponse, error) {
	_, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_ReleaseLock{ReleaseLock: &storagev1.ReleaseLock{
		Lock: lockIn(req.GetLock()), Token: req.GetToken(),
	}}})
	return &eventnodev1.ReleaseLockResponse{}, err
}

// LockInfo says whether somebody has a lock.
func (s *Service) LockInfo(ctx context.Context, req *eventnodev1.LockInfoRequest) (*eventnodev1.LockInfoResponse, error) {
	return serve(ctx, s, eventnodev1.LockService_LockInfo_FullMethodName, reads, req, lockInfo)
}

func lockInfo(ctx context.Context, p partition, req *eventnodev1.LockInfoRequest) (*eventnodev1.LockInfoResponse, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	_, now := p.Reign()
	l, taken, err := v.Lock(state.Name{Namespace: req.GetLock().GetNamespace(), Name: req.GetLock().GetName()}, now)
	if err != nil || !taken {
		return &eventnodev1.LockInfoResponse{}, err
	}
	return &eventnodev1.LockInfoResponse{Lock: lockOut(l)}, nil
}

func lockIn(n *eventnodev1.LockName) *storagev1.LockName {
	return &storagev1.LockName{Namespace: n.GetNamespace(), Name: n.GetName()}
}

func lockOut(l state.Lock) *eventnodev1.Lock {
	return &eventnodev1.Lock{Token: l.Token, Ttl: duration(uint64(max(l.TTLMS, 0))), Until: stamp(l.UntilMS)}
}
