package event

import "time"

// Event is one immutable fact. Whoever holds one must not change Meta or Data.
type Event struct {
	// ID identifies the event for ever, also when it is sent again.
	ID ID
	// Name says what happened, such as "user_created".
	Name string
	// Key is the ordering key (CloudEvents "partitionkey"); may be empty.
	Key string
	// Time is when it happened, in UTC. Zero, or the very start of 1970, says
	// nothing: it is read as the milliseconds inside ID.
	Time time.Time
	// Source says who tells it; may be empty.
	Source string
	// Meta holds the application's headers.
	Meta map[string]string
	// Data is the payload; may be empty.
	Data []byte
	// DataType is the media type of Data; may be empty.
	DataType string
}

// Option sets a field of a new event.
type Option func(*Event)

// New makes an event with a new ID. Unless WithTime says otherwise its Time is
// the milliseconds inside the ID, which costs no bytes on the wire. New does
// not copy data and does not validate.
func New(name string, data []byte, opts ...Option) Event {
	e := Event{Name: name, Data: data}
	if len(opts) > 0 {
		e = apply(e, opts)
	}
	if e.ID == (ID{}) {
		e.ID = NewID()
	}
	if e.Time.IsZero() {
		e.Time = TimeOf(e.ID)
	}
	return e
}

// apply stands apart so that an event without options stays off the heap.
func apply(e Event, opts []Option) Event {
	for _, opt := range opts {
		opt(&e)
	}
	return e
}

// WithID sets the ID, so that a fact that is told again keeps its identity.
func WithID(id ID) Option { return func(e *Event) { e.ID = id } }

// WithKey sets the ordering key.
func WithKey(key string) Option { return func(e *Event) { e.Key = key } }

// WithTime sets when it happened.
func WithTime(t time.Time) Option { return func(e *Event) { e.Time = t.UTC() } }

// WithSource sets who tells it.
func WithSource(source string) Option { return func(e *Event) { e.Source = source } }

// WithMeta sets the application's headers. The map is not copied.
func WithMeta(meta map[string]string) Option { return func(e *Event) { e.Meta = meta } }

// WithDataType sets the media type of the data.
func WithDataType(mediaType string) Option { return func(e *Event) { e.DataType = mediaType } }
