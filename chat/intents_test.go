package chat

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/sessions"
)

// with is a session with some intents.
func with(user sessions.Snowflake, intents uint64) sessions.Identity {
	return sessions.Identity{User: user, Intents: intents}
}

// none is an intent that no event needs: a session with it wants only what needs none.
const none = uint64(1) << 40

// An event comes if the intent that it needs is there. Of those that there are in guilds
// and in direct messages the payload decides, by its guild_id; what is only in guilds needs
// its intent whether the payload names a guild or is one. What is not in the table is for all.
func TestIntents(t *testing.T) {
	w := peopled(t)
	for _, c := range []struct {
		event         string
		guild, direct uint64 // 0: none is needed
	}{
		{"GUILD_CREATE", 1 << 0, 1 << 0}, {"GUILD_UPDATE", 1 << 0, 1 << 0}, {"GUILD_DELETE", 1 << 0, 1 << 0},
		{"GUILD_ROLE_CREATE", 1 << 0, 1 << 0}, {"CHANNEL_UPDATE", 1 << 0, 0}, {"CHANNEL_PINS_UPDATE", 1 << 0, 1 << 12},
		{"GUILD_MEMBER_ADD", 1 << 1, 1 << 1}, {"GUILD_BAN_ADD", 1 << 2, 1 << 2}, {"GUILD_EMOJIS_UPDATE", 1 << 3, 1 << 3},
		{"GUILD_INTEGRATIONS_UPDATE", 1 << 4, 1 << 4}, {"WEBHOOKS_UPDATE", 1 << 5, 1 << 5}, {"INVITE_CREATE", 1 << 6, 0},
		{"VOICE_STATE_UPDATE", 1 << 7, 0}, {"PRESENCE_UPDATE", 1 << 8, 0}, {"MESSAGE_CREATE", 1 << 9, 1 << 12},
		{"MESSAGE_DELETE_BULK", 1 << 9, 1 << 12}, {"MESSAGE_REACTION_ADD", 1 << 10, 1 << 13}, {"TYPING_START", 1 << 11, 1 << 14},
		{"SOMETHING_ELSE", 0, 0}, {"USER_UPDATE", 0, 0},
	} {
		for data, bits := range map[string]uint64{
			`{"guild_id":"419430400"}`: c.guild, `{"guild_id":7}`: c.guild, `{"guild_id":null}`: c.direct, `{"id":"419430400"}`: c.direct, `[1]`: c.direct,
		} {
			has, lacks := w.open(1, with(ann, bits|none)), w.open(2, with(ann, ^bits))
			w.dispatch(0, c.event, data, User(ann))
			want := []int{1, 0}
			if bits == 0 {
				want[1] = 1
			}
			wantReached(t, fmt.Sprint(c.event, data), want, has, lacks)
			w.nodes[1].hub.End(has.s)
			w.nodes[2].hub.End(lacks.s)
		}
	}
}

// Without the intent for it a message comes without what it says, and without what the one
// says that it answers; but not if it is direct, by the user, or mentions him.
func TestMessageContent(t *testing.T) {
	w := peopled(t)
	all := []*client{w.open(0, whole(ben)), w.open(1, with(ben, AllIntents&^IntentMessageContent))}
	reached(all...)
	said := `"content":"hi <b>","embeds":[{"a":1}],"attachments":[2],"components":[3],"x":[1,"2"]`
	for _, c := range []struct {
		what, event, data string
		hidden            bool
	}{
		{"in a guild", "MESSAGE_CREATE", `{"guild_id":"1","author":{"id":"9"},"mentions":[{"id":"8"}],` + said + `}`, true},
		{"edited", "MESSAGE_UPDATE", `{"guild_id":"1",` + said + `}`, true},
		{"direct", "MESSAGE_CREATE", `{"author":{"id":"9"},` + said + `}`, false},
		{"his own", "MESSAGE_CREATE", `{"guild_id":"1","author":{"id":"2"},` + said + `}`, false},
		{"his own, by a number", "MESSAGE_CREATE", `{"guild_id":"1","author":{"id":2},` + said + `}`, false},
		{"mentions him", "MESSAGE_CREATE", `{"guild_id":"1","author":{"id":"9"},"mentions":[{"id":"8"},{"id":"2"}],` + said + `}`, false},
		{"no message", "REACTION", `{"guild_id":"1",` + said + `}`, false},
		{"a reaction", "MESSAGE_REACTION_ADD", `{"guild_id":"1",` + said + `}`, false},
	} {
		w.dispatch(2, c.event, c.data, Channel(open1))
		full, part := all[0].events(), all[1].events()
		if len(full) != 1 || string(full[0].Event.Data) != c.data || len(part) != 1 {
			t.Fatalf("%s: %v and %v", c.what, full, part)
		}
		if !c.hidden {
			if string(part[0].Event.Data) != c.data {
				t.Errorf("%s: %s", c.what, part[0].Event.Data)
			}
			continue
		}
		for name, want := range map[string]string{"content": `""`, "embeds": `[]`, "attachments": `[]`, "components": `[]`, "x": `[1,"2"]`, "guild_id": `"1"`} {
			if got := field(t, part[0].Event, name); got != want {
				t.Errorf("%s: %s is %s, want %s", c.what, name, got, want)
			}
		}
	}
	w.dispatch(2, "MESSAGE_CREATE", `{"guild_id":"1","referenced_message":{"id":"5","content":"secret"}}`, Channel(open1))
	if got := field(t, all[1].events()[0].Event, "referenced_message"); got != `{"content":"","id":"5"}` {
		t.Errorf("what is answered: %s", got)
	}
}

// FuzzPayload: whatever a payload is, to look at it, to strip it and to show it to a
// recipient leaves JSON, and what is stripped says nothing.
func FuzzPayload(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `null`, `7`, `{"content":"a","referenced_message":{"content":"b"},"mentions":[{"id":"1"}]}`,
		`{"recipients":[{"id":"1"},{"id":2},3],"guild_id":null}`, `{"author":7,"guild_id":{}}`, `{"referenced_message":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(checkPayload)
}

func checkPayload(t *testing.T, data []byte) {
	if !json.Valid(data) {
		return
	}
	look := facts{data: data}
	look.direct()
	look.about(ann)
	for _, out := range [][]byte{stripContent(data), withoutRecipient(data, ann)} {
		if !json.Valid(out) {
			t.Errorf("%s became %s", data, out)
		}
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(stripContent(data), &fields) == nil && fields["content"] != nil && string(fields["content"]) != `""` {
		t.Errorf("%s says something", stripContent(data))
	}
}
