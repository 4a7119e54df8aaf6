package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/streams/internal/floors"
	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// What replicas know of each other besides what Raft tells them: how much each had
// made durable, what time it is, and who is well. Each asks the others once a
// second; and one that starts asks them before it takes part.

const (
	// hearEvery is how often a node asks its peers. What a replica made durable
	// since, and then lost, goes unnoticed.
	hearEvery = time.Second
	// clearEvery is how often a replica that may not take part yet asks again.
	clearEvery = 100 * time.Millisecond
	// clearWait is how long it waits for peers that gossip holds alive, beyond
	// those that it needs: they may know more.
	clearWait = 3 * time.Second
)

// heard is what peers said of their replicas.
type heard map[uuid.UUID]*clusterv1.ReplicaStatus

// ask asks the nodes of these replicas, all at once; of a node that does not answer,
// or is of another cluster, there is nothing. No replicas means all that are there.
func (s *Streams) ask(ctx context.Context, replicas []uuid.UUID) heard {
	return s.askChains(ctx, replicas, 0)
}

// askChains also asks what the hash over their states was at an entry.
func (s *Streams) askChains(ctx context.Context, replicas []uuid.UUID, chainAt uint64) heard {
	self, cluster := s.Replica(), s.ClusterUUID()
	nodes := slices.DeleteFunc(slices.Clone(s.cfg.Peers.Nodes()), func(n Node) bool {
		return n.Replica == self || n.Cluster != cluster || len(replicas) > 0 && !slices.Contains(replicas, n.Replica)
	})
	all := heard{}
	for i, resp := range askNodes(ctx, s.cfg.Peers, nodes, &clusterv1.ReplicasRequest{Asker: self[:], ChainAt: chainAt}, askTimeout) {
		if r := replicaOf(resp); r != nil {
			all[nodes[i].Replica] = r
		}
	}
	return all
}

// askNodes asks nodes how their replicas are, all at once, for so long at most: an
// answer for each, nil of one that did not answer. It is the one way to ask.
func askNodes(ctx context.Context, peers Peers, nodes []Node, req *clusterv1.ReplicasRequest, timeout time.Duration) []*clusterv1.ReplicasResponse {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answers := make([]*clusterv1.ReplicasResponse, len(nodes))
	var asking sync.WaitGroup
	for i, n := range nodes {
		asking.Go(func() {
			resp, err := peers.Ask(ctx, n.ID, &clusterv1.StorageRequest{Request: &clusterv1.StorageRequest_Replicas{Replicas: req}})
			if err != nil {
				return
			}
			if answers[i] = resp.GetReplicas(); answers[i] == nil {
				answers[i] = &clusterv1.ReplicasResponse{} // it has answered
			}
		})
	}
	asking.Wait()
	return answers
}

// replicaOf is the replica of the one partition in an answer; nil: there is none.
func replicaOf(resp *clusterv1.ReplicasResponse) *clusterv1.ReplicaStatus {
	for _, r := range resp.GetReplicas() {
		if r.GetPartition() == partitionMeta {
			return r
		}
	}
	return nil
}

