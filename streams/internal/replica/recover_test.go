package replica

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// config is what a machine's files are opened with offline.
func (m *machine) config() Config {
	return Config{Dir: m.dir, Partition: 1, ID: m.id, MemoryBytes: 8 << 20, Logger: m.w.logger}
}

// One of three is left, with a log that was cut. It has all that was acked, it alone
// votes, and another one that is added gets the same state.
func TestRecoverOneOfThree(t *testing.T) {
	w := formed(t, 3, func(c *Config) { c.SnapshotBytes, c.TrailingBytes = 64<<10, 1<<10 })
	stream := w.declare("a")
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint(i))
		w.do(publish(stream, 2000, want[i]))
	}
	w.same(stream, want)
	left := w.nodes[1]
	for _, m := range w.nodes {
		m.stop()
	}
	before, err := Inspect(left.config())
	if err != nil || len(before.Members) != 3 || before.Last < 200 || before.LastTerm == 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	again, err := Inspect(left.config())
	if err != nil || fmt.Sprint(again) != fmt.Sprint(before) {
		t.Errorf("looking changed it: %+v, %v", again, err)
	}
	if _, err := Recover(left.config()); err != nil {
		t.Fatal(err)
	}
	after, err := Recover(left.config()) // a second time changes nothing
	if err != nil || after.Last != before.Last+1 || after.LastTerm <= before.LastTerm || len(after.Members) != 1 || after.Members[0] != (Member{left.id, true}) {
		t.Fatalf("%+v, %v", after, err)
	}

	w.cluster = uuid.New()
	fresh := &machine{w: w, id: uuid.New(), dir: t.TempDir()}
	w.nodes = []*machine{left, fresh}
	left.start()
	fresh.start()
	w.do(publish(stream, 10, "after"))
	want = append(want, "after")
	for _, step := range []Change{AddNonvoter, AddVoter} {
		w.eventually("changed", func() bool { return left.life.Change(t.Context(), fresh.id, step) == nil })
	}
	w.same(stream, want)
	if st := left.life.Status(); len(st.Members) != 2 || !st.Members[1].Voter {
		t.Errorf("%+v", st.Members)
	}
}

// There is nothing to recover in an empty copy.
func TestRecoverNothing(t *testing.T) {
	w := newWorld(t, 1)
	if _, err := Recover(w.nodes[0].config()); !errors.Is(err, errEmpty) {
		t.Error(err)
	}
}

// A command of a level that is not used does not get into the log.
func TestNewerCommandsAreNotProposed(t *testing.T) {
	var level atomic.Uint32
	w := formed(t, 1, func(c *Config) {
		c.OnLevel = func(l uint32) error { level.Store(l); return nil }
	})
	before := w.leader().life.Status().Last
	_, err := w.leader().life.Propose(t.Context(), &Proposal{Command: &storagev1.Command{Command: &storagev1.Command_Rehearse{Rehearse: &storagev1.Rehearse{}}}})
	if !errors.Is(err, eventnode.ErrUnavailable) || !strings.Contains(err.Error(), "until all replicas are upgraded") {
		t.Errorf("%v", err)
	}
	if now := w.leader().life.Status().Last; now != before {
		t.Errorf("the log went from %d to %d", before, now)
	}
	w.do(&Proposal{Command: &storagev1.Command{Command: &storagev1.Command_RaiseLevel{RaiseLevel: &storagev1.RaiseLevel{Level: 1}}}})
	if level.Load() != 1 {
		t.Error("the owner was not told")
	}
}
