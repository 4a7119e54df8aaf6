package client

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// sources is the SourceService of the client's node.
type sources struct{ c *Client }

var _ eventnode.Sources = sources{}

// Sources returns the cluster's event sources.
func (c *Client) Sources() eventnode.Sources { return sources{c} }

// sourced makes a call that does no harm when it is made twice.
func sourced[Q, R any](ctx context.Context, c *Client, f func(eventnodev1.SourceServiceClient, context.Context, *Q, ...grpc.CallOption) (*R, error), req *Q) (r *R, err error) {
	err = c.repeat(ctx, func(cn *conn) (err error) {
		r, err = f(eventnodev1.NewSourceServiceClient(cn.cc), ctx, req)
		return err
	})
	return r, err
}

// Sources implements eventnode.Sources.
func (s sources) Sources(ctx context.Context) ([]string, error) {
	resp, err := sourced(ctx, s.c, eventnodev1.SourceServiceClient.ListSources, &eventnodev1.SourceServiceListSourcesRequest{})
	return resp.GetSources(), err
}

// Shards implements eventnode.Sources.
func (s sources) Shards(ctx context.Context, source string) (shards []eventnode.ShardStatus, err error) {
	resp, err := sourced(ctx, s.c, eventnodev1.SourceServiceClient.ListShards, &eventnodev1.SourceServiceListShardsRequest{Source: source})
	for _, st := range resp.GetShards() {
		shards = append(shards, eventnode.ShardStatus{
			Shard: int(st.GetShard()), Shards: int(st.GetShards()), State: st.GetState(), Node: eventnode.NodeID(st.GetNode()), Pin: eventnode.NodeID(st.GetPin()),
			Session: st.GetSession(), Seq: st.GetSeq(), Kept: timeOf(st.GetKeptAt()), KeptBy: eventnode.NodeID(st.GetKeptBy()),
			Since: timeOf(st.GetSince()), Restarts: st.GetRestarts(), Err: st.GetError(),
		})
	}
	return shards, err
}

// timeOf is zero where nothing was said.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// StartShard implements eventnode.Sources.
func (s sources) StartShard(ctx context.Context, source string, shard int) error {
	_, err := sourced(ctx, s.c, eventnodev1.SourceServiceClient.StartShard, &eventnodev1.SourceServiceStartShardRequest{Source: source, Shard: uint32(shard)})
	return err
}

// StopShard implements eventnode.Sources.
func (s sources) StopShard(ctx context.Context, source string, shard int) error {
	_, err := sourced(ctx, s.c, eventnodev1.SourceServiceClient.StopShard, &eventnodev1.SourceServiceStopShardRequest{Source: source, Shard: uint32(shard)})
	return err
}

// MoveShard implements eventnode.Sources.
func (s sources) MoveShard(ctx context.Context, source string, shard int, node eventnode.NodeID) error {
	_, err := sourced(ctx, s.c, eventnodev1.SourceServiceClient.MoveShard, &eventnodev1.SourceServiceMoveShardRequest{Source: source, Shard: uint32(shard), Node: string(node)})
	return err
}
