package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

func noteOp(replica []byte, node string, d storagev1.Departure) *storagev1.Command {
	return &storagev1.Command{Command: &storagev1.Command_NoteReplica{NoteReplica: &storagev1.NoteReplica{Replica: replica, Node: node, Departure: d}}}
}

func raiseOp(level uint32) *storagev1.Command {
	return &storagev1.Command{Command: &storagev1.Command_RaiseLevel{RaiseLevel: &storagev1.RaiseLevel{Level: level}}}
}

// notes are the replicas that are remembered, in words.
func notes(t *testing.T, v View) string {
	t.Helper()
	list, err := v.Replicas()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, n := range list {
		words = append(words, fmt.Sprintf("%d %s %d@%d", n.GetReplica()[idBytes-1], n.GetNode(), n.GetDeparture(), n.GetDepartedMs()))
	}
	return strings.Join(words, ", ")
}

// What is noted of a replica stays until it is noted otherwise; that it is gone is
// never taken back.
func TestReplicasAreRemembered(t *testing.T) {
	r := inMemory(t)
	id := func(n byte) []byte { return append(make([]byte, idBytes-1), n) }
	const left, removed = storagev1.Departure_DEPARTURE_LEFT, storagev1.Departure_DEPARTURE_REMOVED
	for i, step := range []struct {
		c    *storagev1.Command
		want string
	}{
		{noteOp(id(1), "n1", 0), "1 n1 0@0"},
		{noteOp(id(2), "n2", 0), "1 n1 0@0, 2 n2 0@0"},
		{noteOp(id(1), "", removed), "1 n1 2@12, 2 n2 0@0"},
		{noteOp(id(1), "other", left), "1 other 2@12, 2 n2 0@0"},
		{noteOp(id(1), "", 0), "1 other 2@12, 2 n2 0@0"},
	} {
		if got := r.play(entryOf(t, int64(10+i), op{Command: step.c})); got[0].Err != nil || notes(t, r.view()) != step.want {
			t.Fatalf("%d: %v, %v, want %v", i, got, notes(t, r.view()), step.want)
		}
	}
	if got := r.play(entryOf(t, 0, op{Command: noteOp(id(1)[1:], "n1", 0)}, op{Command: noteOp(id(1), strings.Repeat("n", 256), 0)})); !errors.Is(got[0].Err, eventnode.ErrInvalidArgument) || !errors.Is(got[1].Err, eventnode.ErrInvalidArgument) {
		t.Errorf("malformed: %v", got)
	}
}

// The row does not grow without end: the oldest is forgotten.
func TestReplicasAreBounded(t *testing.T) {
	r := inMemory(t)
	for i := range maxReplicas + 3 {
		r.play(entryOf(t, 1, op{Command: noteOp(numberedID('r', i), "n", 0)}))
	}
	list, err := r.view().Replicas()
	if err != nil || len(list) != maxReplicas || string(list[0].GetReplica()) != string(numberedID('r', 3)) {
		t.Errorf("%d, first %x, %v", len(list), list[0].GetReplica(), err)
	}
}

// A command of a level that is not used is refused, on every replica alike. One that
// this program does not know stops it, in words.
func TestLevels(t *testing.T) {
	r := inMemory(t)
	rehearse := &storagev1.Command{Command: &storagev1.Command_Rehearse{Rehearse: &storagev1.Rehearse{}}}
	level := func(want uint32) {
		t.Helper()
		if got, err := r.view().Level(); got != want || err != nil {
			t.Fatalf("level %d, %v", got, err)
		}
	}
	level(1)
	if got := r.play(entryOf(t, 1, op{Command: raiseOp(1)})); got[0].Err != nil || got[0].Level != 1 {
		t.Fatal(got)
	}
	refused := func(c *storagev1.Command) {
		t.Helper()
		b := r.store.NewBatch()
		defer b.Close()
		if _, err := r.Apply(b, entryOf(t, 1, op{Command: c})); !errors.Is(err, ErrEntry) || !strings.Contains(err.Error(), "run the newer program") {
			t.Fatalf("%v: %v", c, err)
		}
	}
	refused(raiseOp(Level + 1))
	if Level < levelRehearse {
		refused(rehearse)
		return
	}
	if got := r.play(entryOf(t, 1, op{Command: rehearse})); !errors.Is(got[0].Err, eventnode.ErrInvalidArgument) {
		t.Fatalf("before it is used: %v", got)
	}
	for _, n := range []uint32{levelRehearse, 1} { // it never goes back
		if got := r.play(entryOf(t, 1, op{Command: raiseOp(n)})); got[0].Err != nil || got[0].Level != levelRehearse {
			t.Fatal(got)
		}
	}
	level(levelRehearse)
	if got := r.play(entryOf(t, 1, op{Command: rehearse})); got[0].Err != nil {
		t.Fatal(got)
	}
}

// A state of a newer program is not touched.
func TestANewerStateIsRefused(t *testing.T) {
	r := inMemory(t)
	row, err := proto.Marshal(&storagev1.PartitionRow{Partition: uint32(r.keys), Level: Level + 1})
	if err != nil {
		t.Fatal(err)
	}
	b := r.store.NewBatch()
	b.Set(r.keys.partition(), row)
	if err := b.Commit(engine.Applied{Index: 1, Term: 1}); err != nil {
		t.Fatal(err)
	}
	if err := r.view().CheckLevel(); !errors.Is(err, ErrEntry) || !strings.Contains(err.Error(), "run the newer program") {
		t.Errorf("check: %v", err)
	}
	b = r.store.NewBatch()
	defer b.Close()
	if _, err := r.Apply(b, entryOf(t, 1, op{Command: raiseOp(1)})); !errors.Is(err, ErrEntry) {
		t.Errorf("apply: %v", err)
	}
}
