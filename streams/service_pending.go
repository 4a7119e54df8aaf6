package streams

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// ListPending lists what a consumer group was handed and has not acked.
func (s *Service) ListPending(ctx context.Context, req *eventnodev1.ListPendingRequest) (*eventnodev1.ListPendingResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_ListPending_FullMethodName, reads, req, listPending)
}

func listPending(ctx context.Context, p partition, req *eventnodev1.ListPendingRequest) (*eventnodev1.ListPendingResponse, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	st, err := v.Stream(nameOf(req.GetStream()))
	if err != nil {
		return nil, err
	}
	g, err := v.Group(st, req.GetGroup())
	if err != nil {
		return nil, err
	}
	_, now := p.Reign()
	resp := &eventnodev1.ListPendingResponse{Now: stamp(now)}
	limit, size := pageOf(req.GetLimit()), 0
	for e, err := range v.Pending(st, g, req.GetFrom()) {
		if err != nil {
			return nil, err
		}
		if len(resp.Entries) == limit || size >= pageBytes || ctx.Err() != nil {
			resp.Next = e.Events.First()
			break
		}
		held := e.Row.GetState() == storagev1.PendingState_PENDING_STATE_HELD
		if only := req.GetConsumer(); only != 0 && (!held || e.Row.GetConsumer() != only) {
			continue
		}
		m, err := pendingOut(v, st, e)
		if err != nil {
			return nil, err
		}
		size += proto.Size(m)
		resp.Entries = append(resp.Entries, m)
	}
	return resp, nil
}

func pendingOut(v state.View, st state.Stream, e state.Pending) (m *eventnodev1.PendingEntry, err error) {
	m = &eventnodev1.PendingEntry{
		Numbers: rangesOut(e.Events), Place: eventnodev1.PendingPlace(e.Row.GetState()), Consumer: e.Row.GetConsumer(),
		Deliveries: e.Row.GetDeliveries(), Delivered: stamp(e.Row.GetDeliveredMs()), Reason: e.Row.GetReason(),
	}
	if e.Row.GetDueMs() > 0 {
		m.Due = stamp(e.Row.GetDueMs())
	}
	m.First, err = positionAt(v, st, e.Events.First())
	return m, err
}

func rangesOut(set ranges.Set) []*eventnodev1.NumberRange {
	out := make([]*eventnodev1.NumberRange, len(set))
	for i, r := range set {
		out[i] = &eventnodev1.NumberRange{From: r.From, To: r.To}
	}
	return out
}

// rangesIn is numbers as a client names them: sorted, in ranges that do not touch.
func rangesIn(numbers []*eventnodev1.NumberRange) (ranges.Set, error) {
	set := make(ranges.Set, 0, len(numbers))
	for i, r := range numbers {
		if r.GetFrom() == 0 || r.GetTo() < r.GetFrom() || r.GetTo()+1 == 0 {
			return nil, fmt.Errorf("numbers %d to %d: they are counted from 1 on, and the last one is not below the first: %w", r.GetFrom(), r.GetTo(), eventnode.ErrInvalidArgument)
		}
		if i > 0 && r.GetFrom() <= set.Last()+1 {
			return nil, fmt.Errorf("numbers %d to %d stand behind %d: sort them, and join those that touch: %w", r.GetFrom(), r.GetTo(), set.Last(), eventnode.ErrInvalidArgument)
		}
		set = append(set, ranges.Range{From: r.GetFrom(), To: r.GetTo()})
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("no event is named: %w", eventnode.ErrInvalidArgument)
	}
	return slices.Clip(set), nil
}

// ClaimPending moves what is in one consumer's hands to another one's.
func (s *Service) ClaimPending(ctx context.Context, req *eventnodev1.ClaimPendingRequest) (*eventnodev1.ClaimPendingResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_ClaimPending_FullMethodName, writes, req, claimPending)
}

func claimPending(ctx context.Context, p partition, req *eventnodev1.ClaimPendingRequest) (*eventnodev1.ClaimPendingResponse, error) {
	ref, err := groupRef(ctx, p, req.GetStream(), req.GetGroup())
	if err != nil {
		return nil, err
	}
	resp := &eventnodev1.ClaimPendingResponse{}
	for more := true; more; {
		r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_Claim{Claim: &storagev1.Claim{Group: ref, From: req.GetFrom(), To: req.GetTo()}}})
		if err != nil {
			return nil, err
		}
		resp.Moved += r.Moved
		more = r.More
	}
	return resp, nil
}

// DeleteConsumer ends a consumer, whoever holds it.
func (s *Service) DeleteConsumer(ctx context.Context, req *eventnodev1.DeleteConsumerRequest) (*eventnodev1.DeleteConsumerResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_DeleteConsumer_FullMethodName, writes, req, deleteConsumer)
}

func deleteConsumer(ctx context.Context, p partition, req *eventnodev1.DeleteConsumerRequest) (*eventnodev1.DeleteConsumerResponse, error) {
	if req.GetConsumer() == 0 {
		return nil, fmt.Errorf("consumers are numbered from 1 on: %w", eventnode.ErrInvalidArgument)
	}
	ref, err := groupRef(ctx, p, req.GetStream(), req.GetGroup())
	if err != nil {
		return nil, err
	}
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_DeleteConsumer{DeleteConsumer: &storagev1.DeleteConsumer{Group: ref, Consumer: req.GetConsumer()}}})
	return &eventnodev1.DeleteConsumerResponse{Moved: r.Moved}, err
}
