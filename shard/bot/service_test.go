package bot_test

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// service is the SourceService of a node, called as from anywhere.
func service(t *testing.T, n *node.Node, opts ...grpc.DialOption) eventnodev1.SourceServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+n.RPCAddress(), append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return eventnodev1.NewSourceServiceClient(conn)
}

// Over gRPC any node says where its shards are, has them stop, start and
// move, and reads what all caches know.
func TestService(t *testing.T) {
	w := newWorld(t)
	for i := range shards {
		w.where(i)
	}
	w.rename(0, 1, "told", w.listen(0))
	api := service(t, w.nodes[0].node, w.dialer())
	names, err := api.ListSources(t.Context(), &eventnodev1.SourceServiceListSourcesRequest{})
	if err != nil || !slices.Equal(names.GetSources(), []string{"helper"}) {
		t.Fatal(names, err)
	}
	if _, err := api.StopShard(t.Context(), &eventnodev1.SourceServiceStopShardRequest{Source: "helper", Shard: 1}); err != nil {
		t.Fatal(err)
	}
	list, err := api.ListShards(t.Context(), &eventnodev1.SourceServiceListShardsRequest{Source: "helper"})
	if err != nil || len(list.GetShards()) != shards || list.GetShards()[1].GetState() != "stopped" || list.GetShards()[0].GetState() != "connected" {
		t.Fatal(list, err)
	}
	if _, err := api.StartShard(t.Context(), &eventnodev1.SourceServiceStartShardRequest{Source: "helper", Shard: 1}); err != nil {
		t.Fatal(err)
	}
	to := (w.where(0) + 1) % 3
	if _, err := api.MoveShard(t.Context(), &eventnodev1.SourceServiceMoveShardRequest{Source: "helper", Shard: 0, Node: string(w.cfgs[to].ID)}); err != nil {
		t.Fatal(err)
	}
	if now := w.where(0); now != to {
		t.Errorf("it is on node %d, not %d", now, to)
	}
	key := &eventnodev1.CacheKey{Kind: eventnodev1.CacheKind_CACHE_KIND_GUILD, Id: guildID(0)}
	for i := range w.nodes {
		value, err := service(t, w.nodes[i].node, w.dialer()).LookUp(t.Context(), &eventnodev1.SourceServiceLookUpRequest{Source: "helper", Key: key})
		if err != nil || nameOf(t, value.GetValue()) != "told 0" {
			t.Errorf("node %d: %s, %v", i, value.GetValue(), err)
		}
	}
	all, err := api.ListCache(t.Context(), &eventnodev1.SourceServiceListCacheRequest{Source: "helper", Range: &eventnodev1.CacheRange{Kind: eventnodev1.CacheKind_CACHE_KIND_GUILD}})
	if err != nil || len(all.GetEntries()) != guilds {
		t.Errorf("%d guilds, %v", len(all.GetEntries()), err)
	}
	for what, err := range map[error]error{
		eventnode.ErrSourceNotFound: second(api.ListShards(t.Context(), &eventnodev1.SourceServiceListShardsRequest{Source: "nobody"})),
		eventnode.ErrNoRunner:       second(api.MoveShard(t.Context(), &eventnodev1.SourceServiceMoveShardRequest{Source: "helper", Node: "nowhere"})),
		eventnode.ErrNotCached:      second(api.LookUp(t.Context(), &eventnodev1.SourceServiceLookUpRequest{Source: "helper", Key: &eventnodev1.CacheKey{Kind: key.GetKind(), Id: 1}})),
	} {
		if err = apierr.FromStatus(err); !errors.Is(err, what) {
			t.Errorf("%v is not %v", err, what)
		}
	}
	if _, err := service(t, w.from.node).ListShards(t.Context(), &eventnodev1.SourceServiceListShardsRequest{Source: "helper"}); !errors.Is(apierr.FromStatus(err), eventnode.ErrSourceNotFound) {
		t.Error("a node without the source:", err)
	}
}

func second[T any](_ T, err error) error { return err }
