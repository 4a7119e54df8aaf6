package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/eventnode/eventnode"
)

// same waits until all machines that run have the same state, and checks it.
func (w *world) same(stream uint64, want []string) {
	w.t.Helper()
	w.eventually("the same state everywhere", func() bool {
		var first Status
		for _, m := range w.nodes {
			if m.life == nil {
				continue
			}
			st := m.life.Status()
			if first.Applied == 0 {
				first = st
			}
			if st.Applied != first.Applied || st.Committed != first.Committed {
				return false
			}
			if st.Chain != first.Chain {
				w.t.Fatalf("two hashes at entry %d: %v and %v", st.Applied, st.Chain, first.Chain)
			}
		}
		return true
	})
	for _, m := range w.nodes {
		if m.life == nil {
			continue
		}
		if got := m.names(stream); !slices.Equal(got, want) {
			w.t.Errorf("machine %v has %d events, want %d", m.id, len(got), len(want))
		}
	}
}

// What was acked is on all replicas, in order, also after each was stopped and
// started in turn, and the leader changed.
func TestThreeReplicas(t *testing.T) {
	w := formed(t, 3, nil)
	stream := w.declare("a")
	var want []string
	add := func(n int) {
		for range n {
			name := fmt.Sprint(len(want))
			w.do(publish(stream, 100, name))
			want = append(want, name)
		}
	}
	add(20)
	w.same(stream, want)
	for _, m := range w.nodes {
		m.stop()
		add(10)
		m.start()
		w.eventually("running", func() bool { return m.life.Status().Running })
	}
	add(10)
	w.same(stream, want)
}

// Without a majority nothing is acked, and nobody waits for long; with it again
// all goes on.
func TestMinority(t *testing.T) {
	w := formed(t, 3, nil)
	stream := w.declare("a")
	w.do(publish(stream, 10, "0"))
	leader := w.leader()
	for _, m := range w.nodes {
		if m != leader {
			m.stop()
		}
	}
	r, err := leader.life.Propose(t.Context(), publish(stream, 10, "lost"))
	if err == nil {
		t.Fatalf("acked by a minority: %+v", r)
	}
	if !errors.Is(err, eventnode.ErrOutcomeUnknown) && !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("Propose: %v", err)
	}
	w.eventually("nobody leads", func() bool {
		_, err := leader.life.Propose(t.Context(), publish(stream, 10, "lost"))
		return errors.Is(err, ErrNotLeader) && errors.Is(err, eventnode.ErrUnavailable)
	})
	if _, _, err := leader.life.Read(t.Context()); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("Read: %v", err)
	}
	for _, m := range w.nodes {
		if m != leader {
			m.start()
		}
	}
	w.do(publish(stream, 10, "1"))
	got := w.leader().names(stream)
	if got[0] != "0" || got[len(got)-1] != "1" || len(got) > 3 {
		t.Errorf("stream holds %v", got)
	}
}

// A replica that starts reads the entries behind its last snapshot: there is one behind
// every so many, however small they are.
func TestSnapshotsBetweenFewEntries(t *testing.T) {
	w := formed(t, 1, func(c *Config) { c.SnapshotEntries = 50 })
	stream := w.declare("a")
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint(i))
		w.do(publish(stream, 10, want[i]))
	}
	only := w.nodes[0]
	w.eventually("there is a snapshot of most of it", func() bool {
		s, err := only.life.present()
		return err == nil && s.snapshotIndex()+50 > 200
	})
	only.stop()
	only.start()
	w.eventually("it leads", func() bool { return only.life.Status().Leads })
	w.same(stream, want)
}

// A replica that was away for so long that the log was cut gets the state, and
// goes on from there; after a restart it has it.
func TestSnapshotForWhoWasAway(t *testing.T) {
	w := formed(t, 3, func(c *Config) { c.SnapshotBytes, c.TrailingBytes = 64<<10, 1<<10 })
	stream := w.declare("a")
	away := w.nodes[0]
	if away == w.leader() {
		away = w.nodes[1]
	}
	away.stop()
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint(i))
		w.do(publish(stream, 2000, want[i]))
	}
	w.eventually("the log is cut", func() bool {
		s, err := w.leader().life.present()
		if err != nil {
			return false
		}
		first, err := s.log.FirstIndex()
		return err == nil && first != 1
	})
	away.start()
	w.eventually("it is there again", func() bool { return away.life.Status().Applied == w.leader().life.Status().Applied })
	w.do(publish(stream, 10, "last"))
	want = append(want, "last")
	w.same(stream, want)
	away.stop()
	away.start()
	w.eventually("running", func() bool { return away.life.Status().Running })
	w.same(stream, want)
}
