package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Who subscribes to what, and what a change of the directory has for that.

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
		return m.dir(s).Member(n, s.who.User) != nil, !s.owns(n)
	case "channel":
		g := id(m.dir(s).Channel(n).GetGuildId())
		return m.dir(s).MayRead(s.who.User, n), g != 0 && !s.owns(g)
	default: // friend
		return slices.Contains(m.dir(s).Friends(s.who.User), n), false
	}
}

// subscribe subscribes all sessions of a user, or one, from some node. A session that was
// not named is left out where its shard does not have the guild.
func (m *model) subscribe() {
	node, u, flags := m.rnd.IntN(3), pick(m.rnd, modelUsers...), Flags(m.rnd.IntN(4))
	var topics []string
	if in := m.truth.Guilds(u); len(in) > 0 && m.rnd.IntN(2) == 0 {
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
	who, chosen := allOf(u), func(s *modelSession) bool { return s.who.User == u }
	one := m.anySession()
	if m.rnd.IntN(3) == 0 && one != nil {
		who, chosen = named(one.c), func(s *modelSession) bool { return s == one }
	} else {
		one = nil
	}
	refused := false
	for at := range 3 {
		if !m.answers(node, at) {
			continue
		}
		here := slices.DeleteFunc(m.living(), func(s *modelSession) bool { return s.node != at || !chosen(s) })
		if slices.ContainsFunc(here, func(s *modelSession) bool { return !m.admitsAll(s, topics, s == one) }) {
			refused = true
			continue
		}
		for _, s := range here {
			m.joinAll(s, topics, flags)
		}
	}
	m.note("n%d subscribes %v to %v with %d", node, who, topics, flags)
	if err := m.w.sub(node, who, flags, topics...); (err != nil) != refused {
		m.fatal("subscribe: %v, refused: %v", err, refused)
	}
}

// admitsAll says whether a session may subscribe to topics, but for those that it is left out
// of.
func (m *model) admitsAll(s *modelSession, topics []string, named bool) bool {
	return !slices.ContainsFunc(topics, func(topic string) bool {
		ok, otherShard := m.admits(s, topic)
		return !ok || named && otherShard
	})
}

// joinAll subscribes a session to topics that it may have.
func (m *model) joinAll(s *modelSession, topics []string, flags Flags) {
	for _, topic := range topics {
		if _, otherShard := m.admits(s, topic); otherShard {
			continue
		}
		s.set(topic, flags)
		var g sessions.Snowflake
		if n, _ := fmt.Sscanf(topic, "guild:%d", &g); n == 1 {
			m.join(s, g, flags)
		}
	}
}

func (m *model) unsubscribe() {
	node, u, topic := m.rnd.IntN(3), pick(m.rnd, modelUsers...), m.anyTopic()
	m.note("n%d unsubscribes user %d from %s", node, u, topic)
	m.w.unsub(node, allOf(u), topic)
	for _, s := range m.living() {
		if s.who.User != u || !m.answers(node, s.node) {
			continue
		}
		s.unset(topic)
		var g sessions.Snowflake
		if n, _ := fmt.Sscanf(topic, "guild:%d", &g); n == 1 {
			for _, c := range m.dir(s).Readable(u, g) {
				s.unset(Channel(c))
			}
		}
	}
}

func (m *model) remove() {
	node, topic, keep := m.rnd.IntN(3), m.anyTopic(), m.rnd.IntN(2) == 0
	m.note("n%d removes %s, keeps it: %v", node, topic, keep)
	asked := [3]bool{}
	for at := range 3 {
		asked[at] = at == node || m.answers(node, at) && m.view(at).topics[topic]
	}
	ended, want := m.w.remove(node, keep, topic), 0
	for at := range 3 {
		if asked[at] && m.view(at).topics[topic] {
			m.keep(at, topic, keep)
		}
	}
	for _, s := range m.living() {
		if asked[s.node] && s.sub(topic) != nil {
			s.unset(topic)
			want++
		}
	}
	if int(ended) != want {
		m.fatal("%d subscriptions ended, want %d", ended, want)
	}
}

// keep has a node want a topic though nobody subscribes, or not any more.
func (m *model) keep(at int, topic string, keep bool) {
	if delete(m.nodes[at].kept, topic); keep {
		m.nodes[at].kept[topic] = true
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

// change changes the directory, on all nodes that are not held.
func (m *model) change(c *eventnodev1.DirectoryChange) {
	if _, err := m.truth.Apply(c); err != nil {
		return
	}
	m.note("change %v", c)
	m.changes = append(m.changes, c)
	m.w.change(c)
	m.w.settle()
	for i := range m.nodes {
		m.catchUp(i)
	}
}

// catchUp applies changes to a node that is not held.
func (m *model) catchUp(i int) {
	for n := &m.nodes[i]; !n.held && n.applied < len(m.changes); n.applied++ {
		e, err := n.dir.Apply(m.changes[n.applied])
		if err != nil {
			m.fatal("change %d at n%d: %v", n.applied, i, err)
		}
		m.follow(i, e)
	}
}

// follow is what a change of a node's directory has for its sessions: they lose what their
// users may not have any more, and get what is new to them.
func (m *model) follow(at int, e directory.Effect) {
	n := &m.nodes[at]
	var here []*modelSession
	for _, s := range m.living() {
		switch {
		case s.node != at:
		case slices.ContainsFunc(e.Users, func(p directory.Pair[*eventnodev1.DirectoryUser]) bool {
			return p.After == nil && id(p.Before.GetId()) == s.who.User
		}):
			s.gone = true
		default:
			here = append(here, s)
		}
	}
	for _, p := range e.Guilds {
		if p.After == nil {
			delete(n.kept, Guild(id(p.Before.GetId())))
		}
	}
	for _, p := range e.Channels {
		if p.After == nil {
			delete(n.kept, Channel(id(p.Before.GetId())))
		}
	}
	for _, s := range here {
		s.subs = slices.DeleteFunc(s.subs, func(o modelSub) bool {
			ok, _ := m.admits(s, o.topic)
			return !ok
		})
		m.loseSight(s)
	}
	for _, p := range e.Members {
		if p.Before != nil {
			continue
		}
		for _, s := range here {
			if g := id(p.After.GetGuildId()); uint64(s.who.User) == p.After.GetUserId() && s.owns(g) {
				m.join(s, g, 0)
			}
		}
	}
	for _, a := range e.Access {
		for u := range n.dir.Affected(a) {
			m.gain(here, u, a)
		}
	}
	for _, p := range e.Friendships {
		for _, s := range here {
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
func (m *model) gain(here []*modelSession, u sessions.Snowflake, a directory.Access) {
	for _, c := range append(slices.Clone(modelChannels), modelPrivates...) {
		for _, s := range here {
			row := m.dir(s).Channel(c)
			if s.who.User != u || s.sub(Channel(c)) != nil || row == nil || id(row.GetGuildId()) != a.Guild || a.Channel != 0 && a.Channel != c || !m.dir(s).MayRead(u, c) {
				continue
			}
			if in := s.sub(Guild(a.Guild)); a.Guild == 0 {
				s.set(Channel(c), 0)
			} else if in != nil {
				s.set(Channel(c), in.flags&^NoPresence)
			}
		}
	}
}
