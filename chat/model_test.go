package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// The model is the table of routing, written down without thought for speed: a list of
// sessions, each with a list of subscriptions, and a directory. It shares nothing with the
// hubs. Three hubs and the model are told the same at random, and in the end each session must
// have got what the model says, in order. When a run fails it prints its history.

// modelSession is a session as the model has it.
type modelSession struct {
	name  string
	who   sessions.Identity
	node  int
	gone  bool
	subs  []modelSub
	want  []string // what it is to be sent, in order
	got   []string
	sees  map[string]string // what it was told of presences: "user" or "user guild"
	stale map[string]uint64 // up to which event that says nothing any more

	c *client
}

type modelSub struct {
	topic string
	flags Flags
}

func (s *modelSession) sub(topic string) *modelSub {
	for i := range s.subs {
		if s.subs[i].topic == topic {
			return &s.subs[i]
		}
	}
	return nil
}

func (s *modelSession) set(topic string, f Flags) {
	if sub := s.sub(topic); sub != nil {
		sub.flags = f
	} else {
		s.subs = append(s.subs, modelSub{topic, f})
	}
}

func (s *modelSession) unset(topic string) {
	s.subs = slices.DeleteFunc(s.subs, func(o modelSub) bool { return o.topic == topic })
}

// owns: the shard of a guild is the time in its id, modulo how many there are.
func (s *modelSession) owns(guild sessions.Snowflake) bool {
	n := max(1, uint64(s.who.Shard.Count))
	return (uint64(guild)>>22)%n == uint64(s.who.Shard.Index)
}

// model is the world and what it should do.
type model struct {
	t       *testing.T
	w       *world
	rnd     *rand.Rand
	dir     *directory.State
	all     []*modelSession
	parted  [3][3]bool
	events  int
	history []string
}

func (m *model) note(format string, args ...any) {
	m.history = append(m.history, fmt.Sprintf(format, args...))
}

func (m *model) fatal(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nhistory:\n  %s", fmt.Sprintf(format, args...), strings.Join(m.history, "\n  "))
}

func pick[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

var (
	modelUsers    = []sessions.Snowflake{1, 2, 3, 4, 5, 6}
	modelGuilds   = []sessions.Snowflake{100 << 22, 101 << 22, 102 << 22}
	modelRoles    = []sessions.Snowflake{2001, 2002, 2003} // one of each guild
	modelChannels = []sessions.Snowflake{1001, 1002, 1003, 1004, 1005, 1006}
	modelPrivates = []sessions.Snowflake{1010, 1011, 1012, 1013}
)

// guildOf is the guild of a role or a channel of the model.
func guildOf(n sessions.Snowflake) sessions.Snowflake { return modelGuilds[int(n)%len(modelGuilds)] }

// TestModel: random directories, sessions, flags, subscriptions, events, presences, changes,
// splits, heals and moves: each session gets what the table says.
func TestModel(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 30
	}
	for range runs {
		testModel(t, rand.Uint64())
	}
}

func testModel(t *testing.T, seed uint64) {
	m := &model{t: t, w: newWorld(t, 3), rnd: rand.New(rand.NewPCG(seed, 0))}
	m.note("seed %d", seed)
	m.dir, _ = directory.New(directory.Limits{})
	for _, u := range modelUsers {
		m.change(user(u))
	}
	for range 80 {
		m.change(m.anyChange())
	}
	for range 120 {
		m.step()
	}
	m.check()
}

// step does one thing at random.
func (m *model) step() {
	switch n := m.rnd.IntN(100); {
	case n < 12:
		m.open()
	case n < 15:
		m.end()
	case n < 20:
		m.resume()
	case n < 26:
		m.subscribe()
	case n < 30:
		m.unsubscribe()
	case n < 32:
		m.remove()
	case n < 50:
		m.change(m.anyChange())
	case n < 54:
		m.part()
	case n < 60:
		m.present()
	default:
		m.dispatch()
	}
	if m.t.Failed() {
		m.fatal("failed")
	}
	for _, s := range m.living() {
		m.forget(s)
	}
}

// forget has a session know nothing of presences that it is not told any more.
func (m *model) forget(s *modelSession) {
	for _, u := range modelUsers {
		for _, g := range append(slices.Clone(modelGuilds), 0) {
			key, topic := u.String(), Friend(u)
			if g != 0 {
				key, topic = key+" "+g.String(), Guild(g)
			}
			if sub := s.sub(topic); sub == nil || sub.flags&NoPresence != 0 || g != 0 && m.dir.Member(g, u) == nil {
				delete(s.sees, key)
				s.stale[key] = s.c.s.Seq()
			}
		}
	}
}

