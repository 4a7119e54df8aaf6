package directory

import (
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// builder makes changes of a file. Each is applied to a state, which finds out what does
// not fit.
type builder struct {
	state   *State
	changes []*eventnodev1.DirectoryChange
	users   names
}

// names are the ids that things of a kind have by their names; 0: several have it.
type names map[string]uint64

// add takes a name in.
func (n names) add(name string, id uint64) {
	if _, taken := n[name]; taken {
		id = 0
	}
	n[name] = id
}

// find is the id that a word stands for: its number, or that of the one with this name.
func (n names) find(what string, w word) (uint64, error) {
	id, known := n[w.text]
	switch {
	case w.text == "":
		return 0, &ParseError{w.line, invalid("the %s is missing", what)}
	case known && id != 0:
		return id, nil
	case known:
		return 0, &ParseError{w.line, invalid("several have the name %q: use the id of the %s", w.text, what)}
	}
	if id, err := strconv.ParseUint(w.text, 10, 64); err == nil {
		return id, nil
	}
	return 0, &ParseError{w.line, invalid("no %s has the name %.80q", what, w.text)}
}

// all is find for several words.
func (n names) all(what string, words []word) (ids []uint64, err error) {
	for _, w := range words {
		id, err := n.find(what, w)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// put adds a change that stands at a line.
func (b *builder) put(line int, c *eventnodev1.DirectoryChange) error {
	if _, err := b.state.Apply(c); err != nil {
		return &ParseError{line, err}
	}
	b.changes = append(b.changes, c)
	return nil
}

func (b *builder) build(f *fileForm) error {
	for i := range f.Users {
		if err := b.user(&f.Users[i]); err != nil {
			return err
		}
	}
	for _, p := range f.Friends {
		ids, err := b.users.all("user", p.users)
		if err != nil {
			return err
		}
		if err := b.put(p.line, PutFriendship(flake(ids[0]), flake(ids[1]))); err != nil {
			return err
		}
	}
	for i := range f.Guilds {
		if err := b.guild(&f.Guilds[i]); err != nil {
			return err
		}
	}
	for i := range f.Direct {
		if err := b.direct(&f.Direct[i]); err != nil {
			return err
		}
	}
	return nil
}

// fresh is the id of a new row.
func (b *builder) fresh(what string, name, w word) (uint64, error) {
	id, err := strconv.ParseUint(w.text, 10, 64)
	if err != nil {
		err = invalid("the %s %.40q has the id %.40q: write decimal digits", what, name.text, w.text)
	} else {
		err = b.state.free("new "+what, id)
	}
	if err != nil {
		return 0, &ParseError{max(w.line, name.line), err}
	}
	return id, nil
}

func (b *builder) user(u *fileUser) error {
	id, err := b.fresh("user", u.Name, u.ID)
	if err != nil {
		return err
	}
	b.users.add(u.Name.text, id)
	return b.put(u.ID.line, PutUser(&eventnodev1.DirectoryUser{
		Id: id, Username: u.Name.text, GlobalName: u.Shown, Discriminator: u.Discriminator, Avatar: u.Avatar, Bot: u.Bot,
	}))
}

func (b *builder) guild(f *fileGuild) error {
	id, err := b.fresh("guild", f.Name, f.ID)
	if err != nil {
		return err
	}
	owner, err := b.users.find("owner", word{f.Owner.text, max(f.Owner.line, f.ID.line)})
	if err != nil {
		return err
	}
	if err := b.put(f.ID.line, PutGuild(&eventnodev1.DirectoryGuild{
		Id: id, OwnerId: owner, Name: f.Name.text, Icon: f.Icon, Description: f.Description, Features: f.Features,
	})); err != nil {
		return err
	}
	g := &guildBuilder{builder: b, id: id, roles: names{everyone: id}, channels: names{}}
	return g.build(f, owner)
}

// guildBuilder makes what is in a guild.
type guildBuilder struct {
	*builder
	id              uint64
	roles, channels names
}

func (g *guildBuilder) build(f *fileGuild, owner uint64) error {
	for i := range f.Roles {
		if err := g.role(&f.Roles[i]); err != nil {
			return err
		}
	}
	for i := range f.Members {
		if err := g.member(&f.Members[i]); err != nil {
			return err
		}
	}
	if g.state.Member(flake(g.id), flake(owner)) == nil {
		if err := g.put(f.ID.line, PutMember(&eventnodev1.DirectoryMember{GuildId: g.id, UserId: owner})); err != nil {
			return err
		}
	}
	for _, categories := range []bool{true, false} {
		for i := range f.Channels {
			if (f.Channels[i].Type.text == "category") != categories {
				continue
			}
			if err := g.channel(&f.Channels[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *guildBuilder) role(f *fileRole) error {
	row := &eventnodev1.DirectoryRole{
		Id: g.id, GuildId: g.id, Name: f.Name.text, Position: f.Position, Hoist: f.Hoist, Color: f.Color,
		Mentionable: f.Mentionable, Permissions: f.Permissions.bits,
	}
	if f.Name.text == everyone && f.ID.text == "" {
		if !f.Permissions.set {
			row.Permissions = DefaultPermissions
		}
		return g.put(f.Name.line, PutRole(row))
	}
	id, err := g.fresh("role", f.Name, f.ID)
	if err != nil {
		return err
	}
	row.Id = id
	g.roles.add(f.Name.text, id)
	return g.put(f.ID.line, PutRole(row))
}

func (g *guildBuilder) member(f *fileMember) error {
	user, err := g.users.find("user", f.User)
	if err != nil {
		return err
	}
	if g.state.Member(flake(g.id), flake(user)) != nil {
		return &ParseError{f.User.line, invalid("%s is a member already", f.User.text)}
	}
	roles, err := g.roles.all("role", f.Roles)
	if err != nil {
		return err
	}
	row := &eventnodev1.DirectoryMember{GuildId: g.id, UserId: user, Nick: f.Nick, Roles: roles}
	if !f.Joined.IsZero() {
		row.JoinedAt = timestamppb.New(f.Joined)
	}
	return g.put(f.User.line, PutMember(row))
}

func (g *guildBuilder) channel(f *fileChannel) error {
	id, err := g.fresh("channel", f.Name, f.ID)
	if err != nil {
		return err
	}
	row := &eventnodev1.DirectoryChannel{
		Id: id, GuildId: g.id, Name: f.Name.text, Topic: f.Topic, Position: f.Position, Nsfw: f.NSFW,
		RateLimitPerUser: f.Slowmode, Bitrate: f.Bitrate, UserLimit: f.UserLimit,
	}
	if row.Type, err = parseChannelType(f.Type.text); err != nil {
		return &ParseError{f.Type.line, err}
	}
	if f.Parent.text != "" {
		if row.ParentId, err = g.channels.find("category", f.Parent); err != nil {
			return err
		}
	}
	for i := range f.Overwrites {
		o, err := g.overwrite(f.ID.line, &f.Overwrites[i])
		if err != nil {
			return err
		}
		row.Overwrites = append(row.Overwrites, o)
	}
	if row.GetType() == Category {
		g.channels.add(f.Name.text, id)
	}
	return g.put(f.ID.line, PutChannel(row))
}

func (g *guildBuilder) overwrite(line int, f *fileOverwrite) (_ *eventnodev1.DirectoryOverwrite, err error) {
	o := &eventnodev1.DirectoryOverwrite{Allow: f.Allow.bits, Deny: f.Deny.bits}
	switch {
	case (f.Role.text == "") == (f.Member.text == ""):
		return nil, &ParseError{max(line, f.Role.line, f.Member.line), invalid("an overwrite is of a role or of a member")}
	case f.Role.text != "":
		o.Kind = eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE
		o.Id, err = g.roles.find("role", f.Role)
	default:
		o.Kind = eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER
		o.Id, err = g.users.find("member", f.Member)
	}
	return o, err
}

func (b *builder) direct(f *fileDirect) error {
	id, err := b.fresh("channel", f.Name, f.ID)
	if err != nil {
		return err
	}
	row := &eventnodev1.DirectoryChannel{Id: id, Type: Direct, Name: f.Name.text}
	if f.Group || f.Name.text != "" || f.Owner.text != "" || len(f.Users) > 2 {
		row.Type = Group
	}
	if row.Recipients, err = b.users.all("user", f.Users); err != nil {
		return err
	}
	if f.Owner.text != "" {
		if row.OwnerId, err = b.users.find("owner", f.Owner); err != nil {
			return err
		}
	}
	return b.put(f.ID.line, PutChannel(row))
}
