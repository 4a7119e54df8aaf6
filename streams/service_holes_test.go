package streams

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
	"github.com/eventnode/eventnode/streams/internal/ranges"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// withHoles is a view of stream 1, with six chunks of two events, of which the second,
// the third and the last are gone: all that one group has acked.
func withHoles(t *testing.T) state.View {
	store, err := mapdb.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	group := &storagev1.GroupRef{Stream: 1, Group: "g"}
	cmds := []*storagev1.Command{
		{Command: &storagev1.Command_DeclareStream{DeclareStream: &storagev1.DeclareStream{Name: &storagev1.StreamName{Name: "a"}}}},
		{Command: &storagev1.Command_AddGroup{AddGroup: &storagev1.AddGroup{Group: group}}},
		{Command: &storagev1.Command_GrantLease{GrantLease: &storagev1.GrantLease{Group: "g", Consumer: 1, Streams: []uint64{1}, Holder: make([]byte, 16)}}},
	}
	var b state.EntryBuilder
	for _, c := range cmds {
		if err := b.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	ev := event.Event{ID: event.ID{1}, Name: "a"}
	two := wire.AppendEnvelope(wire.AppendEnvelope(nil, nil, &ev), nil, &ev)
	for range 6 {
		if err := b.Publish(&storagev1.Publish{Stream: 1, Count: 2, Checksum: state.Checksum(two)}, two); err != nil {
			t.Fatal(err)
		}
	}
	acked := ranges.Union(ranges.Of(3, 6), ranges.Of(11, 12))
	for _, c := range []*storagev1.Command{
		{Command: &storagev1.Command_Fetch{Fetch: &storagev1.Fetch{Group: "g", Consumer: 1, MaxEvents: 99, Leases: []*storagev1.StreamLease{{Stream: 1, Epoch: 1}}}}},
		{Command: &storagev1.Command_Settle{Settle: &storagev1.Settle{Group: "g", Consumer: 1, Verb: storagev1.Verb_VERB_ACK,
			Settlements: []*storagev1.Settlement{{Stream: 1, Epoch: 1, Ranges: acked.Encode()}}}}},
	} {
		if err := b.Add(proto.CloneOf(c)); err != nil {
			t.Fatal(err)
		}
	}
	machine, batch := state.New(0), store.NewBatch()
	entries := [][]byte{b.Finish(1)}
	if err := b.Add(&storagev1.Command{Command: &storagev1.Command_Expire{Expire: &storagev1.Expire{}}}); err != nil {
		t.Fatal(err)
	}
	for i, data := range append(entries, b.Finish(100_000)) {
		results, err := machine.Apply(batch, data)
		for _, r := range results {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		batch.Seal(engine.Applied{Index: uint64(i + 1), Term: 1})
	}
	if err := batch.Commit(engine.Applied{Index: 2, Term: 1}); err != nil {
		t.Fatal(err)
	}
	return state.NewView(store, 0)
}

// A reader goes past what all groups have acked, to the end, and reads nothing twice.
func TestReadPastHoles(t *testing.T) {
	v := withHoles(t)
	for _, c := range []struct{ from, end, most, count, next uint64 }{
		{1, 13, 99, 6, 13}, {1, 13, 2, 2, 3}, {3, 13, 99, 4, 13}, {5, 13, 1, 1, 8}, {8, 13, 99, 3, 13}, {11, 13, 99, 0, 13}, {1, 9, 99, 4, 9}, {3, 7, 99, 0, 7},
	} {
		var p piece
		if err := p.fill(v, 1, c.from, c.end, c.most); err != nil || p.count != c.count || p.next != c.next {
			t.Errorf("%+v: %d events, the next is %d, %v", c, p.count, p.next, err)
		}
	}
}
