package pebbledb_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

const victimEnv = "ENGINE_VICTIM"

// TestVictim is the process that TestKill kills: it writes without end, and
// says what is applied and what is durable.
func TestVictim(t *testing.T) {
	dir, seed, ok := strings.Cut(os.Getenv(victimEnv), "#")
	if !ok {
		t.Skip("run by TestKill")
	}
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	script := enginetest.Script{Seed: n, Large: true}
	s := mustOpen(t, pebbledb.Config{Dir: dir, MemoryBytes: 4 << 20})
	at, _ := s.Applied()
	for i := at.Index + 1; ; i++ {
		if _, err := fmt.Fprintf(os.Stdout, "at %d %d\n", i, s.Durable()); err != nil {
			t.Fatal(err)
		}
		if err := script.Commit(s, i, i); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKill: kill -9 at any moment leaves a prefix, also when it comes again and
// again on the same files.
func TestKill(t *testing.T) {
	seed := enginetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := filepath.Join(t.TempDir(), "store")
	script := enginetest.Script{Seed: seed, Large: true}
	last, durable := uint64(0), uint64(0)
	for range 6 {
		last, durable = killAfter(t, dir, seed, last+rng.Uint64N(150))
		s := mustOpen(t, pebbledb.Config{Dir: dir, MemoryBytes: 4 << 20})
		at, _ := s.Applied()
		if at.Index < durable || at.Index > last {
			t.Fatalf("killed at %d, durable %d, open at %d", last, durable, at.Index)
		}
		enginetest.Check(t, s, enginetest.NewModel(script).To(at.Index))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("killed at %d, durable %d, open at %d", last, durable, at.Index)
		last = at.Index
	}
}

// killAfter lets a victim write past entry stop, kills it and returns what it
// said last.
func killAfter(t *testing.T, dir string, seed, stop uint64) (last, durable uint64) {
	t.Helper()
	victim := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), fmt.Sprintf("%s=%s#%d", victimEnv, dir, seed))
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var a, d uint64
		if n, _ := fmt.Sscanf(lines.Text(), "at %d %d", &a, &d); n != 2 {
			continue
		}
		last, durable = a, d
		if last > stop && !killed {
			killed = true
			if err := victim.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = victim.Wait() // it was killed
	if !killed {
		t.Fatalf("the victim ended by itself at %d", last)
	}
	return last, durable
}
