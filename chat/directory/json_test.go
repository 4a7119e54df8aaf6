package directory

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// asJSON is a value as clients get it.
func asJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

// A guild is shown as the protocol has it, to each user with the channels that he may
// read: testdata/guild.json is what one gets who may not read all.
func TestGuildCreate(t *testing.T) {
	s := parsed(t, example(t))
	if _, err := s.Apply(PutMember(&eventnodev1.DirectoryMember{GuildId: 1000, UserId: 103})); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/guild.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := asJSON(t, s.GuildCreate(1000, GuildView{User: 103})); got != string(want) {
		t.Errorf("got\n%s", got)
	}
	if n := len(s.GuildCreate(1000, GuildView{User: 100}).Channels); n != 4 {
		t.Errorf("its owner sees %d channels", n)
	}
	if s.GuildCreate(1000, GuildView{User: 7}) != nil || s.GuildCreate(7, GuildView{User: 100}) != nil || s.GuildObject(7) != nil {
		t.Error("who is no member sees a guild, or somebody one that is not there")
	}
}

// A large guild comes without those who are offline, and says so.
func TestLargeGuild(t *testing.T) {
	s := parsed(t, example(t))
	g := s.GuildCreate(1000, GuildView{User: 101, Large: 3, Online: flakes(103, 101, 9)})
	if !g.Large || g.MemberCount != 4 || len(g.Members) != 2 || g.Members[0].User.ID != 101 || g.Members[1].User.ID != 103 {
		t.Error(asJSON(t, g))
	}
	if g := s.GuildCreate(1000, GuildView{User: 101, Large: 4}); g.Large || len(g.Members) != 4 {
		t.Error(asJSON(t, g))
	}
}

// Private channels list the others; each kind of channel has the fields of its kind, and
// a group's name is there.
func TestChannelObjects(t *testing.T) {
	s := parsed(t, example(t))
	for _, tt := range []struct {
		channel, viewer flake
		has, hasNot     []string
	}{
		{2000, 100, []string{`"type": 1`, `"id": "101"`, `"username": "grace"`}, []string{`"id": "100"`, `"name"`, `"guild_id"`, `"permission_overwrites"`, `"owner_id"`}},
		{2001, 101, []string{`"type": 3`, `"name": "plans"`, `"owner_id": "100"`, `"id": "102"`, `"icon": null`}, []string{`"id": "101"`, `"guild_id"`}},
		{1102, 0, []string{`"type": 2`, `"bitrate": 64000`, `"user_limit": 0`, `"parent_id": "1100"`, `"guild_id": "1000"`}, []string{`"recipients"`}},
		{1103, 0, []string{`"name": "moderation"`, `"allow": "1024"`, `"deny": "2048"`, `"type": 1,`, `"topic": null`, `"parent_id": null`}, []string{`"bitrate"`, `"recipients"`}},
	} {
		got := asJSON(t, s.ChannelObject(tt.channel, tt.viewer))
		for _, part := range tt.has {
			if !strings.Contains(got, part) {
				t.Errorf("channel %d lacks %s:\n%s", tt.channel, part, got)
			}
		}
		for _, part := range tt.hasNot {
			if strings.Contains(got, part) {
				t.Errorf("channel %d has %s:\n%s", tt.channel, part, got)
			}
		}
	}
	if s.ChannelObject(7, 0) != nil || s.MemberObject(1000, 7) != nil {
		t.Error("what is not there is shown")
	}
}

func flakes(ids ...flake) []flake { return ids }

// The objects of users and roles: ids and permissions are strings, what is empty is null.
func TestUserAndRoleObjects(t *testing.T) {
	s := parsed(t, example(t))
	user := asJSON(t, NewUserObject(s.User(103)))
	for _, part := range []string{`"id": "103"`, `"discriminator": "0"`, `"global_name": null`, `"bot": true`} {
		if !strings.Contains(user, part) {
			t.Errorf("%s lacks %s", user, part)
		}
	}
	role := asJSON(t, NewRoleObject(s.Role(1001)))
	for _, part := range []string{`"permissions": "8194"`, `"primary_color": 3447003`, `"hoist": true`, `"position": 2`} {
		if !strings.Contains(role, part) {
			t.Errorf("%s lacks %s", role, part)
		}
	}
	if p := asJSON(t, PartialUser{103}); p != "{\n  \"id\": \"103\"\n}\n" {
		t.Error(p)
	}
}
