package chat

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/chat/internal/memberlist"
	"github.com/eventnode/eventnode/sessions"
)

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
		l.revoke(guild, l.hub.manager.OfUser(user))
		l.refresh(guild, user)
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
	for _, s := range slices.Collect(maps.Keys(l.watching)) { // which changes meanwhile
		for _, w := range slices.Clone(l.watching[s]) {
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
				l.drop(s, w)
			}
		}
	}
}

// send tells sessions of changes.
func (l *lists) send(changes []memberlist.Change) {
	for i := range changes {
		data, err := json.Marshal(&changes[i])
		if err != nil {
			l.hub.failed("a member list", err)
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

// part has a session look at no list of a guild any more.
func (l *lists) part(s *sessions.Session, guild sessions.Snowflake) {
	for _, w := range slices.Clone(l.watching[s]) {
		if w.list.guild == guild {
			l.drop(s, w)
		}
	}
}

// remove has nobody look at a list of a guild any more.
func (l *lists) remove(guild sessions.Snowflake) {
	for _, s := range slices.Collect(maps.Keys(l.watching)) {
		l.part(s, guild)
	}
}

// drop has a session look at a list no more. It is told nothing.
func (l *lists) drop(s *sessions.Session, w watch) {
	w.list.Unsubscribe(s.ID())
	l.note(s, watch{w.list, w.channel, nil})
	l.prune(w.list)
}

// tell does what an event for lazy_guild says: it names something that changed. What it
// is the directory and the roster know; so the lists are brought up to date, which they
// mostly are.
func (l *lists) tell(d *Delivery, guild sessions.Snowflake) {
	if d.after != nil {
		return // who has moved has the lists of the node where he is
	}
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
