package node_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Who subscribes to what, and who gets an event, by the table.

func snowflake(n uint64) sessions.Snowflake { return sessions.Snowflake(n) }

// parsed is an id; 0: it is none.
func parsed(s string) (id sessions.Snowflake) {
	_, _ = fmt.Sscan(s, &id)
	return id
}

// owns: the shard of a guild is the time in its id, modulo how many there are.
func (s *talker) owns(guild uint64) bool { return (guild>>22)%s.shards == s.shard }

// join is to subscribe to a guild, with its channels.
func (m *chatModel) join(s *talker, guild uint64, f talkFlags) {
	s.subs[fmt.Sprint("guild:", guild)] = f
	for _, c := range m.dir.Readable(snowflake(s.user), snowflake(guild)) {
		s.subs[fmt.Sprint("channel:", c)] = talkFlags{noTyping: f.noTyping}
	}
}

// anyTopic is mostly one that somebody has.
func (m *chatModel) anyTopic() string {
	if s := m.anybody(); s != nil && len(s.subs) > 0 && m.rnd.IntN(2) == 0 {
		topics := slices.Sorted(maps.Keys(s.subs))
		return topics[m.rnd.IntN(len(topics))]
	}
	switch m.rnd.IntN(6) {
	case 0:
		return fmt.Sprint("guild:", m.anyGuild())
	case 1:
		return fmt.Sprint("channel:", talkChannel(m.rnd.IntN(talkChannels)))
	case 2:
		return fmt.Sprint("channel:", talkPrivate(m.rnd.IntN(talkPrivates)))
	case 3:
		return fmt.Sprint("friend:", m.anyUser())
	case 4:
		return fmt.Sprint("member:", m.anyGuild(), ",", m.anyUser())
	default:
		return fmt.Sprint("user:", m.anyUser())
	}
}

// admits says whether a session may subscribe to a topic, or else whether that is only for
// its shard.
func (m *chatModel) admits(s *talker, topic string) (ok, otherShard bool) {
	kind, key, _ := strings.Cut(topic, ":")
	id := parsed(key)
	switch kind {
	case "guild":
		return m.dir.Member(id, snowflake(s.user)) != nil, !s.owns(uint64(id))
	case "channel":
		g := m.dir.Channel(id).GetGuildId()
		return m.dir.MayRead(snowflake(s.user), id), g != 0 && !s.owns(g)
	case "friend":
		return slices.Contains(m.dir.Friends(snowflake(s.user)), id), false
	default:
		return false, false
	}
}

func (m *chatModel) subscribe() {
	u, topic, f := m.anyUser(), m.anyTopic(), talkFlags{m.rnd.IntN(2) == 0, m.rnd.IntN(2) == 0}
	if s := m.anybody(); s != nil && m.rnd.IntN(3) > 0 { // something that he has
		topics := append(slices.Sorted(maps.Keys(s.subs)), topic)
		u, topic = s.user, topics[m.rnd.IntN(len(topics))]
	}
	if strings.HasPrefix(topic, "user") || strings.HasPrefix(topic, "member") {
		return
	}
	n := m.anyNode()
	m.note("n%d subscribes user %d to %s with %v", n, u, topic, f)
	resp, err := m.nodes[n].api.Subscribe(m.t.Context(), &eventnodev1.ChatServiceSubscribeRequest{
		Subscribers: of(u), Subscriptions: []*eventnodev1.ChatSubscription{{Topic: topic, NoPresence: f.noPresence, NoTyping: f.noTyping}},
	})
	// What is refused on one node is done on another one, if the user may by some session
	// of it: he is one user, so he may by none.
	refused := false
	for _, s := range m.living() {
		if ok, otherShard := m.admits(s, topic); s.user == u && !ok {
			refused = true
		} else if s.user == u && !otherShard {
			s.subs[topic] = f
			if guild, ok := strings.CutPrefix(topic, "guild:"); ok {
				m.join(s, uint64(parsed(guild)), f)
			}
		}
	}
	if (err != nil) != refused || len(resp.GetMissing()) > 0 {
		m.fatal("subscribed: %v, missing %v, refused: %v", err, resp.GetMissing(), refused)
	}
}

func of(user uint64) []*eventnodev1.ChatSubscriber {
	return []*eventnodev1.ChatSubscriber{{UserId: user}}
}

