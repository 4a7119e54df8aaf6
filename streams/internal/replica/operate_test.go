package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// verifyAll looks at all that a replica has on disk.
func verifyAll(t *testing.T, r *Replica) (v state.Verified, entries uint64, damage []error) {
	t.Helper()
	step := func(int) error { return nil }
	log, err := r.VerifyLog(step, func(part string, err error) { damage = append(damage, fmt.Errorf("%s: %w", part, err)) })
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Moment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	v, err = m.Verify(step, func(err error) { damage = append(damage, err) })
	if err != nil || m.Bytes == 0 || m.Applied.Index == 0 {
		t.Fatalf("%+v, %v", m, err)
	}
	return v, log.Entries, damage
}

// A row that is not what was written, under checksums of the engine that are right, is
// found; the replica goes on, for somebody has to decide.
func TestMomentFindsDamage(t *testing.T) {
	w := formed(t, 1, nil)
	stream := w.declare("a")
	for i := range 5 {
		w.do(publish(stream, 100, fmt.Sprint(i), "x"))
	}
	if v, entries, damage := verifyAll(t, w.nodes[0].life.Replica); len(damage) > 0 || v.Events != 10 || v.Streams != 1 || entries < 7 {
		t.Fatalf("%+v, %d entries, %v", v, entries, damage)
	}
	m := w.nodes[0]
	m.stop()
	spoil(t, filepath.Join(m.dir, "state", "state-1"))
	m.start()
	w.leader()
	_, _, damage := verifyAll(t, m.life.Replica)
	if len(damage) != 1 || !errors.Is(damage[0], engine.ErrDamaged) || !strings.Contains(damage[0].Error(), "events 5 to 6") {
		t.Errorf("%v", damage)
	}
	w.do(publish(stream, 100, "more"))
}

// spoil changes a byte of the third chunk, and has the engine take it for right.
func spoil(t *testing.T, dir string) {
	t.Helper()
	store, err := pebbledb.Open(pebbledb.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var key, value []byte
	for e, err := range store.Scan([]byte{5}, []byte{6}, engine.Ascending) { // chunks
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			key, value = append([]byte(nil), e.Key...), append([]byte(nil), e.Value...)
		}
	}
	value[len(value)-5] ^= 1
	b := store.NewBatch()
	b.Set(key, value)
	at, _ := store.Applied()
	err = b.Commit(engine.Applied{Index: at.Index + 1, Term: at.Term})
	_, err2 := store.Flush(t.Context())
	if err := errors.Join(err, err2, store.Close()); err != nil {
		t.Fatal(err)
	}
}

// What is packed becomes a replica that leads alone in another cluster, in a later
// term, with everything, and gives copies to others; it is whole after a restart.
func TestRestore(t *testing.T) {
	w := formed(t, 1, nil)
	stream := w.declare("a")
	for i := range 20 {
		w.do(publish(stream, 1000, fmt.Sprint(i)))
	}
	m, err := w.nodes[0].life.Moment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	packed, n, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	term := w.nodes[0].life.Status().Term

	other := newWorld(t, 2)
	first := other.nodes[0]
	found, err := Restore(RestoreConfig{Dir: first.dir, Cluster: other.cluster, Partition: 1, ID: first.id}, packed)
	if err := errors.Join(err, packed.Close()); err != nil || found.Events != 20 || n == 0 {
		t.Fatalf("%+v, %d bytes, %v", found, n, err)
	}
	first.start()
	other.leader()
	st := first.life.Status()
	if st.Term <= term || st.Snapshot != m.Applied.Index+1 || len(st.Members) != 1 || st.Members[0] != (Member{first.id, true}) {
		t.Errorf("%+v, was in term %d", st, term)
	}
	v, done, err := first.life.Look()
	if err != nil {
		t.Fatal(err)
	}
	row, err := v.Partition()
	done()
	if id, err2 := uuid.FromBytes(row.GetClusterUuid()); errors.Join(err, err2) != nil || id != other.cluster {
		t.Errorf("it is of cluster %v, %v", id, err)
	}
	other.do(publish(stream, 1000, "20"))
	first.stop()
	first.start()
	other.leader()
	second := other.nodes[1]
	second.start()
	for _, step := range []Change{AddNonvoter, AddVoter} {
		if err := first.life.Change(t.Context(), second.id, step); err != nil {
			t.Fatal(err)
		}
	}
	other.eventually("a copy", func() bool {
		st := second.life.Status()
		return st.Running && st.Applied == first.life.Status().Applied && st.Chain == first.life.Status().Chain
	})
	if names := second.names(stream); len(names) != 21 || names[0] != "0" || names[20] != "20" {
		t.Errorf("%v", names)
	}
}

// A copy that is damaged does not become a replica.
func TestRestoreVerifies(t *testing.T) {
	w := formed(t, 1, nil)
	stream := w.declare("a")
	for i := range 5 {
		w.do(publish(stream, 100, fmt.Sprint(i)))
	}
	m := w.nodes[0]
	if _, _, damage := verifyAll(t, m.life.Replica); len(damage) > 0 { // it flushes
		t.Fatal(damage)
	}
	m.stop()
	spoil(t, filepath.Join(m.dir, "state", "state-1"))
	m.start()
	w.leader()
	moment, err := m.life.Moment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer moment.Release()
	packed, _, err := moment.Pack()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }()
	if _, err := Restore(RestoreConfig{Dir: t.TempDir(), Cluster: uuid.New(), Partition: 1, ID: uuid.New()}, packed); !errors.Is(err, engine.ErrDamaged) {
		t.Error(err)
	}
	if _, err := Restore(RestoreConfig{Dir: t.TempDir()}, nil); err == nil {
		t.Error("made something of nothing")
	}
}

// What is done beside the work of a replica ends with it, and is not damage then; and
// one that does not run has nothing to look at.
func TestMomentOfAStoppedReplica(t *testing.T) {
	w := formed(t, 1, nil)
	w.do(publish(w.declare("a"), 100, "x"))
	r := w.nodes[0].life.Replica
	m, err := r.Moment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	w.nodes[0].stop()
	packed, _, err := m.Pack() // its files are there until the next start
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, packed); err != nil {
		t.Error(err)
	}
	_ = packed.Close()
	if _, err := r.Moment(context.Background()); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := r.VerifyLog(nil, nil); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Error(err)
	}
	if st := r.Status(); st.Running || st.Opening || st.Why == nil {
		t.Errorf("%+v", st)
	}
}
