package apierr

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// row ties an error that callers tell apart to its code and its word.
type row struct {
	sentinel error
	code     codes.Code
	reason   string
}

// table is the one table. An error that matches several rows is the first of
// them, so what says most comes first. Reasons are never changed: programs in
// other languages compare them.
func table() []row {
	return []row{
		{eventnode.ErrBadTopic, codes.InvalidArgument, "BAD_TOPIC"},
		{eventnode.ErrLimit, codes.ResourceExhausted, "LIMIT"},
		{eventnode.ErrInvalidEvent, codes.InvalidArgument, "INVALID_EVENT"},
		{eventnode.ErrInvalidArgument, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{eventnode.ErrSlowSubscriber, codes.ResourceExhausted, "SLOW_SUBSCRIBER"},
		{eventnode.ErrNotJoined, codes.FailedPrecondition, "NOT_JOINED"},
		{eventnode.ErrNotOwner, codes.PermissionDenied, "NOT_OWNER"},
		{eventnode.ErrNoMembers, codes.NotFound, "NO_MEMBERS"},
		{eventnode.ErrNoResponders, codes.NotFound, "NO_RESPONDERS"},
		{eventnode.ErrUnauthenticated, codes.Unauthenticated, "UNAUTHENTICATED"},
		{eventnode.ErrPermissionDenied, codes.PermissionDenied, "PERMISSION_DENIED"},
		{eventnode.ErrNameTaken, codes.AlreadyExists, "NAME_TAKEN"},
		{eventnode.ErrForeignCluster, codes.FailedPrecondition, "FOREIGN_CLUSTER"},
		{eventnode.ErrNodeNotFound, codes.NotFound, "NODE_NOT_FOUND"},
		{eventnode.ErrNodeAlive, codes.FailedPrecondition, "NODE_ALIVE"},
		{eventnode.ErrMajorityNeeded, codes.FailedPrecondition, "MAJORITY_NEEDED"},
		{eventnode.ErrStreamNotFound, codes.NotFound, "STREAM_NOT_FOUND"},
		{eventnode.ErrStreamExists, codes.AlreadyExists, "STREAM_EXISTS"},
		{eventnode.ErrStreamDiffers, codes.FailedPrecondition, "STREAM_DIFFERS"},
		{eventnode.ErrPoolNotFound, codes.NotFound, "POOL_NOT_FOUND"},
		{eventnode.ErrPoolDiffers, codes.FailedPrecondition, "POOL_DIFFERS"},
		{eventnode.ErrStreamFull, codes.ResourceExhausted, "STREAM_FULL"},
		{eventnode.ErrStorageFull, codes.ResourceExhausted, "STORAGE_FULL"},
		{eventnode.ErrWrongLast, codes.Aborted, "WRONG_LAST"},
		{eventnode.ErrBadSequence, codes.FailedPrecondition, "BAD_SEQUENCE"},
		{eventnode.ErrConsumerGroupNotFound, codes.NotFound, "CONSUMER_GROUP_NOT_FOUND"},
		{eventnode.ErrConsumerGroupDiffers, codes.FailedPrecondition, "CONSUMER_GROUP_DIFFERS"},
		{eventnode.ErrLeaseTaken, codes.FailedPrecondition, "LEASE_TAKEN"},
		{eventnode.ErrFenced, codes.Aborted, "FENCED"},
		{eventnode.ErrNotPending, codes.FailedPrecondition, "NOT_PENDING"},
		{eventnode.ErrLockTaken, codes.FailedPrecondition, "LOCK_TAKEN"},
		{eventnode.ErrLockLost, codes.Aborted, "LOCK_LOST"},
		{eventnode.ErrSessionNotFound, codes.NotFound, "SESSION_NOT_FOUND"},
		{eventnode.ErrSourceNotFound, codes.NotFound, "SOURCE_NOT_FOUND"},
		{eventnode.ErrNotCached, codes.NotFound, "NOT_CACHED"},
		{eventnode.ErrCacheUnreachable, codes.Unavailable, "CACHE_UNREACHABLE"},
		{eventnode.ErrShardFailed, codes.FailedPrecondition, "SHARD_FAILED"},
		{eventnode.ErrShardPending, codes.DeadlineExceeded, "SHARD_PENDING"},
		{eventnode.ErrNoRunner, codes.NotFound, "NO_RUNNER"},
		{eventnode.ErrUnknownGuild, codes.NotFound, "UNKNOWN_GUILD"},
		{eventnode.ErrUnknownRole, codes.NotFound, "UNKNOWN_ROLE"},
		{eventnode.ErrUnknownChannel, codes.NotFound, "UNKNOWN_CHANNEL"},
		{eventnode.ErrUnknownUser, codes.NotFound, "UNKNOWN_USER"},
		{eventnode.ErrUnknownMember, codes.NotFound, "UNKNOWN_MEMBER"},
		{eventnode.ErrUnknownFriendship, codes.NotFound, "UNKNOWN_FRIENDSHIP"},
		{eventnode.ErrIDTaken, codes.AlreadyExists, "ID_TAKEN"},
		{eventnode.ErrOwnsGuild, codes.FailedPrecondition, "OWNS_GUILD"},
		{eventnode.ErrEveryoneRole, codes.FailedPrecondition, "EVERYONE_ROLE"},
		{eventnode.ErrNotEmpty, codes.FailedPrecondition, "NOT_EMPTY"},
		{eventnode.ErrOutcomeUnknown, codes.Unknown, "OUTCOME_UNKNOWN"},
		{eventnode.ErrClosed, codes.FailedPrecondition, "CLOSED"},
		{eventnode.ErrUnavailable, codes.Unavailable, "UNAVAILABLE"},

		{context.Canceled, codes.Canceled, "CANCELED"},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "DEADLINE_EXCEEDED"},
	}
}

// reasonInternal stands for errors that are in no row.
const reasonInternal = "INTERNAL"

// find returns the row of an error; false if it has none.
func find(err error) (row, bool) {
	for _, r := range table() {
		if errors.Is(err, r.sentinel) {
			return r, true
		}
	}
	if errors.Is(err, event.ErrParse) { // package event cannot name its importers' errors
		return find(eventnode.ErrInvalidEvent)
	}
	return row{}, false
}

// sentinelOf returns the error that a word stands for, nil if it is not known.
func sentinelOf(reason string) error {
	for _, r := range table() {
		if r.reason == reason {
			return r.sentinel
		}
	}
	return nil
}

// sentinelOfCode is what a status without our reason means. It comes from gRPC
// itself, a proxy, or another version of this project. Codes that may mean
// several of our errors are none of them.
func sentinelOfCode(c codes.Code) error {
	for _, r := range [...]row{
		{sentinel: eventnode.ErrUnavailable, code: codes.Unavailable},
		{sentinel: context.DeadlineExceeded, code: codes.DeadlineExceeded},
		{sentinel: context.Canceled, code: codes.Canceled},
		{sentinel: eventnode.ErrInvalidArgument, code: codes.InvalidArgument},
		{sentinel: eventnode.ErrUnauthenticated, code: codes.Unauthenticated},
		{sentinel: eventnode.ErrPermissionDenied, code: codes.PermissionDenied},
	} {
		if r.code == c {
			return r.sentinel
		}
	}
	return nil
}
