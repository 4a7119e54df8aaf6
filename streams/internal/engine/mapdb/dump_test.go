package mapdb

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

func sample(t testing.TB) *Store {
	t.Helper()
	s, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	batch := s.NewBatch()
	batch.Set([]byte{1}, []byte("a"))
	batch.Set([]byte{1, 0})
	batch.Set([]byte{2}, make([]byte, 300))
	if err := batch.Commit(engine.Applied{Index: 4, Term: 2}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDumpDamaged: a dump that is cut or changed anywhere is refused.
func TestDumpDamaged(t *testing.T) {
	whole := encode(sample(t).now)
	for n := range whole {
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x10
		for _, b := range [][]byte{whole[:n], flipped} {
			if _, err := decode(b); !errors.Is(err, engine.ErrDamaged) {
				t.Fatalf("at byte %d: %v", n, err)
			}
		}
	}
}

// TestDumpSame: the same content is the same file.
func TestDumpSame(t *testing.T) {
	dir := t.TempDir()
	var files [2][]byte
	for n := range files {
		to := filepath.Join(dir, string(rune('a'+n)))
		if _, err := sample(t).Checkpoint(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[n], err = os.ReadFile(filepath.Join(to, dumpName)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two dumps differ")
	}
}

// FuzzDecode also hands the bytes to what is behind the checksum.
func FuzzDecode(f *testing.F) {
	f.Add(encode(sample(f).now))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := decode(b); err == nil && !bytes.Equal(encode(v), b) {
			t.Error("decoded to something else")
		}
		if tree, err := decodeTree(b); err == nil && tree.Len() > len(b) {
			t.Error("more rows than bytes")
		}
	})
}