func (m *chatModel) unsubscribe() {
	n, u, topic := m.anyNode(), m.anyUser(), m.anyTopic()
	m.note("n%d unsubscribes user %d from %s", n, u, topic)
	resp, err := m.nodes[n].api.Unsubscribe(m.t.Context(), &eventnodev1.ChatServiceUnsubscribeRequest{Subscribers: of(u), Topics: []string{topic}})
	if err != nil || len(resp.GetMissing()) > 0 {
		m.fatal("unsubscribed: %v, missing %v", err, resp.GetMissing())
	}
	for _, s := range m.living() {
		if s.user != u {
			continue
		}
		delete(s.subs, topic)
		if guild, ok := strings.CutPrefix(topic, "guild:"); ok {
			for _, c := range m.dir.Readable(snowflake(u), parsed(guild)) {
				delete(s.subs, fmt.Sprint("channel:", c))
			}
		}
	}
}

func (m *chatModel) remove() {
	n, topic, keep := m.anyNode(), m.anyTopic(), m.rnd.IntN(2) == 0
	m.note("n%d removes %s, keeps it: %v", n, topic, keep)
	resp, err := m.nodes[n].api.Remove(m.t.Context(), &eventnodev1.ChatServiceRemoveRequest{Topics: []string{topic}, Keep: keep})
	want := uint64(0)
	for _, s := range m.living() {
		if _, ok := s.subs[topic]; ok {
			delete(s.subs, topic)
			want++
		}
	}
	if err != nil || resp.GetEnded() != want || len(resp.GetMissing()) > 0 {
		m.fatal("%d subscriptions ended, want %d: %v, missing %v", resp.GetEnded(), want, err, resp.GetMissing())
	}
}

// change changes the directory by something that may not fit.
func (m *chatModel) change() {
	u, g, n := m.anyUser(), m.rnd.IntN(talkGuilds), m.rnd.IntN(talkChannels)
	c, p := talkChannel(n), talkPrivate(m.rnd.IntN(talkPrivates))
	switch m.rnd.IntN(14) {
	case 0, 1:
		m.apply(directory.PutGuild(&eventnodev1.DirectoryGuild{Id: talkGuild(g), OwnerId: u, Name: "guild"}))
	case 2:
		m.apply(directory.PutRole(&eventnodev1.DirectoryRole{Id: talkRole(g), GuildId: talkGuild(g), Name: "role", Permissions: m.anyPermission()}))
	case 3:
		m.apply(directory.PutRole(&eventnodev1.DirectoryRole{Id: talkGuild(g), GuildId: talkGuild(g), Name: "everyone", Permissions: directory.ViewChannel}))
	case 4, 5, 6:
		m.apply(directory.PutChannel(&eventnodev1.DirectoryChannel{Id: c, GuildId: talkGuild(n % talkGuilds), Name: "channel", Overwrites: m.anyOverwrites(n % talkGuilds)}))
	case 7, 8, 9:
		member := &eventnodev1.DirectoryMember{GuildId: talkGuild(g), UserId: u}
		if m.rnd.IntN(2) == 0 {
			member.Roles = []uint64{talkRole(g)}
		}
		m.apply(directory.PutMember(member))
	case 10:
		kind, with := directory.Direct, []uint64{u, u%talkUsers + 1}
		if p%2 == 0 {
			kind, with = directory.Group, append(with, (u+1)%talkUsers+1)
		}
		m.apply(directory.PutChannel(&eventnodev1.DirectoryChannel{Id: p, Type: uint32(kind), Recipients: with}))
	case 11:
		m.apply(directory.PutFriendship(snowflake(u), snowflake(u%talkUsers+1)))
	case 12:
		m.apply(directory.DeleteMember(snowflake(talkGuild(g)), snowflake(u)))
	default:
		some := []*eventnodev1.DirectoryChange{
			directory.DeleteFriendship(snowflake(u), snowflake(u%talkUsers+1)), directory.DeleteChannel(snowflake(c)),
			directory.DeleteChannel(snowflake(p)), directory.DeleteRole(snowflake(talkRole(g))),
		}
		m.apply(some[m.rnd.IntN(len(some))])
	}
}

func (m *chatModel) anyPermission() uint64 {
	return []uint64{0, directory.ViewChannel, directory.Administrator}[m.rnd.IntN(3)]
}

func (m *chatModel) anyOverwrites(guild int) (some []*eventnodev1.DirectoryOverwrite) {
	const role, member = eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE, eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER
	for _, o := range []*eventnodev1.DirectoryOverwrite{
		{Id: talkGuild(guild), Kind: role, Deny: directory.ViewChannel}, {Id: talkRole(guild), Kind: role, Allow: directory.ViewChannel},
		{Id: 1, Kind: member, Allow: directory.ViewChannel}, {Id: 2, Kind: member, Deny: directory.ViewChannel},
	} {
		if m.rnd.IntN(3) == 0 {
			some = append(some, o)
		}
	}
	return some
}

