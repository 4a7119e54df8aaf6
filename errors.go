package eventnode

import (
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/event"
)

// Errors that callers tell apart with errors.Is, on an embedded node and over
// the wire alike.
var (
	// ErrClosed: the node, subscription, member, publisher or monitor was
	// closed. Make a new one.
	ErrClosed = errors.New("closed")
	// ErrUnavailable: no node could be asked. Nothing was done; try again.
	ErrUnavailable = errors.New("unavailable")
	// ErrOutcomeUnknown: the connection was lost before an answer. It may or
	// may not have been done. Live events are not sent again by themselves.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrSlowSubscriber: the queue was full and the policy was disconnect.
	// Subscribe again, with a larger queue or a faster handler.
	ErrSlowSubscriber = errors.New("slow subscriber")
	// ErrInvalidEvent: the event has no ID, no name, or is not well formed.
	ErrInvalidEvent = event.ErrInvalid
	// ErrInvalidArgument: something else about the request is not well formed.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrBadTopic: the topic is not "kind:key", the kind is unknown, or the key
	// is not one of that kind. The error is a *TopicError.
	ErrBadTopic = errors.New("bad topic")
	// ErrLimit: a configured limit was reached. The error is a *LimitError.
	ErrLimit = errors.New("limit")
	// ErrNotJoined: none of the members was in the group.
	ErrNotJoined = errors.New("not joined")
	// ErrNotOwner: the member is not the caller's.
	ErrNotOwner = errors.New("not the owner of this member")
	// ErrNoMembers: the group has no member that could be reached.
	ErrNoMembers = errors.New("no members")
	// ErrUnauthenticated: the caller did not prove who it is.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrPermissionDenied: the caller may not do this.
	ErrPermissionDenied = errors.New("permission denied")
	// ErrNameTaken: another living node has this name. Choose another one.
	ErrNameTaken = errors.New("name taken")
	// ErrForeignCluster: the other node belongs to another cluster.
	ErrForeignCluster = errors.New("foreign cluster")
	// ErrNodeNotFound: no node of this name is known, now or from before.
	ErrNodeNotFound = errors.New("node not found")
	// ErrNodeAlive: the node answers, so it is not removed: have it leave, or stop
	// it first.
	ErrNodeAlive = errors.New("node is alive")
	// ErrMajorityNeeded: the node cannot go, for those that would remain are no
	// majority, or none at all. Nothing was changed.
	ErrMajorityNeeded = errors.New("majority needed")
)

// TopicError says what is wrong with a topic.
type TopicError struct {
	Topic  string
	Reason string
}

func (e *TopicError) Error() string { return fmt.Sprintf("bad topic %.80q: %s", e.Topic, e.Reason) }

// Is reports whether target is ErrBadTopic.
func (e *TopicError) Is(target error) bool { return target == ErrBadTopic }

// LimitError names the limit that was reached.
type LimitError struct {
	// Limit is its configured name, such as "max_event_bytes".
	Limit string
	// Max is its value.
	Max int
	// Got is what was asked for; 0 if that is just one more.
	Got int
}

func (e *LimitError) Error() string {
	if e.Got == 0 {
		return fmt.Sprintf("limit %s (%d) reached", e.Limit, e.Max)
	}
	return fmt.Sprintf("limit %s is %d, got %d", e.Limit, e.Max, e.Got)
}

// Is reports whether target is ErrLimit.
func (e *LimitError) Is(target error) bool { return target == ErrLimit }

// PolicyError is an unknown policy name.
type PolicyError struct{ Policy string }

func (e *PolicyError) Error() string {
	return fmt.Sprintf("unknown policy %.40q: use drop_oldest, drop_newest, disconnect or block", e.Policy)
}

// Is reports whether target is ErrInvalidArgument.
func (e *PolicyError) Is(target error) bool { return target == ErrInvalidArgument }

// RefusedError lists the dispatches that a node refused; others went on.
type RefusedError struct {
	// Errs are the first refusals, at most 16.
	Errs []error
	// Count is how many there were.
	Count int
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%d events refused, first: %v", e.Count, e.Errs[0])
}

// Unwrap returns the refusals.
func (e *RefusedError) Unwrap() []error { return e.Errs }
