package event

import (
	"errors"
	"fmt"
)

var (
	// ErrEvent is what every error about an event is that could not be read or could
	// not be produced: ErrParse and ErrProduce are of its family.
	ErrEvent = errors.New("event error")
	// ErrParse is the error for what should be an event and is none. It is a
	// *ParseError.
	ErrParse = errors.New("not an event")
	// ErrInvalid is the error for an event with a field that is missing or breaks
	// its rule. It is an *InvalidError.
	ErrInvalid = errors.New("invalid event")
	// ErrProduce is the error for an event that could not be produced. It is a
	// *ProduceError, whose cause says whether to try again.
	ErrProduce = errors.New("not produced")
	// ErrExternalEvent is the error for an ExternalEvent that was to be produced. Register a type for it, or,
	// to forward it as it came, produce its Event.
	ErrExternalEvent = errors.New("an external event is not produced")
	// ErrNotRegistered is the error for a type that no event has. Register it.
	ErrNotRegistered = errors.New("type is not registered")
	// ErrRegister is the error for a type that cannot be registered. It is one of the
	// program: correct the call that the error names.
	ErrRegister = errors.New("cannot be registered")
	// ErrNewerVersion is the error for an event of a program that knows a later version of
	// its type. Update this one; until then the event should wait, not be lost.
	ErrNewerVersion = errors.New("newer version")
)

// ParseError says why an encoded event could not be read: it is malformed, or
// a field is missing or wrong.
type ParseError struct {
	// What was read, such as "event JSON" or "data".
	What string
	// Name is the event's, if it is known; else empty.
	Name string
	// Field is the field that is missing or wrong, such as "address.street" or
	// "items[2].id"; empty if the whole is malformed.
	Field string
	// Offset is how many bytes of What were read, with the one that is wrong; -1 if
	// that is not known.
	Offset int64
	// Err is the cause: an *InvalidError if Field is set.
	Err error
}

// Error tells what, where and why.
func (e *ParseError) Error() string {
	what := e.What
	if e.Name != "" {
		what += fmt.Sprintf(" of %.80s", e.Name)
	}
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %v", what, e.Err)
	}
	return fmt.Sprintf("%s: at byte %d: %v", what, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// Is reports whether target is ErrParse or ErrEvent.
func (e *ParseError) Is(target error) bool { return target == ErrParse || target == ErrEvent }

// ProduceError says which event could not be produced, and why.
type ProduceError struct {
	// Name is the event's; empty if it has none, because it could not be made.
	Name string
	// ID is the event's; the nil UUID if it could not be made. Who produces it again
	// under the same ID makes no second event of it where IDs are remembered.
	ID ID
	// Err is the cause.
	Err error
}

// Error names the event and the cause.
func (e *ProduceError) Error() string {
	switch {
	case e.ID != (ID{}):
		return fmt.Sprintf("produce %.80s %s: %v", e.Name, e.ID, e.Err)
	case e.Name != "":
		return fmt.Sprintf("produce %.80s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("produce: %v", e.Err)
}

// Unwrap returns the cause.
func (e *ProduceError) Unwrap() error { return e.Err }

// Is reports whether target is ErrProduce or ErrEvent.
func (e *ProduceError) Is(target error) bool { return target == ErrProduce || target == ErrEvent }

// InvalidError says which field of an event breaks which rule.
type InvalidError struct {
	// Field is the field's name in JSON, such as "name".
	Field string
	// Reason is the rule, for people.
	Reason string
	// Err is the cause, if there is one.
	Err error
}

// Error names the field and the rule.
func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// Unwrap returns the cause, or nil.
func (e *InvalidError) Unwrap() error { return e.Err }

// Is reports whether target is ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }
