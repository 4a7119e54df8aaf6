package discord

import (
	"encoding/json"
	"fmt"
)

// Event is an event's data, as a value of its type.
type Event interface {
	// EventName is such as MESSAGE_CREATE.
	EventName() string
}

// Raw is an event that has no type here: what it is, and its data as it came.
type Raw struct {
	Name string
	Data json.RawMessage
}

// EventName is its name.
func (r Raw) EventName() string { return r.Name }

// Known reports whether events of a name have a type here.
func Known(name string) bool { return events[name] != nil }

// Parse makes an event's data a value of its type, such as a *MessageCreate, by its name:
// a *Raw for a name that is not known, which shares the data. Null and missing members are
// zero. What is no JSON, or of another form than the protocol's, is an error that wraps
// ErrMalformed.
func Parse(name string, data json.RawMessage) (Event, error) {
	make := events[name]
	if make == nil {
		return &Raw{Name: name, Data: data}, nil
	}
	e := make()
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrMalformed, err)
	}
	return e, nil
}

// As is Parse for who knows which event it is: discord.As[discord.MessageCreate](name, data).
// It fails with ErrOtherEvent if the name is another one's.
func As[E Event](name string, data json.RawMessage) (*E, error) {
	e := new(E)
	if want := (*e).EventName(); want != name {
		return nil, fmt.Errorf("%s is no %s: %w", name, want, ErrOtherEvent)
	}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrMalformed, err)
	}
	return e, nil
}
