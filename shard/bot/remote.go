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
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
)

// answerBytes is about how much of a shard is said in one message.
const answerBytes = 256 << 10

// Answer says what this node itself knows, to a bot of the same name on another node; send
// sends a part of it.
func (b *Bot) Answer(ctx context.Context, req *clusterv1.SourceRequest, send func(*clusterv1.SourceResponse) error) error {
	from := cache.Reader(b.cfg.Store)
	if req.GetWhole() {
		from = cache.Whole{From: from}
	}
	switch what := req.GetWhat().(type) {
	case *clusterv1.SourceRequest_Read:
		resp := &clusterv1.SourceResponse{}
		value, err := from.Read(ctx, keyFrom(what.Read))
		if err == nil {
			resp.Entries = []*eventnodev1.CacheEntry{{Key: what.Read, Value: value}}
		} else if !errors.Is(err, cache.ErrNotFound) {
			return err
		}
		return send(resp)
	case *clusterv1.SourceRequest_List:
		return sayList(ctx, from, what.List, send)
	case *clusterv1.SourceRequest_Shard:
		id := fleet.ShardID{Index: int(what.Shard.GetShard()), Total: int(what.Shard.GetShards())}
		if err := b.asOf(id, what.Shard.GetSession(), what.Shard.GetSeq()); err != nil {
			return err
		}
		return b.sayShard(ctx, id, send)
	default:
		return fmt.Errorf("this node does not know what it is asked; is it older than the other one?: %w", eventnode.ErrUnavailable)
	}
}

// sayShard says what is known of a shard, in parts.
func (b *Bot) sayShard(ctx context.Context, id fleet.ShardID, send func(*clusterv1.SourceResponse) error) error {
	return sayAll(b.OfShard(ctx, id), send)
}

// sayList says a range, in parts, or places.
func sayList(ctx context.Context, from cache.Reader, r *eventnodev1.CacheRange, send func(*clusterv1.SourceResponse) error) error {
	if r.GetPlaces() {
		places, err := from.Places(ctx, kindFrom(r.GetKind()), discord.Snowflake(r.GetFrom()))
		if err != nil {
			return err
		}
		return send(&clusterv1.SourceResponse{Places: idsTo(places)})
	}
	entries, err := from.List(ctx, rangeFrom(r))
	if err != nil {
		return err
	}
	return sayAll(func(yield func(cache.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}, send)
}

// sayAll says entries, in parts of about answerBytes.
func sayAll(entries iter.Seq2[cache.Entry, error], send func(*clusterv1.SourceResponse) error) error {
	part, size := &clusterv1.SourceResponse{}, 0
	for e, err := range entries {
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

// remote reads what another node knows.
type remote struct {
	b     *Bot
	node  eventnode.NodeID
	whole bool // it puts values together
}

var _ cache.Reader = remote{}

// call asks for an answer of one part or more.
func (r remote) call(ctx context.Context, req *clusterv1.SourceRequest) (resp *clusterv1.SourceResponse, err error) {
	resp = &clusterv1.SourceResponse{}
	req.Source, req.Whole = r.b.cfg.Shard.Name, r.whole
	return resp, r.b.cfg.Nodes.Call(ctx, r.node, req, func(part *clusterv1.SourceResponse) error {
		resp.Entries = append(resp.Entries, part.GetEntries()...)
		resp.Places = append(resp.Places, part.GetPlaces()...)
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
func (r remote) Places(ctx context.Context, kind cache.Kind, from discord.Snowflake) ([]discord.Snowflake, error) {
	resp, err := r.call(ctx, &clusterv1.SourceRequest{What: &clusterv1.SourceRequest_List{List: &eventnodev1.CacheRange{
		Kind: kindTo(kind), From: uint64(from), Places: true,
	}}})
	return idsFrom(resp.GetPlaces()), err
}

// shardOf is what another node knows of a shard.
func (r remote) shardOf(ctx context.Context, id fleet.ShardID, at shard.Resume) iter.Seq2[cache.Entry, error] {
	return func(yield func(cache.Entry, error) bool) {
		enough := errors.New("enough")
		req := &clusterv1.SourceRequest{
			Source: r.b.cfg.Shard.Name, What: &clusterv1.SourceRequest_Shard{Shard: &clusterv1.SourceShard{Shard: uint32(id.Index), Shards: uint32(id.Total), Session: at.Session, Seq: at.Seq}},
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
