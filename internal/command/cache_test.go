package command

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
)

// fakeCache has one thing of each kind, named by the ids that it was asked for. What it has no
// method for panics.
type fakeCache struct {
	eventnode.Cache
	source string
	window eventnode.CacheWindow
}

func (f *fake) Cache(source string) eventnode.Cache {
	f.cache.source = source
	return &f.cache
}

func (f *fakeCache) Guild(_ context.Context, id discord.Snowflake) (*discord.Guild, error) {
	if id == 404 {
		return nil, fmt.Errorf("guild %v: %w", id, eventnode.ErrNotCached)
	}
	return &discord.Guild{ID: id, Name: "of " + f.source}, nil
}

func (f *fakeCache) GuildShard(context.Context, discord.Snowflake) (shard, shards int, err error) {
	return 3, 16, nil
}

func (f *fakeCache) Me(context.Context) (*discord.User, error) {
	return &discord.User{ID: 9, Username: "me"}, nil
}

func (f *fakeCache) Member(_ context.Context, guild, user discord.Snowflake) (*discord.Member, error) {
	return &discord.Member{GuildID: guild, User: &discord.User{ID: user}}, nil
}

func (f *fakeCache) Guilds(context.Context) iter.Seq2[discord.Snowflake, error] {
	return func(yield func(discord.Snowflake, error) bool) {
		_ = yield(1, nil) && yield(2, nil) && yield(0, eventnode.ErrCacheUnreachable)
	}
}

func (f *fakeCache) Messages(_ context.Context, channel discord.Snowflake, w eventnode.CacheWindow) iter.Seq2[*discord.Message, error] {
	f.window = w
	return func(yield func(*discord.Message, error) bool) {
		for n := range discord.Snowflake(3) {
			if !yield(&discord.Message{ID: n + 1, ChannelID: channel}, nil) {
				return
			}
		}
	}
}

// One thing is printed as JSON: of the only source, or of the one that is named.
func TestCacheGet(t *testing.T) {
	f := &fake{}
	runFake(t, f, "", "cache", "get", "guild", "5").want(t, 0, "{\n  \"id\": \"5\",\n  \"name\": \"of helper\"\n}\n", "")
	runFake(t, f, "", "cache", "get", "guild", "5", "--source", "other", "--json").want(t, 0, `{"id":"5","name":"of other"}`+"\n", "")
	runFake(t, f, "", "cache", "get", "member", "5", "6", "--json").want(t, 0, `{"guild_id":"5","user":{"id":"6"}}`+"\n", "")
	runFake(t, f, "", "cache", "get", "shard", "5", "--json").want(t, 0, `{"shard":3,"shards":16}`+"\n", "")
	runFake(t, f, "", "cache", "get", "me", "--json").want(t, 0, `{"id":"9","username":"me"}`+"\n", "")
	runFake(t, f, "", "cache", "get", "guild", "404").want(t, exitError, "", "eventnode: guild 404: not cached\n")
}

// A list is a line each, as much as is wanted, and what came before an error is printed.
func TestCacheList(t *testing.T) {
	f := &fake{}
	runFake(t, f, "", "cache", "list", "guilds").want(t, exitError, "\"1\"\n\"2\"\n", "eventnode: the node that has it cannot be reached\n")
	runFake(t, f, "", "cache", "list", "messages", "7", "--limit", "2", "--since", "2024-05-01T12:00:00Z", "--until", "2024-05-01T13:00:00Z", "--author", "8").
		want(t, 0, `{"id":"1","channel_id":"7"}`+"\n"+`{"id":"2","channel_id":"7"}`+"\n", "")
	noon := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	if want := (eventnode.CacheWindow{Author: 8, From: discord.At(noon), To: discord.At(noon.Add(time.Hour))}); f.cache.window != want {
		t.Errorf("%+v, want %+v", f.cache.window, want)
	}
}

// What is written wrongly is said, with what to write; so is that there are several sources.
func TestCacheUsage(t *testing.T) {
	for line, want := range map[string]string{
		"get":                               "KIND is missing",
		"get gild 5":                        "use guild, unavailable, shard,",
		"get member 5":                      "write member GUILD USER",
		"get me 5":                          "write me",
		"get guild x":                       `GUILD "x": an id is a number`,
		"get guild 0":                       "an id is a number",
		"list messages":                     "write messages CHANNEL",
		"list messages 7 --since yesterday": "write a time such as",
		"list messages 7 --author bob":      `--author "bob": an id is a number`,
		"list messages 7 --limit -1":        "--limit must not be negative",
		"list roles 7 --since 15m":          "are for messages, not for roles",
	} {
		r := runFake(t, &fake{}, "", append([]string{"cache"}, strings.Fields(line)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, %s", line, r.code, r.stderr)
		}
	}
	several := &fake{sources: fakeSources{names: []string{"a", "b"}}}
	if r := runFake(t, several, "", "cache", "get", "me"); r.code != exitUsage || !strings.Contains(r.stderr, "say which source, with --source: there are a, b") {
		t.Error(r.code, r.stderr)
	}
	none := &fake{sources: fakeSources{names: []string{}}}
	if r := runFake(t, none, "", "cache", "get", "me"); r.code != exitError || !strings.Contains(r.stderr, "no node runs a source") {
		t.Error(r.code, r.stderr)
	}
}
