package node_test

import (
	"errors"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// Locks as the source's tests have them, through an SDK: obtained, refreshed, refused,
// waited for until their time is over, released twice, and not for no time at all. The
// token grows with each holder, also over a change of leaders.
func TestLocksOfTheSDK(t *testing.T) {
	nodes, nets := consumingNodes(t)
	var addresses []string
	for _, n := range nodes {
		addresses = append(addresses, n.RPCAddress())
	}
	locks := dialAll(t, addresses).Locks()
	ctx := t.Context()

	first, err := locks.Obtain(ctx, "l", 300*time.Millisecond, 0)
	if err != nil {
		t.Fatal(err)
	}
	if first.Name() != "l" || first.TTL() <= 0 || first.TTL() > 300*time.Millisecond {
		t.Errorf("%s for %v", first.Name(), first.TTL())
	}
	if err := first.Refresh(ctx, time.Minute); err != nil || first.TTL() < 30*time.Second {
		t.Errorf("refreshed for %v, %v", first.TTL(), err)
	}
	if _, err := locks.Obtain(ctx, "l", time.Minute, 0); !errors.Is(err, eventnode.ErrLockTaken) {
		t.Errorf("taken: %v", err)
	}
	if _, err := locks.Obtain(ctx, "l", time.Minute, 50*time.Millisecond); !errors.Is(err, eventnode.ErrLockTaken) {
		t.Errorf("waited too short: %v", err)
	}
	for _, ttl := range []time.Duration{0, -time.Second, time.Millisecond / 2} {
		if _, err := locks.Obtain(ctx, "l", ttl, 0); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("for %v: %v", ttl, err)
		}
	}
	info, err := locks.Info(ctx, "l")
	if err != nil || !info.Held || info.Token != first.Token() || info.TTL <= 30*time.Second || info.Until.IsZero() {
		t.Errorf("%+v, %v", info, err)
	}

	// It is over by itself, and who waits has it then, for its whole time.
	if err := first.Refresh(ctx, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	second, err := locks.Obtain(ctx, "l", time.Minute, 20*time.Second)
	if err != nil || second.Token() <= first.Token() || second.TTL() < 50*time.Second {
		t.Fatalf("%v, token %d behind %d, for %v", err, second.Token(), first.Token(), second.TTL())
	}
	if err := first.Refresh(ctx, time.Minute); !errors.Is(err, eventnode.ErrLockLost) || first.TTL() != 0 {
		t.Errorf("refreshed after its time: %v, for %v", err, first.TTL())
	}
	if err := first.Release(ctx); err != nil { // it takes nothing from the second one
		t.Error(err)
	}
	if err := second.Refresh(ctx, time.Minute); err != nil {
		t.Error(err)
	}

	// Another leader knows it, and goes on counting.
	for i, n := range nodes {
		if leads(t, n.Node) {
			nets[i].Cut()
			break
		}
	}
	if _, err := locks.Obtain(ctx, "l", time.Minute, 0); !errors.Is(err, eventnode.ErrLockTaken) {
		t.Errorf("taken, at the next leader: %v", err)
	}
	for range 2 {
		if err := second.Release(ctx); err != nil || second.TTL() != 0 {
			t.Errorf("released: %v, for %v", err, second.TTL())
		}
	}
	third, err := locks.Obtain(ctx, "l", time.Minute, 10*time.Second)
	if err != nil || third.Token() <= second.Token() {
		t.Errorf("%v, token %d behind %d", err, third.Token(), second.Token())
	}
}
