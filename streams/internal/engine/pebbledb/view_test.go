package pebbledb_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// A view of a checkpoint sees all that the store had then, whatever becomes of the
// store; one byte that is changed in a table is found by reading, and is the end of
// neither.
func TestView(t *testing.T) {
	script := enginetest.Script{Seed: enginetest.Seed(t)}
	dir := t.TempDir()
	s := mustOpen(t, pebbledb.Config{Dir: filepath.Join(dir, "store")})
	defer func() { _ = s.Close() }()
	for i := uint64(1); i <= 200; i++ {
		if err := script.Commit(s, i, i); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(dir, "copy")
	if _, err := s.Checkpoint(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	at, chain := s.Applied()
	if err := script.Commit(s, 201, 201); err != nil {
		t.Fatal(err)
	}
	look := func() error {
		v, err := pebbledb.OpenView(pebbledb.Config{Dir: copied})
		if err != nil {
			return err
		}
		if now, c := v.Applied(); now != at || c != chain || v.Size() == 0 {
			t.Errorf("%v %v, %d bytes; want %v %v", now, c, v.Size(), at, chain)
		}
		return errors.Join(enginetest.Compare(v, enginetest.NewModel(script).To(200)), v.Close())
	}
	for range 2 { // it leaves the directory as it was
		if err := look(); err != nil {
			t.Fatal(err)
		}
	}
	tables, err := filepath.Glob(filepath.Join(copied, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	// A file of its own: the store has the other one.
	b, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/3] ^= 1
	if err := errors.Join(os.Remove(tables[0]), os.WriteFile(tables[0], b, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := look(); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("a byte was changed: %v", err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("the store has ended: %v", err)
	}
}

// What is closed is not read.
func TestViewClosed(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, pebbledb.Config{Dir: filepath.Join(dir, "store")})
	defer func() { _ = s.Close() }()
	if _, err := s.Checkpoint(t.Context(), filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	v, err := pebbledb.OpenView(pebbledb.Config{Dir: filepath.Join(dir, "copy")})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Close(), v.Close()); err != nil {
		t.Error(err)
	}
	if _, err := v.Get([]byte("a"), nil); !errors.Is(err, engine.ErrClosed) {
		t.Error(err)
	}
	if _, err := pebbledb.OpenView(pebbledb.Config{Dir: filepath.Join(dir, "nowhere")}); err == nil {
		t.Error("opened what is not there")
	}
}
