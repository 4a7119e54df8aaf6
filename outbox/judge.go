package outbox

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/eventnode/eventnode"
)

// Verdict is what an error of a publish means.
type Verdict uint8

// The verdicts.
const (
	// VerdictRetry: something about an event may be the reason. It is found, counted, and
	// tried again with its key waiting; after Config.MaxAttempts it is a dead letter.
	VerdictRetry Verdict = iota
	// VerdictWait: nothing can be published now, whatever the event. All are tried again
	// together, for ever, and none is counted.
	VerdictWait
	// VerdictDead: it cannot be published, ever. It is found, and is a dead letter.
	VerdictDead
)

// Judge is the default of Config.Judge. An event that is invalid or too large is dead;
// what is known to be about the stream, the cluster or the way there is waited for;
// errors that nobody here knows are retried.
func Judge(err error) Verdict {
	switch {
	case isOne(err, eventnode.ErrInvalidEvent, eventnode.ErrLimit):
		return VerdictDead
	case isOne(err, eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown, eventnode.ErrStreamFull, eventnode.ErrStorageFull,
		eventnode.ErrStreamNotFound, eventnode.ErrInvalidArgument, eventnode.ErrUnauthenticated, eventnode.ErrPermissionDenied,
		eventnode.ErrClosed, eventnode.ErrBadSequence, eventnode.ErrFenced):
		return VerdictWait
	case isOne(err, context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed):
		return VerdictWait
	}
	var network net.Error
	if errors.As(err, &network) {
		return VerdictWait
	}
	return VerdictRetry
}

func isOne(err error, of ...error) bool {
	for _, e := range of {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
