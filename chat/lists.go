package chat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/chat/internal/memberlist"
	"github.com/eventnode/eventnode/sessions"
)

// maxWatches bounds the member lists that a session looks at.
const maxWatches = 100

// listUpdate is the event that a member list is told by.
const listUpdate = "GUILD_MEMBER_LIST_UPDATE"

// lists are the member lists that sessions of this node look at. Each node makes its own,
// from the directory and from what all nodes know of sessions. A list is there as long as
// somebody looks at it.
//
// Its methods are called with the hub's lock held, for writing.
type lists struct {
	hub *Hub

	byGuild  map[sessions.Snowflake]map[string]*list
	watching map[*sessions.Session][]watch
}

// list is the member list of those channels of a guild that the same people may read.
type list struct {
	*memberlist.List
	guild   sessions.Snowflake
	key     string
	channel sessions.Snowflake // one of them
}

// watch is a list that a session looks at.
type watch struct {
	list    *list
	channel sessions.Snowflake // as it was asked for
	ranges  []memberlist.Range
}

func newLists(h *Hub) *lists {
	return &lists{hub: h, byGuild: map[sessions.Snowflake]map[string]*list{}, watching: map[*sessions.Session][]watch{}}
}

func (l *lists) look() Directory { return l.hub.cfg.Directory }

// watch has a session look at the list of a channel; without ranges no more.
func (l *lists) watch(s *sessions.Session, channel sessions.Snowflake, ranges []memberlist.Range) error {
	c := l.look().Channel(channel)
	if c.GetGuildId() == 0 || !l.look().MayRead(s.User, channel) {
		return fmt.Errorf("channel %d has no member list that user %d may see: %w", channel, s.User, eventnode.ErrInvalidArgument)
	}
	ranges = sound(ranges)
	in, err := l.list(id(c.GetGuildId()), channel)
	if err != nil {
		return err
	}
	seen := slices.ContainsFunc(l.watching[s], func(w watch) bool { return w.list == in })
	if len(ranges) > 0 && !seen && len(l.watching[s]) >= maxWatches {
		l.prune(in)
		return &eventnode.LimitError{Limit: "max_member_lists", Max: maxWatches}
	}
	changes, err := in.Subscribe(s.ID(), ranges)
	if err == nil {
		l.note(s, watch{in, channel, ranges})
		l.send(changes)
	}
	l.prune(in)
	return err
}

// sound is the ranges that there can be.
func sound(ranges []memberlist.Range) []memberlist.Range {
	return slices.DeleteFunc(slices.Clone(ranges), func(r memberlist.Range) bool { return r.First < 0 || r.Last < r.First })
}

// note takes down what a session looks at.
func (l *lists) note(s *sessions.Session, w watch) {
	rest := slices.DeleteFunc(l.watching[s], func(o watch) bool { return o.list == w.list })
	if len(w.ranges) > 0 {
		rest = append(rest, w)
		l.hub.table.add(s, LazyGuild(w.list.guild), 0)
	}
	l.watching[s] = rest
	if len(rest) == 0 {
		delete(l.watching, s)
	}
	if !slices.ContainsFunc(rest, func(o watch) bool { return o.list.guild == w.list.guild }) {
		l.hub.table.remove(s, LazyGuild(w.list.guild))
	}
}

// leave forgets a session that has ended.
func (l *lists) leave(s *sessions.Session) {
	for _, w := range l.watching[s] {
		w.list.Unsubscribe(s.ID())
		l.prune(w.list)
	}
	delete(l.watching, s)
}

// prune drops a list that nobody looks at.
func (l *lists) prune(in *list) {
	if !in.Empty() {
		return
	}
	of := l.byGuild[in.guild]
	if of[in.key] != in {
		return // another one has taken its place
	}
	if delete(of, in.key); len(of) == 0 {
		delete(l.byGuild, in.guild)
	}
}

// list is that of a channel, made if it is not there.
func (l *lists) list(guild, channel sessions.Snowflake) (*list, error) {
	key := l.key(guild, channel)
	if in := l.byGuild[guild][key]; in != nil {
		return in, nil
	}
	made, err := memberlist.New(memberlist.Config{Guild: guild, ID: memberlist.ID(key)})
	if err != nil {
		return nil, err
	}
	in := &list{List: made, guild: guild, key: key, channel: channel}
	in.Rebuild(l.roles(in), l.members(in))
	if l.byGuild[guild] == nil {
		l.byGuild[guild] = map[string]*list{}
	}
	l.byGuild[guild][key] = in
	return in, nil
}

// key says which channels share a list.
func (l *lists) key(guild, channel sessions.Snowflake) string {
	everyone := false
	for _, r := range l.look().Roles(guild) {
		if id(r.GetId()) == guild {
			everyone = r.GetPermissions()&(directory.ViewChannel|directory.Administrator) != 0
		}
	}
	var overwrites []memberlist.Overwrite
	for _, o := range l.look().Channel(channel).GetOverwrites() {
		overwrites = append(overwrites, memberlist.Overwrite{
			ID: id(o.GetId()), Allow: o.GetAllow()&directory.ViewChannel != 0, Deny: o.GetDeny()&directory.ViewChannel != 0,
		})
	}
	return memberlist.Key(everyone, overwrites...)
}

// roles are those that are groups of a list.
func (l *lists) roles(in *list) (out []memberlist.Role) {
	for _, r := range l.look().Roles(in.guild) {
		if r.GetHoist() && l.look().RoleMayRead(id(r.GetId()), in.channel) {
			out = append(out, memberlist.Role{ID: id(r.GetId()), Position: int(r.GetPosition())})
		}
	}
	return out
}

// members are those who are in a list.
func (l *lists) members(in *list) iter.Seq[memberlist.Member] {
	return func(yield func(memberlist.Member) bool) {
		for m := range l.look().Members(in.guild) {
			user := id(m.GetUserId())
			if l.look().MayRead(user, in.channel) && !yield(l.member(in.guild, user)) {
				return
			}
		}
	}
}

// member is one of a guild, with his presence, as a list has him.
func (l *lists) member(guild, user sessions.Snowflake) memberlist.Member {
	m, u := l.look().Member(guild, user), l.look().User(user)
	p := l.hub.roster.toGuild(user, guild)
	out := memberlist.Member{User: user, Name: cmp.Or(m.GetNick(), u.GetGlobalName(), u.GetUsername()), Status: p.Status}
	for _, r := range m.GetRoles() {
		out.Roles = append(out.Roles, id(r))
	}
	out.Payload, _ = json.Marshal(struct {
		*directory.MemberObject
		Presence presenceObject `json:"presence"`
	}{l.look().MemberObject(guild, user), newPresence(user, 0, p)})
	return out
}
