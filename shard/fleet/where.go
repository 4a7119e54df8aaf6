package fleet

import (
	"context"
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

// Runners is which nodes run a source, sorted, as a node has heard.
func Runners(ctx context.Context, g Groups, source string) (nodes []eventnode.NodeID, err error) {
	members, err := g.Scope(scopeOf(source)).Members(ctx, groupRunners)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		nodes = append(nodes, m.Member.Node.ID)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), nil
}

// Sources is which sources nodes run, as a node has heard.
func Sources(ctx context.Context, g Groups) (names []string, err error) {
	groups, err := g.Scope(scopeSources).Groups(ctx)
	for _, of := range groups {
		names = append(names, of.Group)
	}
	slices.Sort(names)
	return names, err
}

// scopeSources has a group for each source: the nodes that run it.
const scopeSources = "shards"

// scopeOf is the scope of a source's groups.
func scopeOf(source string) string { return "shards." + source }
