package pebbledb_test

import (
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// A store that is opened with more to compact than lets anybody write compacts it, and
// takes writes.
func TestOpenedBehind(t *testing.T) {
	cfg := pebbledb.Config{Dir: t.TempDir(), MemoryBytes: 4 << 20}
	value := values(64 << 10)
	n := uint64(0)
	commit := func(s *pebbledb.Store, size int) {
		t.Helper()
		n++
		batch := s.NewBatch()
		batch.Set(row(1, 0), value[n%64][:size])
		batch.Set(row(9, n), value[n%64][:size])
		if err := batch.Commit(engine.Applied{Index: n, Term: 1}); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, cfg)
	s.HoldCompactions()
	for range 20 { // tables that overlap
		commit(s, 100)
		if _, err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, cfg)
	for range 40 {
		commit(s, 64<<10)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
