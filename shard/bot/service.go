package bot

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// ServiceConfig configures a Service. All is required.
type ServiceConfig struct {
	// Self is this node.
	Self eventnode.NodeID
	// Bots are this node's, by their names. They do not change.
	Bots map[string]*Bot
	// Runners says which nodes run a source, sorted.
	Runners func(ctx context.Context, source string) ([]eventnode.NodeID, error)
	// Sources says which there are on all nodes.
	Sources func(ctx context.Context) ([]string, error)
	// Nodes reaches the others.
	Nodes Nodes
}

// Service is the gRPC service about the cluster's bots. What this node does not run it has
// another one answer.
type Service struct {
	eventnodev1.UnimplementedSourceServiceServer
	cfg  ServiceConfig
	here here
}

var _ eventnodev1.SourceServiceServer = (*Service)(nil)

// NewService makes a Service.
func NewService(cfg ServiceConfig) *Service { return &Service{cfg: cfg, here: here{bots: cfg.Bots}} }

// Answer answers another node: a call that it has passed on, or what the bot of this node
// itself knows. Send sends a part of the answer.
func (s *Service) Answer(ctx context.Context, req *clusterv1.SourceRequest, send func(*clusterv1.SourceResponse) error) error {
	if call := req.GetCall(); call != nil {
		answer, err := s.here.answer(ctx, call)
		if err != nil {
			return err
		}
		return send(&clusterv1.SourceResponse{Answer: answer})
	}
	b, err := s.here.bot(req.GetSource())
	if err != nil {
		return err
	}
	return b.Answer(ctx, req, send)
}

// ListSources implements eventnodev1.SourceServiceServer.
func (s *Service) ListSources(ctx context.Context, _ *eventnodev1.SourceServiceListSourcesRequest) (*eventnodev1.SourceServiceListSourcesResponse, error) {
	names, err := s.cfg.Sources(ctx)
	if err != nil {
		return nil, apierr.ToStatus(fmt.Errorf("which sources there are is not known: %w", err))
	}
	names = slices.AppendSeq(names, maps.Keys(s.cfg.Bots)) // one that does not run yet is there, too
	slices.Sort(names)
	return &eventnodev1.SourceServiceListSourcesResponse{Sources: slices.Compact(names)}, nil
}

// ListShards implements eventnodev1.SourceServiceServer.
func (s *Service) ListShards(ctx context.Context, req *eventnodev1.SourceServiceListShardsRequest) (*eventnodev1.SourceServiceListShardsResponse, error) {
	return ask(ctx, s, call{"ListShards", tryTimeout}, req, &eventnodev1.SourceServiceListShardsResponse{}, s.here.ListShards)
}

// StartShard implements eventnodev1.SourceServiceServer.
func (s *Service) StartShard(ctx context.Context, req *eventnodev1.SourceServiceStartShardRequest) (*eventnodev1.SourceServiceStartShardResponse, error) {
	return ask(ctx, s, call{"StartShard", 0}, req, &eventnodev1.SourceServiceStartShardResponse{}, s.here.StartShard)
}

// StopShard implements eventnodev1.SourceServiceServer.
func (s *Service) StopShard(ctx context.Context, req *eventnodev1.SourceServiceStopShardRequest) (*eventnodev1.SourceServiceStopShardResponse, error) {
	return ask(ctx, s, call{"StopShard", 0}, req, &eventnodev1.SourceServiceStopShardResponse{}, s.here.StopShard)
}

// MoveShard implements eventnodev1.SourceServiceServer.
func (s *Service) MoveShard(ctx context.Context, req *eventnodev1.SourceServiceMoveShardRequest) (*eventnodev1.SourceServiceMoveShardResponse, error) {
	return ask(ctx, s, call{"MoveShard", 0}, req, &eventnodev1.SourceServiceMoveShardResponse{}, s.here.MoveShard)
}

// LookUp implements eventnodev1.SourceServiceServer.
func (s *Service) LookUp(ctx context.Context, req *eventnodev1.SourceServiceLookUpRequest) (*eventnodev1.SourceServiceLookUpResponse, error) {
	return ask(ctx, s, call{"LookUp", tryTimeout}, req, &eventnodev1.SourceServiceLookUpResponse{}, s.here.LookUp)
}

// ListCache implements eventnodev1.SourceServiceServer.
func (s *Service) ListCache(ctx context.Context, req *eventnodev1.SourceServiceListCacheRequest) (*eventnodev1.SourceServiceListCacheResponse, error) {
	return ask(ctx, s, call{"ListCache", tryTimeout}, req, &eventnodev1.SourceServiceListCacheResponse{}, s.here.ListCache)
}
