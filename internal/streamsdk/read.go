package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// reading is one Read: one call after the other, each behind the last event of the
// one before.
type reading struct {
	s      *Streams
	stream string
	o      eventnode.ReadOptions
	yield  func(eventnode.StreamEvent, error) bool

	// start is where to begin, while nothing was seen; last is what was seen.
	start *eventnodev1.ReadRequest
	seen  uint64
	last  eventnode.StreamEvent // its Position and Number

	progress time.Time // of the last call that brought something
	failures int
	stopped  bool // yield does not want more
	ended    bool // everything was sent
}

// Read implements eventnode.Streams.
func (s *Streams) Read(ctx context.Context, stream string, opts ...eventnode.ReadOption) iter.Seq2[eventnode.StreamEvent, error] {
	return func(yield func(eventnode.StreamEvent, error) bool) {
		r := &reading{s: s, stream: stream, o: eventnode.NewReadOptions(opts...), yield: yield, progress: time.Now()}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(s.cfg.Context, func() { cancel(context.Cause(s.cfg.Context)) })()
		if err := r.run(ctx); err != nil && !r.stopped {
			yield(eventnode.StreamEvent{}, err)
		}
	}
}

// run reads until everything was read, or it fails for good.
func (r *reading) run(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	for {
		err := r.call(ctx)
		switch {
		case r.stopped, r.complete():
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			err = fmt.Errorf("the stream of answers ended before its time: %w", eventnode.ErrUnavailable)
		case permanent(err) || !isAny(err, eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown):
			return err
		}
		if !r.o.Follow && time.Since(r.progress) >= r.s.cfg.Patience {
			return err
		}
		if !pause(ctx, r.failures) {
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
		r.failures++
	}
}

// complete reports whether all that was asked for was read.
func (r *reading) complete() bool {
	return r.o.Limit > 0 && r.seen >= r.o.Limit || r.ended && !r.o.Follow
}

// begin finds out where to begin.
func (r *reading) begin(ctx context.Context) error {
	if err := r.s.checkName(r.stream); err != nil {
		return err
	}
	req := &eventnodev1.ReadRequest{Stream: r.s.name(r.stream), Follow: r.o.Follow}
	r.start = req
	places := 0
	if r.o.From != nil {
		places++
		req.From = &eventnodev1.ReadRequest_Position{Position: positionToProto(*r.o.From)}
	}
	if r.o.After != nil {
		places++
		req.From = &eventnodev1.ReadRequest_After{After: positionToProto(*r.o.After)}
	}
	if !r.o.Since.IsZero() {
		places++
		req.From = &eventnodev1.ReadRequest_Time{Time: timestamppb.New(r.o.Since)}
	}
	if r.o.Last != nil {
		places++
		req.From = &eventnodev1.ReadRequest_Last{Last: *r.o.Last}
	}
	if places > 1 {
		return fmt.Errorf("more than one of from, after, since and last: %w", eventnode.ErrInvalidArgument)
	}
	if r.o.Last == nil || !r.o.Follow {
		return nil
	}
	return r.fix(ctx)
}

// fix makes a place of "so many before the end", where there are none: the end
// would be another one when the call has to be made again.
func (r *reading) fix(ctx context.Context) error {
	info, err := r.s.Info(ctx, r.stream)
	if err != nil {
		return err
	}
	if *r.o.Last == 0 || info.Count == 0 {
		r.start.From = &eventnodev1.ReadRequest_After{After: positionToProto(info.Last)}
	}
	return nil
}

// request is what to ask for now.
func (r *reading) request() *eventnodev1.ReadRequest {
	req := &eventnodev1.ReadRequest{Stream: r.start.GetStream(), From: r.start.GetFrom(), Follow: r.o.Follow}
	if r.seen > 0 {
		req.From = &eventnodev1.ReadRequest_After{After: positionToProto(r.last.Position)}
	}
	if r.o.Limit > 0 {
		req.Limit = r.o.Limit - r.seen
	}
	return req
}

// call makes one call, and hands on what it brings.
func (r *reading) call(ctx context.Context) error {
	answers, err := r.s.cfg.Backend.Read(ctx, r.request())
	if err != nil {
		return err
	}
	defer answers.Close()
	var lost uint64
	for {
		msg, err := answers.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := parsePage(msg)
		if err != nil {
			return err
		}
		r.progress, r.failures = time.Now(), 0
		lost += p.lost
		if !r.hand(p, &lost) {
			return p.err
		}
		r.ended = p.end
	}
}

// hand hands on the events of a page; false: no more. An event that was seen before
// is passed over.
func (r *reading) hand(p *page, lost *uint64) bool {
	for ev := range p.events(r.stream) {
		if r.seen > 0 && ev.Position.Compare(r.last.Position) <= 0 {
			continue
		}
		if r.seen == 0 {
			ev.Lost = *lost
		} else if ev.Number > r.last.Number {
			ev.Lost = ev.Number - r.last.Number - 1
		}
		r.seen++
		r.last.Position, r.last.Number = ev.Position, ev.Number
		if r.stopped = !r.yield(ev, nil); r.stopped || r.o.Limit > 0 && r.seen >= r.o.Limit {
			return false
		}
	}
	return p.err == nil
}
