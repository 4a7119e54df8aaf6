package directory

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Submit appends changes to the stream, all or none, next to each other and in this
// order, and waits until this node has applied them: before that it waits for Ready. It
// returns what Apply said of each, and the position of the last. One that did not fit
// does not keep the others from being applied.
//
// An error says that there is no such answer. It is eventnode.ErrOutcomeUnknown if the
// changes may be in the stream or not, and ErrNotAppliedYet, with the position, if they
// are; with any other one nothing was appended. Changes are puts and deletes of whole
// rows: to submit the same ones again does no harm, unless others have changed them in
// between.
func (l *Log) Submit(ctx context.Context, changes ...*eventnodev1.DirectoryChange) ([]error, eventnode.Position, error) {
	events, err := encode(changes)
	if err != nil {
		return nil, eventnode.Position{}, err
	}
	if err := l.await(ctx, l.ready); err != nil {
		return nil, eventnode.Position{}, err
	}
	s := l.expect(events)
	defer l.forget(s, events)
	done, err := l.cfg.Streams.PublishMany(ctx, l.cfg.Stream, events)
	if err != nil {
		return nil, eventnode.Position{}, fmt.Errorf("append %d changes to stream %s: %w", len(events), l.cfg.Stream, err)
	}
	last := done.First
	last.Seq += uint64(len(events) - 1)
	if err := l.await(ctx, s.done); err != nil {
		return nil, last, fmt.Errorf("%d changes up to position %s: %w: %w", len(events), last, ErrNotAppliedYet, err)
	}
	return s.errs, s.at, nil
}

// await waits until a channel closes.
func (l *Log) await(ctx context.Context, until <-chan struct{}) error {
	select {
	case <-until:
		return nil
	case <-l.ended:
		select {
		case <-until: // both at once
			return nil
		default:
			return fmt.Errorf("the directory's log: %w", eventnode.ErrClosed)
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// encode makes events of changes.
func encode(changes []*eventnodev1.DirectoryChange) ([]event.Event, error) {
	switch n := len(changes); {
	case n == 0:
		return nil, invalid("no changes to submit")
	case n > MaxSubmit:
		return nil, atMost("max_changes_per_submit", MaxSubmit, n)
	}
	events := make([]event.Event, len(changes))
	for i, c := range changes {
		if c.GetChange() == nil {
			return nil, invalid("change %d of %d, from 0 on, changes nothing", i, len(changes))
		}
		data, err := proto.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("change %d of %d, from 0 on: %w: %w", i, len(changes), err, eventnode.ErrInvalidArgument)
		}
		events[i] = event.New(eventName, data, event.WithDataType(dataType))
	}
	return events, nil
}

// expect has the follower tell what becomes of events.
func (l *Log) expect(events []event.Event) *submission {
	s := &submission{places: make(map[event.ID]int, len(events)), errs: make([]error, len(events)), done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		s.places[events[i].ID] = i
		l.waiting[events[i].ID] = s
	}
	return s
}

// forget is the end of expect: nobody waits any more.
func (l *Log) forget(s *submission, events []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		if l.waiting[events[i].ID] == s {
			delete(l.waiting, events[i].ID)
		}
	}
}
