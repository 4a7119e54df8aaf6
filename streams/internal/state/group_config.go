package state

import (
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// What a consumer group is served with where its configuration says nothing.
const (
	DefaultAckWaitMS    = 30_000
	DefaultMaxDeliver   = 20
	DefaultBackoffMS    = 1_000
	DefaultBackoffMaxMS = 300_000
	// NoMaxDeliver is a max_deliver without a bound.
	NoMaxDeliver = math.MaxUint32
)

// CheckGroupConfig returns a configuration in its one form: defaults said.
func CheckGroupConfig(c *storagev1.GroupConfig) (*storagev1.GroupConfig, error) {
	c = proto.CloneOf(c)
	if c == nil {
		c = &storagev1.GroupConfig{}
	}
	for _, d := range []struct {
		to      *uint64
		missing uint64
	}{{&c.AckWaitMs, DefaultAckWaitMS}, {&c.BackoffMs, DefaultBackoffMS}, {&c.BackoffMaxMs, max(DefaultBackoffMaxMS, min(c.BackoffMs, MaxMS))}} {
		if *d.to == 0 {
			*d.to = d.missing
		}
	}
	if c.GetMaxDeliver() == 0 {
		c.MaxDeliver = DefaultMaxDeliver
	}
	switch {
	case c.GetAckWaitMs() > MaxMS:
		return nil, overLimit("ack_wait_ms", MaxMS, c.GetAckWaitMs())
	case c.GetBackoffMaxMs() > MaxMS:
		return nil, overLimit("backoff_max_ms", MaxMS, c.GetBackoffMaxMs())
	case c.GetBackoffMs() > c.GetBackoffMaxMs():
		return nil, invalid("backoff %d ms is more than backoff_max %d ms", c.GetBackoffMs(), c.GetBackoffMaxMs())
	}
	return c, nil
}

// groupDifference names the first thing in which two configurations differ: "" if
// none.
func groupDifference(a, b *storagev1.GroupConfig) string {
	if a.GetKeyed() != b.GetKeyed() {
		return fmt.Sprintf("keyed (%v, not %v)", a.GetKeyed(), b.GetKeyed())
	}
	for _, f := range []struct {
		name string
		a, b uint64
	}{
		{"ack_wait", a.GetAckWaitMs(), b.GetAckWaitMs()},
		{"max_deliver", uint64(a.GetMaxDeliver()), uint64(b.GetMaxDeliver())},
		{"backoff", a.GetBackoffMs(), b.GetBackoffMs()},
		{"backoff_max", a.GetBackoffMaxMs(), b.GetBackoffMaxMs()},
	} {
		if f.a != f.b {
			return fmt.Sprintf("%s (%d, not %d)", f.name, f.a, f.b)
		}
	}
	return ""
}

// backoff is how many milliseconds an event waits after so many deliveries: twice
// as long after each, up to the maximum, and of that between a half and all. Which
// part of it is chosen by the event's number, on every replica alike, so that
// events which failed together do not come back together.
func backoff(c *storagev1.GroupConfig, deliveries uint32, number uint64) uint64 {
	ms := c.GetBackoffMs()
	for range max(deliveries, 1) - 1 {
		if ms > c.GetBackoffMaxMs()/2 {
			ms = c.GetBackoffMaxMs()
			break
		}
		ms *= 2
	}
	ms = min(ms, c.GetBackoffMaxMs())
	return ms - xxhash.Sum64(fmt.Appendf(nil, "%d %d", number, deliveries))%(ms/2+1)
}
