package directory

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/btree"
	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// everyone is the name of the role that every member of a guild has.
const everyone = "@everyone"

func (s *step) putGuild(row *eventnodev1.DirectoryGuild) error {
	if err := s.checkGuild(row); err != nil {
		return err
	}
	row = proto.CloneOf(row)
	g := s.guilds[flake(row.GetId())]
	switch {
	case g == nil:
		s.makeGuild(row)
		return nil
	case proto.Equal(g.row, row):
		return nil
	}
	before := g.row
	g.row = row
	s.setGuild(before, row)
	if before.GetOwnerId() != row.GetOwnerId() {
		s.userAccess(g, before.GetOwnerId())
		s.userAccess(g, row.GetOwnerId())
	}
	return nil
}

func (s *step) checkGuild(row *eventnodev1.DirectoryGuild) error {
	err := cmp.Or(
		s.free("guild", row.GetId()),
		text("guild_name", row.GetName(), 1, maxName),
		text("icon", row.GetIcon(), 0, maxHash),
		text("description", row.GetDescription(), 0, maxDescription),
		atMost("max_guild_features", s.limits.Features, len(row.GetFeatures())),
		s.known(row.GetOwnerId()),
	)
	for _, f := range row.GetFeatures() {
		err = cmp.Or(err, text("feature", f, 1, maxHash))
	}
	if err == nil && s.guilds[flake(row.GetId())] == nil {
		err = within("max_guilds", s.limits.Guilds, s.rows.Guilds)
	}
	return err
}

// makeGuild makes a guild with the role of everybody.
func (s *step) makeGuild(row *eventnodev1.DirectoryGuild) {
	g := &guild{row: row, members: btree.NewG(degree, byUser)}
	s.guilds[flake(row.GetId())] = g
	s.setGuild(nil, row)
	s.setRole(g, nil, &eventnodev1.DirectoryRole{Id: row.GetId(), GuildId: row.GetId(), Name: everyone, Permissions: DefaultPermissions})
}

func (s *step) deleteGuild(id flake) error {
	g := s.guilds[id]
	if g == nil {
		return unknown("guild", uint64(id), ErrUnknownGuild)
	}
	for _, c := range g.channels {
		s.noteChannel(Pair[*eventnodev1.DirectoryChannel]{Before: c})
	}
	g.members.Ascend(func(m *eventnodev1.DirectoryMember) bool {
		s.noteMember(Pair[*eventnodev1.DirectoryMember]{Before: m})
		return true
	})
	for _, r := range g.roles {
		s.noteRole(Pair[*eventnodev1.DirectoryRole]{Before: r})
	}
	delete(s.guilds, id)
	s.setGuild(g.row, nil)
	return nil
}

// readBits are those permissions that decide what may be read.
const readBits = ViewChannel | Administrator

func (s *step) putRole(row *eventnodev1.DirectoryRole) error {
	g, err := s.guildOf(row.GetGuildId())
	if err != nil {
		return err
	}
	before := s.roles[flake(row.GetId())]
	if err := s.checkRole(g, before, row); err != nil || proto.Equal(before, row) {
		return err
	}
	after := proto.CloneOf(row)
	s.setRole(g, before, after)
	if before != nil && (before.GetPermissions()^after.GetPermissions())&readBits != 0 {
		s.e.Access = append(s.e.Access, Access{Guild: flake(g.row.GetId()), Role: flake(after.GetId())})
	}
	return nil
}

func (s *step) checkRole(g *guild, before, row *eventnodev1.DirectoryRole) error {
	err := cmp.Or(
		text("role_name", row.GetName(), 1, maxName),
		place(row.GetPosition()),
		bits(row.GetPermissions()),
	)
	switch {
	case err != nil:
		return err
	case row.GetColor() > 0xFFFFFF:
		return invalid("color %#x: use 0xRRGGBB", row.GetColor())
	case before == nil:
		return cmp.Or(s.free("role", row.GetId()), within("max_roles_per_guild", s.limits.RolesPerGuild, len(g.roles)))
	case before.GetGuildId() != row.GetGuildId():
		return fmt.Errorf("role %d is one of guild %d: %w", row.GetId(), before.GetGuildId(), ErrIDTaken)
	}
	return nil
}

// place checks a position.
func place(position uint32) error {
	if position >= 1<<31 {
		return invalid("position %d: use a number below 2^31", position)
	}
	return nil
}

func (s *step) deleteRole(id flake) error {
	row := s.roles[id]
	switch {
	case row == nil:
		return unknown("role", uint64(id), ErrUnknownRole)
	case row.GetGuildId() == uint64(id):
		return fmt.Errorf("role %d: %w", id, ErrEveryoneRole)
	}
	g := s.guilds[flake(row.GetGuildId())]
	mattered := row.GetPermissions()&readBits != 0
	for _, c := range g.channels {
		if o := overwriteOf(c, row.GetId()); o != nil {
			mattered = mattered || (o.GetAllow()|o.GetDeny())&ViewChannel != 0
			s.setChannel(g, c, withoutOverwrite(c, row.GetId()))
		}
	}
	for _, m := range holders(g, row.GetId()) {
		after := proto.CloneOf(m)
		after.Roles = slices.DeleteFunc(after.Roles, func(r uint64) bool { return r == row.GetId() })
		s.setMember(g, m, after)
		if mattered {
			s.userAccess(g, m.GetUserId())
		}
	}
	s.setRole(g, row, nil)
	return nil
}

// holders are the members that a role is listed of.
func holders(g *guild, role uint64) (list []*eventnodev1.DirectoryMember) {
	g.members.Ascend(func(m *eventnodev1.DirectoryMember) bool {
		if hasRole(m, role) {
			list = append(list, m)
		}
		return true
	})
	return list
}

// userAccess notes that a user may read other channels of a guild than before.
func (s *step) userAccess(g *guild, user uint64) {
	s.e.Access = append(s.e.Access, Access{Guild: flake(g.row.GetId()), User: flake(user)})
}
