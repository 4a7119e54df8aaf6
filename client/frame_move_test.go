package client

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// events is a frame with an event of each name.
func events(t testing.TB, names ...string) *frame {
	t.Helper()
	m := &eventnodev1.SubscribeResponse{}
	for _, name := range names {
		m.Envelopes = append(m.Envelopes, envelope(event.New(name, make([]byte, 1<<10)), "topic:a"))
	}
	f, _, err := parseFrame(piece(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func reconnected() *frame {
	return &frame{gaps: []eventnode.Gap{{Reason: eventnode.GapReconnected}}}
}

// In whatever order frames of two feeds come: those of the one before are taken first, then
// the gap and those of the next one; each feed is given credit for its own frames, and not
// for more.
func TestFrameQueueOnItsWay(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		q := newFrameQueue()
		before, next := new(feed), new(feed)
		q.begin(before)
		var want [2][]*frame
		given, received := map[*feed]int{}, map[*feed]int{}
		var got []*frame
		take := func() {
			f, c, _, _ := q.take()
			if f == nil {
				return
			}
			got = append(got, f)
			received[f.from] += f.cost
			if given[c.feed] += c.bytes; c.feed != nil && given[c.feed] > received[c.feed] {
				t.Fatalf("seed %d: credit for %d bytes, %d were received", seed, given[c.feed], received[c.feed])
			}
		}
		push := func(i int, f *feed) {
			fr := events(t, slices.Repeat([]string{"x"}, 1+rng.IntN(300))...)
			want[i] = append(want[i], fr)
			if !q.push(f, fr) {
				t.Fatal("too much")
			}
			if both := f == before && q.now.feed == next && q.before.feed == before; fr.overlap != both {
				t.Fatalf("seed %d: may come from both: %v, want %v", seed, fr.overlap, both)
			}
		}
		for range rng.IntN(4) {
			push(0, before)
		}
		q.part()
		if window := q.begin(next); window != subscriptionWindow {
			t.Errorf("seed %d: a window of %d", seed, window)
		}
		gap := reconnected()
		q.push(next, gap)
		want[1] = append(want[1], gap)
		for range rng.IntN(12) {
			switch rng.IntN(3) {
			case 0:
				push(0, before)
			case 1:
				push(1, next)
			default:
				take()
			}
		}
		q.join()
		push(1, next)
		for len(q.list) > 0 {
			take()
		}
		if all := slices.Concat(want[0], want[1]); !slices.Equal(got, all) {
			t.Fatalf("seed %d: %d frames, want %d, or in another order", seed, len(got), len(all))
		}
		if q.now.held != 0 {
			t.Errorf("seed %d: %d bytes are held of nothing", seed, q.now.held)
		}
	}
}

// What two feeds send at the same time is bounded; what one sends alone is not.
func TestOverlapIsBounded(t *testing.T) {
	q := newFrameQueue()
	before, next := new(feed), new(feed)
	q.begin(before)
	q.part()
	frame := func() *frame { return events(t, slices.Repeat([]string{"x"}, 1000)...) }
	for range 2 * overlapBytes >> 20 {
		if !q.push(before, frame()) {
			t.Fatal("nobody else sends anything")
		}
	}
	q.begin(next)
	sent := 0
	for fr := frame(); q.push(before, fr); fr = frame() {
		if sent += fr.cost; sent > overlapBytes {
			t.Fatalf("%d bytes", sent)
		}
	}
	q.join()
	if !q.push(next, frame()) {
		t.Error("too much of one feed alone")
	}
}

// However much came while two nodes may have sent it, none of it passes again.
func TestOverlapIsRemembered(t *testing.T) {
	var r recent
	all := make([]eventnode.Delivery, 3*recentEvents)
	f := &frame{at: time.Now(), overlap: true}
	for i := range all {
		all[i] = delivery()
		if r.repeats(&all[i], f) {
			t.Fatal("the first time")
		}
	}
	gap := reconnect()
	r.repeats(&gap, f)
	for i := range all {
		if !r.repeats(&all[i], arrived()) {
			t.Fatalf("event %d of %d came again", i, len(all))
		}
	}
	if len(r.overlap) > 0 || len(r.ids) > recentEvents {
		t.Error("it is remembered for ever")
	}
}

// An event that came soon after the reconnect and waited here for long is known all the same.
func TestRepeatedEventsThatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent
		a, gap, f := delivery(), reconnect(), arrived()
		r.repeats(&a, f)
		r.repeats(&gap, f)
		time.Sleep(2 * recentTime)
		if !r.repeats(&a, f) {
			t.Error("it came again")
		}
	})
}
