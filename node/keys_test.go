package node_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/node"
)

var (
	oldKey = []byte("0123456789abcdef")
	newKey = []byte("fedcba9876543210fedcba9876543210")
)

// linked reports whether a node has links to exactly so many others.
func linked(t *testing.T, n *node.Node, others int) bool {
	t.Helper()
	nodes, err := n.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	up := 0
	for _, m := range nodes {
		if m.Link == "up" {
			up++
		}
	}
	return up == others
}

// Nodes whose keys are one step of a rotation apart find each other, link, and have one
// durable plane, whichever of them calls; those that are two steps apart do not.
func TestKeysOneStepApart(t *testing.T) {
	steps := [][][]byte{{oldKey}, {oldKey, newKey}, {newKey, oldKey}, {newKey}}
	for i, a := range steps {
		for j, b := range steps {
			apart := i == 0 && j == 3
			if j != i+1 && !apart {
				continue
			}
			t.Run(fmt.Sprintf("%d and %d", i, j), func(t *testing.T) {
				t.Parallel()
				storage := node.Storage{BootstrapExpect: 2, Replicas: 2}
				n1 := start(t, node.Config{ID: "n1", GossipKeys: a, DataDir: t.TempDir(), Storage: storage, Seeds: []string{"127.0.0.1:1"}})
				n2 := start(t, node.Config{ID: "n2", GossipKeys: b, DataDir: t.TempDir(), Storage: storage, Seeds: []string{n1.GossipAddress()}})
				if apart {
					if !linked(t, n1, 0) || !linked(t, n2, 0) {
						t.Error("nodes without a common key are linked")
					}
					return
				}
				eventually(t, "links", func() bool { return linked(t, n1, 1) && linked(t, n2, 1) })
				eventually(t, "a durable plane", func() bool { return len(n1.Voters()) == 2 && len(n2.Voters()) == 2 })
			})
		}
	}
}

// A key is replaced in three steps while nodes run: at each moment a newcomer with the keys
// of the step before and one with those of the step that is under way are let in, in the
// end only those who have the new one; no link is lost.
func TestKeysAreReplacedWhileNodesRun(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1", GossipKeys: [][]byte{oldKey}})
	n2 := start(t, node.Config{ID: "n2", GossipKeys: [][]byte{oldKey}, Seeds: []string{n1.GossipAddress()}})
	all, others := []*node.Node{n1, n2}, 1
	arrives := func(keys ...[]byte) {
		t.Helper()
		others++
		n := start(t, node.Config{ID: eventnode.NodeID(fmt.Sprintf("n%d", others+1)), GossipKeys: keys, Seeds: []string{n1.GossipAddress(), n2.GossipAddress()}})
		eventually(t, "a newcomer", func() bool { return linked(t, n, others) && linked(t, n1, others) && linked(t, n2, others) })
		all = append(all, n)
	}
	for _, step := range [][][]byte{{oldKey, newKey}, {newKey, oldKey}} {
		if err := n1.SetGossipKeys(step); err != nil {
			t.Fatal(err)
		}
		arrives(oldKey, newKey) // n2 has not yet done the step
		for _, n := range all[1:] {
			if err := n.SetGossipKeys(step); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range all {
		if err := n.SetGossipKeys([][]byte{newKey}); err != nil {
			t.Fatal(err)
		}
	}
	arrives(newKey)
	late := start(t, node.Config{ID: "late", GossipKeys: [][]byte{oldKey}, Seeds: []string{n1.GossipAddress()}})
	if !linked(t, late, 0) {
		t.Error("who has the old key only was let in")
	}
}

// Keys that cannot be are refused, and change nothing.
func TestSetGossipKeysRefuses(t *testing.T) {
	keyed, open := start(t, node.Config{ID: "n1", GossipKey: oldKey}), start(t, node.Config{ID: "n2"})
	for _, err := range []error{
		keyed.SetGossipKeys(nil), keyed.SetGossipKeys([][]byte{[]byte("short")}), open.SetGossipKeys([][]byte{oldKey}), keyed.SetGossipKeys(make([][]byte, 17)),
	} {
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
	}
	if err := open.SetGossipKeys(nil); err != nil {
		t.Error(err)
	}
	n := start(t, node.Config{ID: "n3", GossipKey: oldKey, Seeds: []string{keyed.GossipAddress()}})
	eventually(t, "a link", func() bool { return linked(t, n, 1) })
}
