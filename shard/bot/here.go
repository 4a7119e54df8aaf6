package bot

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/shard/fleet"
)

// here answers calls of SourceService about the sources that this node runs, and passes none
// on: so no call goes round.
type here struct {
	eventnodev1.UnimplementedSourceServiceServer
	bots map[string]*Bot
}

var _ eventnodev1.SourceServiceServer = here{}

// answer answers a call that another node has got.
func (h here) answer(ctx context.Context, call *clusterv1.SourceCall) ([]byte, error) {
	for _, m := range eventnodev1.SourceService_ServiceDesc.Methods {
		if m.MethodName != call.GetMethod() {
			continue
		}
		resp, err := m.Handler(h, ctx, func(into any) error {
			if err := proto.Unmarshal(call.GetRequest(), into.(proto.Message)); err != nil {
				return fmt.Errorf("%w: %w", eventnode.ErrInvalidArgument, err)
			}
			return nil
		}, nil)
		if err != nil {
			return nil, err
		}
		return proto.Marshal(resp.(proto.Message))
	}
	return nil, fmt.Errorf("this node does not know the call %.40q; is it older than the other one?: %w", call.GetMethod(), eventnode.ErrUnavailable)
}

// bot is a bot by its name.
func (h here) bot(source string) (*Bot, error) {
	if b := h.bots[source]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("this node does not run a source %.80q: %w", source, eventnode.ErrSourceNotFound)
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
func (h here) ListShards(ctx context.Context, req *eventnodev1.SourceServiceListShardsRequest) (*eventnodev1.SourceServiceListShardsResponse, error) {
	b, err := h.bot(req.GetSource())
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
func (h here) StartShard(ctx context.Context, req *eventnodev1.SourceServiceStartShardRequest) (*eventnodev1.SourceServiceStartShardResponse, error) {
	return &eventnodev1.SourceServiceStartShardResponse{}, h.command(ctx, req.GetSource(), func(ctx context.Context, f *fleet.Fleet) error { return f.Start(ctx, int(req.GetShard())) })
}

// StopShard implements eventnodev1.SourceServiceServer.
func (h here) StopShard(ctx context.Context, req *eventnodev1.SourceServiceStopShardRequest) (*eventnodev1.SourceServiceStopShardResponse, error) {
	return &eventnodev1.SourceServiceStopShardResponse{}, h.command(ctx, req.GetSource(), func(ctx context.Context, f *fleet.Fleet) error { return f.Stop(ctx, int(req.GetShard())) })
}

// MoveShard implements eventnodev1.SourceServiceServer.
func (h here) MoveShard(ctx context.Context, req *eventnodev1.SourceServiceMoveShardRequest) (*eventnodev1.SourceServiceMoveShardResponse, error) {
	return &eventnodev1.SourceServiceMoveShardResponse{}, h.command(ctx, req.GetSource(), func(ctx context.Context, f *fleet.Fleet) error {
		return f.Move(ctx, int(req.GetShard()), eventnode.NodeID(req.GetNode()))
	})
}

func (h here) command(ctx context.Context, source string, do func(context.Context, *fleet.Fleet) error) error {
	b, err := h.bot(source)
	if err == nil {
		ctx, cancel := inTime(ctx)
		defer cancel()
		err = do(ctx, b.fleet)
	}
	return apierr.ToStatus(err)
}

// LookUp implements eventnodev1.SourceServiceServer.
func (h here) LookUp(ctx context.Context, req *eventnodev1.SourceServiceLookUpRequest) (*eventnodev1.SourceServiceLookUpResponse, error) {
	b, err := h.bot(req.GetSource())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	value, err := b.cache.Value(ctx, keyFrom(req.GetKey()), req.GetWhole())
	return &eventnodev1.SourceServiceLookUpResponse{Value: value}, apierr.ToStatus(err)
}

// ListCache implements eventnodev1.SourceServiceServer.
func (h here) ListCache(ctx context.Context, req *eventnodev1.SourceServiceListCacheRequest) (*eventnodev1.SourceServiceListCacheResponse, error) {
	b, err := h.bot(req.GetSource())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	resp, err := page(ctx, b.cache, req)
	return resp, apierr.ToStatus(err)
}

// page lists values, or places.
func page(ctx context.Context, from *cache.Cache, req *eventnodev1.SourceServiceListCacheRequest) (*eventnodev1.SourceServiceListCacheResponse, error) {
	resp, r := &eventnodev1.SourceServiceListCacheResponse{}, req.GetRange()
	if r.GetPlaces() {
		places, next, err := from.PlacesPage(ctx, kindFrom(r.GetKind()), discord.Snowflake(r.GetFrom()))
		resp.Places, resp.Next = idsTo(places), uint64(next)
		return resp, err
	}
	entries, next, err := from.Page(ctx, cache.Query{Range: rangeFrom(r), Author: discord.Snowflake(req.GetAuthor()), Whole: req.GetWhole(), Bare: req.GetBare()})
	for _, e := range entries {
		resp.Entries = append(resp.Entries, entryTo(e))
	}
	resp.Next = uint64(next)
	return resp, err
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
