package discord

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func parse(t testing.TB, name, data string) Event {
	t.Helper()
	e, err := Parse(name, json.RawMessage(data))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Every event of the protocol that has a type is parsed to it, under its own name.
func TestNames(t *testing.T) {
	for name := range strings.FieldsSeq(`READY RESUMED
		GUILD_CREATE GUILD_AVAILABLE GUILD_UNAVAILABLE GUILD_UPDATE GUILD_DELETE GUILD_BAN_ADD GUILD_BAN_REMOVE
		CHANNEL_CREATE CHANNEL_UPDATE CHANNEL_DELETE CHANNEL_PINS_UPDATE
		THREAD_CREATE THREAD_UPDATE THREAD_DELETE THREAD_LIST_SYNC THREAD_MEMBER_UPDATE THREAD_MEMBERS_UPDATE
		GUILD_MEMBER_ADD GUILD_MEMBER_UPDATE GUILD_MEMBER_REMOVE GUILD_MEMBERS_CHUNK
		GUILD_ROLE_CREATE GUILD_ROLE_UPDATE GUILD_ROLE_DELETE GUILD_EMOJIS_UPDATE GUILD_STICKERS_UPDATE GUILD_INTEGRATIONS_UPDATE
		MESSAGE_CREATE MESSAGE_UPDATE MESSAGE_DELETE MESSAGE_DELETE_BULK MESSAGE_POLL_VOTE_ADD MESSAGE_POLL_VOTE_REMOVE
		MESSAGE_REACTION_ADD MESSAGE_REACTION_REMOVE MESSAGE_REACTION_REMOVE_ALL MESSAGE_REACTION_REMOVE_EMOJI
		PRESENCE_UPDATE USER_UPDATE TYPING_START VOICE_STATE_UPDATE VOICE_SERVER_UPDATE INTERACTION_CREATE
		INVITE_CREATE INVITE_DELETE WEBHOOKS_UPDATE`) {
		if e := parse(t, name, `{}`); e.EventName() != name || !Known(name) {
			t.Errorf("%s is parsed to %T, %s", name, e, e.EventName())
		}
		if _, raw := parse(t, name, `null`).(*Raw); raw {
			t.Errorf("%s has no type", name)
		}
	}
	for name, make := range events {
		if make().EventName() != name {
			t.Errorf("%s makes %T", name, make())
		}
	}
}

// An event of an unknown name is passed on as it came.
func TestUnknownName(t *testing.T) {
	raw, ok := parse(t, "SOMETHING_NEW", `{"a": 1}`).(*Raw)
	if !ok || raw.EventName() != "SOMETHING_NEW" || string(raw.Data) != `{"a": 1}` || Known("SOMETHING_NEW") {
		t.Errorf("%#v", raw)
	}
}

// Ids are one type, whether they were strings or numbers.
func TestIDs(t *testing.T) {
	for _, data := range []string{
		`{"id":"1","guild_id":"2","author":{"id":"3"},"mention_roles":["4"],"member":{"permissions":"5"}}`,
		`{"id":1,"guild_id":2,"author":{"id":3},"mention_roles":[4],"member":{"permissions":5}}`,
	} {
		m, err := As[MessageCreate]("MESSAGE_CREATE", json.RawMessage(data))
		if err != nil || m.ID != 1 || m.GuildID != 2 || m.Author.ID != 3 || m.MentionRoles[0] != 4 || m.Member.Permissions != 5 {
			t.Errorf("%s: %v, %v", data, m, err)
		}
	}
}

// Old and new are read from the pair that a cache makes, and new, or of what is gone old,
// from what the source itself says.
func TestBothForms(t *testing.T) {
	same := func(name, pair, raw string) {
		t.Helper()
		a, b := parse(t, name, pair), parse(t, name, raw)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %+v, %+v", name, a, b)
		}
	}
	same("CHANNEL_UPDATE", `{"old":null,"new":{"id":"1","name":"a"}}`, `{"id":"1","name":"a"}`)
	same("USER_UPDATE", `{"old":null,"new":{"id":"1","x":2}}`, `{"id":"1","x":2}`)
	same("GUILD_MEMBER_UPDATE", `{"guild_id":"2","old":null,"new":{"guild_id":"2","nick":"a"}}`, `{"guild_id":"2","nick":"a"}`)
	same("GUILD_ROLE_UPDATE", `{"guild_id":"2","old":null,"new":{"id":"3"}}`, `{"guild_id":"2","role":{"id":"3"}}`)
	same("GUILD_EMOJIS_UPDATE", `{"guild_id":"2","old":null,"new":[{"id":"3"}]}`, `{"guild_id":"2","emojis":[{"id":"3"}]}`)
	same("GUILD_STICKERS_UPDATE", `{"guild_id":"2","old":null,"new":[{"id":"3"}]}`, `{"guild_id":"2","stickers":[{"id":"3"}]}`)
	same("CHANNEL_DELETE", `{"old":{"id":"1"}}`, `{"id":"1"}`)
	same("GUILD_DELETE", `{"id":"1","unavailable":true,"old":null}`, `{"id":"1","unavailable":true}`)
	same("GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"2"},"old":null}`, `{"guild_id":"1","user":{"id":"2"}}`)

	got := *parse(t, "GUILD_MEMBER_UPDATE", `{"guild_id":"2","old":{"nick":"a"},"new":{"nick":"b"}}`).(*GuildMemberUpdate)
	want := GuildMemberUpdate{GuildChange[Member]{GuildID: 2, Change: Change[Member]{Old: &Member{Nick: "a"}, New: &Member{Nick: "b"}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	emojis := *parse(t, "GUILD_EMOJIS_UPDATE", `{"guild_id":"2","old":[],"new":[{"name":"x"}]}`).(*GuildEmojisUpdate)
	if emojis.Old == nil || len(emojis.Old) != 0 || emojis.New[0].Name != "x" {
		t.Errorf("%+v", emojis)
	}
}

// What no type knows is kept at every depth, and written again.
func TestUnknownMembers(t *testing.T) {
	in := `{"id":"1","new_thing":{"a":[1]},"roles":[{"id":"2","gloss":true}],"channels":[{"id":"3","type":0,"permission_overwrites":[{"id":"4","type":1,"allow":"8","deny":"0","why":"x"}]}],"a\"b":1,` +
		`"members":[{"user":{"id":"5","clan":{"tag":"t"}},"joined_at":"2020-01-02T03:04:05Z","pet":null}]}`
	g, err := As[GuildCreate]("GUILD_CREATE", json.RawMessage(in))
	if err != nil {
		t.Fatal(err)
	}
	if string(g.Unknown["new_thing"]) != `{"a":[1]}` || string(g.Unknown[`a"b`]) != "1" || len(g.Unknown) != 2 || string(g.Members[0].User.Unknown["clan"]) != `{"tag":"t"}` {
		t.Errorf("%v, %v", g.Unknown, g.Members[0].User.Unknown)
	}
	if !g.Members[0].JoinedAt.Equal(time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Error(g.Members[0].JoinedAt)
	}
	out, err := json.Marshal(g)
	if err != nil || !reflect.DeepEqual(decodeAny(t, out), decodeAny(t, []byte(in))) {
		t.Errorf("%s\nbecomes\n%s: %v", in, out, err)
	}
}

// Data of another form is refused with the event's name, and so is another event's type.
func TestMalformed(t *testing.T) {
	for _, c := range [][2]string{
		{"MESSAGE_CREATE", `[]`}, {"MESSAGE_CREATE", ``}, {"MESSAGE_CREATE", `{"id":"x"}`}, {"MESSAGE_UPDATE", `{"new":[],"old":null}`},
		{"GUILD_ROLE_UPDATE", `{"role":7}`}, {"CHANNEL_DELETE", `7`}, {"GUILD_EMOJIS_UPDATE", `{"emojis":{}}`}, {"GUILD_MEMBER_UPDATE", `{"guild_id":"x"}`},
	} {
		_, err := Parse(c[0], json.RawMessage(c[1]))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c[0]) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := As[MessageCreate]("MESSAGE_UPDATE", json.RawMessage(`{}`)); !errors.Is(err, ErrOtherEvent) {
		t.Error(err)
	}
	if _, err := As[MessageCreate]("MESSAGE_CREATE", json.RawMessage(`{`)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

// What is parsed can be written, and is the same when it is parsed again.
func FuzzParse(f *testing.F) {
	f.Add("MESSAGE_CREATE", []byte(`{"id":1,"x":{"y":2},"author":{"id":"3"},"embeds":[{}],"nonce":"n","timestamp":"2020-01-02T03:04:05.678+00:00"}`))
	f.Add("GUILD_CREATE", []byte(`{"id":"1","members":[{"user":{"id":2}}],"presences":[{"activities":[{"name":"a","type":0,"created_at":1}]}]}`))
	f.Add("GUILD_MEMBER_UPDATE", []byte(`{"guild_id":1,"old":null,"new":{"nick":"n"}}`))
	f.Add("CHANNEL_DELETE", []byte(`{"old":{"id":1}}`))
	f.Add("RESUMED", []byte(`null`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		e, err := Parse(name, data)
		if err != nil || !Known(name) || !utf8.Valid(data) {
			return // what is no text is written as encoding/json writes it
		}
		out, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%s %s: %+v: %v", name, data, e, err)
		}
		again, err := Parse(name, out)
		if err != nil {
			t.Fatalf("%s %s becomes %s: %v", name, data, out, err)
		}
		if next, err := json.Marshal(again); err != nil || string(next) != string(out) {
			t.Fatalf("%s %s becomes %s, and that %s: %v", name, data, out, next, err)
		}
	})
}

// Null is the zero value, also where an id or permissions are.
func TestNullIDs(t *testing.T) {
	u, err := As[GuildUpdate]("GUILD_UPDATE", []byte(`{"old":null,"new":{"id":"1","owner_id":"2","afk_channel_id":null,"application_id":null,"roles":[{"id":"1","permissions":null}]}}`))
	if err != nil || u.New.OwnerID != 2 || u.Old != nil || len(u.New.Roles) != 1 {
		t.Errorf("%+v, %v", u, err)
	}
}
