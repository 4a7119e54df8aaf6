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
//   - What came from another node is not sent on, but by a node that was chosen for
//     a queue group and has no member for it.
//   - An inbox, a topic of the kind "reply", is subscribed to by its whole key, which cannot
//     be guessed, and by no pattern.
//   - An event that is refused changes nothing for the others.
//   - After Close nothing is delivered, and nothing is kept. A client's subscription may
//     be drained instead: what is queued is delivered, and nothing new is queued.
//
// Of the members of a queue group, whatever their topics and patterns:
//
//   - One gets each event, and no other: a member on the publisher's node before any
//     elsewhere. Subscriptions without a group are not touched by it, and an event
//     that a node gets for both crosses the link once.
//   - Who has no room, and whose filter does not want the event, is passed over. Only
//     if all members on the publisher's node are full and a node that was chosen has
//     none with room, or there is no such node, does a member follow its policy.
//   - A node that was chosen and has no member that wants the event passes it on, at
//     most eight times and never to a node that had it. So an event is lost to a group
//     that has a member for it only if nine nodes have none, or if it is on its way to
//     a node or a member that is lost, or to a link that is full when it is passed on.
//   - A member gets what it gets of a publisher in order, except for what was passed on,
//     which may come late.
//   - The interest of a group ends with its last member, without linger. What is in the
//     queue of a member that is closed is discarded: elsewhere it would come after its
//     successors.
//   - A receipt counts a group as one, also if the event was passed on, of which nobody knows
//     yet whether a member has it.
//   - A gap on the way to a member never has a count: another one may have got the event.
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
