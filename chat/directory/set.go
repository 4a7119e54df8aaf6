package directory

import (
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// setRole sets a role of a guild; nil is none.
func (s *step) setRole(g *guild, before, after *eventnodev1.DirectoryRole) {
	p := Pair[*eventnodev1.DirectoryRole]{before, after}
	g.roles = replace(g.roles, before, after, byRank)
	s.noteRole(p)
}

// noteRole is setRole where the guild goes as well.
func (s *step) noteRole(p Pair[*eventnodev1.DirectoryRole]) {
	if p.After == nil {
		delete(s.roles, flake(p.Before.GetId()))
	} else {
		s.roles[flake(p.After.GetId())] = p.After
	}
	count(s.State, &s.rows.Roles, p)
	s.e.Roles = append(s.e.Roles, p)
}

// setChannel sets a channel of a guild, or a private one: g is nil.
func (s *step) setChannel(g *guild, before, after *eventnodev1.DirectoryChannel) {
	p := Pair[*eventnodev1.DirectoryChannel]{before, after}
	if g != nil {
		g.channels = replace(g.channels, before, after, byPlace)
	} else {
		s.setRecipients(p)
	}
	s.noteChannel(p)
}

// noteChannel is setChannel where the guild goes as well.
func (s *step) noteChannel(p Pair[*eventnodev1.DirectoryChannel]) {
	if p.After == nil {
		delete(s.channels, flake(p.Before.GetId()))
	} else {
		s.channels[flake(p.After.GetId())] = p.After
	}
	count(s.State, &s.rows.Channels, p)
	s.e.Channels = append(s.e.Channels, p)
}

// setRecipients has the users of a private channel know it.
func (s *step) setRecipients(p Pair[*eventnodev1.DirectoryChannel]) {
	if p.Before == nil {
		s.rows.Private++
	}
	if p.After == nil {
		s.rows.Private--
	}
	for _, gone := range p.Before.GetRecipients() {
		if !has(p.After.GetRecipients(), gone) {
			remove(&s.users[flake(gone)].private, flake(p.Before.GetId()))
			s.recipient(p, gone)
		}
	}
	for _, added := range p.After.GetRecipients() {
		if !has(p.Before.GetRecipients(), added) {
			insert(&s.users[flake(added)].private, flake(p.After.GetId()))
			s.recipient(p, added)
		}
	}
}

// recipient notes that a user may read a private channel, or may not any more.
func (s *step) recipient(p Pair[*eventnodev1.DirectoryChannel], user uint64) {
	if p.After != nil {
		s.e.Access = append(s.e.Access, Access{Channel: flake(p.After.GetId()), User: flake(user)})
	}
}

// setMember sets a member of a guild.
func (s *step) setMember(g *guild, before, after *eventnodev1.DirectoryMember) {
	if after == nil {
		g.members.Delete(before)
	} else {
		g.members.ReplaceOrInsert(after)
	}
	s.noteMember(Pair[*eventnodev1.DirectoryMember]{before, after})
}

// noteMember is setMember where the guild goes as well.
func (s *step) noteMember(p Pair[*eventnodev1.DirectoryMember]) {
	switch {
	case p.Before == nil:
		insert(&s.users[flake(p.After.GetUserId())].guilds, flake(p.After.GetGuildId()))
	case p.After == nil:
		remove(&s.users[flake(p.Before.GetUserId())].guilds, flake(p.Before.GetGuildId()))
	}
	count(s.State, &s.rows.Members, p)
	s.e.Members = append(s.e.Members, p)
}

// setGuild sets a guild, and nothing that is in it.
func (s *step) setGuild(before, after *eventnodev1.DirectoryGuild) {
	p := Pair[*eventnodev1.DirectoryGuild]{before, after}
	if before != nil {
		s.users[flake(before.GetOwnerId())].owns--
	}
	if after != nil {
		s.users[flake(after.GetOwnerId())].owns++
	}
	count(s.State, &s.rows.Guilds, p)
	s.e.Guilds = append(s.e.Guilds, p)
}

// setUser sets a user, and nothing that he has.
func (s *step) setUser(before, after *eventnodev1.DirectoryUser) {
	p := Pair[*eventnodev1.DirectoryUser]{before, after}
	switch {
	case after == nil:
		delete(s.users, flake(before.GetId()))
	case before == nil:
		s.users[flake(after.GetId())] = &person{row: after}
	default:
		s.users[flake(after.GetId())].row = after
	}
	count(s.State, &s.rows.Users, p)
	s.e.Users = append(s.e.Users, p)
}

// setFriends makes two users friends, or no friends any more.
func (s *step) setFriends(a, b sessions.Snowflake, friends bool) {
	change, p := remove, Pair[*eventnodev1.DirectoryFriendship]{Before: friendship(a, b)}
	if friends {
		change, p = insert, Pair[*eventnodev1.DirectoryFriendship]{After: friendship(a, b)}
	}
	change(&s.users[a].friends, b)
	change(&s.users[b].friends, a)
	count(s.State, &s.rows.Friendships, p)
	s.e.Friendships = append(s.e.Friendships, p)
}

// friendship is that of two users, in either order.
func friendship(a, b sessions.Snowflake) *eventnodev1.DirectoryFriendship {
	return &eventnodev1.DirectoryFriendship{UserA: uint64(min(a, b)), UserB: uint64(max(a, b))}
}
