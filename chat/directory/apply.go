package directory

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// How a change is applied: it is checked whole, and then the rows that it makes, takes
// away or touches are set one by one (set.go), each of which takes note in the effect.
//
// What that costs, where it is more than a few look-ups: a put of a role or of a channel
// copies the guild's list of them; deleting a role looks at each member of the guild, and
// copies those who had it; deleting a member looks at each overwrite of the guild's
// channels; deleting a guild, or a user, at all that goes with it.

// flake is an id as rows have it, in Go.
type flake = sessions.Snowflake

// step is a change that is being applied.
type step struct {
	*State
	e Effect
}

// Apply applies a change and says what it changed, or why it does not fit: then nothing
// is changed. The change is copied, as far as it is kept.
func (s *State) Apply(c *eventnodev1.DirectoryChange) (Effect, error) {
	st := step{State: s}
	if err := st.apply(c); err != nil {
		return Effect{}, err
	}
	return st.e, nil
}

func (s *step) apply(c *eventnodev1.DirectoryChange) error {
	switch c := c.GetChange().(type) {
	case *eventnodev1.DirectoryChange_PutGuild:
		return s.putGuild(c.PutGuild)
	case *eventnodev1.DirectoryChange_DeleteGuild:
		return s.deleteGuild(flake(c.DeleteGuild))
	case *eventnodev1.DirectoryChange_PutRole:
		return s.putRole(c.PutRole)
	case *eventnodev1.DirectoryChange_DeleteRole:
		return s.deleteRole(flake(c.DeleteRole))
	case *eventnodev1.DirectoryChange_PutChannel:
		return s.putChannel(c.PutChannel)
	case *eventnodev1.DirectoryChange_DeleteChannel:
		return s.deleteChannel(flake(c.DeleteChannel))
	case *eventnodev1.DirectoryChange_PutMember:
		return s.putMember(c.PutMember)
	case *eventnodev1.DirectoryChange_DeleteMember:
		return s.deleteMember(flake(c.DeleteMember.GetGuildId()), flake(c.DeleteMember.GetUserId()))
	case *eventnodev1.DirectoryChange_PutUser:
		return s.putUser(c.PutUser)
	case *eventnodev1.DirectoryChange_DeleteUser:
		return s.deleteUser(flake(c.DeleteUser))
	case *eventnodev1.DirectoryChange_PutFriendship:
		return s.putFriendship(c.PutFriendship)
	case *eventnodev1.DirectoryChange_DeleteFriendship:
		return s.deleteFriendship(c.DeleteFriendship)
	default:
		return invalid("a change that changes nothing, or is of a later version")
	}
}

// free checks an id for a row of a kind: nothing else has it.
func (s *State) free(kind string, id uint64) error {
	if err := usable(kind, id); err != nil {
		return err
	}
	var is string
	switch key := flake(id); {
	case s.guilds[key] != nil:
		is = "guild"
	case s.users[key] != nil:
		is = "user"
	case s.channels[key] != nil:
		is = "channel"
	case s.roles[key] != nil:
		is = "role"
	}
	if is == "" || is == kind {
		return nil
	}
	return fmt.Errorf("%s %d is a %s: %w", kind, id, is, ErrIDTaken)
}

// guildOf is a guild that has to be there.
func (s *State) guildOf(guild uint64) (*guild, error) {
	if g := s.guilds[flake(guild)]; g != nil {
		return g, nil
	}
	return nil, unknown("guild", guild, ErrUnknownGuild)
}

// known checks that a user is there.
func (s *State) known(user uint64) error {
	if s.users[flake(user)] == nil {
		return unknown("user", user, ErrUnknownUser)
	}
	return nil
}

// twice is an id that a sorted slice has twice; 0: none.
func twice[T any](sorted []T, id func(T) uint64) uint64 {
	for i := 1; i < len(sorted); i++ {
		if id(sorted[i]) == id(sorted[i-1]) {
			return id(sorted[i])
		}
	}
	return 0
}

// tidyMember is a copy of a member, with his roles sorted.
func tidyMember(m *eventnodev1.DirectoryMember) *eventnodev1.DirectoryMember {
	m = proto.CloneOf(m)
	slices.Sort(m.Roles)
	return m
}

// tidyChannel is a copy of a channel, with its overwrites sorted.
func tidyChannel(c *eventnodev1.DirectoryChannel) *eventnodev1.DirectoryChannel {
	c = proto.CloneOf(c)
	slices.SortStableFunc(c.Overwrites, func(a, b *eventnodev1.DirectoryOverwrite) int { return cmp.Compare(a.GetId(), b.GetId()) })
	return c
}
