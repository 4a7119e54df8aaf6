package streams

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// How a cluster begins: package forming decides, and this file asks, answers and
// remembers. Until the node belongs to a cluster it looks twice a second whether it
// is the one to ask the others to found one, or whether there is one to join.

// formEvery is how often a node that belongs to nothing looks around.
const formEvery = 500 * time.Millisecond

// formSilence is how long it may take until something is said of it.
const formSilence = 10 * time.Second

// askTimeout bounds one question to a peer.
const askTimeout = 2 * time.Second

// form returns when this node belongs to a cluster, or ctx has ended.
func (s *Streams) form(ctx context.Context) (belongs bool, err error) {
	tick := time.NewTicker(formEvery)
	defer tick.Stop()
	began := time.Now()
	for said := false; ; {
		state := s.remembered()
		if state.Stage == forming.Belongs {
			if state.Recovered != nil {
				s.cfg.Logger.Warn("this node begins with a recovered copy", "what", recovered(state.Recovered))
			}
			return true, s.cfg.Peers.Announce(s.Replica(), state.Founding.Cluster)
		}
		if err := s.look(ctx, state); err != nil {
			return false, err
		}
		if s.remembered().Stage == forming.Belongs {
			continue
		}
		if !said && time.Since(began) > formSilence {
			said = true // from here on it is a notice in the status
			s.cfg.Logger.Info("belongs to no cluster yet, which the status says from here on", "why", s.unformed(), "stage", state.Stage)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, nil
		}
	}
}

func (s *Streams) remembered() forming.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.founded
}

// look joins the cluster that there is, or asks for one to be founded.
func (s *Streams) look(ctx context.Context, state forming.State) error {
	var living []uuid.UUID
	nodes := s.cfg.Peers.Nodes()
	for _, n := range nodes {
		if n.Cluster == uuid.Nil {
			living = append(living, n.Replica)
			continue
		}
		return s.remember(func(old forming.State) (forming.State, error) {
			if old.Stage == forming.Promised && old.Founding.Cluster == n.Cluster {
				return old.Begin(old.Founding) // somebody has begun: so all have promised
			}
			return old.Join(n.Cluster, n.Replica)
		})
	}
	f, asks := state.Propose(s.Replica(), uuid.New(), living, s.cfg.Expect)
	if !asks {
		return nil
	}
	if err := s.found(ctx, nodes, f); err != nil {
		s.cfg.Logger.Warn("no cluster yet", "founding", f.Cluster, "error", err)
	}
	return nil
}

// found asks all voters to promise, this node first, and then to begin, this node
// last: as long as it has not begun, it goes on asking.
func (s *Streams) found(ctx context.Context, nodes []Node, f forming.Founding) error {
	if resp := s.promise(f, false); resp.GetRefused() != "" {
		return fmt.Errorf("this node: %s", resp.GetRefused())
	}
	for _, begin := range []bool{false, true} {
		for _, id := range f.Voters {
			if id == s.Replica() {
				continue
			}
			if err := s.askFounder(ctx, nodes, id, f, begin); err != nil {
				return err
			}
		}
	}
	if resp := s.promise(f, true); resp.GetRefused() != "" {
		return fmt.Errorf("this node: %s", resp.GetRefused())
	}
	s.cfg.Logger.Info("founded the cluster", "uuid", f.Cluster, "voters", len(f.Voters))
	return nil
}

// askFounder asks one voter.
func (s *Streams) askFounder(ctx context.Context, nodes []Node, id uuid.UUID, f forming.Founding, begin bool) error {
	i := slices.IndexFunc(nodes, func(n Node) bool { return n.Replica == id })
	if i < 0 {
		return fmt.Errorf("replica %v, which has to promise, is on no node: if it is gone for good, and nothing was stored yet, remove the data directories of all", id)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := s.cfg.Peers.Ask(ctx, nodes[i].ID, &clusterv1.StorageRequest{Request: &clusterv1.StorageRequest_Promise{
		Promise: &clusterv1.PromiseRequest{Founding: foundingToProto(f), Begin: begin}}})
	if err != nil {
		return fmt.Errorf("%s: %w", nodes[i].ID, err)
	}
	if why := resp.GetPromise().GetRefused(); why != "" {
		return fmt.Errorf("%s: %s", nodes[i].ID, why)
	}
	return nil
}

// promise is asked of this node.
func (s *Streams) promise(f forming.Founding, begin bool) *clusterv1.PromiseResponse {
	self := s.Replica()
	err := s.remember(func(old forming.State) (forming.State, error) {
		if begin {
			return old.Begin(f)
		}
		return old.Promise(self, f)
	})
	resp := &clusterv1.PromiseResponse{}
	if now := s.remembered(); now.Stage != forming.Alone {
		resp.Founding = foundingToProto(now.Founding)
	}
	if err != nil {
		resp.Refused = err.Error()
	}
	return resp
}

// remember changes what this node remembers, on disk first. Change must not call s.
func (s *Streams) remember(change func(forming.State) (forming.State, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := change(s.founded)
	if err != nil || next.Stage == s.founded.Stage && next.Founding.Equal(s.founded.Founding) {
		return err
	}
	if err := forming.Store(s.cfg.Dir, next); err != nil {
		return fmt.Errorf("remember the founding: %w", err)
	}
	s.founded = next
	return nil
}

// Answer answers a peer's question.
func (s *Streams) Answer(ctx context.Context, _ eventnode.NodeID, req *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error) {
	switch r := req.GetRequest().(type) {
	case *clusterv1.StorageRequest_Promise:
		f, err := foundingFromProto(r.Promise.GetFounding())
		if err != nil {
			return nil, err
		}
		return &clusterv1.StorageResponse{Response: &clusterv1.StorageResponse_Promise{Promise: s.promise(f, r.Promise.GetBegin())}}, nil
	case *clusterv1.StorageRequest_Replicas:
		return &clusterv1.StorageResponse{Response: &clusterv1.StorageResponse_Replicas{Replicas: s.describe(r.Replicas)}}, nil
	case *clusterv1.StorageRequest_Retire:
		resp, err := s.retire(ctx, r.Retire)
		return &clusterv1.StorageResponse{Response: &clusterv1.StorageResponse_Retire{Retire: resp}}, err
	}
	return nil, fmt.Errorf("unknown kind of StorageRequest: %w", eventnode.ErrInvalidArgument)
}

// begin gives the replica its voters, if this node is a founder.
func (s *Streams) begin(ctx context.Context, r *replica.Replica) error {
	voters := s.remembered().Founding.Voters
	if len(voters) == 0 {
		return nil
	}
	for !r.Status().Running {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
	if err := r.Form(voters); err != nil {
		return err
	}
	return nil
}

func foundingToProto(f forming.Founding) *clusterv1.Founding {
	p := &clusterv1.Founding{ClusterUuid: f.Cluster[:]}
	for _, id := range f.Voters {
		p.Voters = append(p.Voters, id[:])
	}
	return p
}

func foundingFromProto(p *clusterv1.Founding) (f forming.Founding, err error) {
	if f.Cluster, err = uuid.FromBytes(p.GetClusterUuid()); err != nil {
		return f, fmt.Errorf("cluster UUID: %w: %w", err, eventnode.ErrInvalidArgument)
	}
	for _, b := range p.GetVoters() {
		id, err := uuid.FromBytes(b)
		if err != nil {
			return f, fmt.Errorf("voter: %w: %w", err, eventnode.ErrInvalidArgument)
		}
		f.Voters = append(f.Voters, id)
	}
	return f, nil
}
