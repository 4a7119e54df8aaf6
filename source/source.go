package source

import (
	"context"
	"encoding/json"
)

// Origin is where a payload comes from.
type Origin struct {
	// Source is the name that the operator gave it.
	Source string
	// Shard is the part of the source, of Shards. A source that is not divided has 0 of 1.
	Shard, Shards int
	// Session and Seq number payloads: Seq grows inside a session. Both are zero where a
	// source numbers nothing.
	Session string
	Seq     uint64
}

// Payload is one thing that a source says, decoded and normalised.
type Payload struct {
	Name   string
	Data   json.RawMessage
	Origin Origin
}

// Event is what consumers get. A payload may become several, or none.
type Event struct {
	Name   string
	Data   json.RawMessage
	Origin Origin
}

// Deliver takes a payload over, and returns when it has been handled: that is the credit
// for the next one. It fails only with the cause of ctx's end.
type Deliver func(ctx context.Context, p Payload) error

// Source is something that says what happened elsewhere.
type Source interface {
	// Name tells it from other sources, in events, logs and metrics.
	Name() string
	// Run takes payloads in and hands each to deliver, in order, one after the other, until
	// ctx ends (nil) or it cannot go on (why). It is called once, and has stopped all it
	// started when it returns.
	Run(ctx context.Context, deliver Deliver) error
}

// Cache is what is known of the source's state.
type Cache interface {
	// Write takes a payload in. The change says what was otherwise before; nil: it changed
	// nothing that is kept, so the payload itself is the event.
	Write(ctx context.Context, p Payload) (Change, error)
}

// Change is what a payload changed.
type Change interface {
	// Derive makes the payload's events, in order. None: nothing has happened that anybody
	// would want to know.
	Derive(p Payload) ([]Event, error)
}

// Dispatcher sends events on.
type Dispatcher interface {
	// Dispatch sends them in order. It may wait, as long as ctx lasts.
	Dispatch(ctx context.Context, events []Event) error
}
