package chat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Who gets an event, by the table.

// modelEvent is an event that the model knows.
type modelEvent struct {
	N          int    `json:"n"`
	Guild      string `json:"guild_id,omitempty"`
	Content    string `json:"content"`
	Author     *who   `json:"author,omitempty"`
	Mentions   []who  `json:"mentions,omitempty"`
	Recipients []who  `json:"recipients,omitempty"`
}

type who struct {
	ID string `json:"id"`
}

// modelNeeds is which intents types need, in a guild and directly.
var modelNeeds = map[string][2]uint64{
	"MESSAGE_CREATE": {1 << 9, 1 << 12}, "MESSAGE_UPDATE": {1 << 9, 1 << 12}, "MESSAGE_DELETE": {1 << 9, 1 << 12},
	"MESSAGE_REACTION_ADD": {1 << 10, 1 << 13}, "TYPING_START": {1 << 11, 1 << 14}, "CHANNEL_PINS_UPDATE": {1, 1 << 12},
	"GUILD_UPDATE": {1, 1}, "GUILD_ROLE_DELETE": {1, 1}, "CHANNEL_CREATE": {1, 0}, "CHANNEL_UPDATE": {1, 0}, "CHANNEL_DELETE": {1, 0},
	"GUILD_MEMBER_ADD": {1 << 1, 1 << 1}, "GUILD_MEMBER_UPDATE": {1 << 1, 1 << 1}, "GUILD_BAN_ADD": {1 << 2, 1 << 2},
	"GUILD_EMOJIS_UPDATE": {1 << 3, 1 << 3}, "GUILD_INTEGRATIONS_UPDATE": {1 << 4, 1 << 4}, "WEBHOOKS_UPDATE": {1 << 5, 1 << 5},
	"INVITE_CREATE": {1 << 6, 0}, "VOICE_STATE_UPDATE": {1 << 7, 0},
	"X": {}, "PRESENCE_OTHER": {}, "MESSAGE_ACK": {}, "USER_UPDATE": {}, "RELATIONSHIP_ADD": {}, // for all
}

var modelTypes = slices.Sorted(maps.Keys(modelNeeds))

// anyType is one with a rule of its own as often as one without.
func (m *model) anyType() string {
	if m.rnd.IntN(2) == 0 {
		return pick(m.rnd, "MESSAGE_CREATE", "TYPING_START", "CHANNEL_CREATE", "CHANNEL_UPDATE", "PRESENCE_OTHER")
	}
	return pick(m.rnd, modelTypes...)
}

func (m *model) dispatch() {
	m.events++
	e := modelEvent{N: m.events, Content: "hello", Recipients: []who{{"1"}, {"2"}, {"3"}, {"4"}}}
	if m.rnd.IntN(2) == 0 {
		e.Guild = modelGuilds[0].String()
	}
	if m.rnd.IntN(2) == 0 {
		e.Author = &who{pick(m.rnd, modelUsers...).String()}
		e.Mentions = []who{{"77"}, {pick(m.rnd, modelUsers...).String()}}
	}
	req := &eventnodev1.ChatServiceDispatchRequest{Type: m.anyType(), Only: m.anyFilter(), Except: m.anyFilter(), List: true}
	for range 1 + m.rnd.IntN(3)*m.rnd.IntN(3) {
		req.Topics = append(req.Topics, m.anyTopic())
	}
	req.Data, _ = json.Marshal(e)
	node := m.rnd.IntN(3)
	m.note("n%d dispatches %s %s to %v, only %v, except %v", node, req.GetType(), req.GetData(), req.GetTopics(), req.GetOnly(), req.GetExcept())
	var reached []string
	for _, s := range m.living() {
		if !m.answers(node, s.node) {
			continue
		}
		if got, ok := m.route(s, req, e); ok {
			s.want = append(s.want, got)
			reached = append(reached, string(s.c.s.ID()))
		}
	}
	missing := m.missing(node, req.GetTopics())
	resp := m.w.send(node, req)
	m.compare(fmt.Sprint("event ", e.N), resp, reached, missing)
}

