package pebbledb_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// harm is something that happens to a file.
type harm struct {
	name string
	do   func(rng *rand.Rand, b []byte) []byte // nil: the file is removed
}

func harms() []harm {
	return []harm{
		{"removed", func(*rand.Rand, []byte) []byte { return nil }},
		{"cut", func(rng *rand.Rand, b []byte) []byte { return b[:rng.IntN(len(b))] }},
		{"emptied", func(*rand.Rand, []byte) []byte { return []byte{} }},
		{"flipped", func(rng *rand.Rand, b []byte) []byte {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			return b
		}},
		{"overwritten", func(rng *rand.Rand, b []byte) []byte {
			at := rng.IntN(len(b))
			clear(b[at:min(at+4096, len(b))])
			return b
		}},
	}
}

// TestDamage: whatever happens to a file, a store either says that it is
// damaged, or holds a prefix. It never hands out anything else.
func TestDamage(t *testing.T) {
	script := enginetest.Script{Seed: enginetest.Seed(t)}
	rng := newRand(script.Seed)
	const last = 500
	disk := written(t, script, last)
	said := map[string]int{}
	for _, name := range files(t, disk) {
		for _, h := range harms() {
			fs := disk.CrashClone(vfs.CrashCloneCfg{})
			if !inflict(t, fs, "store/"+name, h, rng) {
				continue
			}
			is := look(t, fs, script, last, name+" "+h.name)
			if strings.HasPrefix(name, "marker") && is != "damaged" {
				t.Errorf("%s %s: %s", name, h.name, is) // not a new, empty store
			}
			kind, _, _ := strings.Cut(strings.TrimLeft(name, "0123456789"), "-0")
			said[kind+" "+h.name+": "+is]++
		}
	}
	for what, n := range said {
		t.Log(what, n)
	}
	if said[".sst flipped: damaged"] == 0 {
		t.Error("no damage to a table was found")
	}
}

func written(t *testing.T, script enginetest.Script, last uint64) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	s := mustOpen(t, small(disk))
	for i := uint64(1); i <= last; i++ {
		if err := script.Commit(s, i, i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

func files(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List("store")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	tables := 0 // Pebble takes its time over a bad checksum: it looks for the bit
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			tables++
		}
		if name != "LOCK" && (tables <= 4 || !strings.HasSuffix(name, ".sst")) {
			files = append(files, name)
		}
	}
	return files
}

// inflict reports whether the file is another one now.
func inflict(t *testing.T, fs *vfs.MemFS, name string, h harm, rng *rand.Rand) bool {
	t.Helper()
	old, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := old.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if len(b) > 0 {
		if _, err := old.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	before := string(b)
	if len(b) == 0 && h.name != "removed" {
		return false
	}
	b = h.do(rng, b)
	if err := errors.Join(old.Close(), fs.Remove(name)); err != nil {
		t.Fatal(err)
	}
	if b == nil {
		return true
	}
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b) != before
}

// look opens what is left and says how it is.
func look(t *testing.T, fs vfs.FS, script enginetest.Script, last uint64, what string) string {
	t.Helper()
	s, err := pebbledb.Open(small(fs))
	if err != nil {
		if !errors.Is(err, engine.ErrDamaged) {
			t.Errorf("%s: open: %v", what, err)
		}
		return "damaged"
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}()
	at, chain := s.Applied()
	m := enginetest.NewModel(script).To(min(at.Index, last))
	err = enginetest.Compare(s, m)
	switch {
	case errors.Is(err, engine.ErrDamaged):
		if !errors.Is(s.Err(), engine.ErrDamaged) {
			t.Errorf("%s: damaged, but the store goes on", what)
		}
		return "damaged"
	case err != nil:
		t.Errorf("%s: %v (chain %v)", what, err, chain)
		return "wrong"
	case at.Index < last:
		return "a prefix"
	}
	return "whole"
}

// TestFormat: files of a newer version are refused in words.
func TestFormat(t *testing.T) {
	disk := written(t, enginetest.Script{}, 10)
	for _, name := range files(t, disk) {
		if !strings.HasPrefix(name, "marker.format-version.") {
			continue
		}
		newer := name[:strings.LastIndexByte(name, '.')] + ".999"
		if err := disk.Rename("store/"+name, "store/"+newer); err != nil {
			t.Fatal(err)
		}
	}
	_, err := pebbledb.Open(small(disk))
	if !errors.Is(err, engine.ErrFormat) || !strings.Contains(err.Error(), "format 999, this program knows up to") {
		t.Fatalf("open: %v", err)
	}
}

// TestLocked: a directory belongs to one store at a time.
func TestLocked(t *testing.T) {
	c := pebbledb.Config{Dir: t.TempDir()}
	s := mustOpen(t, c)
	if _, err := pebbledb.Open(c); err == nil || errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("open twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestConfig: what makes no sense is refused.
func TestConfig(t *testing.T) {
	for _, c := range []pebbledb.Config{{}, {Dir: "x", MemoryBytes: 1}, {Dir: "x", MemoryBytes: -1}} {
		if _, err := pebbledb.Open(c); err == nil {
			t.Errorf("%+v opened", c)
		}
	}
}
