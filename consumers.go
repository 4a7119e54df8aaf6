package eventnode

import (
	"context"
	"iter"
	"time"
)

// Consumers hands the events of streams to consumer groups: each event to one
// consumer of each consumer group, and again until it was acked or is a dead letter.
// It is safe for concurrent use. Names are those of one namespace.
type Consumers interface {
	// Consumer returns a consumer of a consumer group, which does nothing before it is
	// told to consume.
	Consumer(group string, opts ...ConsumerOption) Consumer

	// AddGroup adds a consumer group to a stream, and reports whether it did; where
	// it is given it begins there. One that is there and served in the same way is
	// success; any other difference is ErrConsumerGroupDiffers, which names it.
	AddGroup(ctx context.Context, stream, group string, cfg ConsumerGroupConfig, start StartPlace) (created bool, err error)
	// UpdateGroup replaces how a consumer group is served.
	UpdateGroup(ctx context.Context, stream, group string, cfg ConsumerGroupConfig) error
	// RemoveGroup removes a consumer group from a stream. Events that only it held go.
	RemoveGroup(ctx context.Context, stream, group string) error
	// Groups ranges over a stream's consumer groups, sorted by name.
	Groups(ctx context.Context, stream string) iter.Seq2[ConsumerGroupInfo, error]
	// Group says how one of them is, with its consumers.
	Group(ctx context.Context, stream, group string) (ConsumerGroupInfo, error)
	// Seek has a consumer group begin anew at another place. What is pending is
	// forgotten, and who has it in hand is refused when they ack it.
	Seek(ctx context.Context, stream, group string, to StartPlace) error

	// Pending ranges over what a consumer group was handed and has not acked, by
	// number; of one consumer only, unless that is 0.
	Pending(ctx context.Context, stream, group string, consumer int) iter.Seq2[PendingEntry, error]
	// Claim moves what one consumer has in hand to another one, which is handed it at
	// once, also while it runs. It returns how many events that were. A consumer that
	// has nothing, or is not there, is no error.
	Claim(ctx context.Context, stream, group string, from, to int) (moved uint64, err error)
	// DeleteConsumer ends a consumer, whoever holds it. What it has in hand goes to
	// others.
	DeleteConsumer(ctx context.Context, stream, group string, consumer int) error

	// DeadLetters ranges over the dead letters of a stream, in the order in which they
	// died.
	DeadLetters(ctx context.Context, stream string) iter.Seq2[DeadLetter, error]
	// ReplayDeadLetters appends dead letters of these numbers to the stream that they
	// came from, as they were, and drops them. It returns how many there were.
	ReplayDeadLetters(ctx context.Context, stream string, numbers ...uint64) (uint64, error)
	// DropDeadLetters removes dead letters, and returns how many there were.
	DropDeadLetters(ctx context.Context, stream string, numbers ...uint64) (uint64, error)
}

// Consumer is one consumer of a consumer group. Its methods may be called
// concurrently; it consumes once at a time.
type Consumer interface {
	// Consume is ConsumeMany with the number 1: by default one consumer of a consumer
	// group runs at a time, and events come in the order in which they were
	// published.
	Consume(ctx context.Context, count int, handler StreamHandler) (ran bool, err error)
	// ConsumeMany consumes as the consumer of this number, from 1 on; those of other
	// numbers run beside it. It calls handler with at most count events at a time,
	// shared fairly between the streams, until ctx ends or, after DisableLoop, there
	// is nothing more to deliver. First comes what this consumer had in hand, then
	// what is new.
	//
	// ran is true if it ended for these reasons. It is false, without an error, if
	// another one is this consumer: then handler is not called at all, or, if the
	// other one took it over, not any more. Its context ends then, and nothing that
	// it acks later counts.
	//
	// Connections and leaders that are lost are looked for again for as long as ctx
	// lasts. An error is for what cannot pass: ErrConsumerGroupNotFound,
	// ErrInvalidArgument, ErrStreamNotFound.
	ConsumeMany(ctx context.Context, nr, count int, handler StreamHandler) (ran bool, err error)
	// Events is the same one event at a time, as the consumer of this number, 0: of
	// one that is free. The event is acked when the next one is asked for, unless it
	// was settled before or the consumer acks by hand. One at which the loop is left
	// is given back, uncounted. An error is the last pair; ErrLeaseTaken and ErrFenced
	// stand for ran == false.
	Events(ctx context.Context, nr int) iter.Seq2[*StreamDelivery, error]
	// Claim moves what is in the hands of one consumer to another one, on all
	// streams; see Consumers.Claim. From itself to itself is ErrInvalidArgument.
	Claim(ctx context.Context, from, to int) (moved uint64, err error)
	// DisableLoop has consuming end when all that can be delivered now was handled.
	DisableLoop()
	// SetBlockTime bounds how long one wait for events lasts before the callback of
	// WithHeartbeat is called. 0 or less is DisableLoop. The end of ctx ends every wait
	// at once. Defaults to DefaultBlockTime.
	SetBlockTime(d time.Duration)
}

