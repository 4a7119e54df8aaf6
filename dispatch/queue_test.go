package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// testQueue makes a queue that is not read by a subscription.
func testQueue(p eventnode.Policy, events, bytes int, maxBlock time.Duration) *queue {
	return &queue{policy: p, maxEvents: events, maxBytes: bytes, maxBlock: maxBlock, wake: func() {}}
}

// numberedRun makes a run of events named from, from+1, ...
func numberedRun(from, n int) run {
	var data []byte
	for i := range n {
		ev := event.New(strconv.Itoa(from+i), nil)
		data = wire.AppendEnvelope(data, []string{"topic:a"}, &ev)
	}
	return run{Piece: wire.Piece{Data: data, Mem: wire.NewMemory(len(data))}, count: n}
}

// contents reads a queue: names and gaps, in order.
func contents(t *testing.T, q *queue) string {
	t.Helper()
	var out []string
	for {
		var b Batch
		ok, err := q.take(&b, 1, 1<<20)
		if err != nil {
			out = append(out, err.Error())
		}
		if !ok {
			return strings.Join(out, " ")
		}
		for _, g := range b.Gaps {
			out = append(out, gapText(g))
		}
		for _, raw := range b.Runs {
			out = append(out, recordNames(t, raw.Data)...)
		}
	}
}

func gapText(g eventnode.Gap) string {
	if !g.Known {
		return fmt.Sprintf("[%s%s ?]", g.Node, g.Reason)
	}
	return fmt.Sprintf("[%s%s %d]", g.Node, g.Reason, g.Count)
}

func recordNames(t *testing.T, raw []byte) (names []string) {
	t.Helper()
	for len(raw) > 0 {
		rec, rest, err := wire.NextRecord(raw)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := wire.DecodeEvent(rec.Event)
		if err != nil {
			t.Fatal(err)
		}
		names, raw = append(names, ev.Name), rest
	}
	return names
}

func TestPolicies(t *testing.T) {
	const bytes = 1 << 20
	for _, tc := range []struct {
		name   string
		policy eventnode.Policy
		events int
		offers []int // sizes of runs
		want   string
	}{
		{"oldest: fits", eventnode.PolicyDropOldest, 4, []int{2, 2}, "1 2 3 4"},
		{"oldest: a run is split", eventnode.PolicyDropOldest, 4, []int{3, 3}, "[queue_full 2] 3 4 5 6"},
		{"oldest: a whole run goes", eventnode.PolicyDropOldest, 3, []int{2, 3}, "[queue_full 2] 3 4 5"},
		{"oldest: counts add up", eventnode.PolicyDropOldest, 3, []int{3, 1, 1, 4}, "[queue_full 6] 7 8 9"},
		{"oldest: a run longer than the queue", eventnode.PolicyDropOldest, 3, []int{8}, "[queue_full 5] 6 7 8"},
		{"newest: fits", eventnode.PolicyDropNewest, 4, []int{2, 2}, "1 2 3 4"},
		{"newest: a run is split", eventnode.PolicyDropNewest, 4, []int{3, 3, 2}, "1 2 3 4 [queue_full 4]"},
		{"disconnect: fits", eventnode.PolicyDisconnect, 4, []int{2, 2}, "1 2 3 4"},
		{"disconnect: what was queued is read, then the end", eventnode.PolicyDisconnect, 4, []int{2, 3, 1}, "1 2 slow subscriber"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := testQueue(tc.policy, tc.events, bytes, time.Second)
			next := 1
			for _, n := range tc.offers {
				q.offer(numberedRun(next, n))
				next += n
			}
			if got := contents(t, q); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if q.events != 0 || q.bytes != 0 {
				t.Errorf("an empty queue counts %d events, %d bytes", q.events, q.bytes)
			}
		})
	}
}

// An event that alone exceeds the byte bound goes into an empty queue, on every
// policy; otherwise it could never be delivered.
func TestOversizeEventGoesIntoEmptyQueue(t *testing.T) {
	for p := eventnode.PolicyDropOldest; p <= eventnode.PolicyBlock; p++ {
		q := testQueue(p, 4, 10, time.Second)
		if out := q.offer(numberedRun(1, 1)); out.taken != 1 {
			t.Errorf("%v: taken %d", p, out.taken)
		}
		if got := contents(t, q); got != "1" {
			t.Errorf("%v: got %s", p, got)
		}
	}
}

