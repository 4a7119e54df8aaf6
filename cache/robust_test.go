package cache_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/source"
)

// A payload lacks what the intents hide, names what is not cached, or has null where
// something should be: the event is there all the same, and the next one too. Each is one
// that has cost a user of the source system an event.
func TestRobust(t *testing.T) {
	for name, p := range map[string][2]string{
		"#452 members intent is missing":      {"GUILD_CREATE", `{"id":"1","member_count":5}`},
		"#452 presences are null":             {"GUILD_CREATE", `{"id":"1","members":null,"presences":null,"channels":null,"threads":null,"roles":null,"emojis":null}`},
		"#459 a member of an uncached guild":  {"GUILD_MEMBER_UPDATE", `{"guild_id":"99","user":{"id":"5"},"roles":[]}`},
		"#459 a role of an uncached guild":    {"GUILD_ROLE_UPDATE", `{"guild_id":"99","role":{"id":"5"}}`},
		"#298 a member leaves uncached guild": {"GUILD_MEMBER_REMOVE", `{"guild_id":"99","user":{"id":"5"}}`},
		"#298 a member joins uncached guild":  {"GUILD_MEMBER_ADD", `{"guild_id":"99","user":{"id":"5","username":"a"}}`},
		"#520 the count is null":              {"GUILD_CREATE", `{"id":"1","member_count":null,"members":[{"user":{"id":"5"}}]}`},
		"#628 nulls in lists":                 {"GUILD_CREATE", `{"id":"1","members":[null,{"user":null},{},7,{"user":{"id":"5"}}],"channels":[null,{}],"roles":[null,"x"],"presences":[null,{"user":null},{"user":{}}]}`},
		"#628 a chunk without its lists":      {"GUILD_MEMBERS_CHUNK", `{"guild_id":"1"}`},
		"a thread of an uncached guild":       {"THREAD_UPDATE", `{"id":"5","guild_id":"99"}`},
		"emojis of an uncached guild":         {"GUILD_EMOJIS_UPDATE", `{"guild_id":"99","emojis":[]}`},
		"a presence without a guild":          {"PRESENCE_UPDATE", `{"user":{"id":"5"},"status":"online"}`},
		"a message without an author":         {"MESSAGE_CREATE", `{"id":"1","channel_id":"2","author":null}`},
		"ids as numbers":                      {"GUILD_CREATE", `{"id":1,"channels":[{"id":5}],"members":[{"user":{"id":6}}]}`},
		"ready without guilds":                {"READY", `{}`},
		"ready with nulls":                    {"READY", `{"user":null,"guilds":[null,{},{"id":"1","unavailable":true}]}`},
		"a bulk without ids":                  {"MESSAGE_DELETE_BULK", `{"channel_id":"2","ids":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, store := range []cache.Store{memory(t, cache.MemoryConfig{}), cache.None{}} {
				c := newCache(t, cache.Config{Store: store})
				w := world{t, c, c}
				if events := w.take(p[0], p[1]); len(events) == 0 || events[0].Name != p[0] {
					t.Fatalf("no event of its name: %s", told(events))
				}
				for _, e := range w.take(p[0], p[1]) {
					if _, err := discord.Parse(e.Name, e.Data); err != nil && name[:4] != "#628" {
						t.Errorf("%s: %v", e.Data, err)
					}
				}
			}
		})
	}
}

// What is kept of a list with nulls in it is the rest.
func TestRobustKeepsTheRest(t *testing.T) {
	worlds(t, func(w world) {
		w.take("GUILD_CREATE", `{"id":1,"members":[null,{"user":null},{"user":{"id":6,"username":"a"},"nick":"n"}],"channels":[null,{"id":5}]}`)
		is(w, found[*discord.Member](w)(w.look.Member(w.Context(), 1, 6)).Nick, "n")
		is(w, found[*discord.Channel](w)(w.look.Channel(w.Context(), 5)).GuildID, 1)
	})
}

// A payload without the ids that it would be kept by is an error which says so, and so is
// one that is no JSON: nothing is kept, and the next payload is written.
func TestMalformedPayloads(t *testing.T) {
	c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
	for _, p := range [][2]string{
		{"GUILD_CREATE", `{}`}, {"GUILD_CREATE", `{"id":null}`}, {"GUILD_CREATE", `{"id":"x"}`}, {"GUILD_CREATE", `{"id":"1"`}, {"GUILD_CREATE", `[]`}, {"GUILD_CREATE", `{"id":"1"} x`},
		{"GUILD_UPDATE", `{}`}, {"GUILD_DELETE", `{}`}, {"GUILD_EMOJIS_UPDATE", `{"guild_id":"1"}`}, {"GUILD_STICKERS_UPDATE", `{"stickers":[]}`},
		{"GUILD_ROLE_CREATE", `{"guild_id":"1","role":null}`}, {"GUILD_ROLE_DELETE", `{"guild_id":"1"}`},
		{"GUILD_MEMBER_ADD", `{"guild_id":"1","user":null}`}, {"GUILD_MEMBER_UPDATE", `{"user":{"id":"1"}}`}, {"GUILD_MEMBER_REMOVE", `{"guild_id":"1"}`}, {"GUILD_MEMBERS_CHUNK", `{}`},
		{"CHANNEL_CREATE", `{}`}, {"CHANNEL_DELETE", `{"guild_id":"1"}`}, {"THREAD_LIST_SYNC", `{}`},
		{"MESSAGE_CREATE", `{"id":"1"}`}, {"MESSAGE_UPDATE", `{"channel_id":"1"}`}, {"MESSAGE_DELETE", `{}`}, {"MESSAGE_DELETE_BULK", `{"ids":["1"]}`},
		{"PRESENCE_UPDATE", `{"guild_id":"1","user":null}`}, {"USER_UPDATE", `{}`}, {"READY", `7`},
	} {
		made, err := c.Write(t.Context(), source.Payload{Name: p[0], Data: json.RawMessage(p[1])})
		if !errors.Is(err, cache.ErrMalformed) || made != nil {
			t.Errorf("%s: %v, %v", p, made, err)
		}
	}
	w := world{t, c, c}
	w.want(w.take("GUILD_CREATE", `{"id":"1"}`), "GUILD_CREATE", `{"id":"1"}`)
}

// What a store cannot do is an error, and no change that would be wrong.
func TestBrokenStore(t *testing.T) {
	c := newCache(t, cache.Config{Store: failing{}})
	for name, data := range map[string]string{
		"READY": `{"user":{"id":"1"}}`, "GUILD_CREATE": guild1, "GUILD_UPDATE": `{"id":"1"}`, "GUILD_DELETE": `{"id":"1"}`, "GUILD_EMOJIS_UPDATE": `{"guild_id":"1","emojis":[]}`,
		"GUILD_ROLE_UPDATE": `{"guild_id":"1","role":{"id":"2"}}`, "GUILD_ROLE_DELETE": `{"guild_id":"1","role_id":"2"}`, "GUILD_MEMBER_ADD": `{"guild_id":"1","user":{"id":"2"}}`,
		"GUILD_MEMBER_UPDATE": `{"guild_id":"1","user":{"id":"2"}}`, "GUILD_MEMBER_REMOVE": `{"guild_id":"1","user":{"id":"2"}}`, "GUILD_MEMBERS_CHUNK": `{"guild_id":"1","members":[]}`,
		"CHANNEL_CREATE": `{"id":"1"}`, "CHANNEL_UPDATE": `{"id":"1"}`, "CHANNEL_DELETE": `{"id":"1"}`, "THREAD_LIST_SYNC": `{"guild_id":"1","threads":[{"id":"2"}]}`,
		"MESSAGE_CREATE": `{"id":"1","channel_id":"2"}`, "MESSAGE_UPDATE": `{"id":"1","channel_id":"2"}`, "MESSAGE_DELETE": `{"id":"1","channel_id":"2"}`,
		"MESSAGE_DELETE_BULK": `{"ids":["1"],"channel_id":"2"}`, "PRESENCE_UPDATE": `{"user":{"id":"1"}}`, "USER_UPDATE": `{"id":"1"}`,
	} {
		if made, err := c.Write(t.Context(), source.Payload{Name: name, Data: json.RawMessage(data)}); !errors.Is(err, errBroken) || made != nil {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
}

// The cache keeps no part of a payload's memory.
func TestOwnMemory(t *testing.T) {
	c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
	w := world{t, c, c}
	for _, p := range [][2]string{
		{"READY", `{"user":{"id":"9","username":"me"},"guilds":[{"id":"2","unavailable":true}]}`}, {"GUILD_CREATE", guild1},
		{"CHANNEL_CREATE", `{"id":"50","guild_id":"1","name":"a"}`}, {"GUILD_ROLE_CREATE", `{"guild_id":"1","role":{"id":"12"}}`}, {"GUILD_EMOJIS_UPDATE", `{"guild_id":"1","emojis":[{"id":"21"}]}`},
		{"MESSAGE_CREATE", `{"id":"1","channel_id":"30","content":"a"}`}, {"MESSAGE_UPDATE", `{"id":"1","channel_id":"30","content":"b"}`}, {"MESSAGE_UPDATE", `{"id":"2","channel_id":"30","author":{"id":"1"}}`},
		{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40","username":"w"},"status":"idle"}`}, {"GUILD_MEMBER_ADD", `{"guild_id":"1","user":{"id":"41","username":"v"}}`},
		{"GUILD_MEMBER_UPDATE", `{"guild_id":"1","user":{"id":"42","username":"x"},"nick":"y"}`}, {"GUILD_UPDATE", `{"id":"1","name":"z","roles":[{"id":"13"}]}`}, {"THREAD_LIST_SYNC", `{"guild_id":"1","threads":[{"id":"33"}]}`},
	} {
		data := json.RawMessage(p[1])
		if _, err := c.Write(t.Context(), source.Payload{Name: p[0], Data: data}); err != nil {
			t.Fatal(err)
		}
		for i := range data {
			data[i] = 'x'
		}
	}
	g := found[*discord.Guild](w)(c.Guild(t.Context(), 1))
	is(w, g.Name, "z")
	is(w, found[*discord.User](w)(c.Me(t.Context())).Username, "me")
	is(w, found[*discord.User](w)(c.User(t.Context(), 40)).Username, "w")
	is(w, found[*discord.Presence](w)(c.Presence(t.Context(), 1, 40)).Status, "idle")
	listed(w, c.Channels(t.Context(), 1), channelID, 30, 31, 33, 50)
	listed(w, c.Roles(t.Context(), 1), roleID, 13)
	listed(w, c.Members(t.Context(), 1), memberID, 40, 41, 42)
	listed(w, c.Messages(t.Context(), 30, cache.Window{}), messageID, 1, 2)
}

// Whatever a payload is, it is written or refused, its events are JSON if it was, and they
// can be looked at by consumers if the payload could.
func FuzzWrite(f *testing.F) {
	f.Add("GUILD_CREATE", []byte(guild1))
	f.Add("GUILD_MEMBER_UPDATE", []byte(`{"guild_id":"1","user":{"id":"40","username":"\u0041"},"nick":null,"nick":"x"}`))
	f.Add("PRESENCE_UPDATE", []byte(`{"guild_id":"1","user":{"id":"40"},"status":"idle","activities":[{}]}`))
	f.Add("MESSAGE_DELETE_BULK", []byte(`{"ids":[1,"2",null,{}],"channel_id":2}`))
	f.Add("READY", []byte(`{"user":{},"guilds":[[],{"id":1},7,"x"]}`))
	f.Add("GUILD_DELETE", []byte(` {"id":"1" } `))
	names := []string{"READY", "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_ROLE_UPDATE", "CHANNEL_UPDATE", "MESSAGE_UPDATE", "USER_UPDATE"}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
		if _, err := take(t.Context(), c, "GUILD_CREATE", guild1); err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Concat([]string{name}, names) {
			events, err := take(t.Context(), c, name, string(data))
			if err != nil && !errors.Is(err, cache.ErrMalformed) {
				t.Fatalf("%s %s: %v", name, data, err)
			}
			for _, e := range events {
				if json.Valid(data) && !json.Valid(e.Data) {
					t.Fatalf("%s %s becomes %s %s", name, data, e.Name, e.Data)
				}
			}
		}
		for g, err := range c.Guilds(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if data, err := c.Value(t.Context(), cache.Key{Kind: cache.Guild, ID: g}, true); err != nil || !json.Valid(data) {
				t.Fatalf("%s: %v", data, err)
			}
		}
		_ = maps.Collect(c.Members(t.Context(), 1))
	})
}

// Several shards may tell of one user at once: nothing that any of them says is lost.
func TestUsersAtOnce(t *testing.T) {
	c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
	w := world{t, c, c}
	w.take("USER_UPDATE", `{"id":"40","username":"u"}`)
	const shards, each = 8, 50
	var all sync.WaitGroup
	for shard := range shards {
		all.Go(func() {
			for n := range each {
				data := fmt.Sprintf(`{"guild_id":"%d","user":{"id":"40","s%d_%d":1},"status":"online"}`, shard+1, shard, n)
				if _, err := take(t.Context(), c, "PRESENCE_UPDATE", data); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	is(w, len(found[*discord.User](w)(c.User(t.Context(), 40)).Unknown), shards*each)
}
