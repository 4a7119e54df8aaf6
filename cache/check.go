package cache

import (
	"fmt"

	"github.com/eventnode/eventnode"
)

// Check says what is wrong with a key that somebody asks for: ErrInvalidArgument.
func (k Key) Check() error {
	if err := checkIn(k.Kind, k.In); err != nil {
		return err
	}
	if k.Kind != Me && k.ID == 0 {
		return invalid("which %v? its id is 0", k.Kind)
	}
	if k.Kind == Me && k.ID != 0 {
		return invalid("there is one %v: its id is 0, not %v", k.Kind, k.ID)
	}
	return nil
}

// Check says what is wrong with a range that somebody asks for: ErrInvalidArgument, or ErrLimit.
func (r Range) Check() error {
	switch err := checkIn(r.Kind, r.In); {
	case err != nil:
		return err
	case r.To != 0 && r.To <= r.From:
		return invalid("no id is %v or more and below %v", r.From, r.To)
	case r.Limit < 0:
		return invalid("a limit of %d: use 1 to %d, or 0 for that", r.Limit, MaxPage)
	case r.Limit > MaxPage:
		return &eventnode.LimitError{Limit: "max_cache_page", Max: MaxPage, Got: r.Limit}
	}
	return nil
}

// checkIn checks what values of a kind belong to.
func checkIn(kind Kind, in Snowflake) error {
	switch kind {
	case Role, Member, Presence:
		if in == 0 {
			return invalid("a %v is in a guild: say which", kind)
		}
	case Message:
		if in == 0 {
			return invalid("a %v is in a channel: say which", kind)
		}
	case Channel: // 0 is where the private ones are
	default:
		if int(kind) >= Kinds {
			return invalid("there is no such kind of values; there are %v", kindWords)
		}
		if in != 0 {
			return invalid("a %v is in nothing, not in %v", kind, in)
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), eventnode.ErrInvalidArgument)
}
