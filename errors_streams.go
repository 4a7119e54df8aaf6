package eventnode

import (
	"errors"
	"fmt"
)

// Errors of streams, told apart with errors.Is, on an embedded node and over the
// wire alike.
var (
	// ErrStreamNotFound: there is no stream of this name. Declare it.
	ErrStreamNotFound = errors.New("stream not found")
	// ErrStreamExists: there is one already. The error is a *StreamError.
	ErrStreamExists = errors.New("stream exists")
	// ErrStreamDiffers: there is one with another configuration. The error is a
	// *StreamError that names the difference. Update applies it.
	ErrStreamDiffers = errors.New("stream differs")
	// ErrPoolNotFound: there is no pool of this name, and the error names those that
	// there are. Declare it.
	ErrPoolNotFound = errors.New("pool not found")
	// ErrPoolDiffers: there is one with another placement. Update replaces it.
	ErrPoolDiffers = errors.New("pool differs")
	// ErrStreamFull: the stream holds max_bytes that not every group has acked.
	// Nothing was appended; try again when they have.
	ErrStreamFull = errors.New("stream full")
	// ErrStorageFull: the disks of the replicas have no room. Nothing was
	// appended. Acks and deletes still work.
	ErrStorageFull = errors.New("storage full")
	// ErrWrongLast: the stream's last position is not the one expected: somebody
	// else has published. Nothing was appended. Read, and decide again.
	ErrWrongLast = errors.New("wrong last position")
	// ErrBadSequence: a producer's batch is not the next one, nor the one that was
	// appended last. Nothing was appended. The producer has lost count: it goes on
	// under a new ID.
	ErrBadSequence = errors.New("bad sequence")
	// ErrConsumerGroupNotFound: the stream has no consumer group of this name. Add
	// it.
	ErrConsumerGroupNotFound = errors.New("consumer group not found")
	// ErrConsumerGroupDiffers: the consumer group is there, and served in another
	// way. The error is a *StreamError that names the difference. Update applies it.
	ErrConsumerGroupDiffers = errors.New("consumer group differs")
	// ErrLeaseTaken: somebody else holds this consumer of the group. Use another
	// number, or try again when the other one has ended.
	ErrLeaseTaken = errors.New("lease taken")
	// ErrFenced: the consumer's lease is over, or somebody else has it now. Nothing
	// was done. What was fetched under it is delivered again: stop working on it.
	ErrFenced = errors.New("fenced")
	// ErrNotPending: none of the events is in this consumer's hands: they were
	// delivered to another one, or to nobody. Nothing was done.
	ErrNotPending = errors.New("not pending")
	// ErrLockTaken: somebody else has the lock. Try again when it was released, or
	// when its time is over.
	ErrLockTaken = errors.New("lock taken")
	// ErrLockLost: the lock has ended, or somebody else has it now. Stop doing what
	// it guards.
	ErrLockLost = errors.New("lock lost")
)

// StreamError is about one stream.
type StreamError struct {
	// Stream is its name.
	Stream string
	// Reason says it in words.
	Reason string
	// Err is the sentinel.
	Err error
}

func (e *StreamError) Error() string { return e.Reason }

// Unwrap returns the sentinel.
func (e *StreamError) Unwrap() error { return e.Err }

// StreamNotFound is the error for a stream that is not there.
func StreamNotFound(stream string) error {
	return &StreamError{Stream: stream, Reason: fmt.Sprintf("stream %.255q is not there: declare it first", stream), Err: ErrStreamNotFound}
}

// StreamExists is the error for a stream that is there already.
func StreamExists(stream string) error {
	return &StreamError{Stream: stream, Reason: fmt.Sprintf("stream with name %.255s already exists", stream), Err: ErrStreamExists}
}

// ConsumerGroupNotFound is the error for a consumer group that is not there.
func ConsumerGroupNotFound(stream, group string) error {
	return &StreamError{Stream: stream, Err: ErrConsumerGroupNotFound,
		Reason: fmt.Sprintf("stream %.255q has no consumer group %.255q: add it first", stream, group)}
}
