package streamsdk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// verdict is what an answer means for a batch and for its lane.
type verdict uint8

const (
	// done: appended.
	done verdict = iota
	// refused: not appended, and remembered under its number.
	refused
	// refusedUnseen: not appended, and not remembered: the number is free.
	refusedUnseen
	// refusedLost: not appended; nobody knows about the number.
	refusedLost
	// unclear: the batch may have been appended when it was sent before.
	unclear
	// repeat: not appended; try again.
	repeat
	// repeatUnknown: perhaps appended; ask again under the same number.
	repeatUnknown
	// renumber: not appended, for the stream expected another number.
	renumber
)

// judge says what an answer means. Unknown says that the batch may have been
// appended before, mended that it has got another number already.
func judge(err error, unknown, mended bool) verdict {
	switch {
	case err == nil:
		return done
	case isAny(err, eventnode.ErrOutcomeUnknown, context.Canceled, context.DeadlineExceeded):
		return repeatUnknown
	case errors.Is(err, eventnode.ErrUnavailable):
		return repeat
	case isAny(err, eventnode.ErrStreamFull, eventnode.ErrWrongLast):
		return refused // the stream says so, which looks at the number first
	case isAny(err, eventnode.ErrStreamNotFound, eventnode.ErrLimit, eventnode.ErrInvalidEvent, eventnode.ErrInvalidArgument):
		return refusedUnseen // and was the first time
	case errors.Is(err, eventnode.ErrBadSequence) && !unknown && !mended:
		return renumber
	case unknown:
		return unclear
	case errors.Is(err, eventnode.ErrStorageFull):
		return refusedUnseen
	}
	return refusedLost
}

// divisible reports whether a refusal may be due to one call of several.
func divisible(err error) bool {
	return isAny(err, eventnode.ErrStreamFull, eventnode.ErrLimit, eventnode.ErrInvalidEvent, eventnode.ErrInvalidArgument)
}

// permanent reports whether opening something again cannot help.
func permanent(err error) bool {
	return isAny(err, eventnode.ErrClosed, eventnode.ErrInvalidArgument, eventnode.ErrInvalidEvent, eventnode.ErrLimit,
		eventnode.ErrPermissionDenied, eventnode.ErrUnauthenticated, eventnode.ErrStreamNotFound, wire.ErrMalformed) ||
		status.Code(err) == codes.Unimplemented
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// perhaps is err for what may have been appended all the same. A cause that is
// ErrUnavailable would say that it was not: of that only the words are kept.
func perhaps(err error) error {
	if errors.Is(err, eventnode.ErrUnavailable) {
		return fmt.Errorf("%w: %s", eventnode.ErrOutcomeUnknown, err.Error())
	}
	return fmt.Errorf("%w: %w", eventnode.ErrOutcomeUnknown, err)
}
