package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
)

// found is a look-up that must succeed.
func found[T any](w world) func(v T, err error) T {
	return func(v T, err error) T {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
		return v
	}
}

// missing is a look-up that must not.
func missing[T any](w world) func(v T, err error) {
	return func(v T, err error) {
		w.Helper()
		if !errors.Is(err, cache.ErrNotFound) {
			w.Fatalf("found %v: %v", v, err)
		}
	}
}

// listed checks what a list has, by ids.
func listed[T any](w world, list iter.Seq2[T, error], id func(T) cache.Snowflake, want ...cache.Snowflake) {
	w.Helper()
	var got []cache.Snowflake
	for v, err := range list {
		if err != nil {
			w.Fatal(err)
		}
		got = append(got, id(v))
	}
	if !slices.Equal(got, want) {
		w.Fatalf("listed are %v, want %v", got, want)
	}
}

func is[T comparable](w world, got, want T) {
	w.Helper()
	if got != want {
		w.Fatalf("%v, want %v", got, want)
	}
}

func channelID(c *discord.Channel) cache.Snowflake   { return c.ID }
func messageID(m *discord.Message) cache.Snowflake   { return m.ID }
func memberID(m *discord.Member) cache.Snowflake     { return m.User.ID }
func roleID(r *discord.Role) cache.Snowflake         { return r.ID }
func presenceID(p *discord.Presence) cache.Snowflake { return p.User.ID }
func itself(id cache.Snowflake) cache.Snowflake      { return id }

// NO-T7: nothing is found in an empty cache, and no list has anything.
func TestEmpty(t *testing.T) {
	worlds(t, func(w world) {
		ctx, c := w.Context(), w.look
		missing[*discord.Guild](w)(c.Guild(ctx, 1))
		missing[*discord.Channel](w)(c.Channel(ctx, 1))
		missing[*discord.Member](w)(c.Member(ctx, 1, 2))
		missing[*discord.User](w)(c.User(ctx, 1))
		missing[*discord.User](w)(c.Me(ctx))
		missing[*discord.Presence](w)(c.Presence(ctx, 1, 2))
		missing[*discord.Message](w)(c.Message(ctx, 1, 2))
		missing[*discord.Role](w)(c.Role(ctx, 1, 2))
		missing[cache.Snowflake](w)(c.ChannelGuild(ctx, 1))
		listed(w, c.Guilds(ctx), itself)
		listed(w, c.Members(ctx, 1), memberID)
		listed(w, c.Channels(ctx, 1), channelID)
		listed(w, c.AllMessages(ctx, cache.Window{}), messageID)
		if _, _, err := c.GuildShard(ctx, 1); !errors.Is(err, cache.ErrNotFound) {
			w.Error(err)
		}
		is(w, found[bool](w)(c.IsUnavailable(ctx, 1)), false)
	})
}

// NO-T7: what a guild had in it is found again, each thing by its own id.
func TestGuildLookUps(t *testing.T) {
	worlds(t, func(w world) {
		ctx, c := w.Context(), w.look
		w.take("GUILD_CREATE", guild1)
		g := found[*discord.Guild](w)(c.Guild(ctx, 1))
		is(w, g.Name+g.Roles[0].Name+g.Emojis[0].Name+string(g.Unknown["unknown"]), `gre{"a":1}`)
		is(w, g.MemberCount, 2)
		is(w, g.Channels[0].Name, "c")
		is(w, g.Threads[0].ID, 31)
		is(w, len(g.Members)+len(g.VoiceStates)+len(g.Presences), 0)
		is(w, found[int](w)(c.MemberCount(ctx, 1)), 2)
		ch := found[*discord.Channel](w)(c.Channel(ctx, 30))
		is(w, ch.Name, "c")
		is(w, ch.GuildID, 1)
		is(w, found[cache.Snowflake](w)(c.ChannelGuild(ctx, 31)), 1)
		is(w, found[*discord.Role](w)(c.Role(ctx, 1, 10)).Name, "r")
		is(w, found[*discord.Presence](w)(c.Presence(ctx, 1, 40)).Status, "online")
		is(w, found[*discord.User](w)(c.User(ctx, 40)).Username, "u")
		m := found[*discord.Member](w)(c.Member(ctx, 1, 40))
		is(w, m.Nick+m.User.Username, "nu")
		is(w, m.GuildID, 1)
		shard, shards, err := c.GuildShard(ctx, 1)
		is(w, fmt.Sprint(shard, shards, err), "3 16 <nil>")
		listed(w, c.Guilds(ctx), itself, 1)
		listed(w, c.Channels(ctx, 1), channelID, 30, 31)
		listed(w, c.Roles(ctx, 1), roleID, 10)
		listed(w, c.Members(ctx, 1), memberID, 40)
		listed(w, c.Presences(ctx, 1), presenceID, 40)
		missing[*discord.Role](w)(c.Role(ctx, 2, 10))
	})
}

