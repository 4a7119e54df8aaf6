package registry

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/eventnode/eventnode"
)

// A group is its name, or a mapping:
//
//   - name: GROUP
//     keyed: true           (optional, as all that follows)
//     ack_wait: 30s
//     max_deliver: 20       (or never)
//     backoff: 1s
//     backoff_max: 5m
//     from: oldest          (or newest)

// The keys of a group.
const (
	keyName       = "name"
	keyKeyed      = "keyed"
	keyAckWait    = "ack_wait"
	keyMaxDeliver = "max_deliver"
	keyBackoff    = "backoff"
	keyBackoffMax = "backoff_max"
	keyFrom       = "from"
)

// groupNode is a group, and where it stands.
type groupNode struct {
	Group
	node *yaml.Node
	// bare is one that is only a name.
	bare bool
}

// readGroups reads the groups of a stream; there may be none.
func readGroups(stream string, value *yaml.Node) ([]groupNode, error) {
	if isNull(value) {
		return nil, nil
	}
	if value.Kind != yaml.SequenceNode {
		return nil, wrong(value, "stream %.80q: write a list of groups, not %s", stream, kind(value))
	}
	groups := make([]groupNode, 0, len(value.Content))
	for _, n := range value.Content {
		g, err := readGroup(stream, n)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// readGroup reads one group.
func readGroup(stream string, n *yaml.Node) (groupNode, error) {
	g := groupNode{node: n}
	switch {
	case isWord(n):
		g.Name, g.bare = n.Value, true
		return g, nil
	case n.Kind != yaml.MappingNode:
		return g, wrong(n, "stream %.80q: write the name of a group, not %s", stream, kind(n))
	}
	err := eachPair(n, "a group of stream "+stream, "key", g.read)
	if err == nil && g.Name == "" {
		err = wrong(n, "stream %.80q: a group has no name: write \"name: ...\"", stream)
	}
	return g, err
}

// read takes a key of a group.
func (g *groupNode) read(key, value *yaml.Node) (err error) {
	switch key.Value {
	case keyName:
		if !isWord(value) || value.Value == "" {
			return wrong(value, "the name of a group is a word, not %s", kind(value))
		}
		g.Name = value.Value
	case keyKeyed:
		if g.Config.Keyed, err = strconv.ParseBool(value.Value); err != nil || !isWord(value) {
			return wrong(value, "%s: write true or false, not %s", keyKeyed, kind(value))
		}
	case keyAckWait:
		g.Config.AckWait, err = readDuration(key, value)
	case keyBackoff:
		g.Config.Backoff, err = readDuration(key, value)
	case keyBackoffMax:
		g.Config.BackoffMax, err = readDuration(key, value)
	case keyMaxDeliver:
		g.Config.MaxDeliver, err = readMaxDeliver(value)
	case keyFrom:
		if !isWord(value) || value.Value != "oldest" && value.Value != "newest" {
			return wrong(value, "%s: write oldest or newest, not %s", keyFrom, kind(value))
		}
		g.Start.Newest = value.Value == "newest"
	default:
		return wrong(key, "a group has the key %.80q; those that are known are %q, %q, %q, %q, %q, %q and %q",
			key.Value, keyName, keyKeyed, keyAckWait, keyMaxDeliver, keyBackoff, keyBackoffMax, keyFrom)
	}
	return err
}

func readDuration(key, value *yaml.Node) (time.Duration, error) {
	d, err := time.ParseDuration(value.Value)
	if !isWord(value) || err != nil || d <= 0 || d%time.Millisecond != 0 {
		return 0, wrong(value, "%s: write a time in whole milliseconds, such as 30s, not %s", key.Value, kind(value))
	}
	return d, nil
}

func readMaxDeliver(value *yaml.Node) (int, error) {
	if isWord(value) && value.Value == "never" {
		return eventnode.NoMaxDeliver, nil
	}
	n, err := strconv.Atoi(value.Value)
	if !isWord(value) || err != nil || n < 1 {
		return 0, wrong(value, "%s: write 1 or more, or never, not %s", keyMaxDeliver, kind(value))
	}
	return n, nil
}
