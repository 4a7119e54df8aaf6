// Package streamsdk implements eventnode.Streams, eventnode.Consumers and
// eventnode.Locks over a [Backend] and a [ConsumerBackend], which are as small as the
// protocol: so a client (over gRPC) and an embedded node (which asks its own service,
// see [Local]) have all else in common.
//
// # How publishing works
//
// A call encodes its events and puts them into the outbox. There each stream has a
// lane: calls that wait, in their order, and at most one batch under way. One
// goroutine owns the pipe to the cluster: it takes a batch of each lane that has
// something to send and nothing under way, puts them together in a request and
// sends it, without waiting for the answers to those before. So a call alone goes
// out alone at once, what comes while its stream's batch is under way travels
// together, and there is no timer.
//
// A lane is a producer: it has a random ID and numbers its batches, and the stream
// remembers the last of them with its answer. That is why only one may be under
// way: of two, the first could not be asked about any more. A batch whose fate is
// not known (the pipe broke, or the answer said so) is sent again as it was, under
// its number, until there is an answer or all its callers have gone. When a batch
// is given up without its fate being known, the lane goes on under a new ID: its
// next number would be a lie.
//
// Several calls that share a batch share its fate. If that is a refusal that may
// be due to one of them, each is sent again in a batch of its own.
//
// When an answer says where the leader is, a pipe to there is opened beside the one
// in use, which is left when all on it is answered. When that pipe breaks, the next
// one is to the own node again.
//
// # How consuming works
//
// A consumer that consumes keeps one call open, at the leader. What it has in hand is
// known in package hands, which puts batches together and says what to send; around it
// are the goroutines that consume.go names. Nobody waits for the answer to an ack but
// who asked to.
//
// The connection may be lost at any time. As the same holder the consumer comes back to
// what it had: what its handler works on is not handed out again, and an ack that was
// not answered is made again when its event comes again, or asked about when it does
// not. Only when nobody could be asked for as long as a lease is kept, or somebody else
// is this consumer now, does the handler's context end.
//
// # Guarantees
//
//   - What Publish has returned a position for is there once.
//   - What calls appended to one stream stands there in the order in which they were
//     made, as far as one was made after the other.
//   - A read that lost its connection goes on behind the event that it had last:
//     none twice, none left out; what retention removed meanwhile is counted.
//   - As long as a consumer keeps its lease each event is handed out once, unless it is
//     nacked, given back, or not settled within the ack wait by who acks by hand. What a
//     handler works on, for however long, and what waits behind it is extended.
//   - What a handler of a lost lease says is refused; its context has ended by then.
//   - A consumer that drains ends when nothing can be delivered after all that it said
//     was done.
//   - A lock is over here before it is over there.
//
// # Concurrency
//
// New starts nothing. A Streams and its flushers are safe for concurrent use, and so are
// Consumers, consumers, deliveries and locks. A consumer's goroutines end before
// consuming returns. The handler is called by the caller's goroutine. The
// goroutines of publishing (Config.Start) end when there was nothing to do for
// a while, and with Config.Context.
//
// # Failure
//
// eventnode.ErrUnavailable means that nothing was done, for as long as
// Config.Patience lasted. eventnode.ErrOutcomeUnknown comes only with the end of a
// caller's context or of the Streams, or if the stream has lost count of the
// producer in the moment of a loss.
//
// Consuming looks for a leader for as long as its context lasts. It ends with an error
// only for what cannot pass, such as a consumer group that is not there.
//
// # Example
//
//	s := streamsdk.New(streamsdk.Config{Backend: streamsdk.Local(service), Context: ctx, Start: start})
//	at, err := s.Publish(ctx, "orders", event.New("order_placed", data))
package streamsdk