// A guild that comes again is as it is said now: what is not said any more is gone.
func TestGuildComesAgain(t *testing.T) {
	worlds(t, func(w world) {
		ctx, c := w.Context(), w.look
		w.take("GUILD_CREATE", guild1)
		w.take("MESSAGE_CREATE", `{"id":"1","channel_id":"30"}`)
		w.take("GUILD_CREATE", `{"id":"1","name":"h","member_count":1,"roles":[{"id":"11"}],"channels":[{"id":"32"}],"members":[{"user":{"id":"41","username":"v"}}],"presences":[]}`)
		listed(w, c.Channels(ctx, 1), channelID, 32)
		listed(w, c.Roles(ctx, 1), roleID, 11)
		listed(w, c.Members(ctx, 1), memberID, 41)
		listed(w, c.Presences(ctx, 1), presenceID)
		missing[*discord.Message](w)(c.Message(ctx, 30, 1))
		missing[cache.Snowflake](w)(c.ChannelGuild(ctx, 30))
		// a part of many members takes nobody away
		w.take("GUILD_CREATE", `{"id":"1","member_count":500,"members":[{"user":{"id":"42","username":"v"}}]}`)
		listed(w, c.Members(ctx, 1), memberID, 41, 42)
	})
}

// A new session's READY names all guilds of its shard: the others are forgotten, and those
// of other shards stay.
func TestReadyForgets(t *testing.T) {
	worlds(t, func(w world) {
		ctx := w.Context()
		w.take("GUILD_CREATE", `{"id":"1","channels":[{"id":"5"}]}`)
		w.take("GUILD_CREATE", `{"id":"2"}`)
		other := origin
		origin.Shard = 4
		w.take("GUILD_CREATE", `{"id":"4"}`)
		origin = other
		w.take("READY", `{"user":{"id":"9","username":"me"},"guilds":[{"id":"2","unavailable":true}]}`)
		listed(w, w.write.Guilds(ctx), itself, 2, 4)
		missing[*discord.Channel](w)(w.write.Channel(ctx, 5))
		is(w, found[bool](w)(w.write.IsUnavailable(ctx, 2)), true)
		is(w, found[*discord.User](w)(w.look.Me(ctx)).Username, "me")
		w.take("USER_UPDATE", `{"id":"9","username":"you"}`)
		is(w, found[*discord.User](w)(w.look.Me(ctx)).Username, "you")
		w.take("READY", `{"user":null,"guilds":null}`)
		listed(w, w.write.Guilds(ctx), itself, 2, 4)
	})
}

// NO-T7: a guild is unavailable from when it is said until it is there.
func TestUnavailable(t *testing.T) {
	worlds(t, func(w world) {
		ctx := w.Context()
		w.take("GUILD_CREATE", guild1)
		w.take("GUILD_DELETE", `{"id":"1","unavailable":true}`)
		is(w, found[bool](w)(w.look.IsUnavailable(ctx, 1)), true)
		missing[*discord.Guild](w)(w.look.Guild(ctx, 1))
		listed(w, w.look.Members(ctx, 1), memberID)
		w.take("GUILD_CREATE", guild1)
		is(w, found[bool](w)(w.look.IsUnavailable(ctx, 1)), false)
		w.take("GUILD_DELETE", `{"id":"1"}`)
		is(w, found[bool](w)(w.look.IsUnavailable(ctx, 1)), false)
	})
}

