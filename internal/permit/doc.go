// Package permit carries what a caller may name to the code that finds out what it names:
// a topic stands in the middle of a frame, which only the service takes apart.
//
// # Guarantees
//
//   - Without an authorizer nothing is asked, and nothing costs anything.
//   - What a node does itself, as one that embeds it does, is its own right (Own), whoever
//     it was for: who asked was asked before. A call that is passed on has the caller's
//     right, not the node's (Forward).
//
// # Concurrency
//
// Permits are safe for concurrent use; Names are not: they are one stream's reader's.
//
// # Failure
//
// A refusal is the authorizer's error.
//
// # Example
//
//	names := permit.NewNames(ctx, access.Dispatch)
//	...
//	err := names.May(topic)
package permit
