package streamsdk

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// flusher is a buffer of events. They are encoded as they come: what is wrong with
// one is found then, and a flush is fast.
type flusher struct {
	s *Streams
	// turn is held by who flushes: only so the order is kept when something comes
	// back.
	turn chan struct{}

	mu sync.Mutex
	buffer
	// away is what is being flushed. It may come back, so it counts.
	away buffer
}

var _ eventnode.Flusher = (*flusher)(nil)

// buffer is events in the order in which they came, by stream.
type buffer struct {
	streams map[string]*buffered
	order   []*buffered // one for each event
	bytes   int
}

// buffered is a stream's part of a buffer.
type buffered struct {
	stream  string
	records []byte
	count   int
}

// NewFlusher implements eventnode.Streams.
func (s *Streams) NewFlusher() eventnode.Flusher {
	return &flusher{s: s, turn: make(chan struct{}, 1)}
}

// Publish implements eventnode.Flusher.
func (f *flusher) Publish(stream string, body any, meta ...string) error {
	if err := f.s.checkName(stream); err != nil {
		return err
	}
	ev, err := compose(stream, body, meta)
	if err != nil {
		return err
	}
	return f.PublishEvent(stream, ev)
}

// PublishEvent implements eventnode.Flusher.
func (f *flusher) PublishEvent(stream string, ev event.Event) error {
	if err := f.s.check(stream, &ev); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(stream, &ev, &f.away)
}

// add adds one valid event, unless with those in away it is one too many.
func (b *buffer) add(stream string, ev *event.Event, away *buffer) error {
	part := b.streams[stream]
	if part == nil {
		part = &buffered{stream: stream}
	}
	before := len(part.records)
	records := wire.AppendEnvelope(part.records, nil, ev)
	if err := b.bound(part, len(records)-before, away); err != nil {
		return fmt.Errorf("stream %.255q: flush before: %w", stream, err)
	}
	if part.records = records; part.count == 0 {
		b.put(part)
	}
	part.count++
	b.order = append(b.order, part)
	b.bytes += len(records) - before
	return nil
}

// put adds a stream's part.
func (b *buffer) put(part *buffered) {
	if b.streams == nil {
		b.streams = make(map[string]*buffered)
	}
	b.streams[part.stream] = part
}

// bound says which limit one more event, of a size, in a stream's part is beyond.
func (b *buffer) bound(part *buffered, size int, away *buffer) error {
	count, bytes := part.count+1, len(part.records)+size
	if gone := away.streams[part.stream]; gone != nil {
		count += gone.count
		bytes += len(gone.records)
	}
	total := b.bytes + away.bytes + size
	switch {
	case count > eventnode.MaxFlusherEvents:
		return &eventnode.LimitError{Limit: "flusher_events_per_stream", Max: eventnode.MaxFlusherEvents, Got: count}
	case bytes > eventnode.MaxFlusherBytes:
		return &eventnode.LimitError{Limit: "flusher_bytes_per_stream", Max: eventnode.MaxFlusherBytes, Got: bytes}
	case total > eventnode.MaxFlusherTotal:
		return &eventnode.LimitError{Limit: "flusher_bytes", Max: eventnode.MaxFlusherTotal, Got: total}
	}
	return nil
}

// Len implements eventnode.Flusher.
func (f *flusher) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.order)
}

// Discard implements eventnode.Flusher.
func (f *flusher) Discard(streams ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.order)
	f.drop(func(p *buffered) bool { return len(streams) == 0 || slices.Contains(streams, p.stream) })
	return before - len(f.order)
}

// drop drops some streams' parts.
func (b *buffer) drop(which func(*buffered) bool) {
	b.order = slices.DeleteFunc(b.order, which)
	for stream, part := range b.streams {
		if which(part) {
			b.bytes -= len(part.records)
			delete(b.streams, stream)
		}
	}
}

