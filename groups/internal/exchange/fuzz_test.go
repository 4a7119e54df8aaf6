package exchange

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// FuzzReceive hands arbitrary messages, one after the other, to a node. It must
// not fail, keep its own part, and tell exactly what changed.
func FuzzReceive(f *testing.F) {
	add := func(msgs ...[]byte) {
		var b []byte
		for _, m := range msgs {
			b = binary.BigEndian.AppendUint16(b, uint16(len(m)))
			b = append(b, m...)
		}
		f.Add(b)
	}
	peer := eventnode.NodeRef{ID: "p", Epoch: 3}
	joined := []table.Delta{{Group: "g", Joined: []table.Member{{Ref: 1, Times: 2, Meta: "m"}, {Ref: 2, Times: 1}}}}
	add(changeSet("", peer, 1, []table.Diff{{Group: "g", Joined: joined[0].Joined}}),
		changeSet("", peer, 2, []table.Diff{{Group: "g", Left: joined[0].Joined}}))
	other := New(Config{Self: peer}).scope("s")
	other.table.Apply(peer, 9, joined)
	add(chunks(other, table.Part{Ref: peer, Version: 9})...)
	add(digest([]*clusterv1.DigestEntry{entry("", table.Part{Ref: peer, Version: 4})}, true), pullMessage("", peer, 0))
	add(applied("", 1, 1), applied("", 1, 1<<63), pullMessage("", eventnode.NodeRef{ID: "self", Epoch: 1}, 0))
	add(encode(&clusterv1.Exchange{Message: &clusterv1.Exchange_Hash{Hash: &clusterv1.Hash{Sum: 1}}}), nil)

	f.Fuzz(func(t *testing.T, data []byte) {
		self := eventnode.NodeRef{ID: "self", Epoch: 1}
		x := New(Config{Self: self, LogLength: 2})
		x.NodeAlive(eventnode.NodeRef{ID: "q", Epoch: 1})
		x.PeerUp(peer)
		x.Change("", []table.Delta{{Group: "mine", Joined: []table.Member{{Ref: 1, Times: 1}}}})
		folded := map[string]view{}
		for len(data) >= 2 {
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			x.Receive(peer, data[2:2+n])
			data = data[2+n:]
		}
		x.Tick(1)
		x.Flush()
		_, evs := x.Take()
		for _, e := range evs {
			if folded[e.Scope] == nil {
				folded[e.Scope] = view{}
			}
			if err := folded[e.Scope].fold(e.Origin, e.Diffs); err != nil {
				t.Fatal(err)
			}
		}
		var sum uint64
		for _, name := range x.names() {
			want := folded[name]
			if want == nil {
				want = view{}
			}
			if d := cmp.Diff(want, has(x, name)); d != "" {
				t.Fatalf("scope %q (-folded +has): %s", name, d)
			}
			for _, p := range x.Table(name).Parts() {
				sum += share(name, p)
			}
		}
		if sum != x.sum {
			t.Fatalf("the sum is %x, want %x", x.sum, sum)
		}
		if m := x.Table("").Standing(eventnode.MemberRef{Node: self, Ref: 1}, "mine"); m.Times != 1 {
			t.Fatal("its own part was changed")
		}
	})
}
