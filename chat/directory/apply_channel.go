package directory

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// The types of channels, by the protocol's numbers.
const (
	Text          = 0
	Direct        = 1
	Voice         = 2
	Group         = 3
	Category      = 4
	Announcements = 5
	Stage         = 13
	Listing       = 14 // of guilds
	Forum         = 15
	Media         = 16
)

// guildTypes are those of a guild's channels.
var guildTypes = [...]uint32{Text, Voice, Category, Announcements, Stage, Listing, Forum, Media}

func (s *step) putChannel(row *eventnodev1.DirectoryChannel) error {
	if err := cmp.Or( // before it is copied and sorted
		s.free("channel", row.GetId()),
		atMost("max_overwrites_per_channel", s.limits.OverwritesPerChannel, len(row.GetOverwrites())),
	); err != nil {
		return err
	}
	after := tidyChannel(row)
	before := s.channels[flake(row.GetId())]
	if err := s.checkChannel(before, after); err != nil || proto.Equal(before, after) {
		return err
	}
	g := s.guilds[flake(row.GetGuildId())]
	s.setChannel(g, before, after)
	if g != nil {
		s.channelAccess(before, after)
	}
	return nil
}

func (s *step) checkChannel(before, row *eventnodev1.DirectoryChannel) error {
	err := cmp.Or(
		text("channel_name", row.GetName(), 0, maxName),
		text("topic", row.GetTopic(), 0, maxTopic),
		text("icon", row.GetIcon(), 0, maxHash),
		place(row.GetPosition()),
		atMost("max_rate_limit_per_user", maxSlowmode, int(row.GetRateLimitPerUser())),
		atMost("max_bitrate", 1<<31-1, int(row.GetBitrate())),
		atMost("max_user_limit", 1<<31-1, int(row.GetUserLimit())),
	)
	switch {
	case err != nil:
		return err
	case before != nil && before.GetGuildId() != row.GetGuildId():
		return fmt.Errorf("channel %d is one of guild %d (0: private): %w", row.GetId(), before.GetGuildId(), ErrIDTaken)
	case row.GetGuildId() == 0:
		return s.checkPrivate(before, row)
	}
	return s.checkGuildChannel(before, row)
}

func (s *step) checkPrivate(before, row *eventnodev1.DirectoryChannel) error {
	most := s.limits.Recipients
	switch {
	case row.GetType() == Direct:
		most = 2
	case row.GetType() != Group:
		return invalid("private channel %d has the type %d: use 1 (direct) or 3 (group), or name its guild", row.GetId(), row.GetType())
	}
	switch n := len(row.GetRecipients()); {
	case row.GetParentId() != 0 || len(row.GetOverwrites()) > 0:
		return invalid("private channel %d has a category or overwrites", row.GetId())
	case row.GetType() == Direct && (row.GetOwnerId() != 0 || row.GetName() != ""):
		return invalid("direct channel %d has an owner or a name", row.GetId())
	case n == 0:
		return invalid("private channel %d has no recipients", row.GetId())
	case n > most:
		return atMost("max_recipients", most, n)
	case row.GetOwnerId() != 0 && !has(row.GetRecipients(), row.GetOwnerId()):
		return invalid("user %d owns channel %d and is none of its recipients", row.GetOwnerId(), row.GetId())
	case before == nil && s.rows.Private >= s.limits.PrivateChannels:
		return within("max_private_channels", s.limits.PrivateChannels, s.rows.Private)
	}
	for i, user := range row.GetRecipients() {
		if err := s.known(user); err != nil {
			return err
		}
		if has(row.GetRecipients()[:i], user) {
			return invalid("user %d is in channel %d twice", user, row.GetId())
		}
	}
	return nil
}

func (s *step) checkGuildChannel(before, row *eventnodev1.DirectoryChannel) error {
	g, err := s.guildOf(row.GetGuildId())
	switch {
	case err != nil:
		return err
	case !slices.Contains(guildTypes[:], row.GetType()):
		return invalid("channel %d of a guild has the type %d: use 0 (text), 2 (voice), 4 (category), 5, 13, 14, 15 or 16", row.GetId(), row.GetType())
	case row.GetName() == "":
		return invalid("channel %d has no name", row.GetId())
	case len(row.GetRecipients()) > 0 || row.GetOwnerId() != 0 || row.GetIcon() != "":
		return invalid("channel %d of a guild has recipients, an owner or an icon", row.GetId())
	case before == nil && len(g.channels) >= s.limits.ChannelsPerGuild:
		return within("max_channels_per_guild", s.limits.ChannelsPerGuild, len(g.channels))
	case before.GetType() == Category && row.GetType() != Category && len(inCategory(g, row.GetId())) > 0:
		return fmt.Errorf("channel %d becomes of type %d: %w", row.GetId(), row.GetType(), ErrNotEmpty)
	}
	if err := s.checkParent(row); err != nil {
		return err
	}
	return s.checkOverwrites(g, row)
}

