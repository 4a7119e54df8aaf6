package cache_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
)

// Pages that are asked for one after the other have each value of a range once and in order,
// however large the values, the pages and the range are, and whoever wrote them.
func TestPagesAreTheRange(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	worlds(t, func(w world) {
		type written struct{ id, author cache.Snowflake }
		var all []written
		for id := cache.Snowflake(1); len(all) < 300; id += cache.Snowflake(1 + rng.Uint64N(5)) {
			author := 1 + cache.Snowflake(rng.Uint64N(3))
			w.take("MESSAGE_CREATE", fmt.Sprintf(`{"id":"%d","channel_id":"7","author":{"id":"%d"},"content":"%s"}`, id, author, strings.Repeat("x", rng.IntN(10_000))))
			all = append(all, written{id, author})
		}
		for range 20 {
			from, author := cache.Snowflake(rng.Uint64N(500)), cache.Snowflake(rng.Uint64N(4))
			q := cache.Query{Range: cache.Range{Kind: cache.Message, In: 7, From: from, To: from + 1 + cache.Snowflake(rng.Uint64N(1000)), Limit: rng.IntN(40)}, Author: author, Bare: rng.IntN(4) == 0}
			if rng.IntN(2) == 0 {
				q.To = 0
			}
			var want []cache.Snowflake
			for _, m := range all {
				if m.id >= q.From && (q.To == 0 || m.id < q.To) && (author == 0 || m.author == author) {
					want = append(want, m.id)
				}
			}
			if got := pages(w, q); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %+v has %v, want %v", seed, q, got, want)
			}
		}
	})
}

