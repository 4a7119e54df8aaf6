package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/streams/internal/forming"
)

// How a node asks that a replica goes for good: its own, or one that is dead. It asks
// the leader until the replica is gone, and whoever leads then if that changes.

const (
	// retireEvery is how often the leader is asked.
	retireEvery = 250 * time.Millisecond
	// retirePatience is for how long no leader may answer.
	retirePatience = 10 * time.Second
)

// Asker asks the leader.
type Asker struct {
	// Self is this node, Peers the others, and Leader says who leads, as far as is
	// known here. All are required.
	Self   eventnode.NodeID
	Peers  Peers
	Leader func() (Leader, bool)
	// Streams is this node's durable plane. Defaults to none: it has no storage.
	Streams *Streams
}

// RemoveNode removes a dead node's replica; node is its name, or the UUID of the
// replica. It returns when that is done; tell is called with what is waited for,
// each time that changes. What was begun goes on if ctx ends.
func (a Asker) RemoveNode(ctx context.Context, node string, tell func(step string)) error {
	req := &clusterv1.RetireRequest{Node: node, Dead: true}
	if id, err := uuid.Parse(node); err == nil {
		req.Replica, req.Node = id[:], ""
	}
	return a.retire(ctx, req, tell)
}

// retire asks until the replica is gone.
func (a Asker) retire(ctx context.Context, req *clusterv1.RetireRequest, tell func(string)) error {
	tick := time.NewTicker(retireEvery)
	defer tick.Stop()
	said, heard := "", time.Now()
	for {
		resp, err := a.ask(ctx, req)
		waits := resp.GetWaits()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !isAway(err):
			return err
		case err != nil && time.Since(heard) > retirePatience:
			return fmt.Errorf("no leader answered for %v; what was begun goes on when there is one: repeat it then: %w", retirePatience, err)
		case err != nil:
			waits = "there is no leader at this moment: it is asked again"
		case resp.GetRefused() != "":
			return apierr.FromReason(resp.GetRefusedReason(), resp.GetRefused(), nil)
		case resp.GetGone():
			return nil
		default:
			heard = time.Now()
		}
		if waits != said {
			said = waits
			tell(waits)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// isAway reports whether asking again may help: another leader may answer, and what
// is asked may be asked twice.
func isAway(err error) bool {
	for _, target := range []error{eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown, context.DeadlineExceeded} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// ask asks the leader once.
func (a Asker) ask(ctx context.Context, req *clusterv1.RetireRequest) (*clusterv1.RetireResponse, error) {
	leader, ok := a.Leader()
	if !ok {
		return nil, errNoLeader
	}
	ctx, cancel := context.WithTimeout(ctx, 2*askTimeout)
	defer cancel()
	if leader.Node == a.Self && a.Streams != nil {
		return a.Streams.retire(ctx, req)
	}
	resp, err := a.Peers.Ask(ctx, leader.Node, &clusterv1.StorageRequest{Request: &clusterv1.StorageRequest_Retire{Retire: req}})
	if err != nil {
		return nil, err
	}
	return resp.GetRetire(), nil
}

// Leave gives this node's part in its cluster up for good, and has the data directory
// remember it. It returns when no other node counts on this one: then the process is
// to end. It may be called again if it fails.
func (s *Streams) Leave(ctx context.Context, tell func(step string)) error {
	switch s.remembered().Stage {
	case forming.Promised:
		return fmt.Errorf("this node is about to found a cluster with others, which need it for that: try again in a moment: %w", eventnode.ErrUnavailable)
	case forming.Belongs:
	case forming.Alone, forming.Left, forming.Removed:
		return nil
	}
	s.leaving.Add(1)
	defer s.leaving.Add(-1)
	id := s.Replica()
	a := Asker{Self: s.cfg.Self, Peers: s.cfg.Peers, Leader: s.Leader, Streams: s}
	if err := a.retire(ctx, &clusterv1.RetireRequest{Replica: id[:], Node: string(s.cfg.Self)}, tell); err != nil {
		return err
	}
	return s.depart(forming.Left)
}

// depart has the data directory remember that it is of no use any more.
func (s *Streams) depart(how forming.Stage) error {
	return s.remember(func(old forming.State) (forming.State, error) { return old.Depart(how), nil })
}
