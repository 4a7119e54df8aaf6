package fleet

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode"
)

// Shards are placed by rendezvous hashing (Thaler and Ravishankar, 1998) with bounded loads:
//
//  1. A pinned shard is on its runner, if that one is there.
//  2. The others fill the runners up evenly: each gets as many as the level says, and some
//     one more. Pins count, so a runner that has many of them gets fewer others.
//  3. Of all pairs of a shard and a runner the one with the highest score is taken first,
//     if the runner has room and the shard has no runner yet; and so on.
//
// The last makes a stable matching: no shard and runner would both rather have each other.
// So when a runner comes or goes few shards move but those that have to.

// demand is what there is to place, on whom.
type demand struct {
	runners []eventnode.NodeID
	shards  []int
	pins    map[int]eventnode.NodeID
}

// pair is a shard and the index of a runner.
type pair struct {
	score         uint64
	shard, runner int
}

// place says which runner is to have which shard. It depends on nothing else, so nodes that
// see the same agree. Without runners nothing is placed.
func place(d demand) map[int]eventnode.NodeID {
	if len(d.runners) == 0 {
		return nil
	}
	placed := make(map[int]eventnode.NodeID, len(d.shards))
	loads := make([]int, len(d.runners))
	free := make([]int, 0, len(d.shards))
	for _, s := range d.shards {
		pin := slices.Index(d.runners, d.pins[s])
		if pin < 0 {
			free = append(free, s)
			continue
		}
		placed[s] = d.runners[pin]
		loads[pin]++
	}
	level, extra := fill(loads, len(free))
	for _, p := range ranked(d.runners, free) {
		_, done := placed[p.shard]
		load := loads[p.runner]
		if done || load > level || load == level && extra == 0 {
			continue
		}
		if load == level {
			extra--
		}
		placed[p.shard] = d.runners[p.runner]
		loads[p.runner]++
	}
	return placed
}

// fill says up to which level loads are filled with n more, and how many of those at the
// level get one above it.
func fill(loads []int, n int) (level, extra int) {
	need := func(level int) (sum int) {
		for _, l := range loads {
			sum += max(0, level-l)
		}
		return sum
	}
	for level = slices.Min(loads); need(level+1) <= n; {
		level++
	}
	return level, n - need(level)
}

// ranked is all pairs, the highest score first. Ties are broken by name and number, so that
// the order of the arguments does not matter.
func ranked(runners []eventnode.NodeID, shards []int) []pair {
	pairs := make([]pair, 0, len(runners)*len(shards))
	for r, runner := range runners {
		for _, s := range shards {
			pairs = append(pairs, pair{score(runner, s), s, r})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(runners[a.runner], runners[b.runner]), cmp.Compare(a.shard, b.shard))
	})
	return pairs
}

func score(runner eventnode.NodeID, shard int) uint64 {
	b := make([]byte, 0, 64)
	b = binary.LittleEndian.AppendUint64(b, uint64(shard))
	return xxhash.Sum64(append(b, runner...))
}
