package faults_test

import (
	"strings"
	"testing"

	"github.com/eventnode/eventnode/test/cluster"
)

// A follower is away while more is written than the others keep of their logs: it
// gets a snapshot, under load, and has what they have.
func TestFollowerFarBehind(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range rounds() {
		n := w.Followers(stream)[0]
		w.Kill(n.Name())
		w.bulk(208) // more than the 128 MiB at which a log is cut, and the 64 MiB left
		w.Restart(n.Name())
		w.progress("with a follower far behind")
		w.publishAt(n)
	}
	w.finish()
	for _, n := range []string{"n1", "n2", "n3"} {
		if strings.Contains(w.Node(n).Log(), "a received snapshot is the state now") {
			return
		}
	}
	t.Error("nobody needed a snapshot: the follower was not far enough behind")
}
