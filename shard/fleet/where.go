package fleet

import (
	"slices"

	"github.com/eventnode/eventnode"
)

// Where is which node has a shard, as far as this one has heard, and how many shards there
// are. Not known: nobody has it, or their number is not agreed on yet. It does not wait.
func (f *Fleet) Where(shard func(total int) int) (node eventnode.NodeID, known bool) {
	p, known := f.control.now()
	if !known || p.Spec.Total == 0 {
		return "", false
	}
	id := ShardID{shard(p.Spec.Total), p.Spec.Total}
	f.mu.Lock()
	defer f.mu.Unlock()
	if node, _, has := f.view.at(id); has {
		return node, true
	}
	node = f.placed[id.Index]
	return node, node != ""
}

// Runners is which other nodes run the source, sorted, those that are about to leave too.
func (f *Fleet) Runners() (nodes []eventnode.NodeID) {
	p, _ := f.control.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	runners, leaving := f.view.who(p.Spec)
	for node := range leaving {
		runners = append(runners, node)
	}
	return slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(runners))), func(n eventnode.NodeID) bool { return n == f.cfg.Node.ID })
}
