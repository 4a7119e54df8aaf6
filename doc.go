// Package eventnode holds the words that the rest of the project shares: the
// interfaces through which an application dispatches, subscribes and uses
// process groups, the values that pass through them, and the errors.
//
// Both *node.Node (embedded in your process) and *client.Client (over gRPC)
// satisfy [Live], so code written against it runs in either.
//
// # Guarantees
//
//   - Groups are eventually consistent. Changes of one node are seen in order
//     everywhere; between nodes the order may differ. A joiner sees its own
//     join at once.
//   - Dispatch is at most once. Events of one publisher reach a subscription
//     in order, over all topics. What a subscription misses is told to it, in
//     place, by a [Gap].
//   - A request ([Requester]) and its replies ([Reply]) are at most once each. That nobody
//     is there to reply is told at once.
//
// # Where to start reading
//
// event, proto/eventnode/v1, membership, groups, dispatch, internal/link, node,
// client, bus, outbox, internal/command. Each has a doc.go that states its contract.
// The programs in examples show them at work.
package eventnode
