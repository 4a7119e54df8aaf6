package sessions

import (
	"encoding/json"
	"sync"
	"sync/atomic"
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
	// View says that the payload is not that of the origin, but what some are to see
	// instead.
	View bool

	forms atomic.Pointer[form] // those that somebody asked for, the newest first
}

// Origin is who sent an event first, and its number there.
type Origin struct{ Node, Number uint64 }

// Form is an encoding of an event, numbered by whoever encodes.
type Form uint8

// form is an event in one encoding. Most events are asked for in one or two, and many in
// none: so it is a list.
type form struct {
	name Form
	next *form

	once sync.Once
	data []byte
	err  error
}

// Encoded is the event in a form, which is made by the first who asks and shared by all.
// The sequence number is not part of it, for each session has its own.
func (e *Event) Encoded(f Form, encode func(*Event) ([]byte, error)) ([]byte, error) {
	made := e.form(f)
	made.once.Do(func() { made.data, made.err = encode(e) })
	return made.data, made.err
}

// form is the place of a form, which is added if it is not there.
func (e *Event) form(f Form) *form {
	var added *form
	for {
		first := e.forms.Load()
		for at := first; at != nil; at = at.next {
			if at.name == f {
				return at
			}
		}
		if added == nil {
			added = &form{name: f}
		}
		added.next = first
		if e.forms.CompareAndSwap(first, added) {
			return added
		}
	}
}

// cost is what an event counts for in a log, in bytes: its memory is shared, and this
// session may be the last to hold it.
func (e *Event) cost() int { return len(e.Type) + len(e.Data) + 64 }
