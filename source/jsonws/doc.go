// Package jsonws is a source of JSON objects that come on a WebSocket, one in a text: a
// feed of prices, of a chain, of a house. Which of their fields is the event's name, which
// its data and which its number is configuration.
//
// # Guarantees
//
//   - Objects are delivered in the order in which they came on a connection, one after the
//     other. The next one is read when the one before was handled: while there is no credit
//     nothing is read but a buffer of 4 KiB, and the other side is held up by TCP.
//   - What is no such object is left out, counted and logged; what comes behind it is
//     delivered.
//   - A lost connection is made again, with back-off and jitter. What the other side said
//     meanwhile is not known here: with a SeqField consumers see the gap by the numbers,
//     or by the new session (see source.Tracker).
//   - Numbers are those of the other side: if it says again what it said before, that is
//     delivered again, with its number.
//
// # Concurrency
//
// A Source runs once. It reads in the goroutine of Run; one more pings, so that the other
// side does not take a source without credit for dead. It must not expect a pong before
// the source reads again.
//
// # Failure
//
// Run ends with ErrRejected when there is no use in trying again: an answer of 4xx but
// 408, 425 and 429, or one of Config.FinalCodes. Everything else is tried again, for ever.
//
// # Example
//
//	s, err := jsonws.New(jsonws.Config{
//		Name: "prices", URL: "wss://example.org/feed",
//		Hello:     []json.RawMessage{json.RawMessage(`{"subscribe":"EURUSD"}`)},
//		NameField: "type", SeqField: "seq",
//	})
//	p, err := source.New(source.Config{Source: s, Dispatcher: live})
//	err = p.Run(ctx)
package jsonws
