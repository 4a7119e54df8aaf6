package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/shard/fleet"
)

// answerBytes is about how much of a shard is said in one message.
const answerBytes = 256 << 10

// Answer says what this node itself knows, to a bot of the same name on another node; send
// sends a part of it.
func (b *Bot) Answer(ctx context.Context, req *clusterv1.SourceRequest, send func(*clusterv1.SourceResponse) error) error {
	switch what := req.GetWhat().(type) {
	case *clusterv1.SourceRequest_Read:
		resp := &clusterv1.SourceResponse{}
		value, err := b.cfg.Store.Read(ctx, keyFrom(what.Read))
		if err == nil {
			resp.Entries = []*eventnodev1.CacheEntry{{Key: what.Read, Value: value}}
		} else if !errors.Is(err, cache.ErrNotFound) {
			return err
		}
		return send(resp)
	case *clusterv1.SourceRequest_List:
		resp, err := list(ctx, b.cfg.Store, what.List)
		if err != nil {
			return err
		}
		return send(&clusterv1.SourceResponse{Entries: resp.GetEntries(), Places: resp.GetPlaces()})
	case *clusterv1.SourceRequest_Shard:
		return b.sayShard(ctx, fleet.ShardID{Index: int(what.Shard.GetShard()), Total: int(what.Shard.GetShards())}, send)
	default:
		return fmt.Errorf("this node does not know what it is asked; is it older than the other one?: %w", eventnode.ErrUnavailable)
	}
}

// sayShard says what is known of a shard, in parts.
func (b *Bot) sayShard(ctx context.Context, id fleet.ShardID, send func(*clusterv1.SourceResponse) error) error {
	part, size := &clusterv1.SourceResponse{}, 0
	for e, err := range b.OfShard(ctx, id) {
		if err != nil {
			return err
		}
		part.Entries = append(part.Entries, entryTo(e))
		if size += len(e.Value); size < answerBytes && len(part.GetEntries()) < cache.MaxPage {
			continue
		}
		if err := send(part); err != nil {
			return err
		}
		part, size = &clusterv1.SourceResponse{}, 0
	}
	return send(part)
}

// list reads a range, or places.
func list(ctx context.Context, from cache.Reader, r *eventnodev1.CacheRange) (*eventnodev1.SourceServiceListCacheResponse, error) {
	resp := &eventnodev1.SourceServiceListCacheResponse{}
	if r.GetPlaces() {
		places, err := from.Places(ctx, kindFrom(r.GetKind()), discord.Snowflake(r.GetFrom()))
		for _, p := range places {
			resp.Places = append(resp.Places, uint64(p))
		}
		return resp, err
	}
	entries, err := from.List(ctx, cache.Range{
		Kind: kindFrom(r.GetKind()), In: discord.Snowflake(r.GetIn()), From: discord.Snowflake(r.GetFrom()), To: discord.Snowflake(r.GetTo()), Limit: int(r.GetLimit()),
	})
	for _, e := range entries {
		resp.Entries = append(resp.Entries, entryTo(e))
	}
	return resp, err
}

// remote reads what another node knows.
type remote struct {
	b    *Bot
	node eventnode.NodeID
}

var _ cache.Reader = remote{}

// call asks for one message.
func (r remote) call(ctx context.Context, req *clusterv1.SourceRequest) (resp *clusterv1.SourceResponse, err error) {
	resp = &clusterv1.SourceResponse{}
	req.Source = r.b.cfg.Shard.Name
	return resp, r.b.cfg.Nodes.Call(ctx, r.node, req, func(part *clusterv1.SourceResponse) error {
		resp = part
		return nil
	})
}

// Read implements cache.Reader.
func (r remote) Read(ctx context.Context, key cache.Key) (json.RawMessage, error) {
	resp, err := r.call(ctx, &clusterv1.SourceRequest{What: &clusterv1.SourceRequest_Read{Read: keyTo(key)}})
	switch {
	case err != nil:
		return nil, err
	case len(resp.GetEntries()) == 0:
		return nil, cache.ErrNotFound
	}
	return resp.GetEntries()[0].GetValue(), nil
}

// List implements cache.Reader.
func (r remote) List(ctx context.Context, what cache.Range) (entries []cache.Entry, err error) {
	resp, err := r.call(ctx, &clusterv1.SourceRequest{What: &clusterv1.SourceRequest_List{List: &eventnodev1.CacheRange{
		Kind: kindTo(what.Kind), In: uint64(what.In), From: uint64(what.From), To: uint64(what.To), Limit: uint32(min(max(what.Limit, 0), cache.MaxPage)),
	}}})
	for _, e := range resp.GetEntries() {
		entries = append(entries, entryFrom(e))
	}
	return entries, err
}

// Places implements cache.Reader.
func (r remote) Places(ctx context.Context, kind cache.Kind, from discord.Snowflake) (places []discord.Snowflake, err error) {
	resp, err := r.call(ctx, &clusterv1.SourceRequest{What: &clusterv1.SourceRequest_List{List: &eventnodev1.CacheRange{
		Kind: kindTo(kind), From: uint64(from), Places: true,
	}}})
	for _, p := range resp.GetPlaces() {
		places = append(places, discord.Snowflake(p))
	}
	return places, err
}

// shardOf is what another node knows of a shard.
func (r remote) shardOf(ctx context.Context, id fleet.ShardID) iter.Seq2[cache.Entry, error] {
	return func(yield func(cache.Entry, error) bool) {
		enough := errors.New("enough")
		req := &clusterv1.SourceRequest{
			Source: r.b.cfg.Shard.Name, What: &clusterv1.SourceRequest_Shard{Shard: &clusterv1.SourceShard{Shard: uint32(id.Index), Shards: uint32(id.Total)}},
		}
		err := r.b.cfg.Nodes.Call(ctx, r.node, req, func(part *clusterv1.SourceResponse) error {
			for _, e := range part.GetEntries() {
				if !yield(entryFrom(e), nil) {
					return enough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(cache.Entry{}, err)
		}
	}
}

func kindFrom(k eventnodev1.CacheKind) cache.Kind {
	if k <= 0 {
		return cache.Kind(cache.Kinds) // of which there are none
	}
	return cache.Kind(min(int(k)-1, cache.Kinds))
}

func kindTo(k cache.Kind) eventnodev1.CacheKind { return eventnodev1.CacheKind(k) + 1 }

func keyFrom(k *eventnodev1.CacheKey) cache.Key {
	return cache.Key{Kind: kindFrom(k.GetKind()), In: discord.Snowflake(k.GetIn()), ID: discord.Snowflake(k.GetId())}
}

func keyTo(k cache.Key) *eventnodev1.CacheKey {
	return &eventnodev1.CacheKey{Kind: kindTo(k.Kind), In: uint64(k.In), Id: uint64(k.ID)}
}

func entryFrom(e *eventnodev1.CacheEntry) cache.Entry {
	return cache.Entry{Key: keyFrom(e.GetKey()), Value: e.GetValue()}
}

func entryTo(e cache.Entry) *eventnodev1.CacheEntry {
	return &eventnodev1.CacheEntry{Key: keyTo(e.Key), Value: e.Value}
}