// apply changes the directory everywhere, and what sessions subscribe to: they lose what their
// users may not have any more, and get what is new to them.
func (m *chatModel) apply(c *eventnodev1.DirectoryChange) {
	e, err := m.dir.Apply(c)
	if err != nil {
		return
	}
	m.note("change %v", c)
	m.nodes[m.anyNode()].change(m.t, c)
	for _, s := range m.living() {
		for topic := range s.subs {
			if ok, _ := m.admits(s, topic); !ok {
				delete(s.subs, topic)
			}
		}
		for _, p := range e.Members {
			if p.Before == nil && p.After.GetUserId() == s.user && s.owns(p.After.GetGuildId()) {
				m.join(s, p.After.GetGuildId(), talkFlags{})
			}
		}
		for _, a := range e.Access {
			if slices.Contains(slices.Collect(m.dir.Affected(a)), snowflake(s.user)) {
				m.gain(s, a)
			}
		}
		for _, p := range e.Friendships {
			if a, b := p.After.GetUserA(), p.After.GetUserB(); a == s.user {
				s.subs[fmt.Sprint("friend:", b)] = talkFlags{}
			} else if b == s.user {
				s.subs[fmt.Sprint("friend:", a)] = talkFlags{}
			}
		}
	}
}

// gain gives a session channels that its user may read.
func (m *chatModel) gain(s *talker, a directory.Access) {
	channels := []uint64{uint64(a.Channel)}
	for n := range talkChannels {
		if a.Channel == 0 {
			channels = append(channels, talkChannel(n))
		}
	}
	for _, c := range channels {
		topic, row := fmt.Sprint("channel:", c), m.dir.Channel(snowflake(c))
		if _, has := s.subs[topic]; has || row == nil || row.GetGuildId() != uint64(a.Guild) || !m.dir.MayRead(snowflake(s.user), snowflake(c)) {
			continue
		}
		if f, ok := s.subs[fmt.Sprint("guild:", a.Guild)]; ok || a.Guild == 0 {
			s.subs[topic] = talkFlags{noTyping: f.noTyping}
		}
	}
}

// talkPayload is an event that the model knows.
type talkPayload struct {
	N          int    `json:"n"`
	Guild      string `json:"guild_id,omitempty"`
	Content    string `json:"content"`
	Recipients []struct {
		ID string `json:"id"`
	} `json:"recipients"`
}

func (e talkPayload) line() string { return fmt.Sprintf("%d %q %d", e.N, e.Content, len(e.Recipients)) }

// talkNeeds is which intents types need, in a guild and directly.
var talkNeeds = map[string][2]uint64{
	"MESSAGE_CREATE": {1 << 9, 1 << 12}, "TYPING_START": {1 << 11, 1 << 14}, "GUILD_UPDATE": {1, 1}, "CHANNEL_UPDATE": {1, 0},
	"GUILD_MEMBER_UPDATE": {1 << 1, 1 << 1}, "MESSAGE_REACTION_ADD": {1 << 10, 1 << 13}, "PRESENCE_OTHER": {}, "MESSAGE_ACK": {},
}

var talkTypes = slices.Sorted(maps.Keys(talkNeeds))

// anyType is one with flags as often as one without.
func (m *chatModel) anyType() string {
	if m.rnd.IntN(3) == 0 {
		return []string{"PRESENCE_OTHER", "TYPING_START"}[m.rnd.IntN(2)]
	}
	return talkTypes[m.rnd.IntN(len(talkTypes))]
}

