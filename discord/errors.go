package discord

import "errors"

// Errors that callers tell apart with errors.Is.
var (
	// ErrMalformed: the data is no JSON, or not of the form that the protocol gives to
	// events of that name. What is around it says where. The data itself is untouched: pass
	// it on as it is, or leave it out.
	ErrMalformed = errors.New("malformed data")
	// ErrOtherEvent: data of one event was to become the type of another one. Ask for the
	// type of the event's name.
	ErrOtherEvent = errors.New("data of another event")
)
