package replica

import (
	"errors"
	"testing"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// diverge changes a row of a machine's state that no entry changes, as damage that no
// checksum finds would: from the next entry on its hash is another one.
func (m *machine) diverge() {
	m.w.t.Helper()
	s, err := m.life.present()
	if err != nil {
		m.w.t.Fatal(err)
	}
	store, release := s.store.use()
	defer release()
	at, _ := store.Applied()
	batch := store.NewBatch()
	defer batch.Close()
	batch.Set([]byte{0xf0, 1}, []byte("from outside"))
	at.Index++ // so that this copy takes the next entry for applied
	if err := batch.Commit(at); err != nil {
		m.w.t.Fatal(err)
	}
}

// compare puts a machine's hash into the log.
func (m *machine) compare() (index uint64, chain engine.Chain) {
	m.w.t.Helper()
	st := m.life.Status()
	m.w.do(&Proposal{Command: &storagev1.Command{Command: &storagev1.Command_Compare{
		Compare: &storagev1.Compare{Index: st.Applied, Chain: uint64(st.Chain)}}}})
	return st.Applied, st.Chain
}

// A copy whose state is another one stops when it is told, through the log, and says
// that it is to be replaced; the others, which have the same, go on.
func TestDivergedStops(t *testing.T) {
	w := formed(t, 3, nil)
	id := w.declare("a")
	w.do(publish(id, 10, "one"))
	leader := w.leader()
	var wrong *machine
	for _, m := range w.nodes {
		w.eventually("all have it", func() bool { return m.life.Status().Applied == leader.life.Status().Applied })
		if m != leader {
			wrong = m
		}
	}
	index, chain := leader.compare()
	for _, m := range w.nodes {
		w.eventually("it is remembered", func() bool {
			c, known := m.life.ChainAt(index)
			return known && c == chain
		})
	}
	wrong.diverge()
	w.do(publish(id, 10, "two"))
	w.do(publish(id, 10, "three"))
	w.eventually("it has applied", func() bool { return wrong.life.Status().Applied >= leader.life.Status().Applied })
	w.leader().compare()
	w.eventually("it has stopped", func() bool { return !wrong.life.Running() })
	wrong.life.ended.Wait()
	var diverged *DivergedError
	if err := wrong.life.err; !errors.As(err, &diverged) || !IsDamage(err) || !isFinal(err) {
		t.Errorf("it ended with %v", err)
	}
	wrong.life = nil // it is not to be waited for
	w.do(publish(id, 10, "four"))
	for _, m := range w.nodes {
		if m != wrong && !m.life.Running() {
			t.Errorf("%v has stopped, too", m.id)
		}
	}
}

// A leader that is told that its own state is the wrong one stops, and another leads.
func TestDivergedLeaderStops(t *testing.T) {
	w := formed(t, 3, nil)
	id := w.declare("a")
	leader := w.leader()
	st := leader.life.Status()
	leader.life.Report(&DivergedError{Index: st.Applied, Ours: st.Chain})
	leader.life.ended.Wait()
	if err := leader.life.err; !IsDamage(err) {
		t.Errorf("it ended with %v", err)
	}
	leader.life = nil
	w.do(publish(id, 10, "one"))
}
