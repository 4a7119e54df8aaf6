package streams

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// AddConsumerGroup makes a consumer group.
func (s *Service) AddConsumerGroup(ctx context.Context, req *eventnodev1.AddConsumerGroupRequest) (*eventnodev1.AddConsumerGroupResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_AddConsumerGroup_FullMethodName, writes, req, addGroup)
}

func addGroup(ctx context.Context, p partition, req *eventnodev1.AddConsumerGroupRequest) (*eventnodev1.AddConsumerGroupResponse, error) {
	cfg, err := groupConfigIn(req.GetConfig())
	if err != nil {
		return nil, err
	}
	start, err := placeIn(req.GetStart())
	if err != nil {
		return nil, err
	}
	ref, err := groupRef(ctx, p, req.GetStream(), req.GetGroup())
	if err != nil {
		return nil, err
	}
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_AddGroup{AddGroup: &storagev1.AddGroup{Group: ref, Config: cfg, Start: start}}})
	return &eventnodev1.AddConsumerGroupResponse{Created: r.Created}, err
}

// UpdateConsumerGroup replaces how a consumer group is served.
func (s *Service) UpdateConsumerGroup(ctx context.Context, req *eventnodev1.UpdateConsumerGroupRequest) (*eventnodev1.UpdateConsumerGroupResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_UpdateConsumerGroup_FullMethodName, writes, req, updateGroup)
}

func updateGroup(ctx context.Context, p partition, req *eventnodev1.UpdateConsumerGroupRequest) (*eventnodev1.UpdateConsumerGroupResponse, error) {
	cfg, err := groupConfigIn(req.GetConfig())
	if err != nil {
		return nil, err
	}
	ref, err := groupRef(ctx, p, req.GetStream(), req.GetGroup())
	if err != nil {
		return nil, err
	}
	_, err = propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_UpdateGroup{UpdateGroup: &storagev1.UpdateGroup{Group: ref, Config: cfg}}})
	return &eventnodev1.UpdateConsumerGroupResponse{}, err
}

// RemoveConsumerGroup removes a consumer group.
func (s *Service) RemoveConsumerGroup(ctx context.Context, req *eventnodev1.RemoveConsumerGroupRequest) (*eventnodev1.RemoveConsumerGroupResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_RemoveConsumerGroup_FullMethodName, writes, req, removeGroup)
}

func removeGroup(ctx context.Context, p partition, req *eventnodev1.RemoveConsumerGroupRequest) (*eventnodev1.RemoveConsumerGroupResponse, error) {
	ref, err := groupRef(ctx, p, req.GetStream(), req.GetGroup())
	if err != nil {
		return nil, err
	}
	_, err = propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_RemoveGroup{RemoveGroup: &storagev1.RemoveGroup{Group: ref}}})
	return &eventnodev1.RemoveConsumerGroupResponse{}, err
}

// SeekConsumerGroup has a consumer group begin anew.
func (s *Service) SeekConsumerGroup(ctx context.Context, req *eventnodev1.SeekConsumerGroupRequest) (*eventnodev1.SeekConsumerGroupResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_SeekConsumerGroup_FullMethodName, writes, req, seekGroup)
}

func seekGroup(ctx context.Context, p partition, req *eventnodev1.SeekConsumerGroupRequest) (*eventnodev1.SeekConsumerGroupResponse, error) {
	to, err := placeIn(req.GetTo())
	if err != nil {
		return nil, err
	}
	ref, err := groupRef(ctx, p, req.GetStream(), req.GetGroup())
	if err != nil {
		return nil, err
	}
	_, err = propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_Seek{Seek: &storagev1.Seek{Group: ref, To: to}}})
	return &eventnodev1.SeekConsumerGroupResponse{}, err
}

// ListConsumerGroups says how consumer groups are.
func (s *Service) ListConsumerGroups(ctx context.Context, req *eventnodev1.ListConsumerGroupsRequest) (*eventnodev1.ListConsumerGroupsResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_ListConsumerGroups_FullMethodName, reads, req, s.listGroups)
}

func (s *Service) listGroups(ctx context.Context, p partition, req *eventnodev1.ListConsumerGroupsRequest) (*eventnodev1.ListConsumerGroupsResponse, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	st, err := v.Stream(nameOf(req.GetStream()))
	if err != nil {
		return nil, err
	}
	_, now := p.Reign()
	resp := &eventnodev1.ListConsumerGroupsResponse{Now: stamp(now)}
	if req.GetGroup() != "" {
		g, err := v.Group(st, req.GetGroup())
		if err != nil {
			return nil, err
		}
		d, err := s.describeGroup(v, st, g, req.GetConsumers())
		resp.Groups = append(resp.Groups, d)
		return resp, err
	}
	limit, size := pageOf(req.GetLimit()), 0
	for g, err := range v.Groups(st, req.GetAfter()) {
		if err != nil {
			return nil, err
		}
		if len(resp.Groups) == limit || size >= pageBytes || ctx.Err() != nil {
			resp.More = true
			break
		}
		d, err := s.describeGroup(v, st, g, req.GetConsumers())
		if err != nil {
			return nil, err
		}
		size += proto.Size(d)
		resp.Groups = append(resp.Groups, d)
	}
	return resp, nil
}

// pageOf is how many entries a page has, if so many were asked for.
func pageOf(limit uint32) int {
	if limit == 0 {
		return pageStreams
	}
	return int(min(limit, pageStreams))
}