// reaches reports whether two nodes see each other.
func (m *model) reaches(a, b int) bool { return a == b || !m.parted[a][b] }

func (m *model) living() (out []*modelSession) {
	for _, s := range m.all {
		if !s.gone {
			out = append(out, s)
		}
	}
	return out
}

// anySession is a living one; nil: there is none.
func (m *model) anySession() *modelSession {
	if all := m.living(); len(all) > 0 {
		return pick(m.rnd, all...)
	}
	return nil
}

func (m *model) open() {
	who := sessions.Identity{User: pick(m.rnd, modelUsers...), Intents: AllIntents}
	if n := uint32(m.rnd.IntN(4)); n > 1 {
		who.Shard = sessions.Shard{Index: uint32(m.rnd.IntN(int(n))), Count: n}
	}
	if m.rnd.IntN(3) == 0 {
		who.Intents = m.rnd.Uint64() | 1<<50
	}
	if m.dir.User(who.User) == nil {
		return
	}
	s := &modelSession{name: fmt.Sprint("s", len(m.all)), who: who, node: m.rnd.IntN(3), sees: map[string]string{}, stale: map[string]uint64{}}
	p := m.anyPresence()
	m.note("%s opens for user %d at n%d, shard %v, intents %b, %v", s.name, who.User, s.node, who.Shard, who.Intents, p.Status)
	s.c = m.w.identify(s.node, who, p)
	m.all = append(m.all, s)
	for _, g := range m.dir.Guilds(who.User) {
		if s.owns(g) {
			m.join(s, g, 0)
		}
	}
	for _, c := range m.dir.PrivateChannels(who.User) {
		s.set(Channel(c), 0)
	}
	for _, f := range m.dir.Friends(who.User) {
		s.set(Friend(f), 0)
	}
}

// join is to subscribe to a guild.
func (m *model) join(s *modelSession, guild sessions.Snowflake, f Flags) {
	s.set(Guild(guild), f)
	for _, c := range m.dir.Channels(guild) {
		if m.dir.MayRead(s.who.User, id(c.GetId())) {
			s.set(Channel(id(c.GetId())), f&^NoPresence)
		}
	}
}

func (m *model) anyPresence() sessions.Presence {
	return sessions.Presence{Status: sessions.Status(m.rnd.IntN(5))}
}

func (m *model) present() {
	if s := m.anySession(); s != nil {
		p := m.anyPresence()
		m.note("%s is %v", s.name, p.Status)
		m.w.present(s.node, s.c, p)
	}
}

func (m *model) end() {
	s := m.anySession()
	if s == nil {
		return
	}
	m.note("%s ends", s.name)
	m.collect(s)
	s.gone = true
	m.w.nodes[s.node].hub.End(s.c.s)
	m.w.settle()
}

// resume has a session come back at another node, which works if that one reaches its node.
func (m *model) resume() {
	s := m.anySession()
	if s == nil {
		return
	}
	to := m.rnd.IntN(3)
	m.note("%s resumes at n%d", s.name, to)
	if m.rnd.IntN(2) == 0 {
		m.collect(s)
	}
	if err := m.w.resume(s.c, to); (err == nil) != m.reaches(s.node, to) {
		m.fatal("%s resumes at n%d: %v", s.name, to, err)
	} else if err == nil {
		if m.parted != [3][3]bool{} {
			m.collect(s)
			clear(s.sees) // the two nodes may see different ones: what he knows is out of date
		}
		s.node = to
	} else if err := m.w.resume(s.c, s.node); err != nil {
		m.fatal("%s is not where it was: %v", s.name, err)
	}
	m.w.settle()
	for _, n := range m.w.nodes { // what is sent on in a split the model does not know
		n.hub.mu.Lock()
		n.hub.departed.expire(time.Now().Add(time.Hour))
		n.hub.mu.Unlock()
	}
}

func (m *model) part() {
	a := m.rnd.IntN(3)
	b := (a + 1 + m.rnd.IntN(2)) % 3
	parted := !m.parted[a][b]
	m.parted[a][b], m.parted[b][a] = parted, parted
	m.note("n%d and n%d parted: %v", a, b, parted)
	m.w.set(a, b, map[bool]viewState{true: gone, false: up}[parted])
}

