package source

import (
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrClosed: the consumer was closed, or the pipeline has ended. Make a new one.
	ErrClosed = eventnode.ErrClosed
	// ErrNotJoined: the consumer is not in the group, or not as often as it was to leave.
	ErrNotJoined = eventnode.ErrNotJoined
	// ErrInvalidEvent: the event cannot be dispatched. It is an *EventError; correct what
	// it names.
	ErrInvalidEvent = eventnode.ErrInvalidEvent
	// ErrNotHandled: the pipeline had ended before the payload was handled. Whoever goes
	// on with the source asks for it again.
	ErrNotHandled = errors.New("not handled before the end")
	// ErrDecode: the data of an event is not what its handler takes. It is a *DecodeError.
	ErrDecode = errors.New("data not as expected")
	// ErrForeign: a live event is not one of a source. It is an *EventError.
	ErrForeign = errors.New("not the event of a source")
)

// EventError says which of some events is malformed, and why.
type EventError struct {
	// Index is its place in the list, from 0 on.
	Index int
	// Name is the event's.
	Name string
	// Reason is what is wrong, for people.
	Reason string
	kind   error
}

func (e *EventError) Error() string {
	return fmt.Sprintf("event %d, %.80q: %s", e.Index, e.Name, e.Reason)
}

// Unwrap returns ErrInvalidEvent or ErrForeign.
func (e *EventError) Unwrap() error { return e.kind }

// DecodeError says of which event the data could not be decoded.
type DecodeError struct {
	Name string
	Err  error
}

func (e *DecodeError) Error() string { return fmt.Sprintf("data of %.80s: %v", e.Name, e.Err) }

// Unwrap returns the decoder's error.
func (e *DecodeError) Unwrap() error { return e.Err }

// Is reports whether target is ErrDecode.
func (e *DecodeError) Is(target error) bool { return target == ErrDecode }