// StreamHandler handles events of one or several streams. Those that it has not settled
// when it returns nil are acked, unless the consumer acks by hand (WithManualAck). If
// it returns an error they are nacked: they come again after the consumer group's
// back-off, and in the end are dead letters. If it panics they stay in this consumer's
// hands, the consumer ends, and the panic goes on.
//
// ctx ends when the consumer's lease is lost: stop then, somebody else is about to
// handle the same events. The events may be kept and settled after the handler has
// returned if the consumer acks by hand.
type StreamHandler func(ctx context.Context, events []*StreamDelivery) error

// The defaults of a consumer.
const (
	// DefaultBlockTime is what SetBlockTime bounds.
	DefaultBlockTime = 5 * time.Second
	// DefaultConsumeBytes is what WithMaxBytes bounds.
	DefaultConsumeBytes = 4 << 20
)

// ConsumerOptions is what ConsumerOption sets.
type ConsumerOptions struct {
	// Streams are the streams to consume. None: those that have the consumer group.
	Streams []string
	// ManualAck leaves to the handler what is acked.
	ManualAck bool
	// EachStream has count bound the events of each stream, not those of all.
	EachStream bool
	// NoPrefetch has no batch wait while the handler runs.
	NoPrefetch bool
	// MaxBytes bounds what is delivered and not handled.
	MaxBytes int
	// OnError isolates failures: see WithErrorHandler.
	OnError func(ctx context.Context, err error, d *StreamDelivery)
	// Heartbeat is called at least every HeartbeatEvery.
	Heartbeat      func()
	HeartbeatEvery time.Duration
	// OnLost is told of events that are gone before they were delivered.
	OnLost func(stream string, events uint64)
}

// ConsumerOption changes a consumer.
type ConsumerOption func(*ConsumerOptions)

// WithStreams consumes these streams only, 256 at most. All must have the consumer
// group.
func WithStreams(streams ...string) ConsumerOption {
	return func(o *ConsumerOptions) { o.Streams = streams }
}

// WithManualAck has only StreamDelivery.Ack ack. What the handler leaves unsettled stays in
// this consumer's hands until the ack wait is over.
func WithManualAck() ConsumerOption { return func(o *ConsumerOptions) { o.ManualAck = true } }

// WithCountPerStream has count bound the events of each stream in a batch: of two
// streams up to 2 x count come at a time.
func WithCountPerStream() ConsumerOption { return func(o *ConsumerOptions) { o.EachStream = true } }

// WithoutPrefetch has no more events in this consumer's hands than a batch may have: none
// wait behind a full one. By default a batch waits while the handler works on the one
// before.
func WithoutPrefetch() ConsumerOption { return func(o *ConsumerOptions) { o.NoPrefetch = true } }

// WithMaxBytes bounds the encoded events that are delivered and not handled. One event
// may exceed it. Defaults to DefaultConsumeBytes.
func WithMaxBytes(n int) ConsumerOption { return func(o *ConsumerOptions) { o.MaxBytes = n } }

// WithErrorHandler isolates failures: if the handler fails or panics with several
// events, it is called again with each of those it has not settled alone, and f is
// told of each that fails. Such an event is nacked, unless f settles it; the others go
// on. A panic of f goes on.
func WithErrorHandler(f func(ctx context.Context, err error, d *StreamDelivery)) ConsumerOption {
	return func(o *ConsumerOptions) { o.OnError = f }
}

// WithHeartbeat calls f between batches, at least every so often as long as the handler
// returns in time, and once when consuming ends.
func WithHeartbeat(every time.Duration, f func()) ConsumerOption {
	return func(o *ConsumerOptions) { o.HeartbeatEvery, o.Heartbeat = every, f }
}

// WithLost calls f when retention removed events of a stream before they were
// delivered to the consumer group, with their number. Without, it is logged.
func WithLost(f func(stream string, events uint64)) ConsumerOption {
	return func(o *ConsumerOptions) { o.OnLost = f }
}

