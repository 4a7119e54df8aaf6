package state

import (
	"path/filepath"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
)

// aLog is entries as chance makes them.
func aLog(tb testing.TB, seed uint64, entries int) (log [][]byte) {
	c := chance{newRand(seed), newModel(smallBounds())}
	for range entries {
		stamp, ops := c.entry()
		log = append(log, entryOf(tb, stamp, ops...))
		c.model.entry(stamp, ops)
	}
	return log
}

func (r *replica) small() *replica {
	r.bounds = smallBounds()
	return r
}

// The same log makes the same state, to the byte: on both engines, however its
// entries are put together in batches, and from a copy of each moment on.
func TestReplay(t *testing.T) {
	entries, every := 400, 1
	if testing.Short() {
		entries, every = 150, 3
	}
	replays(t, aLog(t, enginetest.Seed(t), entries), smallBounds(), every)
}

// The same with consumer groups, also where each step does as little as it may.
func TestGroupsReplay(t *testing.T) {
	entries, every := 400, 5
	if testing.Short() {
		entries, every = 150, 10
	}
	log := aGroupLog(t, enginetest.Seed(t), entries)
	t.Run("whole", func(t *testing.T) { replays(t, log, groupBounds(), every) })
	t.Run("bounded", func(t *testing.T) { replays(t, log, tinyBounds(), every) })
}

// tinyBounds make a step leave nearly all to the next one.
func tinyBounds() bounds {
	return bounds{producers: 4, chunks: 1, forget: 1, acked: 1, rows: 2, ahead: 3, bury: 1}
}

// aGroupLog is entries with commands of consumer groups, as chance makes them.
func aGroupLog(tb testing.TB, seed uint64, entries int) (log [][]byte) {
	r := inMemory(tb)
	r.bounds = groupBounds()
	c := chance{newRand(seed), newModel(r.bounds)}
	for range entries {
		stamp, ops := c.groupEntry()
		log = append(log, entryOf(tb, stamp, ops...))
		if err := c.follow(r.view(), stamp, ops, r.play(log[len(log)-1]), map[string]int{}); err != nil {
			tb.Fatal(err)
		}
	}
	return log
}

// replays plays a log in many ways, which all make the same state.
func replays(t *testing.T, log [][]byte, bounds bounds, every int) {
	entries := len(log)
	open := engines()["mapdb"]
	with := func(r *replica) *replica { r.bounds = bounds; return r }
	var chains []engine.Chain // after so many entries
	full := with(newReplica(t, open, ""))
	for _, e := range log {
		chains = append(chains, full.chain())
		full.play(e)
	}
	chains = append(chains, full.chain())

	t.Run("batches", func(t *testing.T) {
		for _, size := range []int{2, 7, entries} {
			r := with(newReplica(t, open, ""))
			for at := 0; at < entries; at += size {
				r.play(log[at:min(at+size, entries)]...)
			}
			if r.chain() != full.chain() {
				t.Errorf("batches of %d: chain %v, want %v", size, r.chain(), full.chain())
			}
		}
	})
	t.Run("copies", func(t *testing.T) {
		r := with(newReplica(t, open, ""))
		for i, e := range log {
			if i%every == 0 {
				// The copy goes on with a part of the log, to where its chain is known.
				c := with(r.copyOf(open))
				until := min(i+50, entries)
				c.play(log[i:until]...)
				if c.chain() != chains[until] {
					t.Fatalf("copied after %d, at %d: chain %v, want %v", i, until, c.chain(), chains[until])
				}
			}
			r.play(e)
		}
	})
	for name, open := range engines() {
		t.Run(name, func(t *testing.T) {
			r := with(newReplica(t, open, filepath.Join(t.TempDir(), "store")))
			for i, e := range log {
				if i%(entries/4) == entries/8 {
					c := with(r.copyOf(open))
					c.play(log[i:]...)
					if c.chain() != full.chain() {
						t.Errorf("copied after %d: chain %v, want %v", i, c.chain(), full.chain())
					}
				}
				r.play(e)
				if r.chain() != chains[i+1] {
					t.Fatalf("after %d entries: chain %v, want %v", i+1, r.chain(), chains[i+1])
				}
			}
			if err := checkRows(r.store); err != nil {
				t.Error(err)
			}
		})
	}
}

// A crash takes a replica back; the log brings it to where it was, and what was
// answered then is answered again.
func TestReplayAnswers(t *testing.T) {
	log := aLog(t, enginetest.Seed(t), 60)
	r := inMemory(t).small()
	r.play(log[:30]...)
	c := r.copyOf(engines()["mapdb"]).small()
	for _, e := range log[30:] {
		a, b := r.play(e), c.play(e)
		for i := range a {
			if a[i].Published.First != b[i].Published.First || (a[i].Err == nil) != (b[i].Err == nil) {
				t.Fatalf("answers %+v and %+v", a[i], b[i])
			}
		}
	}
}