// anyTopic is one of which some make no sense: it is of no row, or not a user's.
func (m *model) anyTopic() string {
	u := pick(m.rnd, modelUsers...)
	if s := m.anySession(); s != nil && len(s.subs) > 0 && m.rnd.IntN(2) == 0 {
		return pick(m.rnd, s.subs...).topic // somebody has it
	}
	switch m.rnd.IntN(8) {
	case 0, 1:
		return Guild(pick(m.rnd, modelGuilds...))
	case 2, 3:
		return Channel(pick(m.rnd, modelChannels...))
	case 4:
		return Channel(pick(m.rnd, modelPrivates...))
	case 5:
		return Friend(u)
	case 6:
		return Member(pick(m.rnd, modelGuilds...), u)
	default:
		return User(u)
	}
}

// admits says whether a session may subscribe to a topic, or else whether that is only for
// its shard.
func (m *model) admits(s *modelSession, topic string) (ok, shard bool) {
	kind, key, _ := strings.Cut(topic, ":")
	var n sessions.Snowflake
	fmt.Sscan(key, &n)
	switch kind {
	case "guild":
		return m.dir.Member(n, s.who.User) != nil, !s.owns(n)
	case "channel":
		g := id(m.dir.Channel(n).GetGuildId())
		return m.dir.MayRead(s.who.User, n), g != 0 && !s.owns(g)
	default: // friend
		return slices.Contains(m.dir.Friends(s.who.User), n), false
	}
}

func (m *model) subscribe() {
	node, u, flags := m.rnd.IntN(3), pick(m.rnd, modelUsers...), Flags(m.rnd.IntN(4))
	var topics []string
	if in := m.dir.Guilds(u); len(in) > 0 && m.rnd.IntN(2) == 0 {
		topics = []string{Guild(pick(m.rnd, in...))}
	}
	for range 1 + m.rnd.IntN(2) {
		if topic := m.anyTopic(); !strings.HasPrefix(topic, "user") && !strings.HasPrefix(topic, "member") {
			topics = append(topics, topic)
		}
	}
	if len(topics) == 0 {
		return
	}
	refused := false
	for at := range 3 {
		ok := true
		for _, s := range m.living() {
			for _, topic := range topics {
				if may, _ := m.admits(s, topic); s.node == at && s.who.User == u && !may {
					ok = false
				}
			}
		}
		if !m.reaches(node, at) {
			continue
		}
		refused = refused || !ok
		for _, s := range m.living() {
			if !ok || s.node != at || s.who.User != u {
				continue
			}
			for _, topic := range topics {
				if _, shard := m.admits(s, topic); shard {
					continue
				}
				s.set(topic, flags)
				var g sessions.Snowflake
				if n, _ := fmt.Sscanf(topic, "guild:%d", &g); n == 1 {
					m.join(s, g, flags)
				}
			}
		}
	}
	m.note("n%d subscribes user %d to %v with %d", node, u, topics, flags)
	if err := m.w.sub(node, allOf(u), flags, topics...); (err != nil) != refused {
		m.fatal("subscribe: %v, refused: %v", err, refused)
	}
}

func (m *model) unsubscribe() {
	node, u, topic := m.rnd.IntN(3), pick(m.rnd, modelUsers...), m.anyTopic()
	m.note("n%d unsubscribes user %d from %s", node, u, topic)
	m.w.unsub(node, allOf(u), topic)
	for _, s := range m.living() {
		if s.who.User != u || !m.reaches(node, s.node) {
			continue
		}
		s.unset(topic)
		var g sessions.Snowflake
		if n, _ := fmt.Sscanf(topic, "guild:%d", &g); n == 1 {
			for _, c := range m.dir.Readable(u, g) {
				s.unset(Channel(c))
			}
		}
	}
}

func (m *model) remove() {
	node, topic, keep := m.rnd.IntN(3), m.anyTopic(), m.rnd.IntN(2) == 0
	m.note("n%d removes %s, keeps it: %v", node, topic, keep)
	ended, want := m.w.remove(node, keep, topic), 0
	for _, s := range m.living() {
		if m.reaches(node, s.node) && s.sub(topic) != nil {
			s.unset(topic)
			want++
		}
	}
	if int(ended) != want {
		m.fatal("%d subscriptions ended, want %d", ended, want)
	}
}

