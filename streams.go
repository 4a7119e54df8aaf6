package eventnode

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/eventnode/eventnode/event"
)

// Streams keeps events: what Publish has returned a position for was fsynced by a
// majority of the replicas. It is safe for concurrent use. Names are those of one
// namespace.
type Streams interface {
	// Declare makes a stream, and reports whether it did. If the stream is there
	// with an equal configuration that is success, so every instance of a service
	// may declare at its start; groups are added. Any other difference is
	// ErrStreamDiffers, which names it.
	Declare(ctx context.Context, stream string, cfg StreamConfig) (created bool, err error)
	// Create makes a stream that is not there yet; else it is ErrStreamExists.
	Create(ctx context.Context, stream string, cfg StreamConfig) error
	// Update replaces the configuration of a stream. Groups that it does not name
	// stay.
	Update(ctx context.Context, stream string, cfg StreamConfig) error
	// Delete removes a stream with all that is in it.
	Delete(ctx context.Context, stream string) error
	// List ranges over the streams, sorted by name.
	List(ctx context.Context) iter.Seq2[StreamInfo, error]
	// Info says how a stream is.
	Info(ctx context.Context, stream string) (StreamInfo, error)

	// DeclarePool makes a pool, and reports whether it did. One that is there with
	// the same placement is success, and so is it to say none; another placement is
	// ErrPoolDiffers. Pools are the whole cluster's.
	DeclarePool(ctx context.Context, pool Pool) (created bool, err error)
	// UpdatePool replaces the placement of a pool. Copies move one at a time; nothing
	// is removed before what takes its place has caught up.
	UpdatePool(ctx context.Context, pool Pool) error
	// Pools lists the pools, sorted by name. DefaultPool is always there.
	Pools(ctx context.Context) ([]Pool, error)

	// Publish appends one event and returns where it stands; the zero Position if
	// the stream knows it already (WithDedupe). What is lost on the way is sent again
	// by itself, and appended once. ErrUnavailable means that it was not appended,
	// ErrOutcomeUnknown that it may have been: ctx ended before that was known.
	Publish(ctx context.Context, stream string, ev event.Event, opts ...PublishOption) (Position, error)
	// PublishMany appends events, all or none, in their order.
	PublishMany(ctx context.Context, stream string, evs []event.Event, opts ...PublishOption) (Published, error)
	// PublishBody appends an event that is made of a body and of meta, which is keys
	// and values in turn. The event's name is the stream's.
	//
	// The body is written as JSON, a proto.Message as protobuf; DataType says which.
	// A []byte is the data as it is; nil is none.
	PublishBody(ctx context.Context, stream string, body any, meta ...string) (Position, error)
	// NewFlusher returns a buffer of events that are published together.
	NewFlusher() Flusher
	// Read ranges over a stream's events. No consumer group is concerned. When the
	// connection or the leader is lost it goes on behind the event that it had last.
	// An error is the last pair, the end of ctx included.
	Read(ctx context.Context, stream string, opts ...ReadOption) iter.Seq2[StreamEvent, error]
}

// ReservedMeta begins the keys of an event's meta that are the project's own.
// Publishing refuses them.
const ReservedMeta = "eventnode."

// Retain says when a stream's events go.
type Retain uint8

// The two.
const (
	// RetainAcked keeps an event until every consumer group of the stream has
	// acked it, for ever if there is no group. At MaxBytes, publishing is refused
	// with ErrStreamFull.
	RetainAcked Retain = iota
	// RetainLimits keeps events until they exceed a limit, acked or not.
	RetainLimits
)

// String returns the name used in flags and files.
func (r Retain) String() string {
	if r == RetainLimits {
		return "limits"
	}
	return "acked"
}

// ParseRetain is the inverse of Retain.String.
func ParseRetain(s string) (Retain, error) {
	switch s {
	case "acked":
		return RetainAcked, nil
	case "limits":
		return RetainLimits, nil
	}
	return 0, fmt.Errorf("retain %.40q: use acked or limits: %w", s, ErrInvalidArgument)
}

// StreamConfig is how a stream is kept. The zero value keeps every event until
// all groups have acked it.
type StreamConfig struct {
	// Retain says when events go. Defaults to RetainAcked.
	Retain Retain
	// MaxAge is how old events become, in whole milliseconds. 0 is no limit. Only
	// with RetainLimits.
	MaxAge time.Duration
	// MaxBytes bounds the stored events. 0 is no limit.
	MaxBytes uint64
	// MaxCount bounds the number of events. 0 is no limit. Only with RetainLimits.
	MaxCount uint64
	// Groups are the consumer groups.
	Groups []string
	// Pool is where to place the stream: one that was declared. Defaults to
	// DefaultPool.
	Pool string
	// DedupeWindow is how long an event ID is remembered. Defaults to 2 min.
	DedupeWindow time.Duration
	// DedupeMax is how many are, at most. Defaults to 1,000,000.
	DedupeMax uint64
}

