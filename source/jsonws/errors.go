package jsonws

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrRejected: the other side does not want this source, and will not: its address,
	// its credentials or what it asks for is wrong. Correct the configuration.
	ErrRejected = errors.New("rejected")
	// ErrRefused: what came is no payload. It is a *RefusedError.
	ErrRefused = errors.New("not a payload")
)

// RefusedError says why something that came is no payload.
type RefusedError struct {
	// Reason is one word, as metrics have it: not_utf8, not_an_object, no_name, bad_name,
	// bad_seq, bad_session, no_data, too_large.
	Reason string
	// Detail says what it is about.
	Detail string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("not a payload: %s: %s", e.Reason, e.Detail)
}

// Is reports whether target is ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }
