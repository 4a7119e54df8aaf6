package membership

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// replicaAt is the replica that m holds a node to have.
func replicaAt(m *member, of *member) uuid.UUID {
	for _, n := range m.Nodes() {
		if n.Ref.ID == of.Self().Ref.ID {
			return n.Replica
		}
	}
	return uuid.Nil
}

// Renewals of metadata come one at a time, so that of two at once the newest metadata
// wins, at peers, too.
func TestRenewalsOneAtATime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(3)
		peer, self := all[0], all[1]
		older, newest := uuid.New(), uuid.New()
		g := self.gossip.Load()

		g.renewing <- struct{}{} // one is under way, and has read the metadata
		self.SetReplica(older)
		var renewals sync.WaitGroup
		for range 2 {
			renewals.Go(func() { g.renew(time.Second) })
		}
		time.Sleep(5 * time.Second)
		if id := replicaAt(peer, self); id != uuid.Nil {
			t.Errorf("a second renewal did not wait for the first one: %v", id)
		}
		self.SetReplica(newest)
		<-g.renewing
		renewals.Wait()
		knows := func() bool {
			return replicaAt(peer, self) == newest && replicaAt(all[2], self) == newest && replicaAt(self, self) == newest
		}
		w.eventually(5*time.Second, "peers have the newest", knows)
		time.Sleep(time.Minute) // and several exchanges of the whole state
		if !knows() {
			t.Errorf("it is %v, then %v", replicaAt(peer, self), replicaAt(all[2], self))
		}

		// Many at once, each after a change.
		var last uuid.UUID
		for range 20 {
			last = uuid.New()
			self.SetReplica(last)
			renewals.Go(func() { g.renew(time.Millisecond) })
		}
		renewals.Wait()
		w.eventually(5*time.Second, "peers have the last of many", func() bool { return replicaAt(peer, self) == last && replicaAt(all[2], self) == last })
	})
}
