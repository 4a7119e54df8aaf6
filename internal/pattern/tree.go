package pattern

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Tree is a set of patterns. The zero Tree is empty.
type Tree struct {
	count atomic.Int64 // read without mu

	mu   sync.RWMutex
	root node // its next are the kinds
}

// node is a place in the tree: the tokens on the way to it are the beginning of patterns.
type node struct {
	ends string           // the pattern that ends here; "" if none does
	all  string           // the pattern whose > stands here
	one  *node            // behind *
	next map[string]*node // behind any other token
}

// empty reports whether no pattern comes through here.
func (n *node) empty() bool {
	return n.ends == "" && n.all == "" && n.one == nil && len(n.next) == 0
}

// Len counts the patterns.
func (t *Tree) Len() int { return int(t.count.Load()) }

// Add adds a pattern for which [Check] found nothing. It reports whether it is new.
func (t *Tree) Add(pattern string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot := t.root.slot(pattern)
	if *slot != "" {
		return false
	}
	*slot = pattern
	t.count.Add(1)
	return true
}

// Remove removes a pattern. It reports whether it was there.
func (t *Tree) Remove(pattern string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	kind, key, _ := strings.Cut(pattern, ":")
	n := t.root.next[kind]
	if n == nil || !n.remove(key, true) {
		return false
	}
	if n.empty() {
		delete(t.root.next, kind)
	}
	t.count.Add(-1)
	return true
}

// slot returns where a pattern is noted, and makes the way there.
func (n *node) slot(pattern string) *string {
	kind, key, _ := strings.Cut(pattern, ":")
	n = n.child(kind)
	for more := true; more; {
		var token string
		token, key, more = strings.Cut(key, ".")
		switch {
		case token == rest && !more:
			return &n.all
		case token == one:
			if n.one == nil {
				n.one = &node{}
			}
			n = n.one
		default:
			n = n.child(token)
		}
	}
	return &n.ends
}

// child returns the node behind a token, and makes it.
func (n *node) child(token string) *node {
	c := n.next[token]
	if c == nil {
		if n.next == nil {
			n.next = make(map[string]*node, 1)
		}
		c = &node{}
		n.next[strings.Clone(token)] = c
	}
	return c
}

// remove removes the pattern whose tokens from here on are key; without more there are
// none. What nothing goes through any more goes with it.
func (n *node) remove(key string, more bool) bool {
	if !more {
		return clearSlot(&n.ends)
	}
	token, key, more := strings.Cut(key, ".")
	if token == rest && !more {
		return clearSlot(&n.all)
	}
	c := n.one
	if token != one {
		c = n.next[token]
	}
	if c == nil || !c.remove(key, more) {
		return false
	}
	switch {
	case !c.empty():
	case token == one:
		n.one = nil
	default:
		delete(n.next, token)
	}
	return true
}

func clearSlot(slot *string) bool {
	was := *slot != ""
	*slot = ""
	return was
}

// Append appends to dst the patterns that stand for a topic, each once.
func (t *Tree) Append(dst []string, topic string) []string {
	if t.count.Load() == 0 {
		return dst
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	kind, key, _ := strings.Cut(topic, ":")
	if n := t.root.next[kind]; n != nil {
		dst = n.find(dst, key, true)
	}
	return dst
}

// find appends the patterns that stand for the tokens of key; without more there are none.
func (n *node) find(dst []string, key string, more bool) []string {
	if !more {
		if n.ends != "" {
			dst = append(dst, n.ends)
		}
		return dst
	}
	if n.all != "" {
		dst = append(dst, n.all)
	}
	token, key, more := strings.Cut(key, ".")
	if n.one != nil {
		dst = n.one.find(dst, key, more)
	}
	if c := n.next[token]; c != nil {
		dst = c.find(dst, key, more)
	}
	return dst
}