// hear asks the other members again and again, and keeps what they say.
func (s *Streams) hear(ctx context.Context, r *replica.Replica, book *floors.Book) error {
	var complained time.Time
	for {
		pause := clearEvery // until there is somebody to ask
		if st := r.Status(); st.Leader != uuid.Nil {
			pause = hearEvery
			s.keep(r, book, st, s.ask(ctx, others(st.Members, st.ID)))
			if err := book.Save(); err != nil && time.Since(complained) > time.Minute {
				complained = time.Now()
				s.cfg.Logger.Warn("what peers made durable could not be kept", "error", err)
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// others lists the other members.
func others(members []replica.Member, self uuid.UUID) (ids []uuid.UUID) {
	for _, m := range members {
		if m.ID != self {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// keep takes note of what the other members said.
func (s *Streams) keep(r *replica.Replica, book *floors.Book, st replica.Status, said heard) {
	book.Keep(others(st.Members, st.ID))
	var o replica.Others
	for _, m := range st.Members {
		status := said[m.ID]
		if status == nil {
			continue
		}
		book.Note(m.ID, status.GetDurable())
		r.Observe(status.GetStampMs(), status.GetWarm())
		if m.Voter && !status.GetSick() {
			o.Well++
		}
		if m.Voter && status.GetFull() {
			o.Full++
		}
	}
	r.Hear(o)
}

// clear lets a replica take part when its peers do not remember more of it than it
// has: enough of them to elect a leader with it, and all others that are there and
// answer.
//
// Without them it could not do anything either, so nothing is lost by waiting.
func (s *Streams) clear(ctx context.Context, has replica.Standing) error {
	voters := has.Voters
	if len(voters) == 0 {
		voters = s.remembered().Founding.Voters
	}
	peers := slices.DeleteFunc(slices.Clone(voters), func(id uuid.UUID) bool { return id == s.Replica() })
	need := len(voters) / 2 // with this one a majority
	if len(voters) == 0 {
		need = 1 // any one: this node joined, and nothing is known yet
	}
	tick := time.NewTicker(clearEvery)
	defer tick.Stop()
	said := false
	for started := time.Now(); ; {
		answers := s.ask(ctx, peers)
		if err := s.enough(has, answers); err != nil {
			return err
		}
		if len(answers) >= need && (len(answers) >= s.there(peers) || time.Since(started) > clearWait) {
			return nil
		}
		if !said && time.Since(started) > clearWait {
			said = true
			s.cfg.Logger.Info("waits for peers to say that this replica lacks nothing", "need", need, "answered", len(answers))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// enough takes note of the peers' time, and fails if one of them remembers more of
// this replica than it has.
func (s *Streams) enough(has replica.Standing, answers heard) error {
	r, _ := s.partition()
	for id, a := range answers {
		if r != nil {
			r.Observe(a.GetStampMs(), a.GetWarm())
		}
		if checkFloor && a.GetFloor() > has.Last {
			return fmt.Errorf("replica %v remembers more of this one: %w", id, &raftlog.FloorError{Last: has.Last, Floor: a.GetFloor()})
		}
	}
	return nil
}

// there is how many of these replicas gossip holds alive; of all if there are none.
func (s *Streams) there(replicas []uuid.UUID) (n int) {
	cluster := s.ClusterUUID()
	for _, node := range s.cfg.Peers.Nodes() {
		if node.Replica != s.Replica() && node.Cluster == cluster && (len(replicas) == 0 || slices.Contains(replicas, node.Replica)) {
			n++
		}
	}
	return n
}

// describe says how this node's replica is, what is remembered of the one that asks,
// and whether that one has a part.
func (s *Streams) describe(req *clusterv1.ReplicasRequest) *clusterv1.ReplicasResponse {
	s.mu.Lock()
	r, book := s.replica, s.floors
	s.mu.Unlock()
	if r == nil {
		return &clusterv1.ReplicasResponse{}
	}
	st := r.Status()
	resp := &clusterv1.ReplicaStatus{
		Partition: st.Partition, Id: st.ID[:], Durable: min(st.Durable, st.Committed), Applied: st.Applied,
		Leads: st.Leads, StampMs: st.StampMS, Warm: st.Warm, Sick: st.Sick || !st.Running, Full: st.Full,
	}
	if st.Leader != uuid.Nil {
		resp.Leader = st.Leader[:]
	}
	all := &clusterv1.ReplicasResponse{Replicas: []*clusterv1.ReplicaStatus{resp}}
	if chain, known := r.ChainAt(req.GetChainAt()); known {
		resp.Chain = new(uint64(chain))
	}
	if id, err := uuid.FromBytes(req.GetAsker()); err == nil {
		resp.Floor = book.Of(id)
		all.Departed = string(s.standingOf(r, st, id))
	}
	return all
}

// errNobody: there is nobody to rebuild a replica from.
var errNobody = errors.New("no other replica leads")

// elsewhere returns when another replica leads the partition.
func (s *Streams) elsewhere(ctx context.Context) error {
	if len(s.remembered().Founding.Voters) == 1 && s.there(nil) == 0 {
		return errNobody // there never was another
	}
	ctx, cancel := context.WithTimeout(ctx, rebuildWait)
	defer cancel()
	tick := time.NewTicker(hearEvery)
	defer tick.Stop()
	for {
		for _, status := range s.ask(ctx, nil) {
			if status.GetLeads() {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errNobody
		}
	}
}
