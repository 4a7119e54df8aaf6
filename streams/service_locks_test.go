package streams

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

func (n *testNode) locks() eventnodev1.LockServiceClient {
	return eventnodev1.NewLockServiceClient(n.conn)
}

func lockName(name string) *eventnodev1.LockName { return &eventnodev1.LockName{Name: name} }

// obtain asks for the lock "l".
func (n *testNode) obtain(ctx context.Context, holder []byte, ttl, wait time.Duration) (*eventnodev1.Lock, error) {
	resp, err := n.locks().ObtainLock(ctx, &eventnodev1.ObtainLockRequest{Lock: lockName("l"), Holder: holder, Ttl: durationpb.New(ttl), Wait: durationpb.New(wait)})
	return resp.GetLock(), apierr.FromStatus(err)
}

func (n *testNode) release(t testing.TB, l *eventnodev1.Lock) {
	t.Helper()
	if _, err := n.locks().ReleaseLock(t.Context(), &eventnodev1.ReleaseLockRequest{Lock: lockName("l"), Token: l.GetToken()}); err != nil {
		t.Error(err)
	}
}

// A lock is one holder's until it is released or its time is over; tokens grow.
func TestLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		m.work()
		one, two := newHolder(), newHolder()
		first, err := n.obtain(t.Context(), one, 10*time.Second, 0)
		if err != nil || first.GetToken() == 0 || first.GetTtl().AsDuration() != 10*time.Second {
			t.Fatalf("%v, %v", first, err)
		}
		if again, err := n.obtain(t.Context(), one, 10*time.Second, 0); err != nil || again.GetToken() != first.GetToken() {
			t.Errorf("the same holder: %v, %v", again, err)
		}
		if _, err := n.obtain(t.Context(), two, time.Second, 0); !errors.Is(err, eventnode.ErrLockTaken) {
			t.Errorf("taken: %v", err)
		}
		began := time.Now()
		if _, err := n.obtain(t.Context(), two, time.Second, 3*time.Second); !errors.Is(err, eventnode.ErrLockTaken) || time.Since(began) != 3*time.Second {
			t.Errorf("waited %v: %v", time.Since(began), err)
		}
		info, err := n.locks().LockInfo(t.Context(), &eventnodev1.LockInfoRequest{Lock: lockName("l")})
		if err != nil || info.GetLock().GetToken() != first.GetToken() {
			t.Errorf("%v, %v", info, err)
		}
		refreshed, err := n.locks().RefreshLock(t.Context(), &eventnodev1.RefreshLockRequest{Lock: lockName("l"), Token: first.GetToken(), Ttl: seconds(20)})
		if err != nil || refreshed.GetLock().GetTtl().AsDuration() != 20*time.Second {
			t.Errorf("%v, %v", refreshed, err)
		}
		began = time.Now()
		second, err := n.obtain(t.Context(), two, time.Second, time.Minute) // it ends by itself
		if err != nil || second.GetToken() <= first.GetToken() || time.Since(began) < 20*time.Second || time.Since(began) > 21*time.Second {
			t.Errorf("after %v: %v, %v", time.Since(began), second, err)
		}
		_, err = n.locks().RefreshLock(t.Context(), &eventnodev1.RefreshLockRequest{Lock: lockName("l"), Token: first.GetToken(), Ttl: seconds(1)})
		if !errors.Is(apierr.FromStatus(err), eventnode.ErrLockLost) {
			t.Errorf("refreshed by who lost it: %v", err)
		}
		n.release(t, first) // it is not the first one's any more
		if info, err := n.locks().LockInfo(t.Context(), &eventnodev1.LockInfoRequest{Lock: lockName("l")}); err != nil || info.GetLock() == nil {
			t.Errorf("%v, %v", info, err)
		}
		n.release(t, second)
		n.release(t, second)
		if info, err := n.locks().LockInfo(t.Context(), &eventnodev1.LockInfoRequest{Lock: lockName("l")}); err != nil || info.GetLock() != nil {
			t.Errorf("%v, %v", info, err)
		}
	})
}

// Who waits is served in order, one at a time, at once when the lock is released, and
// not held up by those who gave up.
func TestWaitersForALockAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		m.work()
		has, err := n.obtain(t.Context(), newHolder(), time.Hour, 0)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var mu sync.Mutex
		var order []int
		var tokens []uint64
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 0 || i == 2 { // the first one, and one in the middle
					time.AfterFunc(time.Second, cancel)
				}
				l, err := n.obtain(ctx, newHolder(), time.Hour, time.Hour)
				if i == 0 || i == 2 {
					if err == nil {
						t.Error("who gave up has it")
					}
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order, tokens = append(order, i), append(tokens, l.GetToken())
				mu.Unlock()
				n.release(t, l)
			})
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		n.release(t, has)
		all.Wait()
		if len(order) != 3 || order[0] != 1 || order[1] != 3 || order[2] != 4 || tokens[0] >= tokens[1] || tokens[1] >= tokens[2] {
			t.Errorf("order %v, tokens %v", order, tokens)
		}
		if time.Since(began) > 3*time.Second {
			t.Errorf("it took %v", time.Since(began))
		}
	})
}

// Who waits learns at once that another node leads.
func TestWaitingForALockEndsWithTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		m.work()
		if _, err := n.obtain(t.Context(), newHolder(), time.Hour, 0); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.AfterFunc(time.Second, func() { m.leads.Store(false) })
		if _, err := n.obtain(t.Context(), newHolder(), time.Hour, time.Hour); !errors.Is(err, eventnode.ErrUnavailable) || time.Since(began) > 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
