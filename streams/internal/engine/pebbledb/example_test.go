package pebbledb_test

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// Two entries of the log are applied in one batch.
func Example() {
	store, err := pebbledb.Open(pebbledb.Config{Dir: "partition-1", FS: vfs.NewMem()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()

	batch := store.NewBatch()
	defer batch.Close()
	batch.Set([]byte("stream/1"), []byte("head "), []byte("body"))
	batch.Seal(engine.Applied{Index: 1, Term: 1})
	batch.Set([]byte("stream/2"), []byte("more"))
	if err := batch.Commit(engine.Applied{Index: 2, Term: 1}); err != nil {
		fmt.Println(err)
		return
	}

	for e, err := range store.Scan([]byte("stream/"), []byte("stream0"), engine.Descending) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %s\n", e.Key, e.Value)
	}
	durable, err := store.Flush(context.Background())
	fmt.Println(durable, err)
	// Output:
	// stream/2: more
	// stream/1: head body
	// 2 <nil>
}
