package replica

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Each voter that a lost leader leaves behind has a turn of its own, and all agree
// on it.
func TestTurns(t *testing.T) {
	id := func(n byte) uuid.UUID { return uuid.UUID{n} }
	members := []Member{{ID: id(3), Voter: true}, {ID: id(1), Voter: true}, {ID: id(4)}, {ID: id(2), Voter: true}}
	for _, test := range []struct {
		leader, self byte
		turn         int
		votes        bool
	}{
		{1, 2, 0, true}, {1, 3, 1, true},
		{2, 1, 0, true}, {2, 3, 1, true},
		{3, 1, 0, true}, {3, 2, 1, true},
		{1, 4, -1, false}, // has no vote
		{1, 5, -1, false}, // is no member
	} {
		turn, votes := turnOf(members, id(test.leader), id(test.self))
		if turn != test.turn || votes != test.votes {
			t.Errorf("%d after %d: %d %v, want %d %v", test.self, test.leader, turn, votes, test.turn, test.votes)
		}
	}
}

// A sick replica is in no hurry, whoever died, and no timeout is shorter than a lease.
func TestTimeouts(t *testing.T) {
	s := &session{cfg: Config{HeartbeatTimeout: 500 * time.Millisecond}}
	for _, test := range []struct {
		sick, hurries bool
		want          time.Duration
	}{
		{false, false, 500 * time.Millisecond},
		{false, true, s.lease()},
		{true, false, 1500 * time.Millisecond},
		{true, true, 1500 * time.Millisecond},
	} {
		if s.sick.Store(nil); test.sick {
			s.sick.Store(new("slow"))
		}
		s.hurries.Store(test.hurries)
		if got := s.timeout(); got != test.want {
			t.Errorf("sick %v, hurries %v: %v, want %v", test.sick, test.hurries, got, test.want)
		}
	}
}

// record is a log that tests look into.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Contains(r.text.Bytes(), []byte(text))
}

// recording is a world of three replicas with a log. Their heartbeat timeout is so
// long that nobody is elected within a test because a leader is silent.
func recording(t *testing.T) (*world, *record) {
	log := &record{}
	w := formed(t, 3, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.HeartbeatTimeout = 4 * time.Second
	})
	return w, log
}

// crash ends a machine as kill -9 does: its port refuses, its connections end, and
// nobody else is told.
func (m *machine) crash() {
	m.w.t.Helper()
	m.life.unplug()
	m.w.eventually("the port is closed", func() bool { return !m.answers() })
	s, err := m.life.present()
	if err != nil {
		m.w.t.Fatal(err)
	}
	s.fail(errHangs) // one after which the replica is not opened again
	m.life.ended.Wait()
	if !errors.Is(m.life.err, errHangs) {
		m.w.t.Error(m.life.err)
	}
	m.life = nil
}

// A leader whose process has died is given up by each in its turn, another one leads,
// and the timeouts are what they were.
func TestADeadLeaderIsReplacedInTurn(t *testing.T) {
	w, log := recording(t)
	stream := w.declare("a")
	w.do(publish(stream, 10, "1"))
	dead := w.leader()
	dead.crash()
	next := w.leader()
	w.do(publish(stream, 10, "2"))
	if got := fmt.Sprint(next.names(stream)); got != "[1 2]" {
		t.Errorf("%s has %v", next.id, got)
	}
	if !log.has("the leader's process has ended") {
		t.Error("nobody noticed")
	}
	w.eventually("usual timeouts", func() bool {
		for _, m := range w.nodes {
			if m.life == nil {
				continue
			}
			s, err := m.life.present()
			if err != nil || s.raft.ReloadableConfig().HeartbeatTimeout != s.cfg.HeartbeatTimeout {
				return false
			}
		}
		return true
	})
}

// Connections that end prove nothing while their machine takes new ones.
func TestALeaderThatHangsUpIsKept(t *testing.T) {
	w, log := recording(t)
	stream := w.declare("a")
	lead := w.leader()
	for _, m := range w.nodes {
		if m == lead {
			continue
		}
		s, err := m.life.present()
		if err != nil {
			t.Fatal(err)
		}
		if !s.follows(lead.id) || s.hasDied(t.Context(), lead.id) {
			t.Errorf("%s takes %s for dead", m.id, lead.id)
		}
	}
	w.do(publish(stream, 10, "1"))
	if w.leader() != lead || log.has("the leader's process has ended") {
		t.Error("the leader was replaced")
	}
}

// Who hands over leads no more, as far as others see, and takes nothing: nothing was
// done then.
func TestWhoHandsOverTakesNothing(t *testing.T) {
	w := formed(t, 3, nil)
	stream := w.declare("a")
	lead := w.leader()
	s, err := lead.life.present()
	if err != nil {
		t.Fatal(err)
	}
	s.handing.Add(1)
	if lead.life.Leads() {
		t.Error("leads")
	}
	if _, err := lead.life.Propose(t.Context(), publish(stream, 10, "1")); !errors.Is(err, ErrNotLeader) {
		t.Error(err)
	}
	s.handing.Add(-1)
	w.do(publish(stream, 10, "2"))
	if got := fmt.Sprint(w.leader().names(stream)); got != "[2]" {
		t.Errorf("the stream has %v", got)
	}
}

// A leader that stops knows who leads after it before its part is over.
func TestWhoStopsKnowsItsHeir(t *testing.T) {
	w := formed(t, 3, nil)
	w.declare("a")
	lead := w.leader()
	heard := make(chan uuid.UUID, 1)
	stopped := make(chan struct{})
	r := lead.life.Replica
	go func() {
		defer close(heard)
		for {
			select {
			case <-stopped:
				return
			case <-time.After(time.Millisecond):
				if id := r.Leader(); id != uuid.Nil && id != lead.id {
					heard <- id
					return
				}
			}
		}
	}()
	lead.stop()
	close(stopped)
	if id := <-heard; id != w.leader().id {
		t.Errorf("took %v for its heir", id)
	}
}
