// Package convert turns the shared values of package eventnode into the
// messages of proto/eventnode/v1 and back: what a node writes and what a client,
// or another node, reads stand next to each other. dispatch.go has what
// subscriptions and publishers see, groups.go what groups see, cluster.go what
// the lists of nodes show.
//
// Events are not here: package wire reads and writes them. Nor are errors that
// end a call: package apierr has those.
//
// # Guarantees
//
//   - A value that was written is read as the same value, except that an error
//     in a receipt keeps its text only.
//   - An empty list is nil, in both directions.
//
// # Concurrency
//
// Functions are pure. Lists of strings are shared, not copied, between a value
// and its message.
//
// # Failure
//
// A newer version may use numbers that this one does not know. What asks for
// something, a [eventnode.Policy] or a [eventnode.Strategy], is then refused
// with eventnode.ErrInvalidArgument: to do something else would be wrong. What
// tells something is read as well as possible: a reason becomes
// eventnode.GapUnspecified, a word "unknown".
//
// # Example
//
//	return &eventnodev1.SendOneResponse{Member: convert.MemberRefToProto(ref)}, nil // in a node
//	return convert.MemberRefFromProto(r.GetMember()), nil                           // in a client
package convert
