package exchange

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

var codecOrigin = eventnode.NodeRef{ID: "n1", Epoch: 1 << 60}

// What is written by hand is what the protobuf library would write and reads.
func TestCodec_IsProtobuf(t *testing.T) {
	diffs := []table.Diff{
		{Group: "g", Joined: []table.Member{{Ref: 1, Times: 1}, {Ref: 300, Times: 7, Meta: "m"}}, Members: 8},
		{Group: "h", Left: []table.Member{{Ref: 2, Times: 2, Meta: "gone"}}, Updated: []table.Member{{Ref: 3, Times: 4, Meta: "new"}}},
	}
	want := &clusterv1.Exchange{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: &clusterv1.ChangeSet{
		Scope: "s", Origin: originOf(codecOrigin), Version: 9, Groups: []*clusterv1.GroupDelta{
			{Group: "g", Joined: []*clusterv1.Membership{{Ref: 1}, {Ref: 300, Times: 7, Meta: []byte("m")}}},
			{Group: "h", Left: []*clusterv1.Membership{{Ref: 2, Times: 2}}, Updated: []*clusterv1.Membership{{Ref: 3, Meta: []byte("new")}}},
		},
	}}}
	is(t, want, changeSet("s", codecOrigin, 9, diffs))

	msgs := copied("s", []table.Delta{{Group: "g", Joined: diffs[0].Joined}})
	is(t, &clusterv1.Exchange{Message: &clusterv1.Exchange_Sync{Sync: &clusterv1.Sync{
		Scope: "s", Origin: originOf(codecOrigin), Version: 9, Last: true, Groups: want.GetChangeSet().GetGroups()[:1],
	}}}, msgs[0])
}

// copied encodes a copy at version 9.
func copied(scopeName string, whole []table.Delta) [][]byte {
	s := New(Config{Self: codecOrigin}).scope(scopeName)
	s.table.Apply(codecOrigin, 9, whole)
	p, _ := s.table.Part(codecOrigin.ID)
	return chunks(s, p)
}

func byRef(a, b table.Member) int { return cmp.Compare(a.Ref, b.Ref) }

func is(t *testing.T, want *clusterv1.Exchange, msg []byte) {
	t.Helper()
	got := new(clusterv1.Exchange)
	if err := proto.Unmarshal(msg, got); err != nil {
		t.Fatal(err)
	}
	inAnyOrder := protocmp.SortRepeated(func(a, b *clusterv1.Membership) bool { return a.GetRef() < b.GetRef() })
	if d := gocmp.Diff(want, got, protocmp.Transform(), inAnyOrder); d != "" {
		t.Fatal(d)
	}
	if n := proto.Size(want); n > len(msg) {
		t.Fatalf("%d bytes written, the library writes %d", len(msg), n)
	}
}

// Fields that a later version may have are skipped wherever they are, and the
// order of fields does not matter.
func TestCodec_SkipsWhatItDoesNotKnow(t *testing.T) {
	unknown := []byte{0xf8, 0x07, 1, 0xfa, 0x07, 2, 'x', 'y'} // numbers 127
	msg := changeSet("s", codecOrigin, 2, []table.Diff{{Group: "g", Joined: []table.Member{{Ref: 5, Times: 3}}}})
	m := new(clusterv1.Exchange)
	if err := proto.Unmarshal(msg, m); err != nil {
		t.Fatal(err)
	}
	c := m.GetChangeSet()
	for _, part := range []proto.Message{m, c, c.GetOrigin(), c.GetGroups()[0], c.GetGroups()[0].GetJoined()[0]} {
		part.ProtoReflect().SetUnknown(unknown)
	}
	kind, body, ok := open(slices.Concat(unknown, encode(m)))
	if kind != KindChangeSet || !ok {
		t.Fatalf("a message of kind %s", kind)
	}
	l, ok := readLetter(kind, body)
	if !ok || l.scope != "s" || l.origin != codecOrigin || l.version != 2 {
		t.Fatalf("%+v", l)
	}
	deltas, ok := new(reader).read(&l)
	if d := gocmp.Diff([]table.Delta{{Group: "g", Joined: []table.Member{{Ref: 5, Times: 3}}}}, deltas); d != "" || !ok {
		t.Fatal(d)
	}
}

// A copy of any size comes in chunks within the bound, in order, complete.
func TestChunks_Bounded(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	var whole []table.Delta
	for i := range 300 {
		d := table.Delta{Group: fmt.Sprint("g", i)}
		for range 1 + rng.IntN(3000) {
			m := table.Member{Ref: rng.Uint64(), Times: 1}
			if rng.IntN(100) == 0 {
				m.Meta = string(make([]byte, rng.IntN(2000)))
			}
			d.Joined = append(d.Joined, m)
		}
		whole = append(whole, d)
	}
	msgs := copied("s", whole)
	got := map[string][]table.Member{}
	var r reader
	for i, msg := range msgs {
		_, body, _ := open(msg)
		l, ok := readLetter(KindSync, body)
		deltas, fine := r.read(&l)
		if len(msg) > MaxChunk || !ok || !fine || l.chunk != uint32(i) || l.last != (i == len(msgs)-1) {
			t.Fatalf("chunk %d of %d: %d bytes, number %d, last %t", i, len(msgs), len(msg), l.chunk, l.last)
		}
		for _, d := range deltas {
			got[d.Group] = append(got[d.Group], d.Joined...)
		}
	}
	for _, d := range whole {
		slices.SortFunc(d.Joined, byRef)
		slices.SortFunc(got[d.Group], byRef)
		if !slices.Equal(d.Joined, got[d.Group]) {
			t.Fatalf("%s has %d members, want %d", d.Group, len(got[d.Group]), len(d.Joined))
		}
	}
}

func BenchmarkChangeSet_Encode(b *testing.B) {
	x := New(Config{Self: codecOrigin})
	s := x.scope("bench")
	head := encodeHead(s.name, codecOrigin)
	diffs := []table.Diff{{Group: "group-123456", Joined: []table.Member{{Ref: 7, Times: 1}}, Members: 1}}
	b.ReportAllocs()
	for b.Loop() {
		size := sizeChange(head, 1<<20, diffs)
		appendChange(x.slab.take(sizeBytes(size)), size, head, 1<<20, diffs)
	}
}

func BenchmarkChangeSet_Decode(b *testing.B) {
	msg := changeSet("bench", codecOrigin, 1<<20, []table.Diff{{Group: "group-123456", Joined: []table.Member{{Ref: 7, Times: 1}}}})
	var r reader
	b.ReportAllocs()
	for b.Loop() {
		kind, body, _ := open(msg)
		l, _ := readLetter(kind, body)
		if _, ok := r.read(&l); !ok {
			b.Fatal("malformed")
		}
	}
}

// BenchmarkChange is a join at its origin, told to two peers, and applied by one.
func BenchmarkChange(b *testing.B) {
	peer := eventnode.NodeRef{ID: "n2", Epoch: 1}
	x, y := New(Config{Self: codecOrigin}), New(Config{Self: peer})
	x.PeerUp(peer)
	x.PeerUp(eventnode.NodeRef{ID: "n3", Epoch: 1})
	y.PeerUp(codecOrigin)
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		x.Change("bench", []table.Delta{{Group: "g" + fmt.Sprint(i), Joined: []table.Member{{Ref: 7, Times: 1}}}})
		outs, evs := x.Take()
		for _, o := range outs {
			if o.To == peer {
				y.Receive(codecOrigin, o.Msg)
			}
		}
		x.Done(outs, evs)
		y.Flush()
		y.Done(y.Take())
	}
}
