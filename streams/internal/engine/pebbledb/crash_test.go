package pebbledb_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// small makes memtables of 1 MiB, so that there are flushes and compactions
// all the time.
func small(fs vfs.FS) pebbledb.Config {
	return pebbledb.Config{Dir: "store", MemoryBytes: 4 << 20, FS: fs}
}

func mustOpen(t testing.TB, c pebbledb.Config) *pebbledb.Store {
	t.Helper()
	s, err := pebbledb.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// moment is the file system as a power loss would leave it.
type moment struct {
	fs      *vfs.MemFS
	durable uint64
}

// TestPowerLoss: whenever the power goes, and whatever part of the bytes that
// were not synced reached the disk, a store holds a prefix, with its chain, and
// not less than it called durable.
func TestPowerLoss(t *testing.T) {
	script := enginetest.Script{Seed: enginetest.Seed(t), Large: true}
	rounds, last := uint64(3), uint64(250)
	if testing.Short() { // with the race detector a round takes half a minute
		rounds, last = 1, 60
	}
	for round := range rounds {
		script.Seed += round
		powerLoss(t, script, last)
	}
}

func powerLoss(t *testing.T, script enginetest.Script, last uint64) {
	rng := newRand(script.Seed)
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, small(fs))
	var moments []moment
	turns := make(chan struct{}, last) // the writer does not wait for the crashes
	go func() {
		defer close(turns)
		for i := range last {
			if err := script.Commit(s, i+1, i+1); err != nil {
				t.Error(err)
				return
			}
			turns <- struct{}{}
		}
	}()
	for range turns {
		if rng.Uint64N(last/6) > 0 {
			continue
		}
		m := moment{durable: s.Durable()}
		m.fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 0, 50, 100}[rng.IntN(4)], RNG: rng})
		moments = append(moments, m)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range moments {
		after := mustOpen(t, small(m.fs))
		enginetest.Recovered(t, after, script, m.durable, last)
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d crashes", len(moments))
}

// TestCrash is the loss of everything that was not synced, between two calls.
func TestCrash(t *testing.T) {
	var fs *vfs.MemFS
	enginetest.RunCrash(t, func(t testing.TB, _ string) engine.Store {
		fs = vfs.NewCrashableMem()
		return mustOpen(t, small(fs))
	}, func(t testing.TB, s engine.Store) engine.Store {
		left := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return mustOpen(t, small(left))
	})
}