// describeGroup says how a consumer group is.
func (s *Service) describeGroup(v state.View, st state.Stream, g state.Group, consumers bool) (*eventnodev1.ConsumerGroupDescription, error) {
	d := &eventnodev1.ConsumerGroupDescription{
		Group: g.Name, Config: groupConfigOut(g.Row.GetConfig()), Created: stamp(g.Row.GetCreatedMs()),
		Lag: g.Lag, Pending: g.Row.GetPending(), Ready: g.Row.GetReady(), Waiting: g.Row.GetWaiting(),
		LastDelivered: g.Row.GetDelivered(), ConsumerCount: g.Row.GetConsumers(),
	}
	if d.GetLastDelivered() > 0 {
		d.Delivered = stamp(g.Row.GetDeliveredMs())
		var err error
		if d.LastDeliveredPosition, err = positionAt(v, st, d.GetLastDelivered()); err != nil {
			return nil, err
		}
	}
	for p, err := range v.Pending(st, g, 0) {
		if err != nil {
			return nil, err
		}
		d.LowestPending, d.LowestPendingDelivered = p.Events.First(), stamp(p.Row.GetDeliveredMs())
		if d.LowestPendingPosition, err = positionAt(v, st, d.GetLowestPending()); err != nil {
			return nil, err
		}
		break
	}
	if !consumers {
		return d, nil
	}
	for c, err := range v.Consumers(st, g, 0) {
		if err != nil {
			return nil, err
		}
		d.Consumers = append(d.Consumers, &eventnodev1.ConsumerDescription{
			Consumer: c.Number, Holder: c.Row.GetHolder(), Epoch: c.Row.GetEpoch(), Granted: stamp(c.Row.GetGrantedMs()),
			Pending: c.Row.GetPending(), Connected: len(c.Row.GetHolder()) > 0 && s.cfg.Desk.IsHere(c.Row.GetEpoch()),
		})
	}
	return d, nil
}

// positionAt is the position of an event; nil if it is gone.
func positionAt(v state.View, st state.Stream, number uint64) (*eventnodev1.Position, error) {
	if number < st.State.GetFirst() || number > st.State.GetLast() {
		return nil, nil
	}
	for s, err := range v.Read(st.Row.GetId(), number, 1) {
		if err != nil {
			return nil, err
		}
		if s.Number == number {
			return positionOut(s.First), nil
		}
	}
	return nil, nil
}

// groupRef names a consumer group by its stream's number.
func groupRef(ctx context.Context, p partition, stream *eventnodev1.StreamName, group string) (*storagev1.GroupRef, error) {
	id, err := numberOf(ctx, p, nameOf(stream))
	return &storagev1.GroupRef{Stream: id, Group: group}, err
}

// numberOf is the number of a stream. What this leader sees is enough if it is there: see
// resolve.
func numberOf(ctx context.Context, p partition, n state.Name) (uint64, error) {
	id, err := lookUpOne(p.Look, n)
	if isMissing(err) {
		id, err = lookUpOne(func() (state.View, func(), error) { return readNow(ctx, p) }, n)
	}
	return id, err
}

func lookUpOne(look func() (state.View, func(), error), n state.Name) (uint64, error) {
	v, done, err := look()
	if err != nil {
		return 0, err
	}
	defer done()
	st, err := v.Stream(n)
	return st.Row.GetId(), err
}

func groupConfigIn(c *eventnodev1.ConsumerGroupConfig) (*storagev1.GroupConfig, error) {
	wait, err := milliseconds("ack_wait", c.GetAckWait())
	if err != nil {
		return nil, err
	}
	backoff, err := milliseconds("backoff", c.GetBackoff())
	if err != nil {
		return nil, err
	}
	most, err := milliseconds("backoff_max", c.GetBackoffMax())
	if err != nil {
		return nil, err
	}
	return state.CheckGroupConfig(&storagev1.GroupConfig{Keyed: c.GetKeyed(), AckWaitMs: wait, MaxDeliver: c.GetMaxDeliver(), BackoffMs: backoff, BackoffMaxMs: most})
}

func groupConfigOut(c *storagev1.GroupConfig) *eventnodev1.ConsumerGroupConfig {
	return &eventnodev1.ConsumerGroupConfig{
		Keyed: c.GetKeyed(), AckWait: duration(c.GetAckWaitMs()), MaxDeliver: c.GetMaxDeliver(),
		Backoff: duration(c.GetBackoffMs()), BackoffMax: duration(c.GetBackoffMaxMs()),
	}
}

func placeIn(p *eventnodev1.StartPlace) (*storagev1.Place, error) {
	switch at := p.GetPlace().(type) {
	case nil:
		return nil, nil
	case *eventnodev1.StartPlace_Newest:
		if !at.Newest {
			return nil, nil
		}
		return &storagev1.Place{Place: &storagev1.Place_Newest{Newest: true}}, nil
	case *eventnodev1.StartPlace_Position:
		return &storagev1.Place{Place: &storagev1.Place_Position{Position: &storagev1.Position{Ms: at.Position.GetMs(), Seq: at.Position.GetSeq()}}}, nil
	case *eventnodev1.StartPlace_Time:
		if err := at.Time.CheckValid(); err != nil {
			return nil, fmt.Errorf("time: %w: %w", err, eventnode.ErrInvalidArgument)
		}
		return &storagev1.Place{Place: &storagev1.Place_TimeMs{TimeMs: at.Time.AsTime().Add(time.Millisecond - 1).UnixMilli()}}, nil
	}
	return nil, fmt.Errorf("unknown kind of place: %w", eventnode.ErrInvalidArgument)
}

// stamp is a time of the partition.
func stamp(ms int64) *timestamppb.Timestamp { return timestamppb.New(time.UnixMilli(ms)) }
