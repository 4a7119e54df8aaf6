package chat

import (
	"context"
	"maps"
	"slices"

	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/sessions"
)

// Apply has the directory change, by a function that says what it did, and takes from
// sessions of this node what their users may not read any more before anything else is
// sent to them; what they may read now they get, also if they had unsubscribed from it. The
// sessions of a user who is deleted end. The other nodes are told before it returns. Every
// change of the directory goes through here.
func (h *Hub) Apply(ctx context.Context, change func() (directory.Effect, error)) error {
	h.mu.Lock()
	effect, err := change()
	if err == nil {
		h.follow(effect)
	}
	h.mu.Unlock()
	if err == nil && !effect.Empty() {
		h.endDeleted(effect)
		_ = h.say(ctx) // Run says it later
	}
	return err
}

// View calls f with the directory, which does not change meanwhile. It must not wait, and not
// call the Hub.
func (h *Hub) View(f func(Directory)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	f(h.cfg.Directory)
}

// endDeleted ends the sessions of users who are not there any more.
func (h *Hub) endDeleted(e directory.Effect) {
	for _, p := range e.Users {
		if p.After == nil {
			for _, s := range h.manager.OfUser(id(p.Before.GetId())) {
				h.manager.End(s.ID())
			}
		}
	}
}

// follow does what a change of the directory has for subscriptions and lists. The caller
// holds mu.
func (h *Hub) follow(e directory.Effect) {
	for _, p := range e.Guilds {
		if p.After == nil {
			h.table.clear(Guild(id(p.Before.GetId())), false)
		}
	}
	for _, p := range e.Channels {
		if p.After == nil {
			h.table.clear(Channel(id(p.Before.GetId())), false)
		}
	}
	for _, p := range e.Members {
		switch {
		case p.After == nil:
			h.memberWent(id(p.Before.GetGuildId()), id(p.Before.GetUserId()))
		case p.Before == nil:
			h.memberCame(id(p.After.GetGuildId()), id(p.After.GetUserId()))
		}
	}
	for _, a := range e.Access {
		h.access(a)
	}
	for _, p := range e.Friendships {
		if p.After == nil {
			h.friends(id(p.Before.GetUserA()), id(p.Before.GetUserB()), h.table.remove)
		} else {
			h.friends(id(p.After.GetUserA()), id(p.After.GetUserB()), func(s *sessions.Session, topic string) bool {
				h.table.add(s, topic, 0)
				return true
			})
		}
	}
	h.lists.follow(e)
}

// memberCame subscribes the sessions of a new member.
func (h *Hub) memberCame(guild, user sessions.Snowflake) {
	for _, s := range h.manager.OfGuild(user, guild) {
		h.join(s, Guild(guild), 0)
	}
}

// memberWent takes a guild and its channels from the sessions of who was a member.
func (h *Hub) memberWent(guild, user sessions.Snowflake) {
	for _, s := range h.manager.OfUser(user) {
		h.table.remove(s, Guild(guild))
		for _, c := range h.cfg.Directory.Channels(guild) {
			h.table.remove(s, Channel(id(c.GetId())))
		}
	}
}

func (h *Hub) friends(a, b sessions.Snowflake, each func(*sessions.Session, string) bool) {
	for _, s := range h.manager.OfUser(a) {
		each(s, Friend(b))
	}
	for _, s := range h.manager.OfUser(b) {
		each(s, Friend(a))
	}
}

// access looks again at who may read what. It looks at sessions of this node only, which
// are fewer than those that a role has.
func (h *Hub) access(a directory.Access) {
	channels := []sessions.Snowflake{a.Channel}
	if a.Channel == 0 {
		channels = channels[:0]
		for _, c := range h.cfg.Directory.Channels(a.Guild) {
			channels = append(channels, id(c.GetId()))
		}
	}
	for s := range h.concerned(a, channels) {
		for _, c := range channels {
			h.reconsider(s, a.Guild, c)
		}
	}
}

// concerned are the sessions of this node that an Access may be about: who subscribes to
// the guild, or to one of the channels.
func (h *Hub) concerned(a directory.Access, channels []sessions.Snowflake) map[*sessions.Session]bool {
	out := map[*sessions.Session]bool{}
	if a.Role == 0 {
		for _, s := range h.manager.OfUser(a.User) {
			out[s] = true
		}
		return out
	}
	topics := []string{Guild(a.Guild)}
	for _, c := range channels {
		topics = append(topics, Channel(c))
	}
	for _, topic := range topics {
		if in := h.table.topics[topic]; in != nil {
			for _, o := range in.list {
				out[o.session] = out[o.session] || h.has(o.session.User, a.Guild, a.Role)
			}
		}
	}
	maps.DeleteFunc(out, func(_ *sessions.Session, has bool) bool { return !has })
	return out
}

// has reports whether a user has a role of a guild, which may be that of all members.
func (h *Hub) has(user, guild, role sessions.Snowflake) bool {
	_, listed := slices.BinarySearch(h.cfg.Directory.Member(guild, user).GetRoles(), uint64(role))
	return listed || role == guild
}

// reconsider gives a session a channel that its user may read now, or takes it away. A
// guild's channel comes with the guild; a private one is every recipient's.
func (h *Hub) reconsider(s *sessions.Session, guild, channel sessions.Snowflake) {
	topic := Channel(channel)
	if !h.cfg.Directory.MayRead(s.User, channel) {
		h.table.remove(s, topic)
		return
	}
	if _, has := h.table.subscribed(s, topic); has {
		return
	}
	if guild == 0 {
		h.table.add(s, topic, 0)
	} else if f, ok := h.table.subscribed(s, Guild(guild)); ok {
		h.table.add(s, topic, f&^NoPresence)
	}
}

func id(n uint64) sessions.Snowflake { return sessions.Snowflake(n) }
