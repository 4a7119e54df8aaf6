package source

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventnode/eventnode"
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
	// Place is where it stands among the events of its source; a [Pipeline] sets it.
	Place Place
}

// Place says what stands right before an event, so that a [Tracker] can tell whether that
// has come. Numbers of payloads alone do not: many a payload becomes no event.
type Place struct {
	// Part is which of the payload's events it is, from 0 on, of Parts. 0 of 0: nobody
	// has said.
	Part, Parts int
	// After is the Seq of the newest payload before, in the same session, that became
	// events. 0: there was none, or nobody knows.
	After uint64
}

// Deliver takes a payload over, and returns when it has been handled: that is the credit
// for the next one. It fails only with the cause of ctx's end, or of the pipeline's: then
// the payload has not been handled, and is to be asked for again by whoever goes on.
type Deliver func(ctx context.Context, p Payload) error

// Source is something that says what happened elsewhere. Package sourcetest has the tests
// that every source must pass.
type Source interface {
	// Name tells it from other sources, in events, topics, logs and metrics. It passes
	// CheckName.
	Name() string
	// Run takes payloads in and hands each to deliver, in order, one after the other, until
	// ctx ends (nil) or it cannot go on (why). It is called once, and has stopped all it
	// started when it returns. While deliver has not returned it takes in no more than
	// fits into a bounded buffer. What deliver fails with it returns, if ctx lasts.
	Run(ctx context.Context, deliver Deliver) error
}

// Cache is what is known of the source's state. Write is called by one goroutine at a
// time, with one payload after the other; what it waits for, the source waits for.
type Cache interface {
	// Write takes a payload in. The change says what was otherwise before; nil: it changed
	// nothing that is kept, so the payload itself is the event (Config.Plain). A change
	// beside an error is what could be learnt all the same.
	Write(ctx context.Context, p Payload) (Change, error)
}

// Change is what a payload changed.
type Change interface {
	// Derive makes the payload's events, in order. None: nothing has happened that anybody
	// would want to know.
	Derive(p Payload) ([]Event, error)
}

// Dispatcher sends events on. It is called by one goroutine at a time.
type Dispatcher interface {
	// Dispatch sends them in order. It may wait, as long as ctx lasts. What it cannot send
	// it leaves out, and tells with the error: it is not called again with the same.
	Dispatch(ctx context.Context, events []Event) error
}

// MaxNameBytes bounds the name of a source: it is part of a topic.
const MaxNameBytes = 64

// CheckName says what is wrong with the name of a source: it has 1 to 64 letters, digits,
// hyphens, underscores and dots.
func CheckName(name string) error {
	if name == "" || len(name) > MaxNameBytes {
		return fmt.Errorf("the name of a source has 1 to %d bytes, not %d: %w", MaxNameBytes, len(name), eventnode.ErrInvalidArgument)
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return fmt.Errorf("the name of a source has letters, digits, - _ and . only, not %q: %w", name, eventnode.ErrInvalidArgument)
		}
	}
	return nil
}

// orDefault sets v to def if it is zero, and refuses what is negative.
func orDefault[T ~int | ~int64](name string, v *T, def T) error {
	if *v < 0 {
		return fmt.Errorf("source: %s is negative: %w", name, eventnode.ErrInvalidArgument)
	}
	if *v == 0 {
		*v = def
	}
	return nil
}
