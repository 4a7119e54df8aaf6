package streams

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/identity"
)

// damagedDir is a data directory of a cluster, with something in it.
func damagedDir(t *testing.T, cluster uuid.UUID) (dir string, id uuid.UUID) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), DirName)
	if err := prepare(dir, cluster); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(partitionDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(partitionDir(dir), "data"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, idOf(t, dir)
}

func idOf(t *testing.T, dir string) uuid.UUID {
	t.Helper()
	id, _, err := identity.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A crash after each step: at the next start there is the old directory whole, or the
// new one, of the same cluster and empty; and it can be replaced (again).
func TestReplacingIsResumed(t *testing.T) {
	cluster := uuid.New()
	nothing := func() error { return nil }
	total := len(replacing("", cluster, nothing))
	for done := range total + 1 {
		t.Run(fmt.Sprint(done), func(t *testing.T) {
			dir, old := damagedDir(t, cluster)
			for i, step := range replacing(dir, cluster, nothing)[:done] {
				if err := step(); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			if err := resume(dir); err != nil {
				t.Fatal(err)
			}
			state, err := forming.Load(dir)
			if err != nil || state.Stage != forming.Belongs || state.Founding.Cluster != cluster {
				t.Fatalf("it remembers %+v, %v", state, err)
			}
			_, data := os.Stat(filepath.Join(partitionDir(dir), "data"))
			if isOld := idOf(t, dir) == old; isOld != (data == nil) {
				t.Errorf("the old UUID: %v, the old data: %v", isOld, data)
			}
			if isOld := idOf(t, dir) == old; isOld != (done < total-1) {
				t.Errorf("after %d steps it is the old one: %v", done, isOld)
			}
			for i, step := range replacing(dir, cluster, nothing) {
				if err := step(); err != nil {
					t.Fatalf("again, step %d: %v", i, err)
				}
			}
			if id := idOf(t, dir); id == old || id == uuid.Nil {
				t.Errorf("it has the UUID %v", id)
			}
			if _, err := os.Stat(dir + nextSuffix); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}

// A directory that somebody removed is not replaced by half of another one; and one
// that is there is left alone.
func TestResumeOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), DirName)
	if err := resume(dir); err != nil {
		t.Error(err)
	}
	if err := os.MkdirAll(dir+nextSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := resume(dir); err != nil {
		t.Error(err)
	}
	for _, path := range []string{dir, dir + nextSuffix} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What is on another file system goes before the old directory does: a copy that has
// its UUID still, and lacks what it had, is found out by its peers.
func TestReplacingClearsFirst(t *testing.T) {
	dir, old := damagedDir(t, uuid.New())
	failed := errors.New("failed")
	for _, step := range replacing(dir, uuid.New(), func() error { return failed }) {
		if err := step(); errors.Is(err, failed) {
			break
		}
	}
	if err := resume(dir); err != nil || idOf(t, dir) != old {
		t.Errorf("%v, %v", err, idOf(t, dir))
	}
}