// anyChange is a change of the directory, which may not fit.
func (m *model) anyChange() *eventnodev1.DirectoryChange {
	u, g := pick(m.rnd, modelUsers...), pick(m.rnd, modelGuilds...)
	r, c, p := pick(m.rnd, modelRoles...), pick(m.rnd, modelChannels...), pick(m.rnd, modelPrivates...)
	switch m.rnd.IntN(24) {
	case 0:
		return user(u)
	case 1, 2, 3:
		return directory.PutGuild(&eventnodev1.DirectoryGuild{Id: uint64(g), OwnerId: uint64(u), Name: "g"})
	case 4, 5:
		return role(r, guildOf(r), pick(m.rnd, 0, directory.ViewChannel, directory.Administrator))
	case 6:
		return role(g, g, pick(m.rnd, 0, directory.ViewChannel, directory.ViewChannel))
	case 7, 8, 9:
		var some []*eventnodev1.DirectoryOverwrite
		for _, o := range []*eventnodev1.DirectoryOverwrite{denied(guildOf(c)), allowed(guildOf(c) % 3), of(u, directory.ViewChannel, 0), of(u%6+1, 0, directory.ViewChannel)} {
			if m.rnd.IntN(3) == 0 && o.GetId() != 0 {
				some = append(some, o)
			}
		}
		return channel(c, guildOf(c), some...)
	case 10, 11, 12, 13, 14:
		if m.rnd.IntN(2) == 0 {
			return member(g, u)
		}
		return member(guildOf(r), u, r)
	case 15, 16:
		if p%2 == 0 {
			return private(p, directory.Direct, u, u%6+1)
		}
		return private(p, directory.Group, u, u%6+1, (u+1)%6+1)
	case 17, 18:
		return directory.PutFriendship(u, u%6+1)
	case 19:
		return directory.DeleteFriendship(u, u%6+1)
	case 20, 21:
		return directory.DeleteMember(g, u)
	case 22:
		return pick(m.rnd, directory.DeleteChannel(c), directory.DeleteChannel(p), directory.DeleteRole(r))
	default:
		return pick(m.rnd, directory.DeleteGuild(g), directory.DeleteUser(u), directory.DeleteChannel(c))
	}
}

// change changes the directory, and what sessions subscribe to: they lose what their users
// may not have any more, and get what is new to them.
func (m *model) change(c *eventnodev1.DirectoryChange) {
	e, err := m.dir.Apply(c)
	if err != nil {
		return
	}
	m.note("change %v", c)
	for _, s := range m.living() {
		if m.dir.User(s.who.User) == nil {
			s.gone = true
		}
	}
	m.w.change(c)
	m.w.settle()
	for _, s := range m.living() {
		s.subs = slices.DeleteFunc(s.subs, func(o modelSub) bool {
			ok, _ := m.admits(s, o.topic)
			return !ok
		})
	}
	for _, p := range e.Members {
		if p.Before != nil {
			continue
		}
		for _, s := range m.living() {
			if g := id(p.After.GetGuildId()); uint64(s.who.User) == p.After.GetUserId() && s.owns(g) {
				m.join(s, g, 0)
			}
		}
	}
	for _, a := range e.Access {
		for u := range m.dir.Affected(a) {
			m.gain(u, a)
		}
	}
	for _, p := range e.Friendships {
		for _, s := range m.living() {
			switch u := uint64(s.who.User); {
			case p.After == nil:
			case u == p.After.GetUserA():
				s.set(Friend(id(p.After.GetUserB())), 0)
			case u == p.After.GetUserB():
				s.set(Friend(id(p.After.GetUserA())), 0)
			}
		}
	}
}

// gain gives sessions of a user channels that he may read.
func (m *model) gain(u sessions.Snowflake, a directory.Access) {
	for _, c := range append(slices.Clone(modelChannels), modelPrivates...) {
		row := m.dir.Channel(c)
		if row == nil || id(row.GetGuildId()) != a.Guild || a.Channel != 0 && a.Channel != c || !m.dir.MayRead(u, c) {
			continue
		}
		for _, s := range m.living() {
			in := s.sub(Guild(a.Guild))
			switch {
			case s.who.User != u || s.sub(Channel(c)) != nil:
			case a.Guild == 0:
				s.set(Channel(c), 0)
			case in != nil:
				s.set(Channel(c), in.flags&^NoPresence)
			}
		}
	}
}

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

