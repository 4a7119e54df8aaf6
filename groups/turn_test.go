package groups

import (
	"fmt"
	"sync"
	"testing"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Calls from many goroutines, some of which find the turn free and some not, are
// each done once, and in the order of their goroutine.
func TestTurn_ConcurrentCalls(t *testing.T) {
	g := alone(t, Config{})
	peer := eventnode.NodeRef{ID: "p", Epoch: 1}
	g.PeerUp(peer)
	s := g.Scope("")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			m, err := g.NewMember(t.Context(), 0)
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 500 {
				told := 0
				g.tell(func() { told = n + 1 })
				if _, err := s.Join(t.Context(), fmt.Sprint("g", i), []eventnode.Member{m}); err != nil || told != n+1 {
					t.Errorf("join %d: %v; what came before it was done: %t", n, err, told == n+1)
					return
				}
			}
			if _, err := s.Leave(t.Context(), fmt.Sprint("g", i), m); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		for v := range uint64(500) {
			g.Receive(peer, encoded(&clusterv1.Exchange{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: &clusterv1.ChangeSet{
				Origin: &clusterv1.Origin{Node: "p", Epoch: 1}, Version: v + 1,
				Groups: []*clusterv1.GroupDelta{{Group: "p", Joined: []*clusterv1.Membership{{Ref: v + 1}}}},
			}}}))
		}
	})
	wg.Wait()
	if err := g.do(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	equal(t, "memberships", g.Stats().Memberships, 4*499+500)
}

// What comes together is told one by one, in order.
func TestReceive_ABatch(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		mon, err := c.nodes[0].Scope("").MonitorScope(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		from := c.nodes[1].ref
		var batch [][]byte
		for v := range uint64(50) {
			batch = append(batch, encoded(&clusterv1.Exchange{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: &clusterv1.ChangeSet{
				Origin: &clusterv1.Origin{Node: string(from.ID), Epoch: from.Epoch}, Version: v + 1,
				Groups: []*clusterv1.GroupDelta{{Group: "g", Joined: []*clusterv1.Membership{{Ref: v + 1}}}},
			}}})...)
		}
		c.nodes[0].Receive(from, batch)
		for v := range uint64(50) {
			ref := eventnode.MemberRef{Node: from, Ref: v + 1}
			equal(t, "change", c.next(mon), "g +"+ref.String())
		}
	})
}
