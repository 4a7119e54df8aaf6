package state

import (
	"fmt"
	"path/filepath"
	"testing"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// One event fetched and acked, each an entry of its own, of a stream with so many
// consumer groups.
func BenchmarkConsumeAmongGroups(b *testing.B) {
	for _, groups := range []int{1, 1000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			r := newReplica(b, engines()["pebbledb"], filepath.Join(b.TempDir(), "store"))
			names := groupNames(groups)
			r.play(entryOf(b, 1, declareOp(Name{"", "a"}, &storagev1.StreamConfig{Groups: names}, true),
				opOf(&storagev1.GrantLease{Group: names[0], Consumer: 1, Streams: []uint64{1}, Holder: numberedID('h', 1)})))
			fill := repeat(1000, 1, 1)(0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%1000 == 0 {
					b.StopTimer()
					r.play(entryOf(b, int64(i), fill...))
					b.StartTimer()
				}
				n := uint64(i + 1)
				r.play(entryOf(b, int64(i), opOf(&storagev1.Fetch{Group: names[0], Consumer: 1, Leases: leaseOf(1, 1), MaxEvents: 1})))
				if res := r.play(entryOf(b, int64(i), ackOp(names[0], 1, 1, 1, ranges.Of(n, n))))[0]; res.Err != nil {
					b.Fatal(res.Err)
				}
			}
		})
	}
}
