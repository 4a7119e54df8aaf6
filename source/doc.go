// Package source takes events from elsewhere into the cluster: a [Source] says what
// happened, and each payload goes through the same steps, in this order:
//
//	decode       by the source: bytes become a name and data
//	normalise    by the source: ids are of one type, unknown fields stay
//	cache        what is known changes, and what was known before is kept
//	derive       the payload becomes events, with old and new
//	handle       the handlers of this node are called
//	dispatch     consumers on all nodes are sent the events
//	credit       the source may say more
//
// The steps from cache on are a [Pipeline]'s. [Handlers] handle events by name, those of a
// pipeline on its node, or those that a [Consumer] receives on any other. A [Live]
// dispatches to the topic of the source, and a [ConsumerGroup] is everybody who consumes
// it. A [Tracker] tells gaps and repeats from numbers.
//
// # Guarantees
//
//   - Payloads of a source are taken through the steps one after the other, and the events
//     of each in their order. Handlers of several may run beside each other, as their mode
//     says.
//   - Whatever cache, derive, handlers or dispatch do, fail or panic, neither the event is
//     lost to the other steps nor does the source end. A payload that cannot be derived is
//     an event as it is (Config.Plain).
//   - Credit is given when a payload was dispatched, and fewer than Config.Window have
//     handlers that have not returned: so memory is bounded whatever the source sends. With
//     a window of 1 it was handled.
//   - A payload for which deliver has failed was not handled to the end. Whoever goes on
//     with the source asks for it again; events have the same IDs and numbers then.
//   - A consumer that has joined receives each event once, and as often as it has joined,
//     in the order of its shard; or a gap in its place. One copy goes to each node.
//   - What is missing between two events that a consumer has seen is visible by their
//     numbers, in one session; payloads that became no event are not taken for missing.
//
// Dispatch is at most once: what is under way while a node is lost may be lost, with a gap.
// To miss nothing, record the topic of the source and subscribe with
// eventnode.WithCatchUp: an event that was said again has the ID it had.
//
// # Concurrency
//
// A Pipeline runs once, and takes payloads in the goroutine of its source. Handlers have a
// goroutine for each event that they handle, or that of the source when they are
// sequential. A handler's context ends when Run is to end and Drain is over; Run waits for
// handlers that do not heed it. Handlers, Live and ConsumerGroup are safe for concurrent
// use; a Tracker is for one goroutine, as is a Consumer's Receive.
//
// # Failure
//
// What fails is counted, and logged at most once a second for each step and each name of a
// handler, with the number of those that were not; what is logged of an error is bounded.
// While there is no node to dispatch to, the payload waits, and so does its source. What a
// node refuses, or may have lost, is counted as a failure of dispatch and not sent again.
// The metrics are eventnode_source_*.
//
// # How it compares
//
// Nostrum starts a task per event without bound, gives credit by the frame, and sends one
// copy of an event to each consumer, whatever its mailbox holds. Here the pool and the
// window are bounded, and what a slow consumer does not take is its own affair, by the
// policy of its subscription.
package source
