package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
	"github.com/eventnode/eventnode/outbox/outboxtest"
)

// cut is a store as one relay sees it, until it is cut off from it.
type cut struct {
	outbox.Store
	off atomic.Bool
}

var errCut = errors.New("cut off")

func (c *cut) Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error) {
	if c.off.Load() {
		return false, errCut
	}
	return c.Store.Lead(ctx, holder, ttl)
}

func (c *cut) Fetch(ctx context.Context, limit outbox.Limit) ([]outbox.Row, error) {
	if c.off.Load() {
		return nil, errCut
	}
	return c.Store.Fetch(ctx, limit)
}

// Of several relays one works, and the next one when it ends.
func TestOneLeads(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		var relays []*outbox.Relay
		var stops []func()
		for range 5 {
			r, stop := start(t, outbox.Config{Store: m, Publisher: s})
			relays, stops = append(relays, r), append(stops, stop)
		}
		for round := range relays {
			add(t, m, named("k", fmt.Sprint("e", round))...)
			time.Sleep(5 * time.Second)
			leader := -1
			for i, r := range relays {
				if r.Progress().Leading {
					if leader >= 0 {
						t.Error("two lead")
					}
					leader = i
				}
			}
			if leader < 0 || len(s.names()) != round+1 || s.twice() != 0 {
				t.Fatalf("leader %d, %q", leader, s.names())
			}
			stops[leader]()
		}
	})
}

// A leader that cannot renew its lease stops what it has under way before anybody else
// can lead, and does not settle.
func TestLeaseIsTrustedNoLongerThanItLasts(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		c := &cut{Store: m}
		var began, cancelled time.Time
		s.fail = func(ctx context.Context, _ []event.Event) error {
			c.off.Store(true)
			began = time.Now()
			<-ctx.Done()
			cancelled = time.Now()
			if !errors.Is(context.Cause(ctx), outbox.ErrLeaseLost) {
				t.Errorf("cancelled by %v", context.Cause(ctx))
			}
			return ctx.Err()
		}
		add(t, m, named("k", "a")...)
		_, stop := start(t, outbox.Config{Store: c, Publisher: s, Lease: 10 * time.Second})
		time.Sleep(9500 * time.Millisecond)
		synctest.Wait()
		if took := cancelled.Sub(began); took < 8*time.Second || took > 9*time.Second {
			t.Errorf("cancelled after %v", took)
		}
		if st := stats(t, m); st.Waiting != 1 || st.Holder == "" {
			t.Errorf("%+v", st)
		}
		other := new(sink)
		start(t, outbox.Config{Store: m, Publisher: other, Lease: 10 * time.Second})
		time.Sleep(5 * time.Second)
		published(t, other, "a")
		stop()
	})
}

// A leader whose lease somebody else has stops at once.
func TestLeaseTakenAway(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		r, _ := start(t, outbox.Config{Store: m, Publisher: s, Lease: 9 * time.Second})
		time.Sleep(time.Second)
		if ok, err := m.Lead(t.Context(), stats(t, m).Holder, 0); ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := m.Lead(t.Context(), "somebody", time.Hour); !ok || err != nil {
			t.Fatal(ok, err)
		}
		time.Sleep(3 * time.Second)
		if r.Progress().Leading {
			t.Error("it still leads")
		}
	})
}

// A batch that takes long is not cut off: the lease is renewed meanwhile, also when a
// renewal fails now and then.
func TestLeaseIsRenewed(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		s.fail = func(ctx context.Context, _ []event.Event) error {
			select {
			case <-time.After(time.Hour):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		calls := 0
		m.Fail(func(op string) error {
			if op != "lead" {
				return nil
			}
			if calls++; calls%2 == 0 {
				return errCut
			}
			return nil
		})
		add(t, m, named("k", "a")...)
		r, _ := start(t, outbox.Config{Store: m, Publisher: s, Lease: 5 * time.Second})
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if p := r.Progress(); p.Sent != 1 || calls < 1000 {
			t.Errorf("%+v, %d calls", p, calls)
		}
	})
}
