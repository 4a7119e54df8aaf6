package streams

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Observer finds the leader for a node whose own replica cannot tell, or that has
// none, by asking those that have one, twice a second.
//
// A replica that runs and hears no leader has lost its majority, or has no part in
// the partition any more, of which it may not have heard: so only the word of one that
// leads itself counts then.
type Observer struct {
	peers  Peers
	knows  func() bool // the own replica can tell: nobody need be asked
	runs   func() bool // there is an own replica, and it runs
	leader atomic.Pointer[Leader]
}

// observeEvery is how often it asks.
const observeEvery = 500 * time.Millisecond

// NewObserver returns one for a node without storage, which Run brings to life.
func NewObserver(peers Peers) *Observer {
	no := func() bool { return false }
	return &Observer{peers: peers, knows: no, runs: no}
}

// Run asks until ctx ends.
func (o *Observer) Run(ctx context.Context) error {
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	for {
		if o.knows() {
			o.leader.Store(nil) // it will be out of date when it is needed
		} else {
			o.ask(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Leader is the node that leads, as far as was heard.
func (o *Observer) Leader() (Leader, bool) {
	l := o.leader.Load()
	if l == nil {
		return Leader{}, false
	}
	return *l, true
}

// ask asks all nodes.
func (o *Observer) ask(ctx context.Context) {
	nodes := o.peers.Nodes()
	var found *Leader
	for _, resp := range askNodes(ctx, o.peers, nodes, &clusterv1.ReplicasRequest{}, observeEvery) {
		r := replicaOf(resp)
		id, err := uuid.FromBytes(r.GetLeader())
		if l, ok := leaderOf(nodes, id); ok && err == nil && (r.GetLeads() || !o.runs() && found == nil) {
			found = &l
			if r.GetLeads() {
				break
			}
		}
	}
	o.leader.Store(found)
}

// leaderOf is the node of a replica.
func leaderOf(nodes []Node, id uuid.UUID) (Leader, bool) {
	for _, n := range nodes {
		if n.Replica == id && id != uuid.Nil {
			return Leader{Node: n.ID, Address: n.Address}, true
		}
	}
	return Leader{}, false
}
