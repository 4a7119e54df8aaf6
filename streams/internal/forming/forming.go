package forming

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
)

// Founding is what a cluster is formed of.
type Founding struct {
	Cluster uuid.UUID
	// Voters is sorted.
	Voters []uuid.UUID
}

// Equal reports whether both are the same.
func (f Founding) Equal(o Founding) bool {
	return f.Cluster == o.Cluster && slices.Equal(f.Voters, o.Voters)
}

// IsZero reports whether nothing was promised.
func (f Founding) IsZero() bool { return f.Cluster == uuid.Nil }

// Stage is how far a node is.
type Stage string

// The stages.
const (
	// Alone: it belongs to nothing and has promised nothing.
	Alone Stage = "alone"
	// Promised: it founds Founding, as soon as all others promised the same.
	Promised Stage = "promised"
	// Belongs: it belongs to the cluster, as a founder or because it joined.
	Belongs Stage = "belongs"
	// Left: it left the cluster for good, and Removed: it was removed from it. What
	// is in its directory is of no use any more.
	Left    Stage = "left"
	Removed Stage = "removed"
)

// State is what a node remembers.
type State struct {
	Stage Stage
	// Founding has no voters if the node joined.
	Founding Founding
	// Recovered says that the cluster was begun anew with what this node had; nil:
	// it was not.
	Recovered *Recovery `json:",omitempty"`
}

// Recovery is what an operator did when the majority of a cluster was lost.
type Recovery struct {
	// At is when.
	At time.Time
	// From is the cluster that was lost.
	From uuid.UUID
	// Index and Term are those of the last entry that was there. What others had
	// after it is lost.
	Index, Term uint64
	// Lost are the other replicas, which had a part in it.
	Lost []uuid.UUID
}

// Equal reports whether both are the same.
func (s State) Equal(o State) bool {
	return s.Stage == o.Stage && s.Founding.Equal(o.Founding) && s.Recovered == o.Recovered
}

// Depart makes a node remember that it left, or was removed. A node that belongs to
// no cluster has nothing to remember.
func (s State) Depart(how Stage) State {
	if s.Stage != Belongs {
		return s
	}
	s.Stage = how
	return s
}

// Usable is nil if a node can work with what it remembers.
func (s State) Usable() error {
	switch s.Stage {
	case Left:
		return fmt.Errorf("this data directory's node left cluster %v for good: move the directory away, and start with an empty one to join again", s.Founding.Cluster)
	case Removed:
		return fmt.Errorf("this data directory's node was removed from cluster %v: what is in it is out of date; move the directory away, and start with an empty one to join again", s.Founding.Cluster)
	case Alone, Promised, Belongs, "":
	}
	return nil
}

// Recover begins a cluster anew with what this node has: under another UUID, so that
// the replicas of the old one, should they be there after all, are strangers.
func (s State) Recover(fresh uuid.UUID, r Recovery) (State, error) {
	if s.Stage != Belongs {
		return s, fmt.Errorf("it belongs to no cluster (%s): there is nothing to recover: %w", s.Stage, eventnode.ErrInvalidArgument)
	}
	r.From = s.Founding.Cluster
	return State{Stage: Belongs, Founding: Founding{Cluster: fresh}, Recovered: &r}, nil
}

// Promise is asked of a node. It returns what the node is to remember before it
// answers; an error refuses, and nothing changes.
func (s State) Promise(self uuid.UUID, f Founding) (State, error) {
	switch {
	case f.IsZero() || len(f.Voters) == 0 || !slices.IsSortedFunc(f.Voters, compare):
		return s, fmt.Errorf("a founding needs a UUID and sorted voters: %w", eventnode.ErrInvalidArgument)
	case !slices.Contains(f.Voters, self):
		return s, fmt.Errorf("%v is none of the voters: %w", self, eventnode.ErrInvalidArgument)
	case s.Stage == Alone || s.Stage == "":
		return State{Stage: Promised, Founding: f}, nil
	case s.Founding.Equal(f):
		return s, nil
	case s.Stage == Belongs:
		return s, fmt.Errorf("belongs to cluster %v: %w", s.Founding.Cluster, eventnode.ErrForeignCluster)
	}
	return s, fmt.Errorf("has promised to found cluster %v with %v: %w", s.Founding.Cluster, s.Founding.Voters, eventnode.ErrForeignCluster)
}

// Begin is told when all voters have promised. It returns what the node is to
// remember before it begins.
func (s State) Begin(f Founding) (State, error) {
	if s.Stage != Promised && s.Stage != Belongs || !s.Founding.Equal(f) {
		return s, fmt.Errorf("has not promised to found cluster %v: %w", f.Cluster, eventnode.ErrForeignCluster)
	}
	return State{Stage: Belongs, Founding: f}, nil
}

// Join makes a node a part of a cluster that is there, and that member says it
// belongs to. A promise does not count any more if member is one of those who would
// have to keep it: it never can be.
func (s State) Join(cluster, member uuid.UUID) (State, error) {
	switch {
	case cluster == uuid.Nil:
		return s, fmt.Errorf("no cluster to join: %w", eventnode.ErrInvalidArgument)
	case s.Founding.Cluster == cluster:
		return s, nil // a founder is told to begin by the others
	case s.Stage == Belongs:
		return s, fmt.Errorf("belongs to cluster %v, not to %v: %w", s.Founding.Cluster, cluster, eventnode.ErrForeignCluster)
	case s.Stage == Promised && !slices.Contains(s.Founding.Voters, member):
		return s, fmt.Errorf("has promised to found cluster %v, and another one, %v, is there: %w", s.Founding.Cluster, cluster, eventnode.ErrForeignCluster)
	}
	return State{Stage: Belongs, Founding: Founding{Cluster: cluster}}, nil
}

// Propose is what a node asks all voters to promise, if it is the one to ask: the
// lowest of those that live. living are the replicas of nodes with storage that
// gossip holds alive and that belong to no cluster, this one among them; fresh is
// the UUID for a new cluster.
func (s State) Propose(self, fresh uuid.UUID, living []uuid.UUID, expect int) (Founding, bool) {
	living = slices.Clone(living)
	slices.SortFunc(living, compare)
	living = slices.Compact(living)
	f := s.Founding
	switch s.Stage {
	case Belongs, Left, Removed:
		return f, false
	case Promised:
		living = slices.DeleteFunc(living, func(id uuid.UUID) bool { return !slices.Contains(f.Voters, id) })
	case Alone, "":
		if expect < 1 || len(living) < expect {
			return f, false
		}
		f = Founding{Cluster: fresh, Voters: living[:expect:expect]}
	}
	return f, len(living) > 0 && living[0] == self
}

func compare(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
