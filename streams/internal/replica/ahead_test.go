package replica

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftlog/raftlogtest"
)

// The leader sends an entry before it has fsynced it, and acks it only after: with both
// others it would be a majority, but Raft counts its own copy.
func TestAnAckWaitsForTheLeadersOwnCopy(t *testing.T) {
	disks := map[uuid.UUID]*raftlogtest.FS{}
	w := formed(t, 3, func(c *Config) {
		disks[c.ID] = raftlogtest.New(raftlog.NewFS())
		c.LogFS = disks[c.ID]
	})
	stream := w.declare("a")
	w.do(publish(stream, 10, "0"))
	leader := w.leader()
	release := make(chan struct{})
	disks[leader.id].Before(func(op raftlogtest.Op, name string) error {
		if op == raftlogtest.Sync && strings.HasSuffix(name, ".wal") {
			<-release
		}
		return nil
	})
	before := leader.life.Status().Durable
	acked := make(chan error, 1)
	go func() {
		r, err := leader.life.Propose(t.Context(), publish(stream, 10, "1"))
		if err == nil {
			err = r.Err
		}
		acked <- err
	}()
	w.eventually("the others have it", func() bool {
		for _, m := range w.nodes {
			if m != leader && m.life.Status().Durable <= before {
				return false
			}
		}
		return true
	})
	select {
	case err := <-acked:
		t.Fatalf("acked (%v) with %d durable at the leader, as before %d", err, leader.life.Status().Durable, before)
	case <-time.After(100 * time.Millisecond): // their answers have come long ago
	}
	if now := leader.life.Status(); now.Durable != before || now.Committed > before {
		t.Errorf("the leader has %+v, had %d durable", now, before)
	}
	close(release)
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	w.same(stream, []string{"0", "1"})
}
