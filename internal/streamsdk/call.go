package streamsdk

import (
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// callBytes is about what a call costs besides its events.
const callBytes = 256

// call is events for one stream that somebody waits for: all are appended or none.
type call struct {
	stream  string
	records []byte // encoded events, as they stand in a batch
	count   int
	expect  *eventnode.Position
	dedupe  bool

	// done is closed when got and err are set.
	done chan struct{}
	got  eventnode.Published
	err  error

	// The rest is the outbox's.
	since time.Time
	lane  *lane
	batch *batch // nil: it waits
	alone bool   // it was refused together with others
	over  bool   // done is closed
	left  bool   // nobody waits any more
}

func newCall(stream string, o eventnode.PublishOptions) *call {
	return &call{stream: stream, expect: o.ExpectLast, dedupe: o.Dedupe, done: make(chan struct{})}
}

// add encodes a valid event.
func (c *call) add(ev *event.Event) { c.addTo(nil, ev) }

// addTo is add of an event that was dispatched to topics.
func (c *call) addTo(topics []string, ev *event.Event) {
	c.records = wire.AppendEnvelope(c.records, topics, ev)
	c.count++
}

// size is what the call takes of the outbox.
func (c *call) size() int { return len(c.records) + callBytes }

// joins reports whether c may travel in a batch with first.
func (c *call) joins(first *call) bool {
	return c.expect == nil && first.expect == nil && !c.alone && !first.alone && c.dedupe == first.dedupe
}
