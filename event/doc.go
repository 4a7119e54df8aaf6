// Package event defines the event: one immutable fact with an identity, a
// name, a time and a payload; its JSON form, that of CloudEvents, and a flat one; and
// the Go types that the events of a name have.
//
// # Guarantees
//
//   - An event that passes [Event.Validate] can be written in every form that
//     this project knows, and reads back the same, byte for byte in Data.
//     [Event.MarshalJSON] says how.
//   - What cannot be read is a [*ParseError], whether the JSON is malformed or a
//     field is missing or wrong. A field that breaks a rule is an
//     [*InvalidError], also inside a ParseError.
//   - Fields that are not known are passed over, so that later versions can add
//     some.
//   - A value whose type is registered ([Register]) becomes an event ([Of]) and is read
//     back the same ([Decode]). An event of a name that nobody registered loses nothing:
//     it is an [ExternalEvent].
//   - Data is read whole or not at all: a field that must be there is never just zero.
//
// # Concurrency
//
// Events are values, shared between goroutines without locks. Whoever holds one
// must not change its Meta or Data. A [Registry] may be used and added to by all at
// once.
//
// # Failure
//
// [New] does not fail and does not judge: an event is validated where it
// enters a node. Errors of reading and of producing are one family ([ErrEvent]). A type
// that is registered wrongly is an error of the program, which every use of its registry
// tells from then on.
//
// # Example
//
//	e := event.New("user_created", []byte(`{"id":42}`), event.WithDataType("application/json"))
//	err := e.Validate()
package event