// Flush implements eventnode.Flusher.
func (f *flusher) Flush(ctx context.Context, opts ...eventnode.PublishOption) ([]eventnode.Position, error) {
	o := eventnode.NewPublishOptions(opts...)
	if o.ExpectLast != nil {
		return nil, fmt.Errorf("a flusher does not expect a last position: it may have several streams: %w", eventnode.ErrInvalidArgument)
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-f.turn }()
	f.mu.Lock()
	b := f.buffer
	f.buffer, f.away = buffer{}, b
	f.mu.Unlock()
	positions, failed := f.flush(ctx, b, o)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = buffer{}
	if failed == nil {
		return positions, nil
	}
	f.buffer = b.without(failed).with(f.buffer)
	return positions, failed
}

// flush publishes a buffer.
func (f *flusher) flush(ctx context.Context, b buffer, o eventnode.PublishOptions) ([]eventnode.Position, *eventnode.FlushError) {
	if len(b.order) == 0 {
		return nil, nil
	}
	calls := b.calls(o)
	outcomes := make([]outcome, len(calls))
	entered := f.s.enter(ctx, calls)
	for i, c := range calls {
		if outcomes[i].err = entered; entered == nil {
			outcomes[i].got, outcomes[i].err = f.s.wait(ctx, c)
		}
	}
	return b.positions(calls, outcomes), failures(calls, outcomes)
}

// outcome is what became of a call.
type outcome struct {
	got eventnode.Published
	err error
}

// calls makes a call of each stream's part, in the order of their first events.
func (b *buffer) calls(o eventnode.PublishOptions) []*call {
	calls := make([]*call, 0, len(b.streams))
	seen := make(map[*buffered]bool, len(b.streams))
	for _, p := range b.order {
		if seen[p] {
			continue
		}
		seen[p] = true
		c := newCall(p.stream, o)
		c.records, c.count = p.records, p.count
		calls = append(calls, c)
	}
	return calls
}

// positions are those of the events of a buffer, in their order.
func (b *buffer) positions(calls []*call, outcomes []outcome) []eventnode.Position {
	at := make(map[string]*places, len(calls))
	for i, c := range calls {
		got := outcomes[i].got
		at[c.stream] = &places{next: got.First, left: got.Appended, known: got.Known}
	}
	positions := make([]eventnode.Position, len(b.order))
	for i, p := range b.order {
		positions[i] = at[p.stream].take()
	}
	return positions
}

// places gives the events of one call their positions.
type places struct {
	place int
	next  eventnode.Position
	left  int
	known []int
}

// take returns the next event's position; zero if it was not appended.
func (p *places) take() eventnode.Position {
	place := p.place
	p.place++
	if len(p.known) > 0 && p.known[0] == place {
		p.known = p.known[1:]
		return eventnode.Position{}
	}
	if p.left == 0 {
		return eventnode.Position{}
	}
	at := p.next
	p.next.Seq++
	p.left--
	return at
}

// failures is what went wrong; nil if nothing did.
func failures(calls []*call, outcomes []outcome) *eventnode.FlushError {
	var e eventnode.FlushError
	for i, c := range calls {
		if err := outcomes[i].err; err != nil {
			e.Failures = append(e.Failures, eventnode.FlushFailure{Stream: c.stream, Events: c.count, Err: err})
		}
	}
	if e.Failures == nil {
		return nil
	}
	return &e
}

// without is what is left when all but the failed is published. It is a copy.
func (b buffer) without(failed *eventnode.FlushError) *buffer {
	left := &buffer{streams: make(map[string]*buffered)}
	for _, f := range failed.Failures {
		p := b.streams[f.Stream]
		left.streams[f.Stream] = p
		left.bytes += len(p.records)
	}
	for _, p := range b.order {
		if left.streams[p.stream] == p {
			left.order = append(left.order, p)
		}
	}
	return left
}

// with is b with what came later behind it.
func (b *buffer) with(later buffer) buffer {
	for stream, p := range later.streams {
		mine := b.streams[stream]
		if mine == nil {
			b.streams[stream] = p
			continue
		}
		mine.records = append(mine.records, p.records...)
		mine.count += p.count
	}
	for _, p := range later.order {
		b.order = append(b.order, b.streams[p.stream])
	}
	b.bytes += later.bytes
	return *b
}
