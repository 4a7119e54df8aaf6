package exchange

import (
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// copyOf encodes a part of several chunks.
func copyOf(t *testing.T, ref eventnode.NodeRef, version uint64) [][]byte {
	t.Helper()
	s := New(Config{Self: ref}).scope("")
	meta := strings.Repeat("m", MaxMeta)
	for i := range uint64(12) {
		s.table.Apply(ref, version, []table.Delta{{Group: "g", Joined: []table.Member{{Ref: i, Times: 1, Meta: meta}}}})
	}
	p, _ := s.table.Part(ref.ID)
	msgs := chunks(s, p)
	if len(msgs) < 3 {
		t.Fatalf("%d chunks", len(msgs))
	}
	return msgs
}

// Two nodes answer the same question: the copy that began first is not thrown
// away, unless it has stopped to come.
func TestCopy_WhileAnotherIsUnderWay(t *testing.T) {
	origin, third := eventnode.NodeRef{ID: "a", Epoch: 1}, eventnode.NodeRef{ID: "b", Epoch: 1}
	joiner := func() *Exchange {
		x := New(Config{Self: eventnode.NodeRef{ID: "c", Epoch: 1}})
		for _, ref := range []eventnode.NodeRef{origin, third} {
			x.NodeAlive(ref)
			x.PeerUp(ref)
		}
		return x
	}
	msgs := copyOf(t, origin, 7)

	x := joiner()
	x.Receive(origin, msgs[0])
	x.Receive(third, msgs[0])
	for _, m := range msgs[1:] {
		x.Receive(third, m)
		x.Receive(origin, m)
	}
	if p, _ := x.Table("").Part("a"); p.Version != 7 || x.Table("").Memberships() != 12 {
		t.Fatalf("version %d, %d memberships", p.Version, x.Table("").Memberships())
	}
	if _, evs := x.Take(); len(evs) != 1 || len(evs[0].Diffs) != 1 || len(evs[0].Diffs[0].Joined) != 12 {
		t.Fatalf("not one difference: %d events", len(evs))
	}

	x = joiner()
	x.Receive(origin, msgs[0])
	for range patience {
		x.Tick(0)
	}
	for _, m := range msgs {
		x.Receive(third, m)
	}
	if n := x.Table("").Memberships(); n != 12 {
		t.Fatalf("the copy that has stopped kept another one out: %d memberships", n)
	}
}

// A whole part is not asked for again while the first answer is put together.
func TestPull_GivesAWholePartTime(t *testing.T) {
	origin, third := eventnode.NodeRef{ID: "a", Epoch: 1}, eventnode.NodeRef{ID: "b", Epoch: 1}
	x := New(Config{Self: eventnode.NodeRef{ID: "c", Epoch: 1}})
	for _, ref := range []eventnode.NodeRef{origin, third} {
		x.NodeAlive(ref)
		x.PeerUp(ref)
	}
	x.Take()
	pulls := func(from eventnode.NodeRef) (n int) {
		x.Receive(from, digest(nil, false))
		s := x.scope("")
		x.pull(s, from, origin, 0, 9)
		outs, _ := x.Take()
		for _, o := range outs {
			if KindOf(o.Msg) == KindPull {
				n++
			}
		}
		return n
	}
	if pulls(origin) != 1 {
		t.Fatal("not asked")
	}
	for range 2*patience - 1 {
		x.Tick(0)
		if pulls(third) != 0 {
			t.Fatal("asked again")
		}
	}
	if x.Tick(0); pulls(third) != 1 {
		t.Fatal("not asked again")
	}
}

// A part that nobody watches is loaded and purged without a word, and is there.
func TestCopy_Unwatched(t *testing.T) {
	origin := eventnode.NodeRef{ID: "a", Epoch: 1}
	x := New(Config{Self: eventnode.NodeRef{ID: "c", Epoch: 1}, Watched: func(string) bool { return false }})
	x.PeerUp(origin)
	for _, m := range copyOf(t, origin, 7) {
		x.Receive(origin, m)
	}
	if n := x.Table("").Memberships(); n != 12 {
		t.Fatalf("%d memberships", n)
	}
	x.NodeGone(origin)
	if _, evs := x.Take(); len(evs) != 0 || x.Table("").Memberships() != 0 || x.Table("").Groups() != 0 {
		t.Fatalf("%d events", len(evs))
	}
}

// A burst of changes is confirmed once, and told one by one.
func TestReceive_ABurst(t *testing.T) {
	origin := eventnode.NodeRef{ID: "a", Epoch: 1}
	x := New(Config{Self: eventnode.NodeRef{ID: "c", Epoch: 1}})
	x.PeerUp(origin)
	x.Take()
	for v := range uint64(100) {
		x.Receive(origin, changeSet("", origin, v+1, []table.Diff{{Group: "g", Joined: []table.Member{{Ref: v, Times: 1}}}}))
	}
	x.Flush()
	outs, evs := x.Take()
	if len(outs) != 1 || KindOf(outs[0].Msg) != KindApplied {
		t.Fatalf("%d messages", len(outs))
	}
	for i, e := range evs {
		if len(e.Diffs) != 1 || len(e.Diffs[0].Joined) != 1 || e.Diffs[0].Joined[0].Ref != uint64(i) || e.Diffs[0].Members != i+1 {
			t.Fatalf("%d: %+v", i, e)
		}
	}
	x.Done(outs, evs)
	if x.Receive(origin, changeSet("", origin, 101, []table.Diff{{Group: "g", Left: []table.Member{{Ref: 5, Times: 1}}}})); len(x.events) != 1 {
		t.Fatal("nothing is told after Done")
	}
}

// BenchmarkCopy is a late joiner of 100,000 groups: what the one side makes and
// what the other does with it.
func BenchmarkCopy(b *testing.B) {
	origin := eventnode.NodeRef{ID: "a", Epoch: 1}
	s := New(Config{Self: origin}).scope("")
	for i := range uint64(100_000) {
		s.table.Apply(origin, 1, []table.Delta{{Group: "group-" + strings.Repeat("x", 6) + string(rune(0x4e00+i%20000)) + string(rune(0x4e00+i/20000)), Joined: []table.Member{{Ref: 1, Times: 1}}}})
		s.table.Forget()
	}
	p, _ := s.table.Part(origin.ID)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			chunks(s, p)
		}
	})
	msgs := chunks(s, p)
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x := New(Config{Self: eventnode.NodeRef{ID: "c", Epoch: 1}, Watched: func(string) bool { return false }})
			x.PeerUp(origin)
			for _, m := range msgs {
				x.Receive(origin, m)
			}
		}
	})
}
