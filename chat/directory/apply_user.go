package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

func (s *step) putMember(row *eventnodev1.DirectoryMember) error {
	g, err := s.guildOf(row.GetGuildId())
	if err := cmp.Or(err, s.known(row.GetUserId())); err != nil {
		return err
	}
	if n := len(row.GetRoles()); n > s.limits.RolesPerGuild { // before they are copied and sorted
		return atMost("max_roles_per_guild", s.limits.RolesPerGuild, n)
	}
	after := tidyMember(row)
	before := g.member(flake(row.GetUserId()))
	if err := s.checkMember(g, before, after); err != nil || proto.Equal(before, after) {
		return err
	}
	s.setMember(g, before, after)
	if before == nil || !slices.Equal(before.GetRoles(), after.GetRoles()) {
		s.userAccess(g, row.GetUserId())
	}
	return nil
}

func (s *step) checkMember(g *guild, before, row *eventnodev1.DirectoryMember) error {
	if err := text("nick", row.GetNick(), 0, maxPerson); err != nil {
		return err
	}
	switch {
	case row.GetJoinedAt() != nil && !row.GetJoinedAt().IsValid():
		return invalid("joined_at is out of range")
	case twice(row.GetRoles(), func(r uint64) uint64 { return r }) != 0:
		return invalid("member %d has a role twice", row.GetUserId())
	case hasRole(row, row.GetGuildId()):
		return invalid("the role of everybody is listed: every member has it")
	case before == nil && g.members.Len() >= s.limits.MembersPerGuild:
		return within("max_members_per_guild", s.limits.MembersPerGuild, g.members.Len())
	}
	for _, r := range row.GetRoles() {
		if err := s.roleOf(g, r); err != nil {
			return err
		}
	}
	return nil
}

func unknownMember(guild, user uint64) error {
	return fmt.Errorf("user %d in guild %d: %w", user, guild, ErrUnknownMember)
}

func (s *step) deleteMember(guild, user flake) error {
	g, err := s.guildOf(uint64(guild))
	if err != nil {
		return err
	}
	row := g.member(user)
	if row == nil {
		return unknownMember(uint64(guild), uint64(user))
	}
	s.dropMember(g, row)
	return nil
}

// dropMember takes a member out of a guild, and the overwrites about him.
func (s *step) dropMember(g *guild, row *eventnodev1.DirectoryMember) {
	for _, c := range g.channels {
		if overwriteOf(c, row.GetUserId()) != nil {
			s.setChannel(g, c, withoutOverwrite(c, row.GetUserId()))
		}
	}
	s.setMember(g, row, nil)
	s.userAccess(g, row.GetUserId())
}

func (s *step) putUser(row *eventnodev1.DirectoryUser) error {
	err := cmp.Or(
		s.free("user", row.GetId()),
		text("username", row.GetUsername(), 1, maxPerson),
		text("global_name", row.GetGlobalName(), 0, maxPerson),
		text("avatar", row.GetAvatar(), 0, maxHash),
		digits(row.GetDiscriminator()),
	)
	before := s.User(flake(row.GetId()))
	switch {
	case err != nil:
		return err
	case before == nil && s.rows.Users >= s.limits.Users:
		return within("max_users", s.limits.Users, s.rows.Users)
	case !proto.Equal(before, row):
		s.setUser(before, proto.CloneOf(row))
	}
	return nil
}

// digits checks a discriminator.
func digits(s string) error {
	if _, err := strconv.ParseUint(s, 10, 16); s != "" && (err != nil || len(s) > 4) {
		return invalid("discriminator %.20q: use up to four digits, or none", s)
	}
	return nil
}

func (s *step) deleteUser(id flake) error {
	u := s.users[id]
	switch {
	case u == nil:
		return unknown("user", uint64(id), ErrUnknownUser)
	case u.owns > 0:
		return fmt.Errorf("user %d owns %d: %w", id, u.owns, ErrOwnsGuild)
	}
	for _, guild := range slices.Clone(u.guilds) {
		g := s.guilds[guild]
		s.dropMember(g, g.member(id))
	}
	for _, channel := range slices.Clone(u.private) {
		before := s.channels[channel]
		s.setChannel(nil, before, withoutRecipient(before, uint64(id)))
	}
	for _, friend := range slices.Clone(u.friends) {
		s.setFriends(id, friend, false)
	}
	s.setUser(u.row, nil)
	return nil
}

// withoutRecipient is a copy of a private channel without a user, whose group goes to
// the next; nil if nobody is left.
func withoutRecipient(c *eventnodev1.DirectoryChannel, user uint64) *eventnodev1.DirectoryChannel {
	c = proto.CloneOf(c)
	c.Recipients = slices.DeleteFunc(c.Recipients, func(r uint64) bool { return r == user })
	if len(c.Recipients) == 0 {
		return nil
	}
	if c.OwnerId == user {
		c.OwnerId = c.Recipients[0]
	}
	return c
}

func (s *step) putFriendship(row *eventnodev1.DirectoryFriendship) error {
	a, b := flake(row.GetUserA()), flake(row.GetUserB())
	if err := cmp.Or(s.known(uint64(a)), s.known(uint64(b))); err != nil {
		return err
	}
	if a == b {
		return invalid("user %d is to be his own friend", a)
	}
	if s.areFriends(a, b) {
		return nil
	}
	for _, u := range []flake{a, b} {
		if err := within("max_friends_per_user", s.limits.FriendsPerUser, len(s.users[u].friends)); err != nil {
			return fmt.Errorf("user %d: %w", u, err)
		}
	}
	s.setFriends(a, b, true)
	return nil
}

func (s *step) deleteFriendship(row *eventnodev1.DirectoryFriendship) error {
	a, b := flake(row.GetUserA()), flake(row.GetUserB())
	if !s.areFriends(a, b) {
		return fmt.Errorf("%d and %d: %w", a, b, ErrUnknownFriendship)
	}
	s.setFriends(a, b, false)
	return nil
}

// areFriends reports whether two users are friends of each other.
func (s *State) areFriends(a, b flake) bool {
	u := s.users[a]
	if u == nil {
		return false
	}
	_, found := slices.BinarySearch(u.friends, b)
	return found
}
