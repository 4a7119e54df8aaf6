package placement

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Nodes that lack what they are to have: their replicas move, one at a time, and
// nothing goes before what takes its place votes. The leader goes last.
func TestDisplaceStory(t *testing.T) {
	s := three(t)
	s.unfit["a"], s.unfit["b"], s.unfit["c"] = true, true, true
	s.expect(t, "nobody fits, and so they stay")
	s.living["d"] = id(4)
	s.expect(t, "one fits", "add as non-voter 4", "make a voter 4", "take the vote of 2", "remove 2")
	s.living["e"], s.living["f"], s.living["g"] = id(5), id(6), id(7)
	s.expect(t, "more do", "add as non-voter 5", "make a voter 5", "take the vote of 3", "remove 3",
		"add as non-voter 6", "make a voter 6", "hand over from 1", "take the vote of 1", "remove 1")
	delete(s.unfit, "a")
	s.expect(t, "it fits again, and is not needed")
}

// One that is away is not said to lack anything.
func TestDisplaceNotAway(t *testing.T) {
	s := three(t)
	s.unfit["c"] = true
	delete(s.living, "c")
	s.living["d"] = id(4)
	s.expect(t, "it is away")
	s.living["c"] = id(3)
	s.expect(t, "it is there", "add as non-voter 4", "make a voter 4", "take the vote of 3", "remove 3")
}

// Fewer replicas are wanted: only where all leaders agree on how many is any let go.
func TestFewerStory(t *testing.T) {
	s := three(t)
	s.living["d"], s.living["e"] = id(4), id(5)
	s.voters = 5
	s.expect(t, "five", "add as non-voter 4", "make a voter 4", "add as non-voter 5", "make a voter 5")
	s.voters = 3
	s.expect(t, "this leader was told so")
	s.exact = true
	delete(s.living, "b")
	s.expect(t, "all agree, one is away", "take the vote of 5", "remove 5", "take the vote of 4", "remove 4")
	s.voters = 1
	s.expect(t, "those that are there must be a majority after it")
	s.now = s.now.Add(2 * time.Minute)
	s.expect(t, "it is away for too long", "remove 2", "take the vote of 3", "remove 3")
}

// checkDisplaced: when nothing more is done, there are no voters too many but for
// want of a majority, and nobody who is unfit has just been made a voter.
func (s *sim) checkDisplaced(t *testing.T, seed uint64) {
	t.Helper()
	v := s.view()
	for _, m := range v.Members {
		if m.Voter && m.Unfit && v.voters() > v.Voters && v.canDoWithout(m) {
			t.Fatalf("seed %d: %v stays: %+v", seed, m.ID, v)
		}
		if !m.Voter && m.Unfit {
			t.Fatalf("seed %d: %v is unfit and a member: %+v", seed, m.ID, v)
		}
	}
	if spare := v.voters() - v.Voters; spare > 0 && v.Exact && !v.lacks() && slices.ContainsFunc(v.Members, func(m Member) bool {
		return m.Voter && m.ID != v.Self && m.Away == 0 && v.canDoWithout(m)
	}) {
		t.Fatalf("seed %d: %d voters too many: %+v", seed, spare, v)
	}
}

// checkMemory: only those are remembered that there are.
func (s *sim) checkMemory(t *testing.T, seed uint64) {
	t.Helper()
	v := s.view()
	for _, remembered := range [][]uuid.UUID{keys(s.memory.seen), keys(s.memory.name)} {
		for _, r := range remembered {
			if !slices.ContainsFunc(v.Living, func(n Node) bool { return n.Replica == r }) && !slices.ContainsFunc(v.Members, func(m Member) bool { return m.ID == r }) {
				t.Fatalf("seed %d: %v is remembered", seed, r)
			}
		}
	}
}

func keys[V any](m map[uuid.UUID]V) (ids []uuid.UUID) {
	for r := range m {
		ids = append(ids, r)
	}
	return ids
}
