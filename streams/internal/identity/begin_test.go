package identity

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A directory that somebody fills is nobody's until it is finished, and then has
// the UUID that was said.
func TestBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	u, err := Begin(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}); !errors.Is(err, ErrLocked) {
		t.Errorf("opened while it is filled: %v", err)
	}
	if err := os.WriteFile(filepath.Join(path, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = u.Close() // as a crash does
	if _, err := Open(Config{Path: path}); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("opened unfinished: %v", err)
	}
	if _, err := Begin(path); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("begun with something in it: %v", err)
	}
	if err := os.Remove(filepath.Join(path, "data")); err != nil {
		t.Fatal(err)
	}
	if u, err = Begin(path); err != nil {
		t.Fatal(err)
	}
	if err := u.Finish(0); err != nil {
		t.Fatal(err)
	}
	_ = u.Close()
	d := open(t, path)
	if d.UUID() != u.UUID() || d.Format() != Format {
		t.Errorf("it is %v, was to be %v", d.UUID(), u.UUID())
	}
	_ = d.Close()
	if _, err := Begin(path); err == nil {
		t.Error("begun where a replica lives")
	}
}
