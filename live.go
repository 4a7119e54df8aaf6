package eventnode

import (
	"context"
	"iter"
	"time"

	"github.com/eventnode/eventnode/event"
)

// Live is everything that happens now: dispatch, subscriptions, groups. It is
// safe for concurrent use.
type Live interface {
	Publisher
	Subscriber
	Groups

	// NewPublisher returns a publisher of its own, with an order of its own.
	NewPublisher(ctx context.Context) (PublisherCloser, error)
}

// Publisher dispatches events to topics, written "kind:key". What one
// Publisher dispatches from one goroutine arrives in that order at every
// subscription, over all topics, or is missing with a [Gap].
type Publisher interface {
	// Dispatch sends one event to the subscribers of topic. It returns when the
	// event was taken over; Flush tells whether the node accepted it. With
	// [WithReceipt] it waits for the receipt.
	//
	// A malformed topic is a *TopicError, an event without ID or name
	// ErrInvalidEvent, one over the size limit a *LimitError. A slow or absent
	// subscriber is no error.
	Dispatch(ctx context.Context, topic string, ev event.Event, opts ...DispatchOption) (Receipt, error)
	// DispatchMany sends one event to several topics. A subscription to more
	// than one of them gets it once.
	DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...DispatchOption) (Receipt, error)
	// Flush waits until everything dispatched so far was accepted or refused,
	// and returns the refusals since the last Flush as a *RefusedError. After
	// a lost connection it returns ErrOutcomeUnknown: what was not accepted
	// yet may or may not have been dispatched, and is not sent again.
	Flush(ctx context.Context) error
}

// PublisherCloser is a publisher with an end.
type PublisherCloser interface {
	Publisher
	// Close flushes and ends the publisher.
	Close(ctx context.Context) error
}

// Subscriber subscribes to topics.
type Subscriber interface {
	// Subscribe returns when every live node knows of the interest, or after
	// one second: Subscription.Missing then says which do not know yet. The
	// subscription ends with ctx or with Close.
	//
	// A topic may be a pattern: in its key * stands for any one token between
	// dots, > as the last one for one or more ("topic:orders.*",
	// "topic:orders.>"). An event that several of the topics stand for comes
	// once.
	Subscribe(ctx context.Context, topics []string, opts ...SubscribeOption) (Subscription, error)
}

// Subscription is live interest in some topics, with a bounded queue.
type Subscription interface {
	// Receive waits for the next delivery. One goroutine at a time may call
	// it. It returns ErrClosed after Close, ErrSlowSubscriber after the policy
	// PolicyDisconnect ended it, or the context's error.
	Receive(ctx context.Context) (Delivery, error)
	// All ranges over deliveries until the subscription ends. The last pair
	// holds the error, unless that is ErrClosed or the end of the context.
	All(ctx context.Context) iter.Seq2[Delivery, error]
	// Nodes is the number of nodes that knew of the interest when Subscribe
	// returned.
	Nodes() int
	// Missing lists live nodes that did not, then.
	Missing() []NodeID
	// Close ends it. What is queued is discarded.
	Close() error
}

// Delivery is an event or a gap.
type Delivery struct {
	// Topics is where the event was dispatched to: all topics it was sent
	// with, not only those subscribed to.
	Topics []string
	// Event is the event; zero if Gap is set.
	Event event.Event
	// Gap, if set, tells of events that are missing at this place.
	Gap *Gap
}

// GapReason says why events are missing.
type GapReason uint8

// The reasons.
const (
	GapUnspecified   GapReason = iota
	GapQueueFull               // this subscription's queue was full
	GapSenderDropped           // the sending node dropped: this one made no progress
	GapLinkLost                // a link broke with frames under way
	GapNodeLost                // a node that had been dispatching was lost
	GapReconnected             // the client lost its node and subscribed again
)

// String returns the reason as one word.
func (r GapReason) String() string {
	switch r {
	case GapQueueFull:
		return "queue_full"
	case GapSenderDropped:
		return "sender_dropped"
	case GapLinkLost:
		return "link_lost"
	case GapNodeLost:
		return "node_lost"
	case GapReconnected:
		return "reconnected"
	case GapUnspecified:
	}
	return "unspecified"
}

// Gap tells of events that a subscription should have had.
type Gap struct {
	// Node is where they came through; empty if the subscription's own node.
	Node NodeID
	// Count is how many, if Known.
	Count uint64
	// Known is false if nobody can tell how many: perhaps none.
	Known bool
	// Reason says why.
	Reason GapReason
}

// Policy is what happens when a subscription's queue is full.
type Policy uint8

// The policies.
const (
	PolicyDropOldest Policy = iota // the default: the oldest queued events go
	PolicyDropNewest               // the arriving events go
	PolicyDisconnect               // the subscription ends with ErrSlowSubscriber
	PolicyBlock                    // the publisher waits, at most MaxBlock an episode
)

// policies are the names, in the order of the constants.
var policies = [...]string{"drop_oldest", "drop_newest", "disconnect", "block"}

// String returns the policy's name, such as "drop_oldest".
func (p Policy) String() string {
	if int(p) < len(policies) {
		return policies[p]
	}
	return "unknown"
}

// ParsePolicy is the inverse of Policy.String.
func ParsePolicy(s string) (Policy, error) {
	for i, name := range policies {
		if s == name {
			return Policy(i), nil
		}
	}
	return 0, &PolicyError{Policy: s}
}

