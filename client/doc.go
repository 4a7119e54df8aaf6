// Package client is the Go SDK: it speaks to a cluster over gRPC, and satisfies
// the same interfaces as an embedded node.
//
//	c, err := client.Dial(ctx, []string{"10.0.0.1:7401", "10.0.0.2:7401"})
//	if err != nil { ... }
//	defer c.Close()
//	sub, err := c.Subscribe(ctx, []string{"topic:orders"})
//	if err != nil { ... }
//	for d, err := range sub.All(ctx) { ... }
//
// # The connection
//
// A Client is connected to one node, and stays with it until it is lost. Then
// it looks for another by itself, over all addresses, with a jittered back-off,
// until Close. An address that is silent holds the others up for a quarter of a
// second.
//
// A call in the moment of a loss waits for the next node. When one round over
// all addresses has found none, at the latest after the dial timeout, calls
// fail at once with ErrUnavailable until one is found.
//
// # Guarantees
//
// A node that goes away in good order says so, and the client goes to another one before:
// publishers learn what became of all that they had sent; a subscription is opened at the
// next node, and what the one before has queued for it is delivered still.
//
// Dispatch is at most once: nothing is ever sent twice. What one publisher
// dispatches arrives in order, over all topics. When its connection is lost,
// what the node had not accepted yet is ErrOutcomeUnknown: to callers who wait
// for it ([Client.Dispatch], receipts), and with its number to the next Flush.
// What had not been sent yet goes to the next node; there it is another
// publisher's, and the order between the two is not promised. Bytes not
// accepted are bounded ([WithWindow]); a Dispatch beyond that waits.
//
// A subscription that lost its node subscribes again. Everything that had come
// is delivered, then one Gap with GapReconnected and no count, then what comes
// at the next node. Nothing is delivered twice. Gaps that nodes tell of come
// through at their place.
//
// A member that lost its node is made again at the next one, where it has a new
// Ref, and joins what it had joined, as often and with the metadata as before.
// It receives a Gap with GapReconnected. A membership that the next node
// refuses is logged ([WithLogger]) and tried again at the one after it. Changes
// of memberships under way are done again: the end of the old connection has
// undone them.
//
// A monitor that lost its node yields a Change with Resync.
//
// Streams ([Client.Streams]) are the durable plane: what Publish has returned a
// position for is on a majority of the replicas, once, however often it had to be
// sent; and a read goes on behind the event that it had last. Each value is a
// producer with an order of its own.
//
// Consumers ([Client.Consumers]) are handed the events of streams until each was acked:
// at least once, and once as long as the lease of the consumer lasts, also over the loss
// of nodes. Locks ([Client.Locks]) have one holder at a time.
//
// Sources ([Client.Sources]) are the event sources, and Cache ([Client.Cache]) what is cached of
// one of them, on all nodes: any node answers.
//
// [WithTLS] secures connections, and [WithToken] or [WithTokenFile] says who calls; a token
// goes to another machine in the clear only with [WithTokenInClear].
//
// # Concurrency
//
// A Client, its publishers and scopes are safe for concurrent use. One goroutine
// at a time may receive from a subscription, a member, a monitor. Dispatching
// goroutines share frames; each one's events keep their order.
//
// All subscriptions share one stream, and one that nobody receives from holds up
// only itself: the queue, with its policy, is at the node, which sends no more
// than a window of 4 MiB before the client has received some of it. So a client
// holds for each at most 4 MiB and one event; while it goes from one node to another,
// twice that, and the IDs of up to 16 MiB of events that may come from both. A member has
// a queue here, which drops its oldest and tells the exact number as a gap.
//
// Goroutines: one that follows the connection, those of gRPC, two a publisher
// in use, up to three a Streams that publishes, four a consumer that consumes, one for all subscriptions (and one
// for each that is being opened again), one a monitor, two for all members. Close
// ends them all and waits for them.
//
// # Failure
//
// Errors are told apart with errors.Is by the sentinels of package eventnode,
// as on an embedded node. Of calls that read, ErrUnavailable is returned after
// three more tries. Of Broadcast and SendOne, a connection lost before the
// answer is ErrOutcomeUnknown, and they are not tried again.
package client