func (s *step) checkParent(row *eventnodev1.DirectoryChannel) error {
	switch parent := s.channels[flake(row.GetParentId())]; {
	case row.GetParentId() == 0:
		return nil
	case row.GetType() == Category:
		return invalid("category %d is in a category", row.GetId())
	case row.GetParentId() == row.GetId(): // which may have been a category until now
		return invalid("channel %d is in itself", row.GetId())
	case parent == nil || parent.GetGuildId() != row.GetGuildId() || parent.GetType() != Category:
		return fmt.Errorf("category %d of guild %d: %w", row.GetParentId(), row.GetGuildId(), ErrUnknownChannel)
	}
	return nil
}

func (s *step) checkOverwrites(g *guild, row *eventnodev1.DirectoryChannel) error {
	if id := twice(row.GetOverwrites(), (*eventnodev1.DirectoryOverwrite).GetId); id != 0 {
		return invalid("channel %d has two overwrites of %d", row.GetId(), id)
	}
	for _, o := range row.GetOverwrites() {
		if err := cmp.Or(bits(o.GetAllow()), bits(o.GetDeny()), s.checkSubject(g, o)); err != nil {
			return fmt.Errorf("overwrite of channel %d: %w", row.GetId(), err)
		}
	}
	return nil
}

// checkSubject checks that the role or the member of an overwrite is there.
func (s *step) checkSubject(g *guild, o *eventnodev1.DirectoryOverwrite) error {
	switch o.GetKind() {
	case eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE:
		return s.roleOf(g, o.GetId())
	case eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER:
		if g.member(flake(o.GetId())) == nil {
			return unknownMember(g.row.GetId(), o.GetId())
		}
		return nil
	default:
		return invalid("it is neither of a role nor of a member")
	}
}

// roleOf checks that a guild has a role.
func (s *step) roleOf(g *guild, role uint64) error {
	if r := s.roles[flake(role)]; r == nil || r.GetGuildId() != g.row.GetId() {
		return fmt.Errorf("role %d of guild %d: %w", role, g.row.GetId(), ErrUnknownRole)
	}
	return nil
}

// channelAccess notes who may read a channel of a guild that could not before, or the
// other way round: for all others nothing has changed but what they may do in it.
func (s *step) channelAccess(before, after *eventnodev1.DirectoryChannel) {
	in := Access{Guild: flake(after.GetGuildId()), Channel: flake(after.GetId())}
	if before == nil {
		in.Role = in.Guild
		s.e.Access = append(s.e.Access, in)
		return
	}
	view := func(o *eventnodev1.DirectoryOverwrite) [2]uint64 {
		return [2]uint64{o.GetAllow() & ViewChannel, o.GetDeny() & ViewChannel}
	}
	for _, o := range subjects(before, after) {
		if view(overwriteOf(before, o.GetId())) == view(overwriteOf(after, o.GetId())) {
			continue
		}
		one := in
		if one.Role = flake(o.GetId()); o.GetKind() == eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER {
			one.Role, one.User = 0, flake(o.GetId())
		}
		s.e.Access = append(s.e.Access, one)
	}
}

// subjects are the overwrites of two channels, of each id one.
func subjects(a, b *eventnodev1.DirectoryChannel) []*eventnodev1.DirectoryOverwrite {
	list := slices.Clone(a.GetOverwrites())
	for _, o := range b.GetOverwrites() {
		if overwriteOf(a, o.GetId()) == nil {
			list = append(list, o)
		}
	}
	return list
}

func (s *step) deleteChannel(id flake) error {
	row := s.channels[id]
	if row == nil {
		return unknown("channel", uint64(id), ErrUnknownChannel)
	}
	g := s.guilds[flake(row.GetGuildId())]
	if g != nil && row.GetType() == Category {
		for _, c := range inCategory(g, row.GetId()) {
			after := proto.CloneOf(c)
			after.ParentId = 0
			s.setChannel(g, c, after)
		}
	}
	s.setChannel(g, row, nil)
	return nil
}

// inCategory are the channels of a category.
func inCategory(g *guild, category uint64) (list []*eventnodev1.DirectoryChannel) {
	for _, c := range g.channels {
		if c.GetParentId() == category {
			list = append(list, c)
		}
	}
	return list
}

// overwriteOf is the overwrite of a role or a member; nil if there is none.
func overwriteOf(c *eventnodev1.DirectoryChannel, id uint64) *eventnodev1.DirectoryOverwrite {
	at, found := slices.BinarySearchFunc(c.GetOverwrites(), id, func(o *eventnodev1.DirectoryOverwrite, id uint64) int {
		return cmp.Compare(o.GetId(), id)
	})
	if !found {
		return nil
	}
	return c.GetOverwrites()[at]
}

// withoutOverwrite is a copy of a channel without the overwrite of a role or a member.
func withoutOverwrite(c *eventnodev1.DirectoryChannel, id uint64) *eventnodev1.DirectoryChannel {
	c = proto.CloneOf(c)
	c.Overwrites = slices.DeleteFunc(c.Overwrites, func(o *eventnodev1.DirectoryOverwrite) bool { return o.GetId() == id })
	return c
}
