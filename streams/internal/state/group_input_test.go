package state

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// What is not well formed is refused, in a word, and changes nothing.
func TestGroupsBadInput(t *testing.T) {
	d := newDesk(t, nil, 5)
	d.lease(1, 1)
	d.fetch(1, 2)
	h, long := numberedID('h', 1), strings.Repeat("x", 2000)
	nobody := &storagev1.GroupRef{Stream: 1, Group: "nobody"}
	lost := &storagev1.GroupRef{Stream: 9, Group: "g"}
	lock := &storagev1.LockName{Name: "l"}
	ackOf := func(b []byte) *storagev1.Settle {
		return &storagev1.Settle{Group: "g", Consumer: 1, Verb: 1, Settlements: []*storagev1.Settlement{{Stream: 1, Epoch: d.epochs[1], Ranges: b}}}
	}
	one := ranges.Of(1, 1).Encode()
	for want, all := range map[error][]proto.Message{
		eventnode.ErrConsumerGroupNotFound: {
			&storagev1.UpdateGroup{Group: nobody}, &storagev1.RemoveGroup{Group: nobody}, &storagev1.Seek{Group: nobody}, &storagev1.Claim{Group: nobody, From: 1, To: 2},
			&storagev1.DeleteConsumer{Group: nobody}, &storagev1.GrantLease{Group: "nobody", Consumer: 1, Streams: []uint64{1}, Holder: h},
			&storagev1.Fetch{Group: "nobody", Consumer: 1, MaxEvents: 1, Leases: leaseOf(1, 1)},
		},
		eventnode.ErrStreamNotFound: {
			&storagev1.AddGroup{Group: lost}, &storagev1.UpdateGroup{Group: lost}, &storagev1.SettleDead{Stream: 9, Ranges: one},
			&storagev1.Fetch{Group: "g", Consumer: 1, MaxEvents: 1, Leases: leaseOf(9, 1)},
		},
		eventnode.ErrConsumerGroupDiffers: {&storagev1.AddGroup{Group: d.ref(1), Config: &storagev1.GroupConfig{AckWaitMs: 1}}},
		eventnode.ErrInvalidArgument: {
			&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: "a b"}}, &storagev1.AddGroup{Group: nobody, Config: &storagev1.GroupConfig{BackoffMs: 9, BackoffMaxMs: 8}},
			&storagev1.UpdateGroup{Group: d.ref(1), Config: &storagev1.GroupConfig{Keyed: true}},
			&storagev1.GrantLease{Group: "g", Streams: []uint64{1}, Holder: h}, &storagev1.GrantLease{Group: "g", Consumer: 1, Holder: h}, &storagev1.GrantLease{Group: "g", Consumer: 1, Streams: []uint64{1}},
			&storagev1.Fetch{Group: "g", Consumer: 1, Leases: leaseOf(1, d.epochs[1])}, &storagev1.Fetch{Group: "g", MaxEvents: 1, Leases: leaseOf(1, 1)}, &storagev1.Fetch{Group: "g", Consumer: 1, MaxEvents: 1},
			&storagev1.Fetch{Group: "g", Consumer: 1, MaxEvents: 1, Leases: append(leaseOf(1, d.epochs[1]), leaseOf(1, d.epochs[1])...)},
			&storagev1.Claim{Group: d.ref(1), From: 1, To: 1}, &storagev1.Claim{Group: d.ref(1), To: 1}, &storagev1.Claim{Group: d.ref(1), From: 1},
			&storagev1.Settle{Group: "g", Consumer: 1}, &storagev1.Settle{Group: "g", Consumer: 1, Verb: 1}, &storagev1.Settle{Group: "g", Verb: 1}, &storagev1.Settle{Group: "g", Consumer: 1, Verb: 6},
			ackOf(nil), ackOf([]byte{1}), ackOf(ranges.Of(1, MaxSettle+1).Encode()), ackOf(scattered(maxParts + 1).Encode()),
			&storagev1.ObtainLock{Lock: lock, Holder: h}, &storagev1.ObtainLock{Lock: lock, TtlMs: 1}, &storagev1.ObtainLock{Holder: h, TtlMs: 1}, &storagev1.RefreshLock{Lock: lock},
			&storagev1.SettleDead{Stream: 1}, &storagev1.SettleDead{Stream: 1, Ranges: ranges.Of(1, MaxDead+1).Encode()},
		},
		eventnode.ErrLimit: {
			&storagev1.AddGroup{Group: nobody, Config: &storagev1.GroupConfig{AckWaitMs: math.MaxUint64}}, &storagev1.AddGroup{Group: nobody, Config: &storagev1.GroupConfig{BackoffMaxMs: math.MaxUint64}},
			&storagev1.ObtainLock{Lock: lock, Holder: h, TtlMs: math.MaxUint64}, &storagev1.ObtainLock{Lock: &storagev1.LockName{Name: long}, Holder: h, TtlMs: 1},
			&storagev1.Settle{Group: "g", Consumer: 1, Verb: 4, Reason: long, Settlements: ackOf(one).Settlements},
			&storagev1.Settle{Group: "g", Consumer: 1, Verb: 2, DelayMs: new(uint64(math.MaxUint64)), Settlements: ackOf(one).Settlements},
		},
		eventnode.ErrNotPending: {ackOf(ranges.Of(3, 5).Encode()), ackOf(ranges.Of(1000, 1001).Encode())},
		eventnode.ErrLockLost:   {&storagev1.RefreshLock{Lock: lock, Token: 5, TtlMs: 1}},
	} {
		for _, m := range all {
			d.fails(want, opOf(m))
		}
	}
	d.do(opOf(&storagev1.AddGroup{Group: d.ref(1)})) // equal again
}

// scattered is numbers that are far apart.
func scattered(n uint64) (set ranges.Set) {
	for i := range n {
		set = set.Add(1+i*maxSpan, 1+i*maxSpan)
	}
	return set
}
