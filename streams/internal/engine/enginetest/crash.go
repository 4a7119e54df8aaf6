package enginetest

import (
	"math/rand/v2"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Recovered fails the test unless s, which was opened after a crash, holds
// exactly what script wrote up to some entry, not before durable. Then it applies
// the rest up to last again, in other batches, and compares once more.
func Recovered(t testing.TB, s engine.Store, script Script, durable, last uint64) {
	t.Helper()
	at, _ := s.Applied()
	if at.Index < durable || at.Index > last {
		t.Fatalf("after a crash the store is at %d, it was durable up to %d and written up to %d", at.Index, durable, last)
	}
	m := NewModel(script).To(at.Index)
	Check(t, s, m)
	if got := s.Durable(); got != at.Index {
		t.Fatalf("after a crash the store is at %d, and durable up to %d", at.Index, got)
	}
	for from := at.Index + 1; from <= last; from += 5 {
		must(t, script.Commit(s, from, min(from+4, last)))
	}
	Check(t, s, m.To(last))
}

// RunCrash writes, flushes and crashes, many times over. Crash ends a store as
// a power loss would, and opens what is left.
func RunCrash(t *testing.T, open Open, crash func(testing.TB, engine.Store) engine.Store) {
	script := Script{Seed: Seed(t)}
	rng := rand.New(rand.NewPCG(script.Seed, 0))
	for range 20 {
		s, last, durable := open(t, ""), uint64(0), uint64(0)
		for range rng.IntN(40) {
			must(t, script.Commit(s, last+1, last+3))
			last += 3
			if rng.IntN(8) == 0 {
				var err error
				durable, err = s.Flush(t.Context())
				must(t, err)
			}
		}
		s = crash(t, s)
		Recovered(t, s, script, durable, last)
		must(t, s.Close())
	}
}
