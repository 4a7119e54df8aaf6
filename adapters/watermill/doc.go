// Package watermill is a Publisher and a Subscriber of github.com/ThreeDotsLabs/watermill
// over durable streams, those of a client or of an embedded node.
//
// # Mapping
//
// A topic is a stream, of the same name unless StreamOf says otherwise; it is declared if
// it is not there, unless NoDeclare is set. A message is an event:
//
//	UUID      ID, if it is a UUID as this project writes it. Else the ID is made of it,
//	          always the same one, and Meta has it under event.MetaOriginalID
//	Payload   Data
//	Metadata  Meta; the value of MetadataKey is the Key
//	-         Name: the stream's, unless PublisherConfig.Name says otherwise
//
// All of that comes back at the subscriber, byte for byte. [Received] has the rest of an
// event: its name, its time, its place, how often it was delivered. Metadata must be
// UTF-8; keys that begin with "eventnode." and the key event.MetaOriginalID are refused.
//
// # Guarantees
//
//   - What Publish has returned nil for is stored by a majority of the copies. The
//     messages of one call are stored all or none, in their order.
//   - Delivery is at least once, also over Close, kill -9 of the leader and the loss of a
//     subscriber: a message comes again until it is acked, or has become a dead letter
//     after so many deliveries (ConsumerGroupConfig.MaxDeliver; `eventnode dead` lists and
//     replays those). Handlers must bear to see a message again. It is not exactly once,
//     and the feature ExactlyOnceDelivery of Watermill's suite is off; with
//     [PublisherConfig].Dedupe a message that is published again under its UUID stands in
//     the stream once, inside the stream's window.
//   - Subscribers of one Group share the messages; each Group gets all of them, from
//     SubscriberConfig.Start on, by default from the oldest that is there.
//   - Without a Group each subscription gets all messages, and its place is forgotten when
//     it ends. It holds nothing back: a stream that has groups besides needs
//     eventnode.RetainLimits, or what they all have acked may be gone before it is read.
//   - A subscription hands out one message at a time: the next one comes when it was acked
//     or nacked.
//   - Order: with one subscriber in a Group that of the stream, as long as nothing is
//     nacked. A nacked message comes again after the group's back-off, and others pass it.
//     With Exclusive the same holds for several: one of them works, and the next takes
//     over. In a keyed group (ConsumerGroupConfig.Keyed) the messages of a key keep their
//     order always, shared between any number of subscribers. Without a Group it is that of
//     the stream always: a nacked message comes again before the next one.
//   - A stream keeps a message until every group has acked it. With
//     eventnode.RetainLimits in Stream it is kept for a time or up to a size instead, and
//     new groups, and subscribers without one, get old messages that others have acked.
//     What such a limit has removed unread is told to OnLost.
//
// The universal suite of Watermill (pubsub/tests) passes with all its features but
// ExactlyOnceDelivery, and none of its tests is skipped; its restart command kills the
// Raft leader with -9.
//
// # Concurrency
//
// All methods may be called concurrently. The constructors start nothing; a subscription is
// one goroutine and those of the client's consumer. Close waits for them, and so do the
// messages that are being handled: see SubscriberConfig.CloseTimeout.
//
// # Failure
//
// Errors are those of package eventnode, told apart by errors.Is. Publish waits while a
// leader is elected, at most for Timeout; after ErrOutcomeUnknown the messages may or may
// not be stored. A subscription outlives the loss of nodes and leaders. It ends, with a log
// line, and closes its channel, when that is of no use: the stream or the group was removed,
// or permission is refused.
//
// When the lease of a consumer is lost while a message is handled (its node could not reach
// the leader for long), the context of the message ends: somebody else is handed it, and
// what is said of it here does not count.
//
// # Example
//
//	c, err := client.Dial(ctx, []string{"10.0.0.1:7401", "10.0.0.2:7401"})
//	pub, err := watermill.NewPublisher(watermill.PublisherConfig{Streams: c.Streams()})
//	sub, err := watermill.NewSubscriber(watermill.SubscriberConfig{
//		Streams: c.Streams(), Consumers: c.Consumers(), Group: "billing",
//	})
//	router.AddConsumerHandler("bill", "orders", sub, handle)
package watermill
