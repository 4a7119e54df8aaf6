package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A request's batches are submitted in their order, and then waited for: so they,
// and those of all other callers, share entries of the log.

// sent is a batch that was submitted, or refused.
type sent struct {
	name state.Name
	wait func(context.Context) (state.Result, error)
	err  error
}

// submit submits the batches of a request, in their order.
func (s *Service) submit(ctx context.Context, p partition, msg []byte) ([]sent, error) {
	batches, err := s.cfg.parse(msg)
	if err != nil {
		return nil, err
	}
	for i := range batches { // before who may not is told which streams there are
		if b := &batches[i]; b.err == nil {
			b.err = permit.May(ctx, access.Publish, b.name.String())
		}
	}
	numbers := s.resolve(ctx, p, batches)
	out := make([]sent, len(batches))
	for i := range batches {
		b := &batches[i]
		out[i].name, out[i].err = b.name, b.err
		if b.err == nil {
			out[i].wait, out[i].err = p.Submit(ctx, b.proposal(numbers[i]))
		}
	}
	return out, nil
}

// resolve finds the numbers of the batches' streams; a batch for which there is
// none gets an error. What this leader sees is enough if it is there: a number is
// never used for another stream. If it is not, a majority must confirm that.
func (s *Service) resolve(ctx context.Context, p partition, batches []batch) []uint64 {
	numbers := make([]uint64, len(batches))
	if lookUp(p.Look, batches, numbers) {
		return numbers
	}
	for i := range batches {
		if numbers[i] == 0 && isMissing(batches[i].err) {
			batches[i].err = nil
		}
	}
	lookUp(func() (state.View, func(), error) { return readNow(ctx, p) }, batches, numbers)
	return numbers
}

func isMissing(err error) bool { return errors.Is(err, eventnode.ErrStreamNotFound) }

// lookUp fills in numbers, and reports whether there is one for each batch without
// an error of its own.
func lookUp(look func() (state.View, func(), error), batches []batch, numbers []uint64) bool {
	v, done, err := look()
	if err == nil {
		defer done()
	}
	all := true
	for i := range batches {
		b := &batches[i]
		switch {
		case b.err != nil || numbers[i] != 0:
		case err != nil:
			b.err = err
		case i > 0 && b.name == batches[i-1].name && batches[i-1].err == nil:
			numbers[i] = numbers[i-1]
		default:
			var found state.Stream
			found, b.err = v.Stream(b.name)
			numbers[i] = found.Row.GetId()
		}
		all = all && !isMissing(b.err)
	}
	return all
}

// results waits for batches, in their order. Lost reports that one has no answer
// for want of the leader.
func (s *Service) results(ctx context.Context, batches []sent) (results []*eventnodev1.PublishResult, lost bool) {
	results = make([]*eventnodev1.PublishResult, len(batches))
	for i, b := range batches {
		var r state.Result
		err := b.err
		if b.wait != nil {
			r, err = b.wait(ctx)
		}
		lost = lost || errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown)
		if err == nil {
			err = r.Err
		}
		if errors.Is(err, eventnode.ErrStreamNotFound) {
			err = eventnode.StreamNotFound(b.name.String()) // the state knows its number only
		}
		results[i] = s.result(r.Published, err)
	}
	return results, lost
}

func (s *Service) result(done eventnode.Published, err error) *eventnodev1.PublishResult {
	if err != nil {
		err = s.explain(err)
		reason := apierr.Reason(err)
		s.metrics.batches.WithLabelValues(reason).Inc()
		return &eventnodev1.PublishResult{ErrorReason: reason, ErrorMessage: strings.ToValidUTF8(err.Error(), "\uFFFD"), ErrorDetails: apierr.Details(err)}
	}
	s.metrics.ok.Inc()
	s.metrics.events.Add(float64(done.Appended))
	m := &eventnodev1.PublishResult{Appended: uint32(done.Appended)}
	if done.Appended > 0 {
		m.First = positionOut(done.First)
	}
	for _, place := range done.Known {
		m.Known = append(m.Known, uint32(place))
	}
	return m
}

// publish answers a PublishRequest, as bytes that this call may keep until then.
func (s *Service) publish(ctx context.Context, msg wire.Piece) (*eventnodev1.PublishResponse, error) {
	local, to, err := s.route(ctx, eventnodev1.StreamService_Publish_FullMethodName, &unary)
	if err != nil {
		return nil, s.status(err)
	}
	if local == nil {
		resp := &eventnodev1.PublishResponse{}
		frame := &wire.Frame{Segments: []wire.Piece{msg}}
		if err := s.forward(ctx, to, writes, frame, resp); err != nil {
			return nil, s.status(err)
		}
		resp.LeaderAddress = to.leader.Address
		return resp, nil
	}
	batches, err := s.submit(ctx, local, msg.Data)
	if err != nil {
		return nil, s.status(err)
	}
	resp := &eventnodev1.PublishResponse{}
	var lost bool
	if resp.Results, lost = s.results(ctx, batches); lost {
		resp.LeaderAddress = s.leaderAddress()
	}
	msg.Release() // every wait has returned
	return resp, nil
}

// Publish appends batches. It is here for who calls it in process: the server has
// publishFrame.
func (s *Service) Publish(ctx context.Context, req *eventnodev1.PublishRequest) (*eventnodev1.PublishResponse, error) {
	msg, err := proto.Marshal(req)
	if err != nil {
		return nil, s.status(fmt.Errorf("request: %w: %w", eventnode.ErrInvalidArgument, err))
	}
	return s.publish(ctx, wire.Piece{Data: msg})
}

// publishFrame is the generated handler of Publish, but for the request, which
// stays as it came.
func (s *Service) publishFrame(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
	f := &wire.Frame{Counted: true}
	if err := decode(f); err != nil {
		return nil, err
	}
	handle := func(ctx context.Context, req any) (any, error) {
		return s.publish(ctx, req.(*wire.Frame).Received) // it is f
	}
	if interceptor == nil {
		return handle(ctx, f)
	}
	info := &grpc.UnaryServerInfo{Server: s, FullMethod: eventnodev1.StreamService_Publish_FullMethodName}
	return interceptor(ctx, f, info, handle)
}
