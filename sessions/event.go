package sessions

import (
	"encoding/json"
	"sync"
)

// Event is what happened, as clients are told. One Event is shared by all sessions that
// it is sent to, and does not change.
type Event struct {
	// Type is such as MESSAGE_CREATE.
	Type string
	// Data is the payload, in JSON.
	Data json.RawMessage
	// Origin tells the event apart from all others, wherever it is; the zero value: from
	// those that nodes make by themselves, each its own.
	Origin Origin
	// State names what such an event is the state of: an event that comes later says all
	// that one which came before has said. Empty: it is no state.
	State string

	forms [maxForms]form
}

// Origin is who sent an event first, and its number there.
type Origin struct{ Node, Number uint64 }

// Form is an encoding of an event, numbered by whoever encodes: less than 4.
type Form uint8

const maxForms = 4

type form struct {
	once sync.Once
	data []byte
	err  error
}

// Encoded is the event in a form, which is made by the first who asks and shared by all.
// The sequence number is not part of it, for each session has its own.
func (e *Event) Encoded(f Form, encode func(*Event) ([]byte, error)) ([]byte, error) {
	made := &e.forms[f]
	made.once.Do(func() { made.data, made.err = encode(e) })
	return made.data, made.err
}

// cost is what an event counts for in a log, in bytes: its memory is shared, and this
// session may be the last to hold it.
func (e *Event) cost() int { return len(e.Type) + len(e.Data) + 64 }
