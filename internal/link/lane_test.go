package link

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func testLane(limit, topics int) *lane {
	return newLane(limit, topics, func() time.Duration { return 0 })
}

// The queue against a plain list: what is taken is what was put in, in order,
// with a notice exactly where events are missing, and never more than limit
// bytes are queued.
func TestLaneModel(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		ln := testLane(2000, 3)
		var want, got []string
		dropped := 0
		b := new(batch)
		for i := range 300 {
			switch rnd.IntN(4) {
			case 0:
				if ln.take(b, 1+rnd.IntN(500)) {
					got = append(got, words(b)...)
				}
			case 1:
				ln.drop("t", 1)
				dropped++
			default:
				it := item{topic: "t", data: fmt.Append(nil, i), count: 1, receipt: uint64(rnd.IntN(2))}
				if outcome, _ := ln.push(it); outcome == pushFull {
					ln.drop("t", 1)
					dropped++
					continue
				}
				if dropped > 0 {
					want, dropped = append(want, fmt.Sprint("drop ", dropped)), 0
				}
				want = append(want, fmt.Sprint(i))
			}
			if ln.bytes > 2000 {
				t.Fatalf("seed %d: %d bytes", seed, ln.bytes)
			}
		}
		if dropped > 0 {
			want = append(want, fmt.Sprint("drop ", dropped))
		}
		for ln.take(b, 1000) {
			got = append(got, words(b)...)
		}
		got = join(got)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d:\ngot  %v\nwant %v", seed, got, want)
		}
		if _, empty := ln.queued(); !empty || ln.bytes != 0 || ln.topics != 3 {
			t.Fatalf("seed %d: not as before: %d bytes, %d topics", seed, ln.bytes, ln.topics)
		}
	}
}

// words describes a frame.
func words(b *batch) (w []string) {
	if b.drops != nil {
		w = append(w, fmt.Sprint("drop ", b.drops.topics["t"]+b.drops.others))
	}
	for _, r := range b.runs {
		w = append(w, string(r.Data))
	}
	for _, e := range b.tracked {
		w = append(w, string(e.envelope))
	}
	return w
}

// join adds up notices that follow each other.
func join(w []string) (joined []string) {
	sum := 0
	for _, s := range w {
		var n int
		if _, err := fmt.Sscanf(s, "drop %d", &n); err == nil {
			sum += n
			continue
		}
		if sum > 0 {
			joined, sum = append(joined, fmt.Sprint("drop ", sum)), 0
		}
		joined = append(joined, s)
	}
	if sum > 0 {
		joined = append(joined, fmt.Sprint("drop ", sum))
	}
	return joined
}

// A frame gathers up to its size; a larger run goes alone.
func TestBatchSize(t *testing.T) {
	ln := testLane(1<<20, 3)
	for _, n := range []int{40, 40, 40, 300, 10} {
		ln.push(item{data: make([]byte, n), count: 1})
	}
	b := new(batch)
	for _, want := range []int{80, 40, 300, 10} {
		if !ln.take(b, 100) || b.bytes != want {
			t.Fatalf("%d bytes, want %d", b.bytes, want)
		}
	}
	if ln.take(b, 100) {
		t.Fatal("there is more")
	}
}

// Discarding leaves one notice with the counts of all: events and notices.
func TestLaneDiscard(t *testing.T) {
	ln := testLane(1<<20, 2)
	ln.push(item{topic: "a", data: []byte("x"), count: 3})
	ln.drop("b", 2)
	ln.push(item{topic: "c", data: []byte("x"), count: 4, receipt: 9})
	ln.drop("a", 1)
	events, receipts := ln.discard(true)
	if events != 7 || len(receipts) != 1 || receipts[0] != 9 {
		t.Fatal(events, receipts)
	}
	if outcome, _ := ln.push(item{topic: "a"}); outcome != pushClosed {
		t.Fatal(outcome)
	}
	ln.open()
	b := new(batch)
	if !ln.take(b, 100) || b.drops.topics["a"] != 4 || b.drops.topics["b"] != 2 || b.drops.others != 4 || len(b.runs) != 0 {
		t.Fatalf("%+v", b.drops)
	}
	if ln.topics != 2 {
		t.Fatal(ln.topics)
	}
}

// Runs with and without an audience share a frame as long as the first has one: then each says
// whom it is for, in order. What has one does not come behind a run that says nothing.
func TestBatchOfAudiences(t *testing.T) {
	var b batch
	plain, queued := item{data: []byte("p"), count: 1}, item{data: []byte("q"), to: []byte{}, count: 1}
	for i, it := range []item{queued, plain, queued, plain} {
		if !b.admits(&it, 1000) {
			t.Fatal("not admitted: ", i)
		}
		b.add(it)
	}
	var got []byte
	for _, q := range b.queued {
		got = append(got, q.run.Data...)
	}
	if string(got) != "qpqp" || len(b.runs) != 0 || b.events != 4 || b.admits(&item{receipt: 1}, 1000) {
		t.Errorf("%q, %+v", got, b)
	}
	b.reset()
	b.add(plain)
	if b.admits(&queued, 1000) || !b.admits(&plain, 1000) {
		t.Error("a run with an audience comes behind one without")
	}
}
