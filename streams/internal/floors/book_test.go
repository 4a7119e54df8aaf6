package floors

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
)

func TestBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "floors")
	open := func() *Book {
		t.Helper()
		b, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	save := func(b *Book) {
		t.Helper()
		if err := b.Save(); err != nil {
			t.Fatal(err)
		}
	}
	first, second := uuid.New(), uuid.New()
	b := open()
	save(b)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("an empty book was written: %v", err)
	}
	b.Note(first, 10)
	b.Note(second, 3)
	save(b)
	b = open()
	b.Note(first, 7) // it never falls
	if b.Of(first) != 10 || b.Of(second) != 3 || b.Of(uuid.New()) != 0 {
		t.Errorf("floors are %v", b.floors)
	}
	b.Keep([]uuid.UUID{second})
	save(b)
	if b = open(); b.Of(first) != 0 || b.Of(second) != 3 {
		t.Errorf("kept %v", b.floors)
	}
}

func TestBookIsBounded(t *testing.T) {
	b, err := Load(filepath.Join(t.TempDir(), "floors"))
	if err != nil {
		t.Fatal(err)
	}
	first := uuid.New()
	b.Note(first, 1)
	for range 2 * maxReplicas {
		b.Note(uuid.New(), 1)
	}
	if len(b.floors) != maxReplicas {
		t.Errorf("%d replicas are remembered, want %d", len(b.floors), maxReplicas)
	}
	if b.Note(first, 2); b.Of(first) != 2 {
		t.Error("a full book takes nothing more of one that it has")
	}
}

// No byte can be changed, and no end cut, without that being seen; the book is
// usable then.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "floors")
	good := encode(map[uuid.UUID]uint64{uuid.New(): 17, uuid.New(): 1 << 60})
	check := func(raw []byte) {
		t.Helper()
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Load(path)
		if !errors.Is(err, ErrDamaged) || len(b.floors) != 0 {
			t.Errorf("%q: %v", raw, err)
		}
	}
	for i := range good {
		check(good[:i])
		bad := append([]byte(nil), good...)
		bad[i] ^= 4
		check(bad)
	}
}

func FuzzBook(f *testing.F) {
	f.Add(encode(nil))
	f.Add(encode(map[uuid.UUID]uint64{uuid.New(): 17}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		floors, err := decode(raw)
		if err != nil {
			return
		}
		again, err := decode(encode(floors))
		if err != nil || !maps.Equal(floors, again) {
			t.Errorf("%v, %v, want %v", again, err, floors)
		}
	})
}