// NO-T7: members are counted up and down, never below none, and not where no count is
// known: in a guild that is not cached, and in one whose count was null (#298, #520).
func TestMemberCount(t *testing.T) {
	worlds(t, func(w world) {
		count := func(want int) {
			w.Helper()
			is(w, found[*discord.Guild](w)(w.look.Guild(w.Context(), 1)).MemberCount, want)
		}
		w.take("GUILD_MEMBER_ADD", `{"guild_id":"1","user":{"id":"5","username":"a"}}`)
		w.take("GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"5"}}`)
		missing[*discord.Guild](w)(w.look.Guild(w.Context(), 1))
		w.take("GUILD_CREATE", `{"id":"1","member_count":null}`)
		w.take("GUILD_MEMBER_ADD", `{"guild_id":"1","user":{"id":"5","username":"a"}}`)
		count(0)
		w.take("GUILD_CREATE", `{"id":"1","member_count":1}`)
		w.take("GUILD_MEMBER_ADD", `{"guild_id":"1","user":{"id":"6","username":"a"}}`)
		count(2)
		for range 3 {
			w.take("GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"6"}}`)
		}
		count(0)
	})
}

// NO-T7: a member with and without his user, in all four combinations.
func TestMemberWithUser(t *testing.T) {
	worlds(t, func(w world) {
		ctx := w.Context()
		w.take("USER_UPDATE", `{"id":"5","username":"a"}`)
		missing[*discord.Member](w)(w.look.Member(ctx, 1, 5)) // the user alone
		missing[*discord.Member](w)(w.look.Member(ctx, 1, 6)) // neither
		w.take("GUILD_MEMBERS_CHUNK", `{"guild_id":"1","members":[{"user":{"id":"5"},"nick":"x"},{"user":{"id":"6"},"nick":"y"}]}`)
		m := found[*discord.Member](w)(w.look.Member(ctx, 1, 5)) // both
		is(w, m.Nick+m.User.Username, "xa")
		m = found[*discord.Member](w)(w.look.Member(ctx, 1, 6)) // the member alone
		is(w, m.Nick, "y")
		is(w, m.User, nil)
	})
}

// NO-T7: messages by channel, by author, and in windows of time.
func TestMessageWindows(t *testing.T) {
	worlds(t, func(w world) {
		ctx := w.Context()
		day := func(n int) cache.Snowflake { return cache.At(time.Date(2020, 1, n, 0, 0, 0, 0, time.UTC)) }
		for n := range 6 {
			w.take("MESSAGE_CREATE", fmt.Sprintf(`{"id":"%d","channel_id":"%d","author":{"id":"%d"}}`, day(n+1), 1+n%2, 10+n%3))
		}
		listed(w, w.look.Messages(ctx, 1, cache.Window{}), messageID, day(1), day(3), day(5))
		listed(w, w.look.Messages(ctx, 1, cache.Window{From: day(2)}), messageID, day(3), day(5))
		listed(w, w.look.Messages(ctx, 1, cache.Window{From: day(3), To: day(5)}), messageID, day(3))
		listed(w, w.look.Messages(ctx, 2, cache.Window{Author: 11}), messageID, day(2))
		listed(w, w.look.Messages(ctx, 3, cache.Window{}), messageID)
		listed(w, w.look.AllMessages(ctx, cache.Window{Author: 10}), messageID, day(1), day(4))
		listed(w, w.look.AllMessages(ctx, cache.Window{Author: 10, To: day(2)}), messageID, day(1))
		is(w, found[*discord.Message](w)(w.look.Message(ctx, 1, day(3))).Author.ID, 12)
		is(w, cache.At(time.Time{}), 0)
	})
}

// A list ends where its reader stops, and with the first error.
func TestListsEnd(t *testing.T) {
	c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
	w := world{t, c, c}
	w.take("GUILD_CREATE", `{"id":"1","channels":[{"id":"5"},{"id":"6"}],"members":[{"user":{"id":"7","username":"a"}},{"user":{"id":"8","username":"b"}}]}`)
	for range c.Members(t.Context(), 1) {
		break
	}
	broken := newCache(t, cache.Config{Store: cache.None{}, Reader: failing{}})
	for v, err := range broken.Members(t.Context(), 1) {
		is(w, v, nil)
		is(w, errors.Is(err, errBroken), true)
	}
	for v, err := range broken.AllMessages(t.Context(), cache.Window{}) {
		is(w, v, nil)
		is(w, errors.Is(err, errBroken), true)
	}
}

var errBroken = errors.New("broken")

// failing is a store that can nothing.
type failing struct{ cache.None }

func (failing) Read(context.Context, cache.Key) (json.RawMessage, error) { return nil, errBroken }

func (failing) List(context.Context, cache.Range) ([]cache.Entry, error) { return nil, errBroken }

func (failing) Places(context.Context, cache.Kind, cache.Snowflake) ([]cache.Snowflake, error) {
	return nil, errBroken
}

func (failing) Put(context.Context, cache.Key, json.RawMessage) (json.RawMessage, error) {
	return nil, errBroken
}

func (failing) Delete(context.Context, cache.Key) (json.RawMessage, error) { return nil, errBroken }

func (failing) Fill(context.Context, []cache.Entry) error { return errBroken }

// A list of more than fit a page has each once, and so has one of all channels.
func TestManyPages(t *testing.T) {
	worlds(t, func(w world) {
		const many = 2*cache.MaxPage + 345
		var want []cache.Snowflake
		for n := range cache.Snowflake(many) {
			want = append(want, n+1)
			w.take("GUILD_MEMBERS_CHUNK", fmt.Sprintf(`{"guild_id":"1","members":[{"user":{"id":"%d","username":"u"}}]}`, n+1))
			w.take("MESSAGE_CREATE", fmt.Sprintf(`{"id":"%d","channel_id":"%d"}`, n+1, n+1))
		}
		listed(w, w.look.Members(w.Context(), 1), memberID, want...)
		listed(w, w.look.AllMessages(w.Context(), cache.Window{}), messageID, want...)
		w.take("GUILD_DELETE", `{"id":"1"}`)
		listed(w, w.look.Members(w.Context(), 1), memberID)
	})
}
