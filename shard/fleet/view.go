package fleet

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// The groups of a source's scope: who runs it, and the shards that somebody has or waits
// for. What there is to know of them is in the metadata of their memberships.
const (
	groupRunners = "runners"
	groupShards  = "shards"
)

// runnerMeta is a runner.
type runnerMeta struct {
	Spec    Spec `json:"shards"`
	Leaving bool `json:"leaving,omitempty"`
}

// shardMeta is a shard at a runner.
type shardMeta struct {
	Shard    int    `json:"shard"`
	Total    int    `json:"total"`
	State    State  `json:"state"`
	Since    int64  `json:"since_ms"`
	Restarts uint64 `json:"restarts,omitempty"`
	Error    string `json:"error,omitempty"`
}

// maxMetaError bounds a shardMeta.Error in bytes, so that the whole is less than half of the
// metadata that a membership may have.
const maxMetaError = 200

// encode is metadata. What it has can always be encoded.
func encode(meta any) string {
	b, _ := json.Marshal(meta)
	return string(b)
}

// view is what a node sees of the runners and of their shards. What does not decode, or is
// of no shard that may be, is not seen.
type view struct {
	runners map[eventnode.MemberRef]runnerMeta
	shards  map[eventnode.MemberRef]shardMeta
}

// reset takes a snapshot.
func (v *view) reset(all map[string][]eventnode.Membership) {
	*v = view{runners: map[eventnode.MemberRef]runnerMeta{}, shards: map[eventnode.MemberRef]shardMeta{}}
	for group, members := range all {
		v.put(group, members)
	}
}

// apply takes a change.
func (v *view) apply(c eventnode.Change) {
	if c.Resync != nil {
		v.reset(c.Resync)
		return
	}
	for _, m := range c.Left {
		switch c.Group {
		case groupRunners:
			delete(v.runners, m.Member)
		case groupShards:
			delete(v.shards, m.Member)
		}
	}
	v.put(c.Group, c.Joined)
	v.put(c.Group, c.Updated)
}

func (v *view) put(group string, members []eventnode.Membership) {
	for _, m := range members {
		switch group {
		case groupRunners:
			var meta runnerMeta
			if json.Unmarshal([]byte(m.Meta), &meta) == nil {
				v.runners[m.Member] = meta
			}
		case groupShards:
			var meta shardMeta
			if json.Unmarshal([]byte(m.Meta), &meta) == nil && meta.Shard >= 0 && meta.Shard < meta.Total && meta.Total <= MaxShards {
				v.shards[m.Member] = meta
			}
		}
	}
}

// who is the runners of a Spec, sorted, and those that are about to leave. Of two lives of a
// node the present one counts.
func (v *view) who(spec Spec) (runners []eventnode.NodeID, leaving map[eventnode.NodeID]bool) {
	lives := map[eventnode.NodeID]eventnode.MemberRef{}
	for ref := range v.runners {
		if old, ok := lives[ref.Node.ID]; !ok || old.Node.Epoch < ref.Node.Epoch || old.Node.Epoch == ref.Node.Epoch && old.Ref < ref.Ref {
			lives[ref.Node.ID] = ref
		}
	}
	leaving = map[eventnode.NodeID]bool{}
	for id, ref := range lives {
		meta := v.runners[ref]
		switch {
		case meta.Leaving:
			leaving[id] = true
		case meta.Spec == Auto() || meta.Spec == spec:
			runners = append(runners, id)
		}
	}
	slices.Sort(runners)
	return runners, leaving
}

// others is which Specs the runners have.
func (v *view) specs() map[Spec]bool {
	out := map[Spec]bool{}
	for meta := range maps.Values(v.runners) {
		out[meta.Spec] = true
	}
	return out
}

// at is how a shard is at the node that has it; at one that waits for it, if none does.
func (v *view) at(id ShardID) (node eventnode.NodeID, meta shardMeta, ok bool) {
	for ref, m := range v.shards {
		if m.Shard != id.Index || m.Total != id.Total {
			continue
		}
		if !ok || before(ref.Node.ID, m, node, meta) {
			node, meta, ok = ref.Node.ID, m, true
		}
	}
	return node, meta, ok
}

// before reports whether a says more of a shard than b: who waits says the least, then who
// stops; a name breaks the tie.
func before(aNode eventnode.NodeID, a shardMeta, bNode eventnode.NodeID, b shardMeta) bool {
	rank := func(s State) int {
		switch s {
		case StateWaiting:
			return 0
		case StateStopping:
			return 1
		default:
			return 2
		}
	}
	if x, y := rank(a.State), rank(b.State); x != y {
		return x > y
	}
	return aNode < bNode
}

// settling is the runners that count. A change of them counts when there was no other for a
// while, at most settleMost of them, so that one that comes and goes does not have shards
// move back and forth. One that says that it leaves is gone at once.
type settling struct {
	after time.Duration

	used, next     []eventnode.NodeID
	since, changed time.Time // of what does not count yet; zero: all does
}

const settleMost = 5

// look is told the runners, and says when to look again; 0: no more.
func (s *settling) look(now time.Time, runners []eventnode.NodeID, leaving map[eventnode.NodeID]bool) (wait time.Duration) {
	s.used = slices.DeleteFunc(slices.Clone(s.used), func(n eventnode.NodeID) bool { return leaving[n] })
	if slices.Equal(s.used, runners) {
		s.next, s.since = nil, time.Time{}
		return 0
	}
	if s.since.IsZero() {
		s.since, s.changed, s.next = now, now, runners
	}
	if !slices.Equal(s.next, runners) {
		s.changed, s.next = now, runners
	}
	due := s.changed.Add(s.after)
	if last := s.since.Add(settleMost * s.after); last.Before(due) {
		due = last
	}
	if wait = due.Sub(now); wait > 0 {
		return wait
	}
	s.used, s.next, s.since = runners, nil, time.Time{}
	return 0
}