// dispatch sends an event from some node. Who is to get it is said in the answer; of nodes
// without a link their names are.
func (m *chatModel) dispatch() {
	m.events++
	e := talkPayload{N: m.events, Content: "hello"}
	for _, id := range []string{"1", "2", "3"} {
		e.Recipients = append(e.Recipients, struct {
			ID string `json:"id"`
		}{id})
	}
	if m.rnd.IntN(2) == 0 {
		e.Guild = fmt.Sprint(m.anyGuild())
	}
	n := m.anyNode()
	req := &eventnodev1.ChatServiceDispatchRequest{Type: m.anyType(), List: true, Only: m.anyFilter(), Except: m.anyFilter()}
	for range 1 + m.rnd.IntN(3)*m.rnd.IntN(2) {
		req.Topics = append(req.Topics, m.anyTopic())
	}
	req.Data, _ = json.Marshal(e)
	m.note("n%d dispatches %s %s to %v, only %v, except %v", n, req.GetType(), req.GetData(), req.GetTopics(), req.GetOnly(), req.GetExcept())
	resp, err := m.nodes[n].api.Dispatch(m.t.Context(), req)
	if err != nil {
		m.fatal("event %d: %v", e.N, err)
	}
	said := slices.Clone(resp.GetSessionIds())
	for _, s := range m.living() {
		line, ok := m.route(s, req, e)
		reached := slices.Contains(said, s.c.Session)
		said = slices.DeleteFunc(said, func(id string) bool { return id == s.c.Session })
		named := slices.Contains(resp.GetMissing(), fmt.Sprint("n", s.node))
		switch must := m.reaches(n, s.node); {
		case !ok && reached, ok && must && !reached, ok && !must && !reached && !named && !s.travelled:
			m.fatal("event %d reached %s: %v, it is for it: %v, n%d is missing: %v", e.N, s.name, reached, ok, s.node, named)
		case ok:
			s.want = append(s.want, talkEvent{line, !must})
		}
	}
	for _, name := range resp.GetMissing() {
		if at := int(name[1] - '0'); m.reaches(n, at) && !m.lately(at) {
			m.fatal("event %d: %s is missing, which n%d has a link to", e.N, name, n)
		}
	}
	if len(said) > 0 {
		m.fatal("event %d reached %v, whom nobody knows, or twice", e.N, said)
	}
}

// lately reports whether a session has moved to a node: the one where it was sends on to it
// for a while, and names it if it cannot, though others can.
func (m *chatModel) lately(at int) bool {
	return m.split && time.Since(m.came[at]) < 15*time.Second
}

func (m *chatModel) anyFilter() *eventnodev1.ChatFilter {
	s := m.anybody()
	if m.rnd.IntN(5) > 0 || s == nil {
		return nil
	}
	return &eventnodev1.ChatFilter{UserIds: []uint64{m.anyUser(), m.anyUser()}, SessionIds: []string{s.c.Session}}
}

// route says what a session gets of an event, if it gets something.
func (m *chatModel) route(s *talker, req *eventnodev1.ChatServiceDispatchRequest, e talkPayload) (line string, ok bool) {
	chosen := func(f *eventnodev1.ChatFilter) bool {
		return slices.Contains(f.GetUserIds(), s.user) || slices.Contains(f.GetSessionIds(), s.c.Session)
	}
	first := slices.IndexFunc(req.GetTopics(), func(topic string) bool { return m.matches(s, topic, req.GetType()) })
	needs := talkNeeds[req.GetType()][0]
	if e.Guild == "" {
		needs = talkNeeds[req.GetType()][1]
	}
	if first < 0 || req.GetOnly() != nil && !chosen(req.GetOnly()) || req.GetExcept() != nil && chosen(req.GetExcept()) || s.intents&needs != needs {
		return "", false
	}
	message := req.GetType() == "MESSAGE_CREATE" || req.GetType() == "MESSAGE_ACK"
	if message && s.intents&(1<<15) == 0 && e.Guild != "" {
		e.Content = ""
	}
	if c, ok := strings.CutPrefix(req.GetTopics()[first], "channel:"); ok && req.GetType() == "CHANNEL_UPDATE" && m.dir.Channel(parsed(c)).GetType() == directory.Group {
		e.Recipients = slices.Clone(e.Recipients)
		e.Recipients = slices.DeleteFunc(e.Recipients, func(r struct {
			ID string `json:"id"`
		}) bool {
			return r.ID == fmt.Sprint(s.user)
		})
	}
	return e.line(), true
}

// matches reports whether an event of a topic is for a session.
func (m *chatModel) matches(s *talker, topic, eventType string) bool {
	kind, key, _ := strings.Cut(topic, ":")
	guild, user, _ := strings.Cut(key, ",")
	switch kind {
	case "user":
		return key == fmt.Sprint(s.user)
	case "member":
		return user == fmt.Sprint(s.user) && s.owns(uint64(parsed(guild)))
	}
	f, ok := s.subs[topic]
	switch {
	case strings.HasPrefix(eventType, "PRESENCE_"):
		return ok && !f.noPresence
	case strings.HasPrefix(eventType, "TYPING_"):
		return ok && !f.noTyping
	}
	return ok
}
