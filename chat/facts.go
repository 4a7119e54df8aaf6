package chat

import (
	"encoding/json"
	"strings"

	"github.com/eventnode/eventnode/sessions"
)

// facts are what of an event's payload decides who may see what of it. They are read when
// first asked for: most sessions want everything.
type facts struct {
	data   []byte
	parsed *payload
}

// payload is the part of a payload that is looked at.
type payload struct {
	Guild  *json.RawMessage `json:"guild_id"`
	Author struct {
		ID json.RawMessage `json:"id"`
	} `json:"author"`
	Mentions []struct {
		ID json.RawMessage `json:"id"`
	} `json:"mentions"`
}

func (f *facts) look() *payload {
	if f.parsed == nil {
		f.parsed = &payload{}
		_ = json.Unmarshal(f.data, f.parsed) // a payload of another shape has none of these
	}
	return f.parsed
}

// direct reports whether the event is of a direct message: it names no guild.
func (f *facts) direct() bool {
	g := f.look().Guild
	return g == nil || string(*g) == "null"
}

// about reports whether a message is by a user, or mentions him.
func (f *facts) about(user sessions.Snowflake) bool {
	p := f.look()
	if is(p.Author.ID, user) {
		return true
	}
	for _, m := range p.Mentions {
		if is(m.ID, user) {
			return true
		}
	}
	return false
}

func is(id json.RawMessage, user sessions.Snowflake) bool {
	return strings.Trim(string(id), `"`) == user.String()
}

// hides reports whether a session is to see a message without what it says: it lacks the
// intent, and the message is neither direct nor by its user nor mentions him.
func (d *Delivery) hides(s *sessions.Session) bool {
	return s.Intents&IntentMessageContent == 0 && strings.HasPrefix(d.event.Type, "MESSAGE_") &&
		!strings.HasPrefix(d.event.Type, "MESSAGE_REACTION_") && !d.facts.direct() && !d.facts.about(s.User)
}

// withoutContent is an event without what a message says. Of that which most sessions are
// sent it is made once; of a user's own view for each.
func (d *Delivery) withoutContent(e *sessions.Event) *sessions.Event {
	if e != d.event {
		return d.variant(stripContent(e.Data))
	}
	if d.stripped == nil {
		d.stripped = d.variant(stripContent(e.Data))
	}
	return d.stripped
}

// stripContent empties those fields of a message that say what it says, and of the message
// that it answers. A payload that is no object has none.
func stripContent(data []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		return data
	}
	for field, empty := range map[string]string{"content": `""`, "embeds": `[]`, "attachments": `[]`, "components": `[]`} {
		if _, ok := fields[field]; ok {
			fields[field] = json.RawMessage(empty)
		}
	}
	if answered, ok := fields["referenced_message"]; ok {
		fields["referenced_message"] = stripContent(answered)
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return data
	}
	return out
}

// withoutRecipient is a group's payload as one of its recipients sees it: without himself.
func withoutRecipient(data []byte, user sessions.Snowflake) []byte {
	var fields map[string]json.RawMessage
	var list []json.RawMessage
	if json.Unmarshal(data, &fields) != nil || json.Unmarshal(fields["recipients"], &list) != nil {
		return data
	}
	rest := make([]json.RawMessage, 0, len(list))
	for _, r := range list {
		var who struct {
			ID json.RawMessage `json:"id"`
		}
		if json.Unmarshal(r, &who) != nil || !is(who.ID, user) {
			rest = append(rest, r)
		}
	}
	fields["recipients"], _ = json.Marshal(rest)
	out, err := json.Marshal(fields)
	if err != nil {
		return data
	}
	return out
}
