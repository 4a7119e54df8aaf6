package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/source"
)

// tell is what a shard of two says: guilds, and what belongs to none.
func tell(t *testing.T, c *cache.Cache, shard int) {
	t.Helper()
	o := source.Origin{Source: "bot", Shard: shard, Shards: 2, Session: "s"}
	say := func(name, data string) {
		t.Helper()
		o.Seq++
		if _, err := c.Write(t.Context(), source.Payload{Name: name, Data: json.RawMessage(data), Origin: o}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	say("READY", `{"user":{"id":"9"},"guilds":[{"id":"99","unavailable":true}]}`)
	for n := range 2 {
		g := 100*(shard+1) + 10*n
		say("GUILD_CREATE", fmt.Sprintf(`{"id":"%d","name":"g","member_count":2,"roles":[{"id":"%d"}],"emojis":[{"id":"5"}],
			"stickers":[{"id":"6"}],"channels":[{"id":"%d"}],"members":[{"user":{"id":"%d","username":"u"}}],
			"presences":[{"user":{"id":"%d"},"status":"idle"}]}`, g, g, g+1, g+2, g+2))
		say("MESSAGE_CREATE", fmt.Sprintf(`{"id":"%d","channel_id":"%d","guild_id":"%d","content":"hello"}`, g+3, g+1, g))
	}
	if shard == 0 {
		say("CHANNEL_CREATE", `{"id":"7","type":1}`)
	}
}

// everything is all that a store has.
func everything(t *testing.T, store cache.Store) map[cache.Key]string {
	t.Helper()
	all := map[cache.Key]string{}
	for kind := range cache.Kind(cache.Kinds) {
		places, err := store.Places(t.Context(), kind, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range append(places, 0) {
			page, err := store.List(t.Context(), cache.Range{Kind: kind, In: in})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				all[e.Key] = string(e.Value)
			}
		}
	}
	return all
}

// A node that takes a shard over knows of its guilds what the one before knew, and nothing
// of other shards' guilds.
func TestHandOver(t *testing.T) {
	both, first, other := memory(t, cache.MemoryConfig{}), memory(t, cache.MemoryConfig{}), memory(t, cache.MemoryConfig{})
	tell(t, newCache(t, cache.Config{Store: both}), 1)
	tell(t, newCache(t, cache.Config{Store: both}), 0)
	tell(t, newCache(t, cache.Config{Store: first}), 0)
	if _, err := cache.Take(t.Context(), other, cache.OfShard(t.Context(), both, 0, 2)); err != nil {
		t.Fatal(err)
	}
	got, want := everything(t, other), everything(t, first)
	if !maps.Equal(got, want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
	kinds := map[cache.Kind]bool{}
	for key := range got {
		kinds[key.Kind] = true
	}
	if len(kinds) < cache.Kinds {
		t.Error("it proves little: it is about", slices.Collect(maps.Keys(kinds)))
	}
}

// A node that has given a shard away knows nothing of its guilds any more, and of its users
// only those that are in guilds of its other shards: what it knew of the others would be told
// as old if the shard came back without what it has learnt elsewhere.
func TestForgetUsers(t *testing.T) {
	store := memory(t, cache.MemoryConfig{})
	c := newCache(t, cache.Config{Store: store})
	tell(t, c, 0)
	tell(t, c, 1)
	o := source.Origin{Source: "bot", Shard: 1, Shards: 2, Session: "s", Seq: 100}
	if _, err := c.Write(t.Context(), source.Payload{Name: "GUILD_MEMBER_ADD", Origin: o, Data: json.RawMessage(`{"guild_id":"200","user":{"id":"102","username":"u"}}`)}); err != nil {
		t.Fatal(err)
	}
	if err := c.Forget(t.Context(), 0, 2); err != nil {
		t.Fatal(err)
	}
	for user, there := range map[cache.Snowflake]bool{102: true, 112: false, 202: true, 212: true} {
		if _, err := c.User(t.Context(), user); (err == nil) != there || err != nil && !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("user %v: %v", user, err)
		}
	}
	for key := range everything(t, store) {
		if key.In == 100 || key.In == 110 || (key.ID == 100 || key.ID == 110) && key.In == 0 {
			t.Errorf("%v is still there", key)
		}
	}
}

// broken is a store that cannot list members.
type broken struct{ cache.Store }

func (b broken) List(ctx context.Context, r cache.Range) ([]cache.Entry, error) {
	if r.Kind == cache.Member {
		return nil, cache.ErrUnreachable
	}
	return b.Store.List(ctx, r)
}

// What was read before the other node failed is kept, and the failure is told.
func TestHandOverFails(t *testing.T) {
	from, to := memory(t, cache.MemoryConfig{}), memory(t, cache.MemoryConfig{})
	tell(t, newCache(t, cache.Config{Store: from}), 0)
	n, err := cache.Take(t.Context(), to, cache.OfShard(t.Context(), broken{from}, 0, 2))
	if !errors.Is(err, cache.ErrUnreachable) || n == 0 || len(everything(t, to)) != n {
		t.Error(n, err)
	}
}
