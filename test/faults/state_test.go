package faults_test

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/eventnode/eventnode/test/cluster"
)

// stopLine is what a replica logs when it has stopped: the last entry in its state,
// and the hash over all that was ever written to it.
var stopLine = regexp.MustCompile(`msg="the replica has stopped"[^\n]* applied=(\d+) chain=([0-9a-f]+)`)

// sameState stops all nodes that run, and compares what their states were. One that
// had not caught up yet is given time.
func (w *world) sameState() {
	w.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for {
		nodes := slices.DeleteFunc(w.Running(), func(n *cluster.Node) bool { return w.out[n.Name()] || n.Ended() })
		w.caughtUp(nodes)
		w.waitFor(time.Second) // until followers have heard of the last entry
		w.StopAll()
		err := compareStates(nodes)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Errorf("the replicas' states differ: %v", err)
			return
		}
		w.t.Logf("not yet the same everywhere: %v", err)
		for _, n := range nodes {
			if err := w.TryRestart(n.Name()); err != nil {
				w.t.Errorf("%s does not start again: %v", n.Name(), err)
				return
			}
		}
		w.Leader(stream)
		w.waitFor(time.Second)
	}
}

// caughtUp waits until no replica of these nodes lags: one that was far behind gets a
// snapshot first, which stopping its node would only delay.
func (w *world) caughtUp(nodes []*cluster.Node) {
	w.t.Helper()
	operator := w.dial(nodes...)
	w.Eventually(60*time.Second, func() error {
		status, err := operator.StorageStatus(w.t.Context())
		if err != nil {
			return err
		}
		for _, r := range status.Replicas {
			ours := slices.ContainsFunc(nodes, func(n *cluster.Node) bool { return n.Name() == string(r.Node) })
			if ours && r.Role == "voter" && (r.State != "running" || r.Lag > 0) {
				return fmt.Errorf("the replica of %s is %s, and lags by %d entries", r.Node, r.State, r.Lag)
			}
		}
		return nil
	})
}

// compareStates compares what nodes that have stopped said at last.
func compareStates(nodes []*cluster.Node) error {
	states := map[string]string{}
	for _, n := range nodes {
		all := stopLine.FindAllStringSubmatch(n.Log(), -1)
		if len(all) == 0 {
			return fmt.Errorf("%s did not say what its state was", n.Name())
		}
		last := all[len(all)-1]
		states[n.Name()] = fmt.Sprintf("entry %s, hash %s", last[1], last[2])
	}
	for _, s := range states {
		if s != states[nodes[0].Name()] {
			return fmt.Errorf("%v", states)
		}
	}
	return nil
}
