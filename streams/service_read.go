package streams

import (
	"context"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A read begins with what a majority confirms: everything acked before the call is
// in it. From then on it takes one limited piece after the other of the state as
// this node has it, and sends each when it holds nothing of the state any more: a
// client that does not read costs two pieces. With follow, at the end, it waits for
// the state to move.

const (
	// followWatch is how often a read that waits looks whether this node still
	// leads.
	followWatch = 250 * time.Millisecond
)

// reader is one call.
type reader struct {
	s      *Service
	p      partition
	stream grpc.ServerStreamingServer[eventnodev1.ReadResponse]
	follow bool

	id   uint64 // the stream's number
	name state.Name
	next uint64 // the number of the event that comes next; take's
	end  uint64 // the number behind the last event as it was at the beginning
	left uint64 // events that may still be sent; take's
	lost uint64 // before the beginning, not told yet; take's
	told bool   // that everything was sent; send's
}

// Read sends events.
func (s *Service) Read(req *eventnodev1.ReadRequest, stream grpc.ServerStreamingServer[eventnodev1.ReadResponse]) error {
	ctx := stream.Context()
	local, to, err := s.route(ctx, eventnodev1.StreamService_Read_FullMethodName, &answers)
	if err != nil {
		return s.status(err)
	}
	if local == nil {
		return s.status(s.pipeDown(stream, to, req))
	}
	r := &reader{s: s, p: local, stream: stream, follow: req.GetFollow(), name: nameOf(req.GetStream()), left: req.GetLimit()}
	if r.left == 0 {
		r.left = state.NoLimit
	}
	if err := r.begin(ctx, req); err != nil {
		return s.status(err)
	}
	return s.status(r.run(ctx))
}

// begin finds the stream and the place.
func (r *reader) begin(ctx context.Context, req *eventnodev1.ReadRequest) error {
	v, done, err := readNow(ctx, r.p)
	if err != nil {
		return err
	}
	defer done()
	st, err := v.Stream(r.name)
	if err != nil {
		return err
	}
	first := st.State.GetFirst()
	r.id, r.next, r.end = st.Row.GetId(), first, st.State.GetLast()+1
	var from eventnode.Position
	switch at := req.GetFrom().(type) {
	case nil:
		return nil
	case *eventnodev1.ReadRequest_Last:
		if at.Last < r.end-first {
			r.next = r.end - at.Last
		}
		return nil
	case *eventnodev1.ReadRequest_Position:
		from = positionIn(at.Position)
	case *eventnodev1.ReadRequest_After:
		if from = positionIn(at.After); from.Seq == math.MaxUint64 {
			from = eventnode.Position{MS: from.MS + 1}
		} else {
			from.Seq++
		}
	case *eventnodev1.ReadRequest_Time:
		if err := at.Time.CheckValid(); err != nil {
			return fmt.Errorf("time: %w: %w", err, eventnode.ErrInvalidArgument)
		}
		from.MS = at.Time.AsTime().Add(time.Millisecond - 1).UnixMilli() // the first whole one
	default:
		return fmt.Errorf("unknown kind of from: %w", eventnode.ErrInvalidArgument)
	}
	if from.MS <= st.Row.GetCreatedMs() { // all events are later: nothing is passed over
		r.lost = first - 1
		return nil
	}
	r.next, err = v.Find(st, from)
	return err
}

// run sends pieces until there is none any more. While one is sent the next one is taken:
// from a disk that takes as long as all the rest together.
func (r *reader) run(ctx context.Context) error {
	if r.follow {
		r.s.metrics.followers.Inc()
		defer r.s.metrics.followers.Dec()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pieces := make(chan piece)
	var end error // before pieces is closed
	go func() {
		defer close(pieces)
		end = r.takeAll(ctx, pieces)
	}()
	for p := range pieces {
		if err := r.send(p); err != nil {
			cancel(err)
			for range pieces { // until it has ended
				continue
			}
			return err
		}
	}
	return end
}

// takeAll takes pieces and hands them on, until there is none any more.
func (r *reader) takeAll(ctx context.Context, pieces chan<- piece) error {
	watch := time.NewTicker(followWatch)
	defer watch.Stop()
	for {
		_, moved, err := r.p.Applied() // before looking, to miss nothing
		if err != nil {
			return err
		}
		p, err := r.take()
		if err != nil {
			return err
		}
		select {
		case pieces <- p:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch {
		case r.left == 0, p.end && !r.follow:
			return nil
		case !p.end:
			continue
		}
		if err := r.wait(ctx, moved, watch.C); err != nil {
			return err
		}
	}
}

// wait waits for the state to move.
func (r *reader) wait(ctx context.Context, moved <-chan struct{}, watch <-chan time.Time) error {
	for {
		select {
		case <-moved:
			if !r.p.Leads() {
				return errMoved
			}
			return nil
		case <-watch:
			if !r.p.Leads() {
				return errMoved
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
