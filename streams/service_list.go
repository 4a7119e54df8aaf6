package streams

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A page of streams is bounded in number and in bytes.
const (
	pageStreams = 1000
	pageBytes   = 1 << 20
)

// StreamInfo says how a stream is.
func (s *Service) StreamInfo(ctx context.Context, req *eventnodev1.StreamInfoRequest) (*eventnodev1.StreamInfoResponse, error) {
	return serve(ctx, s, eventnodev1.StreamService_StreamInfo_FullMethodName, reads, req, s.info)
}

func (s *Service) info(ctx context.Context, p partition, req *eventnodev1.StreamInfoRequest) (*eventnodev1.StreamInfoResponse, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	st, err := v.Stream(nameOf(req.GetStream()))
	if err != nil {
		return nil, err
	}
	leader, _ := s.cfg.Leader()
	d, err := describe(v, st, leader)
	return &eventnodev1.StreamInfoResponse{Stream: d}, err
}

// ListStreams lists streams.
func (s *Service) ListStreams(ctx context.Context, req *eventnodev1.ListStreamsRequest) (*eventnodev1.ListStreamsResponse, error) {
	return serve(ctx, s, eventnodev1.StreamService_ListStreams_FullMethodName, reads, req, s.list)
}

func (s *Service) list(ctx context.Context, p partition, req *eventnodev1.ListStreamsRequest) (*eventnodev1.ListStreamsResponse, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	leader, _ := s.cfg.Leader()
	limit := int(min(req.GetLimit(), pageStreams))
	if limit == 0 {
		limit = pageStreams
	}
	resp := &eventnodev1.ListStreamsResponse{}
	size := 0
	for st, err := range v.List(req.GetNamespace(), req.GetAllNamespaces(), after(req.GetAfter())) {
		if err != nil {
			return nil, err
		}
		if len(resp.Streams) == limit || size >= pageBytes || ctx.Err() != nil {
			resp.More = true
			break
		}
		d, err := describe(v, st, leader)
		if err != nil {
			return nil, err
		}
		size += proto.Size(d)
		resp.Streams = append(resp.Streams, d)
	}
	return resp, nil
}

func after(n *eventnodev1.StreamName) *state.Name {
	if n == nil {
		return nil
	}
	name := nameOf(n)
	return &name
}

// describe says how a stream is.
func describe(v state.View, st state.Stream, leader Leader) (*eventnodev1.StreamDescription, error) {
	n := st.Name()
	d := &eventnodev1.StreamDescription{
		Stream:  &eventnodev1.StreamName{Namespace: n.Namespace, Name: n.Name},
		Config:  configOut(st.Row.GetConfig()),
		Created: timestamppb.New(time.UnixMilli(st.Row.GetCreatedMs())),
		Count:   st.Count(), Bytes: st.State.GetBytes(), Published: st.State.GetLast(),
		Partition: st.Row.GetPartition(), Leader: string(leader.Node), LeaderAddress: leader.Address,
	}
	if last := st.State.GetLastPosition(); last != nil {
		d.Last = positionOut(eventnode.Position{MS: last.GetMs(), Seq: last.GetSeq()})
	}
	if d.GetCount() == 0 {
		return d, nil
	}
	first, err := v.PositionOf(st.Row.GetId(), st.State.GetFirst())
	if err != nil {
		return nil, err
	}
	d.First = positionOut(first)
	return d, nil
}
