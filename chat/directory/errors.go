package directory

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
)

// Errors of changes that do not fit, told apart with errors.Is: those of package
// eventnode. Nothing was changed. Beside them a change fails with
// eventnode.ErrInvalidArgument if it is wrong in itself, and with a *eventnode.LimitError.
var (
	ErrUnknownGuild      = eventnode.ErrUnknownGuild
	ErrUnknownRole       = eventnode.ErrUnknownRole
	ErrUnknownChannel    = eventnode.ErrUnknownChannel
	ErrUnknownUser       = eventnode.ErrUnknownUser
	ErrUnknownMember     = eventnode.ErrUnknownMember
	ErrUnknownFriendship = eventnode.ErrUnknownFriendship
	ErrIDTaken           = eventnode.ErrIDTaken
	ErrOwnsGuild         = eventnode.ErrOwnsGuild
	ErrEveryoneRole      = eventnode.ErrEveryoneRole
	ErrNotEmpty          = eventnode.ErrNotEmpty
)

// Errors of a Log, told apart with errors.Is, beside those of eventnode.Streams.
var (
	// ErrNotAppliedYet: the changes are in the stream, for good, and this node has not
	// said what became of them. Wait for the position, and look.
	ErrNotAppliedYet = errors.New("appended and not applied here yet")
	// ErrIncomplete: changes were removed from the stream, so nobody can tell any more
	// what the directory is. Make a stream anew, and give it no consumer group, for
	// what all groups have acked is removed.
	ErrIncomplete = errors.New("the stream of the directory is not complete")
)

// ParseError says what is wrong with a file, and where.
type ParseError struct {
	// Line is the line, from 1 on; 0: not known.
	Line int
	// Err is what is wrong.
	Err error
}

func (e *ParseError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns what is wrong.
func (e *ParseError) Unwrap() error { return e.Err }

// invalid is an eventnode.ErrInvalidArgument that says what is wrong.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), eventnode.ErrInvalidArgument)
}

// within is nil if one more than have is at most limit.
func within(name string, limit, have int) error {
	if have >= limit {
		return &eventnode.LimitError{Limit: name, Max: limit}
	}
	return nil
}

// atMost is nil if got is at most limit.
func atMost(name string, limit, got int) error {
	if got > limit {
		return &eventnode.LimitError{Limit: name, Max: limit, Got: got}
	}
	return nil
}

// text checks a string: at least and at most so many characters.
func text(what, s string, least, most int) error {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return invalid("%s is not UTF-8", what)
	case n < least:
		return invalid("%s is empty", what)
	default:
		return atMost("max_"+what+"_characters", most, n)
	}
}

// usable checks an id.
func usable(what string, id uint64) error {
	if id == 0 || id >= 1<<63 {
		return invalid("%s id %d: use a number from 1 to 2^63-1", what, id)
	}
	return nil
}

// bits checks permissions.
func bits(p uint64) error {
	if p > All {
		return invalid("permissions %d: use bits below 2^63", p)
	}
	return nil
}

func unknown(what string, id uint64, err error) error {
	return fmt.Errorf("%s %d: %w", what, id, err)
}
