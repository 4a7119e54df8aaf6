// Package eventnodepubsub is a driver of gocloud.dev/pubsub over durable streams, those of
// a client or of an embedded node.
//
// # Mapping
//
// A topic is a stream, and a subscription a consumer group of it. Both must be there:
// declare them (eventnode.Streams.Declare, eventnode.Consumers.AddGroup, or
// `eventnode streams create orders --group billing`). A message is an event: Body is Data,
// Metadata is Meta. LoggableID is the position in the stream.
//
// Metadata may be anything in UTF-8 but an empty key, and keys that begin with
// "eventnode.", which are refused.
//
// # URLs
//
// pubsub.OpenTopic and pubsub.OpenSubscription take
//
//	eventnode://10.0.0.1:7401/orders?addr=10.0.0.2:7401
//	eventnode://10.0.0.1:7401/orders?addr=10.0.0.2:7401&group=billing
//
// with what [URLOpener] lists. Each has a client of its own, until its Shutdown. For
// transport security and tokens register an opener with DialOptions.
//
// # Guarantees
//
//   - What Send has returned nil for is stored by a majority of the copies.
//   - Delivery is at least once: a message comes again until it is acked, or has become a
//     dead letter after so many deliveries (eventnode.ConsumerGroupConfig.MaxDeliver;
//     `eventnode dead` lists and replays those). Also over the kill -9 of a leader, and
//     over Shutdown: what was not acked by then comes again.
//   - Each subscription gets all messages; subscriptions of one name, in any number of
//     processes, share them: 256 at once, and more of them stand by.
//   - A message that is nacked comes again after the group's back-off. One that is neither
//     acked nor nacked comes again when the group's AckWait, 30 s by default, is over.
//   - Messages are handed out in the order of the stream, several at once. What is
//     nacked, or comes again, comes behind others. In a keyed group those of a key are in one
//     process at a time.
//
// # As
//
//	Topic                     *eventnode.Streams
//	Subscription              *eventnode.Consumers
//	Message.BeforeSend        **event.Event, which may be changed
//	Message.AfterSend         **event.Event, *eventnode.Position
//	Message                   **eventnode.StreamDelivery
//	Error                     **eventnode.StreamError, **eventnode.LimitError, **event.InvalidError
//
// # Concurrency
//
// As that of package pubsub. A subscription has a goroutine and a consumer from the first
// Receive to Shutdown, which waits for them.
//
// # Failure
//
// Errors have the codes of gcerrors, and errors.Is finds the sentinels of package eventnode
// in them. What is unavailable is tried again by package pubsub; a stream or a consumer
// group that is not there is gcerrors.NotFound, at the first Send or Receive. Code Unknown
// with eventnode.ErrOutcomeUnknown means that a message may or may not be stored.
//
// # Example
//
//	c, err := client.Dial(ctx, []string{"10.0.0.1:7401", "10.0.0.2:7401"})
//	topic, err := eventnodepubsub.OpenTopic(c.Streams(), "orders", nil)
//	err = topic.Send(ctx, &pubsub.Message{Body: []byte("three apples")})
//	sub, err := eventnodepubsub.OpenSubscription(c.Consumers(), "orders", "billing", nil)
//	m, err := sub.Receive(ctx)
//	m.Ack()
package eventnodepubsub
