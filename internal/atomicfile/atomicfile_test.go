package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/eventnode/eventnode/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path+atomicfile.Suffix, []byte("left of a crash, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"first", "2nd", ""} {
		if err := atomicfile.Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("%q, %v, want %q", got, err, content)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// What could not be replaced stays as it was, and nothing is left beside it.
func TestWriteFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(dir, []byte("x")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if _, err := os.Stat(dir + atomicfile.Suffix); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "none", "file"), []byte("x")); err == nil {
		t.Error("written into a directory that is not there")
	}
}
