package eventnode

import (
	"context"
	"time"
)

// Recorder appends what is dispatched to streams.
type Recorder interface {
	// Record subscribes to topics and appends what is dispatched to them to a stream,
	// each event with its topics (StreamEvent.Topics), in the order in which it came,
	// until ctx ends. Then it appends what it has received, for at most
	// RecordOptions.Grace, and returns nil if it could.
	//
	// The stream leaves out events whose ID it remembers (WithDedupe): let two
	// recorders, or three, of the same topics run beside each other, on different
	// nodes, and each event stands there once, also when one of them is lost. What
	// comes later than StreamConfig.DedupeWindow stands there twice. An ID that is
	// dispatched twice stands there once.
	//
	// While the stream cannot be appended to (there is no leader, it is full) it is
	// tried again: the recorder's queue fills, and then publishers wait (PolicyBlock).
	// What is missing in the end is told to OnGap: nobody else is told of it. An error
	// is for what cannot pass, such as ErrStreamNotFound.
	Record(ctx context.Context, topics []string, stream string, opts ...RecordOption) error
}

// RecordProgress is what a recorder has done so far.
type RecordProgress struct {
	// Received is how many events came. Of these, Appended were appended, Known were
	// in the stream already, and Refused cannot be in a stream: they have reserved
	// meta (ReservedMeta), or are larger than the stream's limits.
	Received, Appended, Known, Refused uint64
	// Gaps is how many gaps there were in what came.
	Gaps uint64
	// Last is where the last event that was appended stands.
	Last Position
	// Trouble is why appending does not succeed now; nil if it does.
	Trouble error
}

// RecordOptions is what RecordOption sets.
type RecordOptions struct {
	// Namespace is that of the stream. Defaults to the default one.
	Namespace string
	// QueueEvents and QueueBytes bound the subscription's queue. Default to those of
	// SubscribeOptions.
	QueueEvents, QueueBytes int
	// MaxBlock is how long publishers wait, an episode. Defaults to 10 s.
	MaxBlock time.Duration
	// Grace is how long it may take to append what was received when the context has
	// ended. Defaults to 10 s.
	Grace time.Duration
	// OnStart, OnGap, OnRefused and OnProgress are called from one goroutine: when
	// the subscription stands; at each gap; for each event that cannot be in a stream;
	// and after each batch, or each attempt at one. They hold up the recorder.
	OnStart    func(Subscription)
	OnGap      func(Gap)
	OnRefused  func(Delivery, error)
	OnProgress func(RecordProgress)
}

// DefaultRecordGrace is RecordOptions.Grace.
const DefaultRecordGrace = 10 * time.Second

// RecordOption changes one recorder.
type RecordOption func(*RecordOptions)

// WithRecordNamespace sets the namespace of the stream.
func WithRecordNamespace(namespace string) RecordOption {
	return func(o *RecordOptions) { o.Namespace = namespace }
}

// WithRecordQueue bounds the subscription's queue in events and bytes; 0 leaves a
// default.
func WithRecordQueue(events, bytes int) RecordOption {
	return func(o *RecordOptions) { o.QueueEvents, o.QueueBytes = events, bytes }
}

// WithRecordMaxBlock bounds how long publishers wait for a recorder that is behind.
func WithRecordMaxBlock(d time.Duration) RecordOption {
	return func(o *RecordOptions) { o.MaxBlock = d }
}

// WithRecordGrace bounds what happens after the end of the context.
func WithRecordGrace(d time.Duration) RecordOption {
	return func(o *RecordOptions) { o.Grace = d }
}

// WithRecordStart calls f when the subscription stands.
func WithRecordStart(f func(Subscription)) RecordOption {
	return func(o *RecordOptions) { o.OnStart = f }
}

// WithRecordGap calls f at each gap.
func WithRecordGap(f func(Gap)) RecordOption { return func(o *RecordOptions) { o.OnGap = f } }

// WithRecordRefused calls f for each event that cannot be in a stream.
func WithRecordRefused(f func(Delivery, error)) RecordOption {
	return func(o *RecordOptions) { o.OnRefused = f }
}

// WithRecordProgress calls f after each batch.
func WithRecordProgress(f func(RecordProgress)) RecordOption {
	return func(o *RecordOptions) { o.OnProgress = f }
}

// NewRecordOptions applies opts to the defaults.
func NewRecordOptions(opts ...RecordOption) RecordOptions {
	o := RecordOptions{
		MaxBlock: DefaultMaxBlock, Grace: DefaultRecordGrace,
		OnStart: func(Subscription) {}, OnGap: func(Gap) {}, OnRefused: func(Delivery, error) {}, OnProgress: func(RecordProgress) {},
	}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}