// NewConsumerOptions applies opts to the defaults.
func NewConsumerOptions(opts ...ConsumerOption) ConsumerOptions {
	o := ConsumerOptions{MaxBytes: DefaultConsumeBytes}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// ConsumerGroupConfig is how a consumer group is served. Durations are whole
// milliseconds. The zero value is the defaults.
type ConsumerGroupConfig struct {
	// Keyed has events with the same key (event.Event.Key) in the hands of one consumer
	// at a time, in order.
	Keyed bool
	// AckWait is after what time that which was delivered and not settled is delivered
	// again. A consumer that runs extends what it works on by itself. Defaults to 30 s.
	AckWait time.Duration
	// MaxDeliver is after how many deliveries an event is a dead letter. Defaults to
	// 20. NoMaxDeliver: never.
	MaxDeliver int
	// Backoff is how long the first nack puts an event off; each further one doubles
	// it. Defaults to 1 s.
	Backoff time.Duration
	// BackoffMax is where that ends. Defaults to 5 min.
	BackoffMax time.Duration
}

// NoMaxDeliver is a MaxDeliver that never is reached.
const NoMaxDeliver = -1

// StartPlace is where a consumer group begins. The zero value is the oldest event that
// is there; at most one field is set.
type StartPlace struct {
	// Newest is behind the newest event.
	Newest bool
	// At is the event at this position, or the first one after it. One past the end is
	// an error.
	At *Position
	// Since is the first event of that time or later. A time that is not yet is an
	// error.
	Since time.Time
}

// ConsumerGroupInfo is a consumer group of a stream as the leader saw it.
type ConsumerGroupInfo struct {
	Stream, Name string
	Config       ConsumerGroupConfig
	Created      time.Time
	// Lag is how many events it was not delivered yet, exactly: of one that has not
	// begun all of the stream.
	Lag uint64
	// Pending is how many it was delivered and has not acked. Ready ones are delivered
	// to whoever comes, Waiting ones when their time has come; the others are in hand.
	Pending, Ready, Waiting uint64
	// LastDelivered is the highest number that it ever was delivered, and
	// LastPosition its position; zero: none.
	LastDelivered uint64
	LastPosition  Position
	// LastDelivery is when it was delivered something last; zero: never.
	LastDelivery time.Time
	// LowestPending is the lowest number that is pending, and so on; zero: none.
	LowestPending   uint64
	LowestPosition  Position
	LowestDelivered time.Time
	// ConsumerCount is how many consumers somebody holds or have something in hand.
	ConsumerCount int
	// Consumers are they; only from Consumers.Group.
	Consumers []ConsumerInfo
	// Now is the cluster's time, by which ages are reckoned.
	Now time.Time
}

// ConsumerInfo is a consumer of a consumer group.
type ConsumerInfo struct {
	// Number is its number, from 1 on.
	Number int
	// Held says that somebody holds it, and Connected that they are there now.
	Held, Connected bool
	// Epoch is that of its lease, or of its last one; Granted is when it began.
	Epoch   uint64
	Granted time.Time
	// Pending is how many events it has in hand.
	Pending uint64
}

// PendingPlace is where pending events are.
type PendingPlace uint8

// The places.
const (
	// PendingHeld is in a consumer's hands until its ack wait is over.
	PendingHeld PendingPlace = iota
	// PendingReady is to be delivered to whoever comes.
	PendingReady
	// PendingWaiting is to be delivered later.
	PendingWaiting
	// PendingDying is on its way to the dead letters.
	PendingDying
)

// String returns the name used in output.
func (p PendingPlace) String() string {
	return [...]string{"held", "ready", "waiting", "dying"}[min(p, PendingDying)]
}

// NumberRange is numbers of events without a hole, both ends included.
type NumberRange struct{ From, To uint64 }

// PendingEntry is pending events that share a fate.
type PendingEntry struct {
	// Numbers are their numbers, and Count how many those are.
	Numbers []NumberRange
	Count   uint64
	// First is the position of the first one; zero if it is gone.
	First Position
	Place PendingPlace
	// Consumer is to whom they were delivered last, Deliveries how often, Delivered
	// when.
	Consumer   int
	Deliveries int
	Delivered  time.Time
	// Due is when the ack wait, or the delay, is over; zero: that is not by time.
	Due time.Time
	// Reason says why they are to be dead letters.
	Reason string
}

// DeadLetter is an event that a consumer group gave up.
type DeadLetter struct {
	// Number names it among the dead letters of its stream.
	Number uint64
	// Died is when, and Reason why.
	Died   time.Time
	Reason string
	// Group gave it up, after so many deliveries.
	Group      string
	Deliveries int
	// Event has the stream, the position that it had, and the event as it was.
	Event StreamEvent
}
