package snapshot_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
)

// A snapshot of one's own is a flush and a small file. Raft does what is between
// the lines.
func ExampleStore_Snapshot() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var state engine.Store
	store, err := snapshot.Open(snapshot.Config{
		Dir:    filepath.Join(dir, "replica"),
		Engine: func() engine.Store { return state },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()
	if state, err = mapdb.Open(store.State()); err != nil {
		fmt.Println(err)
		return
	}
	batch := state.NewBatch()
	batch.Set([]byte("k"), []byte("v"))
	if err := batch.Commit(engine.Applied{Index: 7, Term: 2}); err != nil {
		fmt.Println(err)
		return
	}

	snap := store.Snapshot()                                         // FSM.Snapshot
	sink, err := store.Create(1, 7, 2, raft.Configuration{}, 0, nil) // raft
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := snap.Persist(sink); err != nil { // raft
		fmt.Println(err)
		return
	}
	if err := sink.Close(); err != nil { // raft
		fmt.Println(err)
		return
	}
	list, err := store.List()
	fmt.Println(list[0].ID, "durable:", state.Durable(), err)
	// Output: 2-7-2 durable: 7 <nil>
}
