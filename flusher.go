package eventnode

import (
	"context"
	"fmt"
	"strings"

	"github.com/eventnode/eventnode/event"
)

// Flusher gathers events for any number of streams, and publishes them in one
// trip. It is safe for concurrent use. What is wrong with an event is said at
// Publish, before anything is buffered.
type Flusher interface {
	// Publish buffers an event made as by Streams.PublishBody. A full buffer is a
	// *LimitError: Flush, and publish again.
	Publish(stream string, body any, meta ...string) error
	// PublishEvent buffers an event.
	PublishEvent(stream string, ev event.Event) error
	// Len is how many events are buffered.
	Len() int
	// Flush publishes what is buffered: for each stream all its events in their
	// order, or none. It returns their positions in the order in which they were
	// buffered.
	//
	// If streams failed, the error is a *FlushError that says which, and why. Their
	// events have the zero Position and stay in the buffer, before those that came
	// since: Flush again, or Discard them. What failed with ErrOutcomeUnknown may be
	// there twice after that.
	Flush(ctx context.Context, opts ...PublishOption) ([]Position, error)
	// Discard drops what is buffered for these streams, for all if there are none,
	// and returns how many events that was.
	Discard(streams ...string) int
}

// The bounds of a Flusher. A stream's part of it is one batch, all or none.
const (
	MaxFlusherEvents = 8192     // for one stream
	MaxFlusherBytes  = 4 << 20  // encoded, for one stream
	MaxFlusherTotal  = 16 << 20 // encoded, for all streams
)

// FlushError says which streams Flush could not publish to. The others were
// published to.
type FlushError struct {
	// Failures has one for each such stream, in the order in which they were first
	// published to.
	Failures []FlushFailure
}

// FlushFailure is one stream's part of a FlushError.
type FlushFailure struct {
	// Stream is its name.
	Stream string
	// Events is how many were not published.
	Events int
	// Err says why.
	Err error
}

// Error names the streams.
func (e *FlushError) Error() string {
	parts := make([]string, len(e.Failures))
	for i, f := range e.Failures {
		parts[i] = fmt.Sprintf("%d events for stream %.255q: %v", f.Events, f.Stream, f.Err)
	}
	return "not published: " + strings.Join(parts, "; ")
}

// Unwrap returns the reasons.
func (e *FlushError) Unwrap() []error {
	errs := make([]error, len(e.Failures))
	for i, f := range e.Failures {
		errs[i] = f.Err
	}
	return errs
}
