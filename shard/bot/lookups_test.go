package bot_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
)

// gathered is a range as a list.
func gathered[T any](t *testing.T, all iter.Seq2[T, error]) (list []T) {
	t.Helper()
	for v, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// lookedUp is all that there is to say of the first guild and what belongs to it, by one Cache.
func lookedUp(t *testing.T, c eventnode.Cache) map[string]any {
	t.Helper()
	ctx, all := t.Context(), map[string]any{}
	take := func(what string, v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		all[what] = v
	}
	guild, channel := discord.Snowflake(guildID(0)), discord.Snowflake(guildID(0)+channels)
	for what, look := range map[string]func() (any, error){
		"me":            func() (any, error) { return c.Me(ctx) },
		"user":          func() (any, error) { return c.User(ctx, owner) },
		"guild":         func() (any, error) { return c.Guild(ctx, guild) },
		"unavailable":   func() (any, error) { return c.IsUnavailable(ctx, guild) },
		"count":         func() (any, error) { return c.MemberCount(ctx, guild) },
		"channel":       func() (any, error) { return c.Channel(ctx, channel) },
		"channel guild": func() (any, error) { return c.ChannelGuild(ctx, channel) },
		"role":          func() (any, error) { return c.Role(ctx, guild, guild) },
		"member":        func() (any, error) { return c.Member(ctx, guild, owner) },
		"presence":      func() (any, error) { return c.Presence(ctx, guild, owner) },
		"message":       func() (any, error) { return c.Message(ctx, channel, discord.At(noon)+2) },
	} {
		v, err := look()
		take(what, v, err)
	}
	shard, of, err := c.GuildShard(ctx, guild)
	take("shard", fmt.Sprint(shard, " of ", of), err)
	take("guilds", gathered(t, c.Guilds(ctx)), nil)
	take("channels", gathered(t, c.Channels(ctx, guild)), nil)
	take("roles", gathered(t, c.Roles(ctx, guild)), nil)
	take("members", gathered(t, c.Members(ctx, guild)), nil)
	take("presences", gathered(t, c.Presences(ctx, guild)), nil)
	take("messages", gathered(t, c.Messages(ctx, channel, eventnode.CacheWindow{})), nil)
	return all
}

var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// write has messages said in a guild, at noon and a minute later each, and somebody be there.
func (w *world) write(guild int) {
	w.t.Helper()
	for n := range 5 {
		w.from.say(guild, "MESSAGE_CREATE", map[string]any{
			"id": fmt.Sprint(uint64(discord.At(noon.Add(time.Duration(n)*time.Minute)) + 2)), "channel_id": fmt.Sprint(guildID(guild) + channels),
			"content": fmt.Sprint("text ", n), "author": map[string]any{"id": fmt.Sprint(owner + 2*(n%2)), "username": "ann"},
		})
	}
	w.from.say(guild, "PRESENCE_UPDATE", map[string]any{"user": map[string]any{"id": fmt.Sprint(owner)}, "status": "idle", "activities": []any{}})
}

// N9, N12: a client of any node sees the same of all nodes' caches and shards, whether that node
// owns a guild, runs the source, or does neither; and commands go from anywhere.
func TestLookUpsFromAnywhere(t *testing.T) {
	w := newWorld(t)
	for i := range shards {
		w.where(i)
	}
	w.write(0)
	w.rename(0, 1, "told", w.listen(0))
	far := w.client(w.stranger())
	here := lookedUp(t, far.Cache("helper"))
	for i, n := range w.nodes {
		for what, c := range map[string]eventnode.Cache{"a client of": w.client(n.node).Cache("helper"), "on": n.Cache()} {
			if there := lookedUp(t, c); !reflect.DeepEqual(here, there) {
				t.Errorf("%s node %d:\n%+v\na client of a node without the source:\n%+v", what, i, there, here)
			}
		}
	}
	guild, member, message := here["guild"].(*discord.Guild), here["member"].(*discord.Member), here["message"].(*discord.Message)
	switch {
	case guild.Name != "told 0" || len(guild.Channels) != 1 || guild.Channels[0].Name != "general" || len(guild.Roles) != 1 || guild.MemberCount != 2:
		t.Errorf("%+v", guild)
	case member.User == nil || member.User.Username != "ann" || member.GuildID != guild.ID:
		t.Errorf("%+v", member)
	case message.Content != "text 0" || message.Author.ID != owner:
		t.Errorf("%+v", message)
	case here["shard"] != "1 of 2" || here["count"] != 2 || here["unavailable"] != false || here["channel guild"] != guild.ID:
		t.Errorf("%+v", here)
	case here["presence"].(*discord.Presence).Status != "idle" || here["me"].(*discord.User).Username != "helper":
		t.Errorf("%+v", here)
	case len(here["guilds"].([]discord.Snowflake)) != guilds || len(here["members"].([]*discord.Member)) != 2:
		t.Errorf("%+v", here)
	}
	w.windows(far.Cache("helper"))
	names, err := far.Sources().Sources(t.Context())
	if err != nil || !slices.Equal(names, []string{"helper"}) {
		t.Error(names, err)
	}
	if err := far.Sources().StopShard(t.Context(), "helper", 1); err != nil {
		t.Fatal(err)
	}
	list, err := far.Sources().Shards(t.Context(), "helper")
	if err != nil || len(list) != shards || list[1].State != "stopped" {
		t.Error(list, err)
	}
	if err := far.Sources().StartShard(t.Context(), "helper", 1); err != nil {
		t.Fatal(err)
	}
	if err := far.Sources().MoveShard(t.Context(), "helper", 0, "nowhere"); !errors.Is(err, eventnode.ErrNoRunner) {
		t.Error(err)
	}
}

// windows looks for messages by their time, and by who has written them.
func (w *world) windows(c eventnode.Cache) {
	w.t.Helper()
	channel := discord.Snowflake(guildID(0) + channels)
	for want, window := range map[string]eventnode.CacheWindow{
		"text 0,text 1,text 2,text 3,text 4": {},
		"text 2,text 3":                      {From: discord.At(noon.Add(2 * time.Minute)), To: discord.At(noon.Add(4 * time.Minute))},
		"text 1,text 3":                      {Author: owner + 2},
		"text 3":                             {Author: owner + 2, From: discord.At(noon.Add(2 * time.Minute))},
		"":                                   {From: discord.At(noon.Add(time.Hour))},
	} {
		var got []string
		for _, m := range gathered(w.t, c.Messages(w.t.Context(), channel, window)) {
			got = append(got, m.Content)
		}
		if strings.Join(got, ",") != want {
			w.t.Errorf("%+v: %q, want %q", window, got, want)
		}
	}
}

// What is asked wrongly, or is not there, is said clearly by a node that does not run the source
// as by one that does.
func TestLookUpsThatFail(t *testing.T) {
	w := newWorld(t)
	for i := range shards {
		w.where(i)
	}
	for _, c := range []eventnode.Cache{w.client(w.stranger()).Cache("helper"), w.client(w.nodes[0].node).Cache("helper"), w.nodes[1].Cache()} {
		ctx := t.Context()
		for what, ask := range map[string]func() error{
			"which guild? its id is 0":            func() error { return second(c.Guild(ctx, 0)) },
			"a role is in a guild: say which":     func() error { return second(c.Role(ctx, 0, 1)) },
			"a member is in a guild: say which":   func() error { return failure(c.Members(ctx, 0)) },
			"a message is in a channel: say":      func() error { return failure(c.Messages(ctx, 0, eventnode.CacheWindow{})) },
			"no id is 7 or more and below 3":      func() error { return failure(c.Messages(ctx, 1, eventnode.CacheWindow{From: 7, To: 3})) },
			"which unavailable? its id is 0":      func() error { return second(c.IsUnavailable(ctx, 0)) },
			"which channel_guild? its id is 0":    func() error { return second(c.ChannelGuild(ctx, 0)) },
			"a presence is in a guild: say which": func() error { return second(c.Presence(ctx, 0, 5)) },
		} {
			if err := ask(); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), what) {
				t.Errorf("%T: %q: %v", c, what, err)
			}
		}
		for what, err := range map[string]error{
			"guild": second(c.Guild(ctx, 3<<40)), "channel": second(c.Channel(ctx, 5)), "user": second(c.User(ctx, 5)), "member": second(c.Member(ctx, 1, 5)),
			"member count": second(c.MemberCount(ctx, 5)), "message": second(c.Message(ctx, 5, 6)),
		} {
			if !errors.Is(err, eventnode.ErrNotCached) {
				t.Errorf("%T: %s: %v", c, what, err)
			}
		}
		if is, err := c.IsUnavailable(ctx, 5); is || err != nil {
			t.Errorf("%T: %v, %v", c, is, err)
		}
	}
	_, err := w.client(w.nodes[0].node).Cache("nobody's").Me(t.Context())
	if !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error("a name that no source has:", err)
	}
	_, err = w.client(w.nodes[0].node).Cache("nobody").Me(t.Context())
	if !errors.Is(err, eventnode.ErrSourceNotFound) {
		t.Error("a source that nobody runs:", err)
	}
}

