package directory

import (
	"slices"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// DefaultLarge is how many members make a guild large: those who are offline are not
// told then.
const DefaultLarge = 50

// maxMembersShown is what guilds say of how many they take.
const maxMembersShown = 500_000

// timeLayout is ISO 8601 as the protocol writes it.
const timeLayout = "2006-01-02T15:04:05.000000-07:00"

// optional is nil for the zero value: null in JSON.
func optional[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}

// NewUserObject is a user in the protocol's form; only an id if he is not there.
func NewUserObject(u *eventnodev1.DirectoryUser) UserObject {
	o := UserObject{
		ID: flake(u.GetId()), Username: u.GetUsername(), Discriminator: u.GetDiscriminator(),
		GlobalName: optional(u.GetGlobalName()), Avatar: optional(u.GetAvatar()), Bot: u.GetBot(),
	}
	if o.Discriminator == "" {
		o.Discriminator = "0"
	}
	return o
}

// NewRoleObject is a role in the protocol's form.
func NewRoleObject(r *eventnodev1.DirectoryRole) RoleObject {
	return RoleObject{
		ID: flake(r.GetId()), Name: r.GetName(), Color: r.GetColor(), Colors: RoleColors{Primary: r.GetColor()},
		Hoist: r.GetHoist(), Position: r.GetPosition(), Permissions: Permissions(r.GetPermissions()), Mentionable: r.GetMentionable(),
	}
}

// MemberObject is a member in the protocol's form, the guild's id apart; nil if he is not
// there.
func (s *State) MemberObject(guild, user sessions.Snowflake) *MemberObject {
	m := s.Member(guild, user)
	if m == nil {
		return nil
	}
	return s.memberObject(m)
}

func (s *State) memberObject(m *eventnodev1.DirectoryMember) *MemberObject {
	o := &MemberObject{
		User: NewUserObject(s.User(flake(m.GetUserId()))), Nick: optional(m.GetNick()),
		Roles: make([]sessions.Snowflake, 0, len(m.GetRoles())), JoinedAt: joined(m),
	}
	for _, r := range m.GetRoles() {
		o.Roles = append(o.Roles, flake(r))
	}
	return o
}

// joined is when a member came; who does not say came in 1970.
func joined(m *eventnodev1.DirectoryMember) string {
	return m.GetJoinedAt().AsTime().UTC().Format(timeLayout)
}

// ChannelObject is a channel in the protocol's form as a user sees it: among the
// recipients of a private one he is not listed. It does not ask whether he may read it.
// Nil if it is not there.
func (s *State) ChannelObject(channel, viewer sessions.Snowflake) *ChannelObject {
	c := s.channels[channel]
	if c == nil {
		return nil
	}
	o := &ChannelObject{ID: channel, Type: c.GetType(), Name: optional(c.GetName())}
	if c.GetGuildId() != 0 {
		o.GuildChannelFields = guildChannelFields(c)
	} else {
		o.PrivateChannelFields = s.privateChannelFields(c, viewer)
	}
	return o
}

func guildChannelFields(c *eventnodev1.DirectoryChannel) *GuildChannelFields {
	f := &GuildChannelFields{
		GuildID: optional(flake(c.GetGuildId())), Topic: optional(c.GetTopic()),
		Position: c.GetPosition(), ParentID: optional(flake(c.GetParentId())), NSFW: c.GetNsfw(),
		RateLimitPerUser: c.GetRateLimitPerUser(), Overwrites: make([]OverwriteObject, 0, len(c.GetOverwrites())),
	}
	for _, o := range c.GetOverwrites() {
		f.Overwrites = append(f.Overwrites, overwriteObject(o))
	}
	switch c.GetType() {
	case Voice, Stage:
		bitrate, limit := c.GetBitrate(), c.GetUserLimit()
		if bitrate == 0 {
			bitrate = 64_000
		}
		f.Bitrate, f.UserLimit = &bitrate, &limit
	case Forum, Media:
		f.AvailableTags = &[]struct{}{}
	}
	return f
}

func overwriteObject(o *eventnodev1.DirectoryOverwrite) OverwriteObject {
	kind := 0
	if o.GetKind() == eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER {
		kind = 1
	}
	return OverwriteObject{ID: flake(o.GetId()), Type: kind, Allow: Permissions(o.GetAllow()), Deny: Permissions(o.GetDeny())}
}

func (s *State) privateChannelFields(c *eventnodev1.DirectoryChannel, viewer sessions.Snowflake) *PrivateChannelFields {
	f := &PrivateChannelFields{Recipients: []UserObject{}}
	for _, user := range c.GetRecipients() {
		if flake(user) != viewer {
			f.Recipients = append(f.Recipients, NewUserObject(s.User(flake(user))))
		}
	}
	if c.GetType() == Group {
		f.GroupFields = &GroupFields{Icon: optional(c.GetIcon()), OwnerID: optional(flake(c.GetOwnerId()))}
	}
	return f
}

// GuildObject is a guild with its roles in the protocol's form; nil if it is not there.
func (s *State) GuildObject(guild sessions.Snowflake) *GuildObject {
	g := s.guilds[guild]
	if g == nil {
		return nil
	}
	o := &GuildObject{
		ID: guild, Name: g.row.GetName(), Icon: optional(g.row.GetIcon()), OwnerID: flake(g.row.GetOwnerId()),
		AFKTimeout: 300, Roles: make([]RoleObject, 0, len(g.roles)), Emojis: []struct{}{},
		Features: append([]string{}, g.row.GetFeatures()...), MaxMembers: maxMembersShown,
		Description: optional(g.row.GetDescription()), PreferredLocale: "en-US", Stickers: []struct{}{},
	}
	for _, r := range g.roles {
		o.Roles = append(o.Roles, NewRoleObject(r))
	}
	return o
}

// GuildView is how a guild is shown to a user.
type GuildView struct {
	// User sees it: the channels that he may read.
	User sessions.Snowflake
	// Large is how many members it has at most to be shown with all of them. Defaults to
	// DefaultLarge.
	Large int
	// Online are the members to show of a larger one, besides the user himself.
	Online []sessions.Snowflake
}

// GuildCreate is a guild as a user sees it when it becomes available to him; nil if he is
// not there, or the guild.
func (s *State) GuildCreate(guild sessions.Snowflake, view GuildView) *GuildCreate {
	self := s.Member(guild, view.User)
	if self == nil {
		return nil
	}
	if view.Large == 0 {
		view.Large = DefaultLarge
	}
	o := &GuildCreate{
		GuildObject: *s.GuildObject(guild), JoinedAt: joined(self), MemberCount: s.MemberCount(guild),
		Large: s.MemberCount(guild) > view.Large, Channels: []*ChannelObject{},
		VoiceStates: []struct{}{}, Threads: []struct{}{}, Presences: []any{}, StageInstances: []struct{}{},
		GuildScheduledEvents: []struct{}{}, SoundboardSounds: []struct{}{},
	}
	o.Members = s.membersShown(guild, view, o.Large)
	base := s.base(s.guilds[guild], self)
	for _, c := range s.Channels(guild) {
		if overwritten(base, c, self.GetUserId(), self.GetRoles())&ViewChannel != 0 {
			shown := s.ChannelObject(flake(c.GetId()), view.User)
			shown.GuildID = nil
			o.Channels = append(o.Channels, shown)
		}
	}
	return o
}

// membersShown are all members, or of a large guild the user and who is online; by id.
func (s *State) membersShown(guild sessions.Snowflake, view GuildView, large bool) []*MemberObject {
	list := []*MemberObject{}
	if !large {
		for m := range s.Members(guild) {
			list = append(list, s.memberObject(m))
		}
		return list
	}
	users := append(slices.Clone(view.Online), view.User)
	slices.Sort(users)
	for _, user := range slices.Compact(users) {
		if m := s.MemberObject(guild, user); m != nil {
			list = append(list, m)
		}
	}
	return list
}
