package streams

import (
	"fmt"
	"slices"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// maxLag is how many entries a voter may be behind what a majority has and be well:
// under load the replicas are not asked at quite the same moment.
const maxLag = 1024

// assess says of all replicas together what none can say of itself: who leads, which
// part each has, how far it is behind, and what is wrong. Gone names the nodes of
// members that are not there.
func assess(resp *eventnodev1.StorageStatusResponse, gone []Node) {
	a := &assessment{resp: resp}
	a.best = authority(resp.GetReplicas())
	a.absent(gone)
	for _, r := range resp.GetReplicas() {
		r.Role = a.role(r.GetId())
		if a.best.GetCommitted() > r.GetDurable() && r.GetState() == eventnodev1.ReplicaState_REPLICA_STATE_RUNNING {
			r.Lag = a.best.GetCommitted() - r.GetDurable()
		}
	}
	a.leader()
	for _, r := range resp.GetReplicas() {
		a.replica(r)
	}
	a.copies()
	resp.Healthy = len(resp.GetProblems()) == 0
}

// assessment is one assess.
type assessment struct {
	resp *eventnodev1.StorageStatusResponse
	best *eventnodev1.ReplicaInfo // the one whose word counts; nil: none runs
}

// authority is the replica that leads or, without one, that which knows most.
func authority(all []*eventnodev1.ReplicaInfo) (best *eventnodev1.ReplicaInfo) {
	rank := func(r *eventnodev1.ReplicaInfo) [3]uint64 {
		leads := uint64(0)
		if r.GetLeads() {
			leads = 1
		}
		return [3]uint64{leads, r.GetTerm(), r.GetLast()}
	}
	for _, r := range all {
		if r.GetState() != eventnodev1.ReplicaState_REPLICA_STATE_RUNNING {
			continue
		}
		a, b := rank(r), rank(best)
		if best == nil || slices.Compare(a[:], b[:]) > 0 {
			best = r
		}
	}
	return best
}

func (a *assessment) problem(format string, args ...any) {
	a.resp.Problems = append(a.resp.Problems, fmt.Sprintf(format, args...))
}

// absent adds the members that no answer is about.
func (a *assessment) absent(gone []Node) {
	for _, id := range slices.Concat(a.best.GetVoters(), a.best.GetNonvoters()) {
		if slices.ContainsFunc(a.resp.GetReplicas(), func(r *eventnodev1.ReplicaInfo) bool { return r.GetId() == id }) {
			continue
		}
		r := &eventnodev1.ReplicaInfo{Id: id, Partition: a.best.GetPartition(), State: eventnodev1.ReplicaState_REPLICA_STATE_SILENT,
			Why: "no living node has it"}
		if i := slices.IndexFunc(gone, func(n Node) bool { return n.Replica.String() == id }); i >= 0 {
			r.Node, r.Why = string(gone[i].ID), "its node has stopped, or is lost"
		}
		a.resp.Replicas = append(a.resp.Replicas, r)
	}
}

func (a *assessment) role(id string) eventnodev1.ReplicaRole {
	switch {
	case slices.Contains(a.best.GetVoters(), id):
		return eventnodev1.ReplicaRole_REPLICA_ROLE_VOTER
	case slices.Contains(a.best.GetNonvoters(), id):
		return eventnodev1.ReplicaRole_REPLICA_ROLE_NONVOTER
	case len(a.best.GetVoters()) == 0:
		return eventnodev1.ReplicaRole_REPLICA_ROLE_UNSPECIFIED // nobody knows
	}
	return eventnodev1.ReplicaRole_REPLICA_ROLE_NONE
}

func (a *assessment) leader() {
	if a.best.GetLeads() {
		a.resp.Leader = a.best.GetNode()
		return
	}
	a.problem("no replica leads: nothing can be published or read until a majority of the voters reach each other")
}

// replica says what is wrong with a voter, or with one of which nobody knows whether
// it is one.
func (a *assessment) replica(r *eventnodev1.ReplicaInfo) {
	if r.GetRole() == eventnodev1.ReplicaRole_REPLICA_ROLE_NONVOTER || r.GetRole() == eventnodev1.ReplicaRole_REPLICA_ROLE_NONE {
		return
	}
	name := r.GetNode()
	if name == "" {
		name = "voter " + r.GetId()
	}
	why := ""
	if r.GetWhy() != "" {
		why = ": " + r.GetWhy()
	}
	switch r.GetState() {
	case eventnodev1.ReplicaState_REPLICA_STATE_RUNNING:
		if r.GetLag() > maxLag {
			a.problem("%s is %d entries behind the leader", name, r.GetLag())
		}
		if r.GetFull() { // one that is slow is well again by itself
			a.problem("%s has a full disk%s", name, why)
		}
	case eventnodev1.ReplicaState_REPLICA_STATE_OPENING:
		a.problem("%s is opening its files%s", name, why)
	case eventnodev1.ReplicaState_REPLICA_STATE_STOPPED:
		a.problem("%s has stopped%s", name, why)
	case eventnodev1.ReplicaState_REPLICA_STATE_WAITING:
		a.problem("%s belongs to no cluster yet", name)
	case eventnodev1.ReplicaState_REPLICA_STATE_SILENT, eventnodev1.ReplicaState_REPLICA_STATE_UNSPECIFIED:
		a.problem("%s does not answer%s", name, why)
	}
}

// copies: states at the same entry are the same.
func (a *assessment) copies() {
	at := map[uint64]*eventnodev1.ReplicaInfo{}
	for _, r := range a.resp.GetReplicas() {
		if r.GetState() != eventnodev1.ReplicaState_REPLICA_STATE_RUNNING || r.GetRole() == eventnodev1.ReplicaRole_REPLICA_ROLE_NONE {
			continue
		}
		other := at[r.GetApplied()]
		if other != nil && other.GetChain() != r.GetChain() {
			a.problem("the copies of %s and %s differ at entry %d: one of them is damaged, scrub both", other.GetNode(), r.GetNode(), r.GetApplied())
		}
		at[r.GetApplied()] = r
	}
}