// modelNeeds is which intents some types need, in a guild and directly.
var modelNeeds = map[string][2]uint64{
	"MESSAGE_CREATE": {1 << 9, 1 << 12}, "TYPING_START": {1 << 11, 1 << 14}, "GUILD_UPDATE": {1, 1},
	"GUILD_MEMBER_UPDATE": {1 << 1, 1 << 1}, "MESSAGE_REACTION_ADD": {1 << 10, 1 << 13}, "CHANNEL_UPDATE": {1, 0},
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
	req := &eventnodev1.ChatServiceDispatchRequest{
		Type: pick(m.rnd, "X", "MESSAGE_CREATE", "TYPING_START", "GUILD_UPDATE", "GUILD_MEMBER_UPDATE", "MESSAGE_REACTION_ADD", "CHANNEL_UPDATE", "PRESENCE_OTHER"),
		Only: m.anyFilter(), Except: m.anyFilter(), List: true,
	}
	for range 1 + m.rnd.IntN(3)*m.rnd.IntN(3) {
		req.Topics = append(req.Topics, m.anyTopic())
	}
	req.Data, _ = json.Marshal(e)
	node := m.rnd.IntN(3)
	m.note("n%d dispatches %s %s to %v, only %v, except %v", node, req.GetType(), req.GetData(), req.GetTopics(), req.GetOnly(), req.GetExcept())
	var reached []string
	for _, s := range m.living() {
		if m.reaches(node, s.node) {
			if got, ok := m.route(s, req, e); ok {
				s.want = append(s.want, got)
				reached = append(reached, string(s.c.s.ID()))
			}
		}
	}
	resp := m.w.send(node, req)
	slices.Sort(reached)
	slices.Sort(resp.SessionIds)
	if !slices.Equal(reached, resp.GetSessionIds()) || len(resp.GetMissing()) > 0 {
		m.fatal("event %d reached %v, want %v; missing: %v", e.N, resp.GetSessionIds(), reached, resp.GetMissing())
	}
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
	if req.GetType() == "MESSAGE_CREATE" && s.who.Intents&(1<<15) == 0 && e.Guild != "" && !mine {
		e.Content = ""
	}
	var c sessions.Snowflake
	if n, _ := fmt.Sscanf(req.GetTopics()[first], "channel:%d", &c); n == 1 && req.GetType() == "CHANNEL_UPDATE" && m.dir.Channel(c).GetType() == directory.Group {
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

// collect takes what has come to a session.
func (m *model) collect(s *modelSession) {
	for _, sent := range s.c.events() {
		switch sent.Event.Type {
		case "READY":
		case presenceUpdate:
			var p struct {
				User    who    `json:"user"`
				GuildID string `json:"guild_id"`
				Status  string `json:"status"`
			}
			_ = json.Unmarshal(sent.Event.Data, &p)
			if key := strings.TrimSpace(p.User.ID + " " + p.GuildID); sent.Seq > s.stale[key] {
				s.sees[key] = p.Status
			}
		default:
			var e modelEvent
			if err := json.Unmarshal(sent.Event.Data, &e); err != nil {
				m.fatal("%s: %v", s.name, err)
			}
			s.got = append(s.got, e.line())
		}
	}
}

// check compares what sessions got with what they should have got; what they see of others
// with how these are; and what nodes know of each other with what is so.
func (m *model) check() {
	for _, s := range m.all {
		if !s.gone {
			m.collect(s)
			m.checkPresences(s)
		}
		if !slices.Equal(s.got, s.want) && !s.gone {
			m.fatal("%s got\n  %v\nwant\n  %v", s.name, s.got, s.want)
		}
	}
	for a := range 3 {
		for b := range a {
			m.w.set(a, b, up)
		}
	}
	m.w.settle()
	checkSaid(m.t, m.w)
	for _, n := range m.w.nodes {
		if err := context.Cause(m.t.Context()); err != nil || len(n.hub.ended) > 0 {
			m.fatal("%s has not said %v: %v", n.ref.ID, n.hub.ended, err)
		}
	}
	if m.t.Failed() {
		m.fatal("failed")
	}
}

// checkPresences checks what a session was told last of each user.
func (m *model) checkPresences(s *modelSession) {
	for key, saw := range s.sees {
		u, g, in := strings.Cut(key, " ")
		best := sessions.Offline
		var guild sessions.Snowflake
		fmt.Sscan(g, &guild)
		for _, o := range m.living() {
			counts := o.who.Shard.Index == 0
			if in {
				counts = o.owns(guild)
			}
			if p := o.c.s.Presence().Status; o.who.User.String() == u && m.reaches(s.node, o.node) && counts && p > sessions.Invisible {
				best = max(best, p)
			}
		}
		if saw != best.String() {
			m.fatal("%s saw that %s is %s last, he is %s", s.name, key, saw, best)
		}
	}
}
