package replica

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode"
)

// ErrNotLeader says that another replica leads, or none does. Nothing was done. The
// error is a *NotLeaderError.
var ErrNotLeader = errors.New("not the leader")

// NotLeaderError says who leads.
type NotLeaderError struct {
	// Leader is the replica that leads, as far as this one knows; uuid.Nil: there
	// is none.
	Leader uuid.UUID
}

func (e *NotLeaderError) Error() string {
	if e.Leader == uuid.Nil {
		return "the partition has no leader"
	}
	return fmt.Sprintf("replica %v leads", e.Leader)
}

// Is reports whether target is ErrNotLeader or, for nothing was done,
// eventnode.ErrUnavailable.
func (e *NotLeaderError) Is(target error) bool {
	return target == ErrNotLeader || target == eventnode.ErrUnavailable
}

// errStopped: the replica does not run. Nothing was done.
var errStopped = fmt.Errorf("the replica does not run: %w", eventnode.ErrUnavailable)

// outcome is what a failed Raft entry means to those whose proposals were in it.
func (s *session) outcome(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return s.notLeader()
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: %w", err, eventnode.ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", err, eventnode.ErrOutcomeUnknown)
}
