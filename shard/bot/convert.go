package bot

import (
	"math"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

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

func rangeFrom(r *eventnodev1.CacheRange) cache.Range {
	return cache.Range{
		Kind: kindFrom(r.GetKind()), In: discord.Snowflake(r.GetIn()), From: discord.Snowflake(r.GetFrom()), To: discord.Snowflake(r.GetTo()),
		Limit: int(min(r.GetLimit(), math.MaxInt32)),
	}
}

func idsFrom(ids []uint64) (out []discord.Snowflake) {
	for _, id := range ids {
		out = append(out, discord.Snowflake(id))
	}
	return out
}

func idsTo(ids []discord.Snowflake) (out []uint64) {
	for _, id := range ids {
		out = append(out, uint64(id))
	}
	return out
}