// pages reads all of a query, and checks that each page is bounded.
func pages(w world, q cache.Query) (ids []cache.Snowflake) {
	w.Helper()
	for {
		entries, next, err := w.look.Page(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		size := 0
		for _, e := range entries {
			ids = append(ids, e.Key.ID)
			size += len(e.Value)
			if q.Bare != (e.Value == nil) {
				w.Fatalf("bare %v: %s", q.Bare, e.Value)
			}
		}
		if size > cache.PageBytes || q.Limit > 0 && len(entries) > q.Limit {
			w.Fatalf("a page of %d bytes and %d entries", size, len(entries))
		}
		if next == 0 {
			return ids
		}
		if next <= q.From {
			w.Fatalf("the page from %v on goes on at %v", q.From, next)
		}
		q.From = next
	}
}

// What values belong to is listed in pages, too.
func TestPlacesPages(t *testing.T) {
	worlds(t, func(w world) {
		const many = cache.MaxPage + 5
		for n := range cache.Snowflake(many) {
			w.take("MESSAGE_CREATE", fmt.Sprintf(`{"id":"1","channel_id":"%d"}`, n+1))
		}
		first, next, err := w.look.PlacesPage(w.Context(), cache.Message, 0)
		if err != nil || len(first) != cache.MaxPage || next != cache.MaxPage+1 {
			t.Fatalf("%d channels, next %v, %v", len(first), next, err)
		}
		rest, next, err := w.look.PlacesPage(w.Context(), cache.Message, next)
		if err != nil || len(rest) != 5 || next != 0 {
			t.Fatalf("%d channels, next %v, %v", len(rest), next, err)
		}
	})
}

// A channel is found without its guild, a private one too, and by its own key it is as it is
// kept; so is a guild.
func TestValue(t *testing.T) {
	worlds(t, func(w world) {
		ctx := w.Context()
		w.take("GUILD_CREATE", guild1)
		w.take("CHANNEL_CREATE", `{"id":"50","type":1}`)
		for key, want := range map[cache.Key]string{
			{Kind: cache.Channel, ID: 30}:           `{"id":"30","type":0,"name":"c","guild_id":"1"}`,
			{Kind: cache.Channel, ID: 50}:           `{"id":"50","type":1}`,
			{Kind: cache.Member, In: 1, ID: 40}:     `{"nick":"n","roles":["10"],"guild_id":"1","user":{"id":"40","username":"u","avatar":"a"}}`,
			{Kind: cache.GuildShard, ID: 1}:         `[3,16]`,
			{Kind: cache.ChannelGuild, ID: 30}:      `"1"`,
			{Kind: cache.MemberCount, In: 0, ID: 1}: `2`,
		} {
			got, err := w.look.Value(ctx, key, true)
			if err != nil || !sameJSON(w, string(got), want) {
				t.Errorf("%v: %s, %v", key, got, err)
			}
		}
		missing[any](w)(w.look.Value(ctx, cache.Key{Kind: cache.Channel, ID: 30}, false)) // it is not private
		missing[any](w)(w.look.Value(ctx, cache.Key{Kind: cache.Channel, ID: 31, In: 2}, true))
		own, err := w.look.Value(ctx, cache.Key{Kind: cache.Guild, ID: 1}, false)
		if err != nil || strings.Contains(string(own), `"roles"`) || !strings.Contains(string(own), `"name":"g"`) {
			t.Errorf("%s, %v", own, err)
		}
	})
}

// Questions that make no sense are errors which say what to do.
func TestBadQuestions(t *testing.T) {
	c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
	for key, want := range map[cache.Key]string{
		{Kind: cache.Guild}:                    "which guild? its id is 0",
		{Kind: cache.Guild, In: 1, ID: 2}:      "a guild is in nothing, not in 1",
		{Kind: cache.Role, ID: 2}:              "a role is in a guild: say which",
		{Kind: cache.Message, ID: 2}:           "a message is in a channel: say which",
		{Kind: cache.Me, ID: 2}:                "there is one me: its id is 0, not 2",
		{Kind: cache.Kind(cache.Kinds), ID: 2}: "there is no such kind of values; there are [guild ",
	} {
		if _, err := c.Value(t.Context(), key, true); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", key, err)
		}
	}
	for want, q := range map[string]cache.Query{
		"a member is in a guild: say which": {Range: cache.Range{Kind: cache.Member}},
		"no id is 5 or more and below 5":    {Range: cache.Range{Kind: cache.Message, In: 1, From: 5, To: 5}},
		"a limit of -1: use 1 to 1000":      {Range: cache.Range{Kind: cache.Message, In: 1, Limit: -1}},
		"a role has no author":              {Range: cache.Range{Kind: cache.Role, In: 1}, Author: 3},
		"there is no such kind":             {Range: cache.Range{Kind: 99}},
	} {
		if _, _, err := c.Page(t.Context(), q); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	_, _, err := c.Page(t.Context(), cache.Query{Range: cache.Range{Kind: cache.Role, In: 1, Limit: cache.MaxPage + 1}})
	if !errors.Is(err, eventnode.ErrLimit) || err.Error() != "limit max_cache_page is 1000, got 1001" {
		t.Error(err)
	}
	if _, _, err := c.PlacesPage(t.Context(), 99, 0); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
	for _, err := range c.Messages(t.Context(), 1, cache.Window{From: 7, To: 3}) {
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
	}
	for _, err := range c.Roles(t.Context(), 0) {
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
	}
}

// A guild that is too large for one answer is an error that names the limit, on its own node and
// on others, and its parts are found all the same.
func TestTooLarge(t *testing.T) {
	worlds(t, func(w world) {
		w.take("GUILD_CREATE", `{"id":"1","name":"g"}`)
		const channels = 40
		for n := range channels {
			w.take("CHANNEL_CREATE", fmt.Sprintf(`{"id":"%d","guild_id":"1","type":0,"topic":"%s"}`, n+1, strings.Repeat("x", 100_000)))
		}
		var limit *eventnode.LimitError
		if _, err := w.look.Guild(w.Context(), 1); !errors.As(err, &limit) || limit.Limit != "max_cache_value_bytes" || limit.Max != cache.MaxValueBytes || errors.Is(err, cache.ErrUnreachable) {
			t.Fatal(err)
		}
		n := 0
		for _, err := range w.look.Channels(w.Context(), 1) {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		is(w, n, channels)
	})
}

// What is made of many values is put together where they are: another node asks once.
func TestWholeIsAskedForOnce(t *testing.T) {
	n := newNodes(t)
	w := world{t, newCache(t, cache.Config{Store: n.stores[1]}), newCache(t, cache.Config{Store: n.stores[2], Reader: n.spreads[2], Whole: n.wholes[2]})}
	w.take("GUILD_CREATE", guild1)
	for n := range 100 {
		w.take("GUILD_MEMBERS_CHUNK", fmt.Sprintf(`{"guild_id":"1","members":[{"user":{"id":"%d","username":"u"}}]}`, 1000+n))
	}
	for what, ask := range map[string]func() error{
		"a guild":  func() error { _, err := w.look.Guild(t.Context(), 1); return err },
		"a member": func() error { _, err := w.look.Member(t.Context(), 1, 40); return err },
		"all members": func() error {
			members := 0
			for m, err := range w.look.Members(t.Context(), 1) {
				if members++; err != nil || m.User.Username != "u" || m.GuildID != discord.Snowflake(1) {
					return fmt.Errorf("%+v: %w", m, err)
				}
			}
			is(w, members, 101)
			return nil
		},
	} {
		before := n.asked.Load()
		if err := ask(); err != nil {
			t.Fatal(what, err)
		}
		if asked := n.asked.Load() - before; asked != 1 {
			t.Errorf("%s: another node was asked %d times", what, asked)
		}
	}
}
