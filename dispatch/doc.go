// Package dispatch delivers live events, at most once, to whoever subscribes at
// that moment, on whatever node. Nothing is stored.
//
// # Guarantees
//
//   - An event reaches a subscription at most once, also if it was dispatched to
//     several of its topics, or several of its patterns stand for them.
//   - Events of one publisher reach a subscription in the order in which they
//     were dispatched, over all topics. Between publishers there is no order.
//   - A subscription gets what is dispatched after Subscribe returned, on this
//     node and on those that Subscribe counted, or a gap in its place.
//   - The gaps that tell of a queue's own drops carry the exact count.
//   - A subscription with a filter gets what the filter wants, and that alone fills
//     its queue. The node of the subscription applies it, not the publisher's.
//   - An event goes to each interested node once, and to no other. A pattern is
//     interest in the topics that it stands for, and nothing else.
//   - What came from another node is not sent on.
//   - An event that is refused changes nothing for the others.
//   - After Close nothing is delivered, and nothing is kept. A client's subscription may
//     be drained instead: what is queued is delivered, and nothing new is queued.
//
// In plain words: what one publisher says arrives in its order, or its absence
// is visible. A subscriber that was away has missed what was said.
//
// # Concurrency
//
// A [Dispatcher] and a [Publisher] are safe for concurrent use. An event goes
// its whole way on the goroutine that dispatches it: into the queues of this
// node's subscriptions and onto links. There is one goroutine besides, in Run,
// which withdraws interest that nobody has any more; gRPC streams have two each.
// A [Subscription] is read by one goroutine at a time.
//
// # Failure
//
// A slow subscriber is the affair of its own queue: the queue is bounded in
// events and bytes, and its policy says who gives way. Only policy block holds
// up a publisher: as long as the subscriber reads at all, and at most MaxBlock
// when it does not. A node that cannot be reached is the affair of its link. A
// publisher that wants to know asks for a receipt.
package dispatch
