package directory

import (
	"fmt"

	"github.com/eventnode/eventnode"
)

// Limits bound a directory. They decide which changes fit, so nodes that read the same
// changes must have the same: change them everywhere at once, while no node is running,
// and never to less than what is there.
type Limits struct {
	// Guilds bounds the guilds. Defaults to 1,000,000.
	Guilds int
	// Users bounds the users. Defaults to 10,000,000.
	Users int
	// PrivateChannels bounds the direct and group channels. Defaults to 10,000,000.
	PrivateChannels int
	// MembersPerGuild bounds the members of a guild. Defaults to 1,000,000.
	MembersPerGuild int
	// RolesPerGuild bounds the roles of a guild, that of everybody included. Defaults to
	// 250.
	RolesPerGuild int
	// ChannelsPerGuild bounds the channels of a guild. Defaults to 500.
	ChannelsPerGuild int
	// OverwritesPerChannel bounds the overwrites of a channel. Defaults to 500.
	OverwritesPerChannel int
	// FriendsPerUser bounds the friends of a user. Defaults to 1,000.
	FriendsPerUser int
	// Recipients bounds who is in a group channel. Defaults to 10.
	Recipients int
	// Features bounds the features of a guild. Defaults to 100.
	Features int
}

// How long strings may be, in characters.
const (
	maxName        = 100
	maxDescription = 1024
	maxTopic       = 4096
	maxPerson      = 32 // a username, a global name, a nick
	maxHash        = 64 // of a picture; and a feature
)

// maxSlowmode bounds rate_limit_per_user, in seconds: six hours.
const maxSlowmode = 21_600

// Defaults of Limits.
const (
	DefaultGuilds               = 1_000_000
	DefaultUsers                = 10_000_000
	DefaultPrivateChannels      = 10_000_000
	DefaultMembersPerGuild      = 1_000_000
	DefaultRolesPerGuild        = 250
	DefaultChannelsPerGuild     = 500
	DefaultOverwritesPerChannel = 500
	DefaultFriendsPerUser       = 1_000
	DefaultRecipients           = 10
	DefaultFeatures             = 100
)

func (l Limits) withDefaults() (Limits, error) {
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"Guilds", &l.Guilds, DefaultGuilds},
		{"Users", &l.Users, DefaultUsers},
		{"PrivateChannels", &l.PrivateChannels, DefaultPrivateChannels},
		{"MembersPerGuild", &l.MembersPerGuild, DefaultMembersPerGuild},
		{"RolesPerGuild", &l.RolesPerGuild, DefaultRolesPerGuild},
		{"ChannelsPerGuild", &l.ChannelsPerGuild, DefaultChannelsPerGuild},
		{"OverwritesPerChannel", &l.OverwritesPerChannel, DefaultOverwritesPerChannel},
		{"FriendsPerUser", &l.FriendsPerUser, DefaultFriendsPerUser},
		{"Recipients", &l.Recipients, DefaultRecipients},
		{"Features", &l.Features, DefaultFeatures},
	} {
		switch {
		case *f.value < 0:
			return l, fmt.Errorf("%s is %d: %w", f.name, *f.value, eventnode.ErrInvalidArgument)
		case *f.value == 0:
			*f.value = f.def
		}
	}
	return l, nil
}
