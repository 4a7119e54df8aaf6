package bus

import (
	"errors"

	"github.com/eventnode/eventnode/event"
)

var (
	// ErrTimeout is the error of ProduceSync when the transport has not accepted the
	// event in time. It may yet have been accepted, if the error is ErrOutcomeUnknown,
	// too: produce it again under the same ID, and have what consumes know IDs.
	ErrTimeout = errors.New("not accepted in time")
	// ErrUnhandled is the error that is told of an event that no handler is for, if
	// Config.Unhandled does not have it acked.
	ErrUnhandled = errors.New("no handler")
)

// produceError says which event could not be produced.
func produceError(e event.Event, err error) error {
	return &event.ProduceError{Name: e.Name, ID: e.ID, Err: err}
}
