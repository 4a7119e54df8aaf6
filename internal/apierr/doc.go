// Package apierr is the one table that says how this project's errors look on
// the wire: the gRPC code, and the reason, a stable word in UPPER_SNAKE_CASE.
//
// In a status the reason stands in google.rpc.ErrorInfo, with the domain
// "eventnode", and its metadata holds the fields of typed errors. Inside
// messages (Refusal.reason, SubscriptionClosed.reason, HoldResult.error_reason)
// it stands alone, beside a message for people.
//
// # Guarantees
//
//   - Every sentinel error of package eventnode is in the table.
//   - errors.Is and errors.As say of FromStatus(ToStatus(err)) what they say of
//     err, for those sentinels, *eventnode.TopicError, *eventnode.LimitError
//     and the errors of contexts. The message stays.
//   - Reasons and codes of the table do not change between versions.
//
// # Concurrency
//
// Functions are pure.
//
// # Failure
//
// An error that nobody foresaw is INTERNAL and keeps its message. A reason that
// this version does not know is kept in [Error.Reason], and told apart by its
// code.
//
// # Example
//
//	return nil, apierr.ToStatus(err)            // in a server's method
//	return Receipt{}, apierr.FromStatus(err)    // in a client's
package apierr
