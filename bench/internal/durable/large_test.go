package durable

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

func TestRoom(t *testing.T) {
	if err := room(t.TempDir(), 1); err != nil {
		t.Error(err)
	}
	if err := room(t.TempDir(), math.MaxInt64); err == nil || !strings.Contains(err.Error(), "--gib") {
		t.Errorf("more than there is: %v", err)
	}
}

// Files in all directories count, and are still what they were when the kernel has
// forgotten them.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "x"), filepath.Join(deep, "y")} {
		if err := os.WriteFile(name, []byte(strings.Repeat("z", 5000)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := forget(dir); err != nil {
		t.Fatal(err)
	}
	if n, err := diskUsage(dir); err != nil || n != 10_000 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if text, err := os.ReadFile(filepath.Join(deep, "y")); err != nil || len(text) != 5000 || text[4999] != 'z' {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0.5: 3, 0.99: 5, 1: 5, 0.2: 1} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

// Nothing durable is measured where an fsync is nothing.
func TestVolatile(t *testing.T) {
	if _, err := open(t.Context(), &suite.Env{Volatile: true}, suite.Eventnode); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Error(err)
	}
}
