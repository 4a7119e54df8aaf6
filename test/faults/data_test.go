package faults_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/eventnode/eventnode/test/cluster"
)

// A data directory is lost, and its node starts again at the same address and name:
// it does not vote in the name of what was lost, and another replica takes its place.
//
// While n1 and n2 have what n3 lacks, n2 loses its data and n1 is away: n2 and n3 are
// a majority by name, and must not lead.
func TestDataDirectoryDeleted(t *testing.T) {
	t.Parallel()
	for i := range rounds() { // of a cluster each: afterwards it has one replica less
		t.Run(strconv.Itoa(i), dataDirectoryDeleted)
	}
}

func dataDirectoryDeleted(t *testing.T) {
	w := begin(t, cluster.Config{})
	w.Kill("n3")
	w.progress("without n3")
	w.KillAll("n1", "n2")
	w.Node("n2").Wipe()
	w.Restart("n2")
	w.Restart("n3")
	w.noLeader("an empty replica and one that was away", "n2", "n3")
	w.Restart("n1")
	w.progress("with n1 again")
	w.out["n2"] = true // nobody who runs remembers whose replica the lost one was
	w.finish()
}

// A data directory is lost while the leader goes on: the old replica is removed, and
// the new one takes its place as soon as it has everything.
func TestDataDirectoryReplaced(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range rounds() {
		n := w.Followers(stream)[0]
		w.waitFor(2 * time.Second) // the leader takes note of whose replicas there are
		w.Kill(n.Name())
		n.Wipe()
		w.Restart(n.Name())
		w.voterAgain(n.Name())
	}
	w.finish()
}

// noLeader watches for a while that nothing is acked.
func (w *world) noLeader(what string, names ...string) {
	w.t.Helper()
	begun := w.load.history.now()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); w.waitFor(50 * time.Millisecond) {
		if w.load.history.ackedSince(begun) {
			w.t.Errorf("%s (%v) acked a publish", what, names)
			return
		}
	}
}

// voterAgain waits until a node that came back with another replica is one of those
// that make a majority: then one of the others may be away.
func (w *world) voterAgain(name string) {
	w.t.Helper()
	other := w.others(name)[0]
	for try := range 8 {
		w.waitFor(time.Duration(try+6) * time.Second) // the old one goes, the new one learns, then votes
		w.Kill(other)
		err := w.acksWithin(4 * time.Second)
		w.Restart(other)
		if err == nil {
			return
		}
	}
	w.t.Errorf("%s never became a voter again", name)
}

func (w *world) acksWithin(d time.Duration) error {
	begun := w.load.history.now()
	for end := time.Now().Add(d); time.Now().Before(end); w.waitFor(20 * time.Millisecond) {
		if w.load.history.ackedSince(begun) {
			return nil
		}
	}
	return errNoAck
}

// An old copy of a data directory is put back: the replica has forgotten what it had
// said to be durable. Its peers remember.
//
// n3 goes away, having heard how far n2 was after the copy was made. What is acked
// then is on n1 and n2. n2 comes back with its old copy, and n1 is away: n2 and n3
// are a majority that lacks what was acked, and must not lead.
func TestOldCopyPutBack(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	copied := filepath.Join(w.dir, "copy of n2")
	w.Stop("n2")
	w.Node("n2").SaveData(copied)
	w.Restart("n2")
	w.waitFor(4 * time.Second) // n3 hears of n2
	w.Kill("n3")
	w.progress("without n3")
	w.KillAll("n1", "n2")
	w.Node("n2").PutBack(copied)
	if err := w.TryRestart("n2"); err != nil {
		t.Logf("n2 refuses its old copy at once: %v", err)
	}
	w.Restart("n3")
	w.noLeader("an old copy and one that was away", "n2", "n3")
	w.Restart("n1")
	w.progress("with n1 again")
	if w.Node("n2").Ended() {
		w.out["n2"] = true
		w.clearWord("n2", "an old copy")
	} else {
		w.voterAgain("n2")
	}
	w.finish()
}