// compare compares what is said of a dispatch with what should be.
func (m *model) compare(what string, resp *eventnodev1.ChatServiceDispatchResponse, reached, missing []string) {
	slices.Sort(reached)
	slices.Sort(resp.SessionIds)
	if m.moving { // a session that is at two nodes is said by both
		resp.SessionIds = slices.Compact(resp.SessionIds)
	}
	if !slices.Equal(reached, resp.GetSessionIds()) || !slices.Equal(resp.GetMissing(), missing) {
		m.fatal("%s reached %v, want %v; missing: %v, want %v", what, resp.GetSessionIds(), reached, resp.GetMissing(), missing)
	}
}

// missing is the nodes that do not answer another one, though for all that it knows an event
// for topics is for somebody there.
func (m *model) missing(node int, topics []string) (names []string) {
	for at := range 3 {
		if !m.answers(node, at) && slices.ContainsFunc(topics, func(topic string) bool { return m.wants(m.known(node, at), topic) }) {
			names = append(names, string(m.w.nodes[at].ref.ID))
		}
	}
	return names
}

// wants reports whether a node wants a topic, by what is known of it.
func (m *model) wants(v modelView, topic string) bool {
	kind, key, _ := strings.Cut(topic, ":")
	if _, user, ok := strings.Cut(key, ","); ok {
		kind, key = "user", user
	}
	if kind != "user" {
		return v.topics[topic]
	}
	return slices.ContainsFunc(v.rows, func(r modelRow) bool { return r.user.String() == key })
}

func (m *model) anyFilter() *eventnodev1.ChatFilter {
	if m.rnd.IntN(5) > 0 {
		return nil
	}
	f := &eventnodev1.ChatFilter{UserIds: []uint64{uint64(pick(m.rnd, modelUsers...)), uint64(pick(m.rnd, modelUsers...))}}
	if s := m.anySession(); s != nil {
		f.SessionIds = []string{string(s.c.s.ID())}
	}
	return f
}

// route says what a session gets of an event, if it gets something: the table.
func (m *model) route(s *modelSession, req *eventnodev1.ChatServiceDispatchRequest, e modelEvent) (string, bool) {
	first := slices.IndexFunc(req.GetTopics(), func(topic string) bool { return m.matches(s, topic, req.GetType()) })
	chosen := func(f *eventnodev1.ChatFilter) bool {
		return slices.Contains(f.GetUserIds(), uint64(s.who.User)) || slices.Contains(f.GetSessionIds(), string(s.c.s.ID()))
	}
	if first < 0 || req.GetOnly() != nil && !chosen(req.GetOnly()) || req.GetExcept() != nil && chosen(req.GetExcept()) {
		return "", false
	}
	bits := modelNeeds[req.GetType()][0]
	if e.Guild == "" {
		bits = modelNeeds[req.GetType()][1]
	}
	if s.who.Intents&bits != bits {
		return "", false
	}
	me := s.who.User.String()
	mine := e.Author != nil && (e.Author.ID == me || e.Mentions[1].ID == me)
	if message := strings.HasPrefix(req.GetType(), "MESSAGE_") && req.GetType() != "MESSAGE_REACTION_ADD"; message && s.who.Intents&(1<<15) == 0 && e.Guild != "" && !mine {
		e.Content = ""
	}
	var c sessions.Snowflake
	if n, _ := fmt.Sscanf(req.GetTopics()[first], "channel:%d", &c); n == 1 && m.dir(s).Channel(c).GetType() == directory.Group && (req.GetType() == "CHANNEL_CREATE" || req.GetType() == "CHANNEL_UPDATE") {
		e.Recipients = slices.DeleteFunc(slices.Clone(e.Recipients), func(r who) bool { return r.ID == me })
	}
	return e.line(), true
}

func (e modelEvent) line() string { return fmt.Sprintf("%d %q %d", e.N, e.Content, len(e.Recipients)) }

func (m *model) matches(s *modelSession, topic, eventType string) bool {
	kind, key, _ := strings.Cut(topic, ":")
	g, u, both := strings.Cut(key, ",")
	switch {
	case kind == "user":
		return key == s.who.User.String()
	case both: // member
		var n sessions.Snowflake
		fmt.Sscan(g, &n)
		return u == s.who.User.String() && s.owns(n)
	}
	sub := s.sub(topic)
	switch {
	case sub == nil:
		return false
	case strings.HasPrefix(eventType, "PRESENCE_"):
		return sub.flags&NoPresence == 0
	case strings.HasPrefix(eventType, "TYPING_"):
		return sub.flags&NoTyping == 0
	default:
		return true
	}
}