// failure is the error that a range ends with.
func failure[T any](all iter.Seq2[T, error]) (last error) {
	for _, err := range all {
		last = err
	}
	return last
}

// When the node that owns a guild is killed, look-ups through any other one are answered still:
// what is on other nodes is found, and the guild again when its shard's next node has heard of it.
// That nobody runs the source is never said.
func TestLookUpsOwnerIsKilled(t *testing.T) {
	w := newWorld(t)
	dead := w.where(0)
	other := w.where(1)
	if dead == other {
		other = (dead + 1) % 3
		if err := w.nodes[dead].Fleet().Move(t.Context(), 1, w.cfgs[other].ID); err != nil {
			t.Fatal(err)
		}
	}
	c := w.client(w.stranger()).Cache("helper")
	all := w.listen(other)
	w.rename(0, 1, "before", all) // of shard 1
	w.rename(1, 1, "before", all) // of shard 0
	w.kill(dead)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if g, err := c.Guild(ctx, discord.Snowflake(guildID(0))); err != nil || g.Name != "before 0" {
		t.Errorf("a guild of a living node: %+v, %v", g, err)
	}
	eventually(t, "the dead node is not asked any more", func() error {
		_, err := c.Guild(ctx, discord.Snowflake(guildID(1)))
		if errors.Is(err, eventnode.ErrNotCached) {
			return nil
		}
		if !errors.Is(err, eventnode.ErrCacheUnreachable) {
			t.Fatal("meanwhile:", err)
		}
		return err
	})
	w.rename(1, 1, "after", all)
	if g, err := c.Guild(ctx, discord.Snowflake(guildID(1))); err != nil || g.Name != "after 0" {
		t.Errorf("a guild of the dead node's shard: %+v, %v", g, err)
	}
}
