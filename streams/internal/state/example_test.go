package state_test

import (
	"fmt"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// An entry with two commands is built, applied, and read back.
func Example() {
	records := wire.AppendEnvelope(nil, nil, &event.Event{ID: event.ID{15: 1}, Name: "order.created"})
	var entry state.EntryBuilder
	declare := &storagev1.DeclareStream{Name: &storagev1.StreamName{Name: "orders"}}
	err := entry.Add(&storagev1.Command{Command: &storagev1.Command_DeclareStream{DeclareStream: declare}})
	if err == nil {
		err = entry.Publish(&storagev1.Publish{Stream: 1, Count: 1, Checksum: state.Checksum(records)}, records)
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	store, err := mapdb.Open("")
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := store.NewBatch()
	results, err := state.New(1).Apply(batch, entry.Finish(1_719_500_000_000))
	if err == nil {
		err = batch.Commit(engine.Applied{Index: 1, Term: 1})
	}
	fmt.Println(results[0].Created, results[1].Published.First, err)

	for s, err := range state.NewView(store, 1).Read(1, 1, state.NoLimit) {
		fmt.Println(s.Number, s.First, s.Count, err)
	}
	// Output:
	// true 1719500000001-0 <nil>
	// 1 1719500000001-0 1 <nil>
}
