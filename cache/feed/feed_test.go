package feed_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/cache/feed"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/source"
)

// fed is a cache that was told of a guild.
func fed(t *testing.T, data string) *cache.Cache {
	t.Helper()
	store, err := cache.NewMemory(cache.MemoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(cache.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(t.Context(), source.Payload{Name: "GUILD_CREATE", Data: json.RawMessage(data)}); err != nil {
		t.Fatal(err)
	}
	return c
}

// A directory takes all changes of a guild, and has what the cache had: roles, members,
// channels in their categories, overwrites. What names things that nobody knows is put
// without them.
func TestGuild(t *testing.T) {
	c := fed(t, `{"id":"1","name":"g","owner_id":"40","member_count":9,"features":["COMMUNITY"],
		"roles":[{"id":"10","name":"mods","position":1,"permissions":"8"},{"id":"1","name":"@everyone","permissions":"0"}],
		"channels":[
			{"id":"30","type":0,"name":"c","parent_id":"32","permission_overwrites":[{"id":"41","type":1,"allow":"1024","deny":"0"},{"id":"99","type":1,"allow":"0","deny":"0"},{"id":"98","type":0,"allow":"0","deny":"0"},{"id":"10","type":0,"allow":"0","deny":"1024"}]},
			{"id":"31","type":2,"name":"v","parent_id":"97","bitrate":64000,"rate_limit_per_user":null},
			{"id":"32","type":4,"name":"cat"}],
		"threads":[{"id":"33","type":11,"name":"t","parent_id":"30"}],
		"members":[{"user":{"id":"41","username":"a","discriminator":"0","avatar":null},"nick":"n","roles":["10","96"],"joined_at":"2020-01-02T03:04:05Z"},{"user":{"id":"42"},"roles":[]}]}`)
	state, err := directory.New(directory.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for change, err := range feed.Guild(t.Context(), c, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := state.Apply(change); err != nil {
			t.Fatalf("%v: %v", change, err)
		}
	}
	g, m := state.Guild(1), state.Member(1, 41)
	if g.GetName() != "g" || g.GetOwnerId() != 40 || !slices.Equal(g.GetFeatures(), []string{"COMMUNITY"}) || state.User(40).GetUsername() != "40" {
		t.Errorf("guild %v of %v", g, state.User(40))
	}
	if m.GetNick() != "n" || !slices.Equal(m.GetRoles(), []uint64{10}) || m.GetJoinedAt().AsTime().Year() != 2020 || state.User(41).GetUsername() != "a" || state.MemberCount(1) != 1 {
		t.Errorf("member %v, one of %d", m, state.MemberCount(1))
	}
	if r := state.Role(10); r.GetName() != "mods" || r.GetPermissions() != 8 || len(state.Roles(1)) != 2 || state.Role(1).GetPermissions() != 0 {
		t.Errorf("role %v of %v", r, state.Roles(1))
	}
	text, voice := state.Channel(30), state.Channel(31)
	if len(state.Channels(1)) != 3 || text.GetParentId() != 32 || voice.GetParentId() != 0 || voice.GetBitrate() != 64000 {
		t.Errorf("channels %v", state.Channels(1))
	}
	if o := text.GetOverwrites(); len(o) != 2 || o[0].GetId() != 10 || o[0].GetDeny() != 1024 || o[1].GetId() != 41 || o[1].GetAllow() != 1024 {
		t.Errorf("overwrites %v", o)
	}
	if !state.MayRead(41, 30) || state.EveryoneMayRead(30) {
		t.Error("others than the member may read the channel, or he may not")
	}
}

// A guild that is not known is an error, and so is what a broken look-up says.
func TestUnknown(t *testing.T) {
	for change, err := range feed.Guild(t.Context(), fed(t, `{"id":"1"}`), 2) {
		if change != nil || !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%v, %v", change, err)
		}
	}
}