// Gaps keep their places between events, merge with their like and are bounded.
func TestGapsInPlace(t *testing.T) {
	q := testQueue(eventnode.PolicyDropNewest, 2, 1<<20, 0)
	sender := func(node string, n uint64) eventnode.Gap {
		return eventnode.Gap{Node: eventnode.NodeID(node), Count: n, Known: true, Reason: eventnode.GapSenderDropped}
	}
	q.note(sender("n2", 3))
	q.note(sender("n2", 4))
	q.offer(numberedRun(1, 1))
	q.note(eventnode.Gap{Node: "n2", Reason: eventnode.GapLinkLost})
	q.note(sender("n2", 1))
	q.offer(numberedRun(2, 3))
	q.note(sender("n3", 1))
	want := "[n2sender_dropped 7] 1 [n2link_lost ?] [n2sender_dropped 1] 2 [queue_full 2] [n3sender_dropped 1]"
	if got := contents(t, q); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for i := range 1000 {
		q.note(sender(fmt.Sprint("n", i), 1))
	}
	q.offer(numberedRun(1, 5))
	if n := len(q.items.front().gaps); n != maxGaps+1 {
		t.Errorf("%d gaps at one place", n)
	}
	if got := contents(t, q); !strings.Contains(got, "[unspecified ?] 1 2 [queue_full 3]") {
		t.Errorf("got %s", got)
	}
}

// Oldest events that go leave the gaps that stood before them.
func TestDropOldestKeepsGaps(t *testing.T) {
	q := testQueue(eventnode.PolicyDropOldest, 2, 1<<20, 0)
	q.offer(numberedRun(1, 1))
	q.note(eventnode.Gap{Node: "n2", Reason: eventnode.GapLinkLost})
	q.offer(numberedRun(2, 1))
	q.note(eventnode.Gap{Node: "n3", Reason: eventnode.GapNodeLost})
	q.offer(numberedRun(3, 1))
	q.offer(numberedRun(4, 1))
	if got, want := contents(t, q), "[queue_full 2] [n2link_lost ?] [n3node_lost ?] 3 4"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What a queue holds alive is at most about four times its bound, also if the
// runs are small parts of large frames.
func TestHeldMemory(t *testing.T) {
	for p := eventnode.PolicyDropOldest; p <= eventnode.PolicyBlock; p++ {
		const limit = 64 << 10
		q := testQueue(p, 1<<20, limit, 0)
		r := rand.New(rand.NewPCG(1, uint64(p)))
		for i := range 250 {
			frame := numberedRun(i*100, 100)
			k := 1 + r.IntN(99)
			_, part := frame.split(k)
			q.offer(part.owned())
			if p != eventnode.PolicyDropOldest && r.IntN(3) == 0 {
				var b Batch
				_, _ = q.take(&b, 1, 200)
			}
			held := len(q.items.slots) * itemCost
			for j := range q.items.n {
				held += q.items.slots[(q.items.head+j)%len(q.items.slots)].Kept()
			}
			if held > 5*limit {
				t.Fatalf("%v: holds %d bytes after %d frames", p, held, i)
			}
		}
	}
}

// follow checks in place what one publisher's numbered events became: it reads
// until idle and returns the last number seen, received or missed.
type follow struct {
	last    int
	missing int
	got     int
}

func (f *follow) batch(t *testing.T, b *Batch) {
	t.Helper()
	for _, g := range b.Gaps {
		f.missing += int(g.Count)
	}
	for _, raw := range b.Runs {
		for _, name := range recordNames(t, raw.Data) {
			n, _ := strconv.Atoi(name)
			if n != f.last+f.missing+1 {
				t.Fatalf("event %d after %d and a gap of %d", n, f.last, f.missing)
			}
			f.last, f.missing = n, 0
			f.got++
		}
	}
}

// Gaps carry the exact count, at the exact place: with one publisher, the next
// event's number is the last one's plus the gap plus one. Random runs, bounds
// and reads.
func TestGapCountsInPlaceRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, p := range []eventnode.Policy{eventnode.PolicyDropOldest, eventnode.PolicyDropNewest} {
		for round := range uint64(30) {
			r := rand.New(rand.NewPCG(seed, round))
			q := testQueue(p, 1+r.IntN(50), 200+r.IntN(10000), 0)
			var f follow
			next, taken, dropped := 1, 0, 0
			for range 300 {
				if r.IntN(2) == 0 {
					n := 1 + r.IntN(30)
					out := q.offer(numberedRun(next, n).owned())
					next, taken, dropped = next+n, taken+out.taken, dropped+out.dropped
					if q.events > q.maxEvents || q.events > 1 && q.bytes > q.maxBytes+2*gapCost {
						t.Fatalf("%v round %d: %d of %d events, %d of %d bytes", p, round, q.events, q.maxEvents, q.bytes, q.maxBytes)
					}
					continue
				}
				var b Batch
				_, _ = q.take(&b, 1+r.IntN(4), 1+r.IntN(2000))
				f.batch(t, &b)
			}
			for {
				var b Batch
				if ok, _ := q.take(&b, 10, 1000); !ok {
					break
				}
				f.batch(t, &b)
			}
			if f.last+f.missing != next-1 {
				t.Fatalf("%v round %d: %d sent, accounted for %d", p, round, next-1, f.last+f.missing)
			}
			if q.dropped != uint64(dropped) || f.got != next-1-dropped || q.bytes != 0 || q.events != 0 {
				t.Fatalf("%v round %d: dropped %d, counted %d, got %d of %d", p, round, dropped, q.dropped, f.got, next-1)
			}
		}
	}
}