// Receipt counts subscriptions whose queue took an event.
type Receipt struct {
	// Reached is the sum.
	Reached int
	// Nodes has an entry for each node with interest.
	Nodes []NodeReceipt
}

// NodeReceipt is one node's part of a receipt.
type NodeReceipt struct {
	Node    NodeID
	Reached int
	// Err is why that node's answer is missing.
	Err error
}

// DispatchOptions is what DispatchOption sets.
type DispatchOptions struct {
	// Receipt asks for a receipt.
	Receipt bool
	// ReceiptTimeout is how long to gather it. Defaults to 1 s.
	ReceiptTimeout time.Duration
}

// DispatchOption changes one dispatch.
type DispatchOption func(*DispatchOptions)

// WithReceipt makes Dispatch wait until each node with interest has answered
// how many subscriptions took the event, at most for timeout (0: 1 s). A node
// that could not be reached has an error in the receipt.
func WithReceipt(timeout time.Duration) DispatchOption {
	return func(o *DispatchOptions) { o.Receipt, o.ReceiptTimeout = true, timeout }
}

// DefaultReceiptTimeout is how long receipts are gathered.
const DefaultReceiptTimeout = time.Second

// NewDispatchOptions applies opts to the defaults.
func NewDispatchOptions(opts ...DispatchOption) DispatchOptions {
	if len(opts) == 0 { // what follows costs an allocation
		return DispatchOptions{ReceiptTimeout: DefaultReceiptTimeout}
	}
	var o DispatchOptions
	for _, opt := range opts {
		opt(&o)
	}
	if o.ReceiptTimeout <= 0 {
		o.ReceiptTimeout = DefaultReceiptTimeout
	}
	return o
}

// SubscribeOptions is what SubscribeOption sets.
type SubscribeOptions struct {
	// Policy is what happens when the queue is full. Defaults to drop_oldest.
	Policy Policy
	// QueueEvents bounds the queue. Defaults to 65,536.
	QueueEvents int
	// QueueBytes bounds the queue. Defaults to 16 MiB.
	QueueBytes int
	// MaxBlock is how long PolicyBlock holds a publisher up. Defaults to 10 s.
	MaxBlock time.Duration
	// Holder is a name for people who list subscriptions.
	Holder string
	// Filter is what is wanted of the topics' events. Defaults to everything. What a gap
	// counts is as if there was none, or unknown.
	Filter Filter
	// QueueGroup is the queue group that the subscription is a member of. Defaults to none.
	QueueGroup string
	// CatchUp is the stream, in CatchUpNamespace, from which gaps are filled. Empty:
	// they are told.
	CatchUp          string
	CatchUpNamespace string
}

// The defaults of SubscribeOptions.
const (
	DefaultQueueEvents = 65536
	DefaultQueueBytes  = 16 << 20
	DefaultMaxBlock    = 10 * time.Second
)

// SubscribeOption changes one subscription.
type SubscribeOption func(*SubscribeOptions)

// WithPolicy sets what happens when the queue is full.
func WithPolicy(p Policy) SubscribeOption {
	return func(o *SubscribeOptions) { o.Policy = p }
}

// WithQueue bounds the queue in events and bytes; 0 leaves a default.
func WithQueue(events, bytes int) SubscribeOption {
	return func(o *SubscribeOptions) { o.QueueEvents, o.QueueBytes = events, bytes }
}

// WithMaxBlock bounds how long PolicyBlock holds a publisher up.
func WithMaxBlock(d time.Duration) SubscribeOption {
	return func(o *SubscribeOptions) { o.MaxBlock = d }
}

// WithHolder names the holder.
func WithHolder(name string) SubscribeOption {
	return func(o *SubscribeOptions) { o.Holder = name }
}

// WithCatchUp fills gaps from a stream to which somebody records the topics
// ([Recorder]): instead of a gap the events that are missing are delivered, without a
// hole and without a duplicate by their IDs, and then those that come.
//
// So a subscription outlives its node, and misses nothing when its owner is slow: when
// the queue is full it goes on from the stream, and Policy is only for the way from the
// node to here. For some seconds after a gap events arrive as late as they are
// recorded.
//
// It is as complete as the record: let two recorders run, on different nodes. A gap is
// told after all, at its place, where the stream has nothing: events were removed by
// its retention before they could be read, nobody records, or the stream could not be
// read for 15 s. The stream should keep what is a minute old, acked or not (RetainLimits).
// Each ID is delivered once, within about a minute and 262,144 events. A subscription
// asks every 5 s where the stream ends. See WithCatchUpNamespace.
func WithCatchUp(stream string) SubscribeOption {
	return func(o *SubscribeOptions) { o.CatchUp = stream }
}

// WithCatchUpNamespace sets the namespace of the stream of WithCatchUp. Defaults to the
// default one.
func WithCatchUpNamespace(namespace string) SubscribeOption {
	return func(o *SubscribeOptions) { o.CatchUpNamespace = namespace }
}

// NewSubscribeOptions applies opts to the defaults.
func NewSubscribeOptions(opts ...SubscribeOption) SubscribeOptions {
	var o SubscribeOptions
	for _, opt := range opts {
		opt(&o)
	}
	if o.QueueEvents <= 0 {
		o.QueueEvents = DefaultQueueEvents
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = DefaultQueueBytes
	}
	if o.MaxBlock <= 0 {
		o.MaxBlock = DefaultMaxBlock
	}
	return o
}