// The defaults of StreamConfig. DefaultPool is always there.
const (
	DefaultPool         = "default"
	DefaultDedupeWindow = 2 * time.Minute
	DefaultDedupeMax    = 1_000_000
)

// StreamInfo is a stream as the leader of its partition saw it.
type StreamInfo struct {
	Namespace, Name string
	Config          StreamConfig
	Created         time.Time
	// Count and Bytes are of the events that are stored, Published of all that
	// ever were.
	Count, Bytes, Published uint64
	// First is the position of the first event; zero if the stream is empty.
	First Position
	// Last is that of the last event, also if it is gone; zero if there never was
	// one.
	Last Position
	// Partition holds the stream, and Leader leads it.
	Partition uint32
	Leader    NodeID
}

// StreamEvent is an event in its stream.
type StreamEvent struct {
	Stream   string
	Position Position
	// Number is its number among all that were ever published to the stream, from 1
	// on.
	Number uint64
	// Lost is how many events before it, and behind the one before that the same
	// reader had, retention removed before they could be read. At the first event
	// it is known only of a reader that began before the stream's first event ever.
	Lost uint64
	// Topics is where the event was dispatched, if it was recorded from there. Other
	// events share the slice.
	Topics []string
	Event  event.Event
}

// Published is what became of several events.
type Published struct {
	// First is the position of the first event appended; the others follow it:
	// the same MS, the next Seq.
	First Position
	// Appended is how many were.
	Appended int
	// Known has the places of those that were not, because the stream remembers
	// their IDs. Only with WithDedupe.
	Known []int
}

// PublishOptions is what PublishOption sets.
type PublishOptions struct {
	// ExpectLast, if set, is what the stream's last position must be.
	ExpectLast *Position
	// Dedupe leaves out events whose ID the stream remembers.
	Dedupe bool
}

// PublishOption changes one publish.
type PublishOption func(*PublishOptions)

// WithExpectLast appends only if the stream's last position is p, the zero
// Position if nothing was ever published; else it is ErrWrongLast.
func WithExpectLast(p Position) PublishOption {
	return func(o *PublishOptions) { o.ExpectLast = &p }
}

// WithDedupe appends only events whose ID the stream does not remember: what is
// published again, by whomever, within the stream's window, stands there once.
func WithDedupe() PublishOption { return func(o *PublishOptions) { o.Dedupe = true } }

// NewPublishOptions applies opts to the defaults.
func NewPublishOptions(opts ...PublishOption) PublishOptions {
	var o PublishOptions
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// ReadOptions is what ReadOption sets. At most one of From, After, Since and Last
// says where to begin; without, at the first event.
type ReadOptions struct {
	// From begins at this position or the first one after it.
	From *Position
	// After begins behind this position.
	After *Position
	// Since begins at the first event appended at this time or later.
	Since time.Time
	// Last begins so many events before the end; 0: with what is published later.
	Last *uint64
	// Limit is how many events to read. 0 is all.
	Limit uint64
	// Follow goes on with what is published later.
	Follow bool
}

// ReadOption changes one read.
type ReadOption func(*ReadOptions)

// WithFrom begins at p, or at the first event after it.
func WithFrom(p Position) ReadOption { return func(o *ReadOptions) { o.From = &p } }

// WithAfter begins behind p.
func WithAfter(p Position) ReadOption { return func(o *ReadOptions) { o.After = &p } }

// WithSince begins at the first event appended at t or later, by the cluster's
// time.
func WithSince(t time.Time) ReadOption { return func(o *ReadOptions) { o.Since = t } }

// WithLast begins n events before the end. With 0, and WithFollow, only what is
// published later is read.
func WithLast(n uint64) ReadOption { return func(o *ReadOptions) { o.Last = &n } }

// WithLimit ends after n events.
func WithLimit(n uint64) ReadOption { return func(o *ReadOptions) { o.Limit = n } }

// WithFollow goes on, at the end of the stream, with what is published later.
func WithFollow() ReadOption { return func(o *ReadOptions) { o.Follow = true } }

// NewReadOptions applies opts to the defaults.
func NewReadOptions(opts ...ReadOption) ReadOptions {
	var o ReadOptions
	for _, opt := range opts {
		opt(&o)
	}
	return o
}