// Policy block: the publisher waits as long as the reader reads, and loses
// nothing, however much longer than MaxBlock that takes altogether.
func TestBlockWaitsForASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(eventnode.PolicyBlock, 8, 1<<20, time.Second)
		const total = 100
		done := make(chan int)
		go func() {
			dropped := 0
			for i := 0; i < total; i += 4 {
				out := q.offer(numberedRun(1+i, 4))
				if out.rest.count > 0 {
					_, d := q.wait(t.Context(), out.rest)
					dropped += d
				}
			}
			done <- dropped
		}()
		var f follow
		for f.got < total {
			time.Sleep(900 * time.Millisecond)
			var b Batch
			_, _ = q.take(&b, 1, 1)
			f.batch(t, &b)
		}
		if dropped := <-done; dropped != 0 {
			t.Errorf("dropped %d", dropped)
		}
	})
}

// Policy block: after an episode of MaxBlock the queue drops what arrives until
// it is half empty; the count is exact. Many who wait do not wait one after the
// other.
func TestBlockEpisode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(eventnode.PolicyBlock, 8, 1<<20, time.Second)
		q.offer(numberedRun(1, 8))
		start := time.Now()
		done := make(chan int, 3)
		for range 3 {
			go func() {
				out := q.offer(numberedRun(100, 2))
				_, dropped := q.wait(t.Context(), out.rest)
				done <- dropped
			}()
		}
		for range 3 {
			if d := <-done; d != 2 {
				t.Errorf("dropped %d, want 2", d)
			}
		}
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
		for range 4 {
			if out := q.offer(numberedRun(200, 1)); out.dropped != 1 {
				t.Errorf("while shedding: %+v", out)
			}
			var b Batch
			_, _ = q.take(&b, 1, 1)
		}
		q.offer(numberedRun(9, 1))
		if got, want := contents(t, q), "5 6 7 8 [queue_full 10] 9"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if q.waiting != 0 {
			t.Errorf("%d still wait", q.waiting)
		}
	})
}

// Whoever waits is let go by the end of its context, which drops and tells, and
// by the end of the subscription.
func TestBlockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(eventnode.PolicyBlock, 2, 1<<20, time.Hour)
		q.offer(numberedRun(1, 2))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		wait := func(ctx context.Context) {
			out := q.offer(numberedRun(3, 1))
			_, dropped := q.wait(ctx, out.rest)
			done <- dropped
		}
		go wait(ctx)
		synctest.Wait()
		cancel()
		if d := <-done; d != 1 {
			t.Errorf("dropped %d", d)
		}
		if !slices.Equal(q.tail, []eventnode.Gap{queueGap(1)}) {
			t.Errorf("told %v", q.tail)
		}
		go wait(t.Context())
		synctest.Wait()
		q.close(eventnode.ErrClosed)
		if d := <-done; d != 0 {
			t.Errorf("dropped %d by a closed queue", d)
		}
	})
}

// Who waits for room is not overtaken by who comes later.
func TestBlockIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(eventnode.PolicyBlock, 16, 1<<20, time.Hour)
		q.offer(numberedRun(1, 16))
		done := make(chan struct{})
		go func() {
			defer close(done)
			q.wait(t.Context(), q.offer(numberedRun(17, 2)).rest)
		}()
		synctest.Wait()
		var b Batch
		_, _ = q.take(&b, 1, 1) // less than an eighth: nobody is woken yet
		if out := q.offer(numberedRun(100, 1)); out.taken != 0 || out.rest.count != 1 {
			t.Errorf("overtaken: %+v", out)
		}
		_, _ = q.take(&b, 1, 1)
		<-done
		if got, want := contents(t, q), "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
