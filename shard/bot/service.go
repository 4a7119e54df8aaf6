package bot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/shard/fleet"
)

// Service is the gRPC service about a node's bots.
type Service struct {
	eventnodev1.UnimplementedSourceServiceServer
	bots   map[string]*Bot
	others func(ctx context.Context, source string) ([]eventnode.NodeID, error)
}

var _ eventnodev1.SourceServiceServer = (*Service)(nil)

// NewService makes a Service of bots by their names, which do not change. Others says which
// nodes have a source that this one has not.
func NewService(bots map[string]*Bot, others func(ctx context.Context, source string) ([]eventnode.NodeID, error)) *Service {
	return &Service{bots: bots, others: others}
}

// bot is a bot by its name.
func (s *Service) bot(ctx context.Context, source string) (*Bot, error) {
	if b := s.bots[source]; b != nil {
		return b, nil
	}
	if nodes, err := s.others(ctx, source); err == nil && len(nodes) > 0 {
		return nil, fmt.Errorf("this node does not run the source %.80q: ask one that does, of %v: %w", source, nodes, eventnode.ErrSourceNotFound)
	}
	return nil, fmt.Errorf("no node runs a source %.80q: %w", source, eventnode.ErrSourceNotFound)
}

// ListSources implements eventnodev1.SourceServiceServer.
func (s *Service) ListSources(context.Context, *eventnodev1.SourceServiceListSourcesRequest) (*eventnodev1.SourceServiceListSourcesResponse, error) {
	return &eventnodev1.SourceServiceListSourcesResponse{Sources: slices.Sorted(maps.Keys(s.bots))}, nil
}

// listPatience is how long a list waits until it is known which shards there are: less than
// who asks, who is told then what is in the way, also if he asks again a few times.
const listPatience = 2 * time.Second

// tellBefore is how long before the time of who asks is over he is told what was not done.
const tellBefore = 200 * time.Millisecond

// inTime ends as long before ctx as an answer needs that says what was not done.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(tellBefore, time.Until(end)/4)))
}

// ListShards implements eventnodev1.SourceServiceServer.
func (s *Service) ListShards(ctx context.Context, req *eventnodev1.SourceServiceListShardsRequest) (*eventnodev1.SourceServiceListShardsResponse, error) {
	b, err := s.bot(ctx, req.GetSource())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	ctx, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	list, err := b.fleet.List(ctx)
	resp := &eventnodev1.SourceServiceListShardsResponse{}
	for _, st := range list {
		resp.Shards = append(resp.Shards, statusTo(st))
	}
	return resp, apierr.ToStatus(err)
}

// StartShard implements eventnodev1.SourceServiceServer.
func (s *Service) StartShard(ctx context.Context, req *eventnodev1.SourceServiceStartShardRequest) (*eventnodev1.SourceServiceStartShardResponse, error) {
	return &eventnodev1.SourceServiceStartShardResponse{}, s.command(ctx, req.GetSource(), func(ctx context.Context, f *fleet.Fleet) error { return f.Start(ctx, int(req.GetShard())) })
}

// StopShard implements eventnodev1.SourceServiceServer.
func (s *Service) StopShard(ctx context.Context, req *eventnodev1.SourceServiceStopShardRequest) (*eventnodev1.SourceServiceStopShardResponse, error) {
	return &eventnodev1.SourceServiceStopShardResponse{}, s.command(ctx, req.GetSource(), func(ctx context.Context, f *fleet.Fleet) error { return f.Stop(ctx, int(req.GetShard())) })
}

// MoveShard implements eventnodev1.SourceServiceServer.
func (s *Service) MoveShard(ctx context.Context, req *eventnodev1.SourceServiceMoveShardRequest) (*eventnodev1.SourceServiceMoveShardResponse, error) {
	return &eventnodev1.SourceServiceMoveShardResponse{}, s.command(ctx, req.GetSource(), func(ctx context.Context, f *fleet.Fleet) error {
		return f.Move(ctx, int(req.GetShard()), eventnode.NodeID(req.GetNode()))
	})
}

func (s *Service) command(ctx context.Context, source string, do func(context.Context, *fleet.Fleet) error) error {
	b, err := s.bot(ctx, source)
	ctx, cancel := inTime(ctx)
	defer cancel()
	if err == nil {
		err = do(ctx, b.fleet)
	}
	return apierr.ToStatus(err)
}

// LookUp implements eventnodev1.SourceServiceServer.
func (s *Service) LookUp(ctx context.Context, req *eventnodev1.SourceServiceLookUpRequest) (*eventnodev1.SourceServiceLookUpResponse, error) {
	b, err := s.bot(ctx, req.GetSource())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	value, err := b.spread.Read(ctx, keyFrom(req.GetKey()))
	return &eventnodev1.SourceServiceLookUpResponse{Value: value}, apierr.ToStatus(err)
}

// ListCache implements eventnodev1.SourceServiceServer.
func (s *Service) ListCache(ctx context.Context, req *eventnodev1.SourceServiceListCacheRequest) (*eventnodev1.SourceServiceListCacheResponse, error) {
	b, err := s.bot(ctx, req.GetSource())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	resp, err := list(ctx, b.spread, req.GetRange())
	return resp, apierr.ToStatus(err)
}

func statusTo(s fleet.Status) *eventnodev1.ShardStatus {
	out := &eventnodev1.ShardStatus{
		Shard: uint32(s.ID.Index), Shards: uint32(s.ID.Total), State: string(s.State), Node: string(s.Node), Pin: string(s.Pin),
		Session: s.Session, Seq: s.Seq, KeptBy: string(s.KeptBy), Restarts: s.Restarts, Error: s.Err,
	}
	if !s.Kept.IsZero() {
		out.KeptAt = timestamppb.New(s.Kept)
	}
	if !s.Since.IsZero() {
		out.Since = timestamppb.New(s.Since)
	}
	return out
}
