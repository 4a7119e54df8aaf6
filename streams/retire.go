package streams

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/placement"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// A replica that is to go for good, as its leader sees it. The leader looks whether
// the others can do without it, and says no before anything is changed; else it
// writes into the partition's state that the replica goes. From then on every leader
// knows, and its reconciling does what there is to do, one step at a time, as soon as
// it can. Whoever asked asks again until it is done: nothing waits here.

// aliveTimeout bounds the question whether a replica is there.
const aliveTimeout = time.Second

// retire answers a RetireRequest.
func (s *Streams) retire(ctx context.Context, req *clusterv1.RetireRequest) (*clusterv1.RetireResponse, error) {
	r, ok := s.partition()
	if !ok || !r.Leads() {
		return nil, fmt.Errorf("this node does not lead: %w", eventnode.ErrUnavailable)
	}
	known, err := s.knownReplicas(r)
	if err != nil {
		return nil, err
	}
	st := r.Status()
	if err := s.noteNames(ctx, r, st, known); err != nil {
		return nil, err
	}
	id, err := s.whom(req, st, known)
	if err == nil && !known.departed(id) {
		err = s.letGo(ctx, r, st, known, id, req)
	}
	if reason := apierr.Reason(err); err != nil && isRefusal(reason) {
		return &clusterv1.RetireResponse{RefusedReason: reason, Refused: err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	waits := s.waitsFor(r.Status(), known, id)
	return &clusterv1.RetireResponse{Gone: waits == "", Waits: waits}, nil
}

// isRefusal tells what is not to be asked again from what may be.
func isRefusal(reason string) bool {
	return slices.Contains([]string{
		apierr.Reason(eventnode.ErrMajorityNeeded), apierr.Reason(eventnode.ErrNodeAlive), apierr.Reason(eventnode.ErrNodeNotFound),
	}, reason)
}

// whom is the replica that is asked about.
func (s *Streams) whom(req *clusterv1.RetireRequest, st replica.Status, known knownReplicas) (uuid.UUID, error) {
	if len(req.GetReplica()) > 0 {
		id, err := uuid.FromBytes(req.GetReplica())
		if err != nil {
			return id, fmt.Errorf("replica: %w: %w", err, eventnode.ErrInvalidArgument)
		}
		if req.GetDead() && !isMember(st, id) && known.note(id) == nil {
			return id, s.unknownNode(req.GetNode(), st, known)
		}
		return id, nil
	}
	// Of those that had the name the last one counts, and one that takes part before
	// one that does not; so does one that gossip holds alive, and is not noted yet.
	var found uuid.UUID
	for _, n := range s.cfg.Peers.Nodes() {
		if string(n.ID) == req.GetNode() {
			found = n.Replica
		}
	}
	for _, n := range known.notes {
		id, err := uuid.FromBytes(n.GetReplica())
		if err == nil && n.GetNode() == req.GetNode() && (isMember(st, id) || !isMember(st, found)) {
			found = id
		}
	}
	if found == uuid.Nil {
		return found, s.unknownNode(req.GetNode(), st, known)
	}
	return found, nil
}

func isMember(st replica.Status, id uuid.UUID) bool {
	return slices.ContainsFunc(st.Members, func(m replica.Member) bool { return m.ID == id })
}

// unknownNode is the error that names those that there are.
func (s *Streams) unknownNode(name string, st replica.Status, known knownReplicas) error {
	var names []string
	for _, m := range st.Members {
		names = append(names, known.name(m.ID))
	}
	slices.Sort(names)
	return fmt.Errorf("no copy of the streams is known to be on %q; copies are on %s: %w", name, strings.Join(names, ", "), eventnode.ErrNodeNotFound)
}

// letGo has the partition remember that a replica goes, if it may.
func (s *Streams) letGo(ctx context.Context, r *replica.Replica, st replica.Status, known knownReplicas, id uuid.UUID, req *clusterv1.RetireRequest) error {
	departure := storagev1.Departure_DEPARTURE_LEFT
	if req.GetDead() {
		departure = storagev1.Departure_DEPARTURE_REMOVED
		for _, n := range known.living { // gossip needs some seconds to find out that one is dead
			if n.Replica == id && s.answers(ctx, n)[0] {
				return fmt.Errorf("%s answers: have it leave (eventnode leave --node %s), or stop it first: %w", n.ID, n.ID, eventnode.ErrNodeAlive)
			}
		}
	}
	v := s.wanted(ctx, st, known)
	v.Living = s.answering(ctx, v.Living)
	placement.NewMemory().Note(&v, time.Now())
	if why := placement.Refusal(v, id); why != "" {
		return fmt.Errorf("%s cannot go: %s: %w", known.name(id), why, eventnode.ErrMajorityNeeded)
	}
	s.cfg.Logger.Info("a replica goes for good", "node", known.name(id), "replica", id, "dead", req.GetDead())
	return s.noteReplica(ctx, r, &storagev1.NoteReplica{Replica: id[:], Node: req.GetNode(), Departure: departure})
}

// answering are those nodes that answer now.
func (s *Streams) answering(ctx context.Context, nodes []placement.Node) (there []placement.Node) {
	asked := make([]Node, len(nodes))
	for i, n := range nodes {
		asked[i] = Node{ID: eventnode.NodeID(n.Name)}
	}
	for i, answers := range s.answers(ctx, asked...) {
		if answers {
			there = append(there, nodes[i])
		}
	}
	return there
}

// answers reports of each node whether it answers.
func (s *Streams) answers(ctx context.Context, nodes ...Node) []bool {
	there := make([]bool, len(nodes))
	for i, resp := range askNodes(ctx, s.cfg.Peers, nodes, &clusterv1.ReplicasRequest{}, aliveTimeout) {
		there[i] = resp != nil || nodes[i].ID == s.cfg.Self // nobody asks itself
	}
	return there
}

// waitsFor is what a replica that goes waits for; "" if it is gone.
func (s *Streams) waitsFor(st replica.Status, known knownReplicas, id uuid.UUID) string {
	voters, member, standIn := 0, -1, ""
	for i, m := range st.Members {
		switch {
		case m.ID == id:
			member = i
		case m.Voter:
			voters++
		case !known.departed(m.ID):
			standIn = known.name(m.ID)
		}
	}
	switch {
	case member < 0:
		return ""
	case !st.Members[member].Voter:
		return "it has no vote any more, and is removed"
	case standIn != "":
		return standIn + " is to take its place, and catches up"
	}
	return fmt.Sprintf("%d others vote; the leader takes its vote as soon as a majority of them answers", voters)
}
