package node_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

// A damaged copy is rebuilt where that is asked for, and counts again afterwards; not
// where the others are no majority without it.
func TestScrubRepairs(t *testing.T) {
	t.Parallel()
	nodes, dirs := storageNodes(t, 3)
	c := dial(t, nodes[0].Node)
	publishSome(t, c, "orders", 0, 20)
	wellStored(t, nodes[0].Node, 3)
	damage := func(i int) {
		t.Helper()
		logs, err := filepath.Glob(filepath.Join(dirs[i], "streams", "partition-1", "log", "*.wal"))
		if err != nil || len(logs) == 0 {
			t.Fatal(logs, err)
		}
		flipByte(t, logs[0], 10_000)
	}
	repair := func() map[eventnode.NodeID]eventnode.ScrubProgress {
		t.Helper()
		all := map[eventnode.NodeID]eventnode.ScrubProgress{}
		for p, err := range c.Scrub(t.Context(), eventnode.ScrubOptions{Repair: true, BytesPerSecond: 1 << 30}) {
			if err != nil {
				t.Fatal(err)
			}
			all[p.Node] = p
		}
		return all
	}
	damage(1)
	damage(2)
	for name, p := range repair() {
		if want := name != "n1"; !p.Done || p.Error != "" || p.Repaired != want || (p.Damaged > 0) != want {
			t.Errorf("%s: %+v", name, p)
		}
	}
	wellStored(t, nodes[0].Node, 3)
	for name, p := range scrubbed(t, c) {
		if p.Damaged != 0 || p.Events != 20 {
			t.Errorf("%s afterwards: %+v", name, p)
		}
	}
	nodes[2].stop()
	damage(1)
	if p := repair()["n2"]; p.Repaired || p.Damaged == 0 || !strings.Contains(p.Error, "of 3 voters 1 besides this one are well, and without it 2 must be") {
		t.Errorf("two of three run: %+v", p)
	}
}
