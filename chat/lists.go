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
	if len(l.watching[s]) >= maxWatches {
		return &eventnode.LimitError{Limit: "max_member_lists", Max: maxWatches}
	}
	in, err := l.list(id(c.GetGuildId()), channel)
	if err != nil {
		return err
	}
	changes, err := in.Subscribe(s.ID(), ranges)
	if err == nil {
		l.note(s, watch{in, channel, ranges})
		l.send(changes)
	}
	l.prune(in)
	return err
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

// refresh puts a user into the lists of a guild that he belongs to, as he is now, and
// takes him out of the others. It says which sessions have him before their eyes.
func (l *lists) refresh(guild, user sessions.Snowflake) (covered map[sessions.ID]bool) {
	covered = map[sessions.ID]bool{}
	for _, in := range l.byGuild[guild] {
		if l.look().Member(guild, user) == nil || !l.look().MayRead(user, in.channel) {
			l.send(in.Remove(user))
			continue
		}
		l.send(in.Put(l.member(guild, user)))
		for s := range in.Covered(user) {
			covered[s] = true
		}
	}
	return covered
}

// follow does what a change of the directory has for the lists.
func (l *lists) follow(e directory.Effect) {
	guilds := map[sessions.Snowflake]bool{} // whose lists are made anew
	for _, p := range e.Guilds {
		guilds[id(cmp.Or(p.Before.GetId(), p.After.GetId()))] = true
	}
	for _, p := range e.Roles {
		guilds[id(cmp.Or(p.Before.GetGuildId(), p.After.GetGuildId()))] = true
	}
	for _, p := range e.Channels {
		guilds[id(cmp.Or(p.Before.GetGuildId(), p.After.GetGuildId()))] = true
	}
	for guild := range guilds {
		l.rebuild(guild)
	}
	for _, p := range e.Members {
		guild := id(cmp.Or(p.Before.GetGuildId(), p.After.GetGuildId()))
		user := id(cmp.Or(p.Before.GetUserId(), p.After.GetUserId()))
		l.refresh(guild, user)
		l.revoke(guild, l.hub.manager.OfUser(user))
	}
	for _, p := range e.Users {
		user := id(cmp.Or(p.Before.GetId(), p.After.GetId()))
		for _, guild := range l.look().Guilds(user) {
			l.refresh(guild, user)
		}
	}
}

// rebuild makes the lists of a guild anew: roles or channels have changed. Who looked at
// one looks at that which the channel has now, if he still may.
func (l *lists) rebuild(guild sessions.Snowflake) {
	if l.byGuild[guild] == nil {
		return
	}
	delete(l.byGuild, guild)
	for s, all := range l.watching {
		for _, w := range slices.Clone(all) {
			if w.list.guild != guild {
				continue
			}
			l.note(s, watch{w.list, w.channel, nil})
			if err := l.watch(s, w.channel, w.ranges); err != nil {
				l.hub.log.Debug("a session looks at a member list no more", "session", s.ID(), "error", err)
			}
		}
	}
}

// revoke has sessions look at no list of a guild that their users may not see any more.
func (l *lists) revoke(guild sessions.Snowflake, of []*sessions.Session) {
	for _, s := range of {
		for _, w := range slices.Clone(l.watching[s]) {
			if w.list.guild == guild && !l.look().MayRead(s.User, w.channel) {
				w.list.Unsubscribe(s.ID())
				l.note(s, watch{w.list, w.channel, nil})
				l.prune(w.list)
			}
		}
	}
}

// send tells sessions of changes.
func (l *lists) send(changes []memberlist.Change) {
	for i := range changes {
		data, err := json.Marshal(&changes[i])
		if err != nil {
			l.hub.tellFailure("a member list", err)
			continue
		}
		e := &sessions.Event{Type: listUpdate, Data: data}
		for sid := range changes[i].Sessions() {
			if s, err := l.hub.manager.Session(sid); err == nil {
				_, _ = s.Send(e) // one that has ended needs no list
				l.hub.metrics.listChanges.Inc()
			}
		}
	}
}

// watches are the lists that a session looks at.
func (l *lists) watches(s *sessions.Session) []watch {
	return slices.Clone(l.watching[s])
}

// tell does what an event for lazy_guild says: it names something that changed. What it
// is the directory and the roster know; so the lists are brought up to date, which they
// mostly are.
func (l *lists) tell(d *Delivery, guild sessions.Snowflake) {
	switch d.Type() {
	case "new_role", "role_pos_upd", "role_update", "role_delete":
		l.rebuild(guild)
	case "pres_update", "new_member", "remove_member", "update_user":
		var who struct {
			User sessions.Snowflake `json:"user_id"`
		}
		if err := json.Unmarshal(d.event.Data, &who); err != nil || who.User == 0 {
			l.unknown(d, "it needs user_id")
			return
		}
		l.refresh(guild, who.User)
	default:
		l.unknown(d, "there is no such event")
		return
	}
	for s := range d.Subscribers() {
		d.reached = append(d.reached, s.ID())
	}
}

func (l *lists) unknown(d *Delivery, why string) {
	l.hub.metrics.failures.WithLabelValues("lazy").Inc()
	l.hub.log.Warn("an event for member lists means nothing", "type", d.Type(), "topic", d.topic, "why", why)
}
