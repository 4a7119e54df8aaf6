package enginetest

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Open opens a store in dir, which is missing, or holds a checkpoint.
type Open func(t testing.TB, dir string) engine.Store

// Run runs the conformance tests.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"Model":              testModel,
		"ReadYourWrites":     testReadYourWrites,
		"ScanWhileWriting":   testScanWhileWriting,
		"SnapshotUnderWrite": testSnapshotUnderWrite,
		"Values":             testValues,
		"DeleteRange":        testDeleteRange,
		"Reverse":            testReverse,
		"Discard":            testDiscard,
		"BadKeys":            testBadKeys,
		"Order":              testOrder,
		"ChainAndBatches":    testChainAndBatches,
		"ChainSeesAll":       testChainSeesAll,
		"Flush":              testFlush,
		"Checkpoint":         testCheckpoint,
		"CheckpointOpen":     testCheckpointUnderWrite,
		"Closed":             testClosed,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// Seed returns one that differs each time, and prints it.
func Seed(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return seed
}

func fresh(t testing.TB, open Open) engine.Store {
	t.Helper()
	return keep(t, open, filepath.Join(t.TempDir(), "store"))
}

func keep(t testing.TB, open Open, dir string) engine.Store {
	t.Helper()
	s := open(t, dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testModel: whatever is asked in whatever order, an engine answers as a map
// does.
func testModel(t *testing.T, open Open) {
	script := Script{Seed: Seed(t)}
	rng := rand.New(rand.NewPCG(script.Seed, 0))
	s, m := fresh(t, open), NewModel(script)
	for m.Applied.Index < 1500 {
		step(t, rng, s, m)
	}
	Check(t, s, m)
}

// step commits a batch of a few entries, and looks at it from inside before.
func step(t testing.TB, rng *rand.Rand, s engine.Store, m *Model) {
	t.Helper()
	if rng.IntN(20) == 0 {
		_, err := s.Flush(t.Context())
		must(t, err)
	}
	batch := s.NewBatch()
	defer batch.Close()
	for range 1 + rng.IntN(4) {
		i := m.Applied.Index + 1
		m.Script.Apply(batch, i)
		batch.Seal(m.Script.Position(i))
		m.To(i)
		checkSome(t, rng, batch, m)
	}
	if at, chain := batch.Applied(); at != m.Applied || chain != m.Chain {
		t.Fatalf("the batch is at %v with %v, want %v with %v", at, chain, m.Applied, m.Chain)
	}
	must(t, batch.Commit(m.Applied))
	checkSome(t, rng, s, m)
}
