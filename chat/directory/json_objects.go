package directory

import (
	"strconv"

	"github.com/eventnode/eventnode/sessions"
)

// Objects as the Discord protocol writes them: clients insist on fields that a directory
// has nothing to say of, so these are there with what stands for none. Ids and
// permissions are strings.

// Permissions are bits, in JSON a string of decimal digits.
type Permissions uint64

// MarshalText implements encoding.TextMarshaler.
func (p Permissions) MarshalText() ([]byte, error) {
	return strconv.AppendUint(nil, uint64(p), 10), nil
}

// UserObject is a user.
type UserObject struct {
	ID            sessions.Snowflake `json:"id"`
	Username      string             `json:"username"`
	Discriminator string             `json:"discriminator"`
	GlobalName    *string            `json:"global_name"`
	Avatar        *string            `json:"avatar"`
	Bot           bool               `json:"bot"`
	System        bool               `json:"system"`
	PublicFlags   int                `json:"public_flags"`
}

// PartialUser is a user where his id is enough, as in a presence.
type PartialUser struct {
	ID sessions.Snowflake `json:"id"`
}

// RoleObject is a role.
type RoleObject struct {
	ID           sessions.Snowflake `json:"id"`
	Name         string             `json:"name"`
	Color        uint32             `json:"color"`
	Colors       RoleColors         `json:"colors"`
	Hoist        bool               `json:"hoist"`
	Icon         *string            `json:"icon"`
	UnicodeEmoji *string            `json:"unicode_emoji"`
	Position     uint32             `json:"position"`
	Permissions  Permissions        `json:"permissions"`
	Managed      bool               `json:"managed"`
	Mentionable  bool               `json:"mentionable"`
	Flags        int                `json:"flags"`
}

// RoleColors are the colours of a role: one.
type RoleColors struct {
	Primary   uint32  `json:"primary_color"`
	Secondary *uint32 `json:"secondary_color"`
	Tertiary  *uint32 `json:"tertiary_color"`
}

// OverwriteObject is an overwrite: Type is 0 of a role, 1 of a member.
type OverwriteObject struct {
	ID    sessions.Snowflake `json:"id"`
	Type  int                `json:"type"`
	Allow Permissions        `json:"allow"`
	Deny  Permissions        `json:"deny"`
}

// ChannelObject is a channel of a guild or a private one, with what its kind has.
type ChannelObject struct {
	ID            sessions.Snowflake  `json:"id"`
	Type          uint32              `json:"type"`
	LastMessageID *sessions.Snowflake `json:"last_message_id"`
	Flags         int                 `json:"flags"`
	// Name is left out of a direct one, and of a group that has none.
	Name *string `json:"name,omitempty"`
	*GuildChannelFields
	*PrivateChannelFields
}

// GuildChannelFields are those of a guild's channel. GuildID is left out inside a guild
// object.
type GuildChannelFields struct {
	GuildID          *sessions.Snowflake `json:"guild_id,omitempty"`
	Topic            *string             `json:"topic"`
	Position         uint32              `json:"position"`
	ParentID         *sessions.Snowflake `json:"parent_id"`
	Overwrites       []OverwriteObject   `json:"permission_overwrites"`
	NSFW             bool                `json:"nsfw"`
	RateLimitPerUser uint32              `json:"rate_limit_per_user"`
	// Of voice and stage channels.
	Bitrate   *uint32 `json:"bitrate,omitempty"`
	UserLimit *uint32 `json:"user_limit,omitempty"`
	RTCRegion *string `json:"rtc_region,omitempty"`
	// Of forums.
	AvailableTags *[]struct{} `json:"available_tags,omitempty"`
}

// PrivateChannelFields are those of a private channel.
type PrivateChannelFields struct {
	Recipients []UserObject `json:"recipients"`
	*GroupFields
}

// GroupFields are those of a group.
type GroupFields struct {
	Icon    *string             `json:"icon"`
	OwnerID *sessions.Snowflake `json:"owner_id"`
}

// MemberObject is a member. GuildID is left out inside a guild object.
type MemberObject struct {
	GuildID                    *sessions.Snowflake  `json:"guild_id,omitempty"`
	User                       UserObject           `json:"user"`
	Nick                       *string              `json:"nick"`
	Avatar                     *string              `json:"avatar"`
	Roles                      []sessions.Snowflake `json:"roles"`
	JoinedAt                   string               `json:"joined_at"`
	PremiumSince               *string              `json:"premium_since"`
	Deaf                       bool                 `json:"deaf"`
	Mute                       bool                 `json:"mute"`
	Pending                    bool                 `json:"pending"`
	Flags                      int                  `json:"flags"`
	CommunicationDisabledUntil *string              `json:"communication_disabled_until"`
}

// GuildObject is a guild, without what changes by the minute.
type GuildObject struct {
	ID                          sessions.Snowflake  `json:"id"`
	Name                        string              `json:"name"`
	Icon                        *string             `json:"icon"`
	Splash                      *string             `json:"splash"`
	DiscoverySplash             *string             `json:"discovery_splash"`
	OwnerID                     sessions.Snowflake  `json:"owner_id"`
	AFKChannelID                *sessions.Snowflake `json:"afk_channel_id"`
	AFKTimeout                  int                 `json:"afk_timeout"`
	VerificationLevel           int                 `json:"verification_level"`
	DefaultMessageNotifications int                 `json:"default_message_notifications"`
	ExplicitContentFilter       int                 `json:"explicit_content_filter"`
	Roles                       []RoleObject        `json:"roles"`
	Emojis                      []struct{}          `json:"emojis"`
	Features                    []string            `json:"features"`
	MFALevel                    int                 `json:"mfa_level"`
	ApplicationID               *sessions.Snowflake `json:"application_id"`
	SystemChannelID             *sessions.Snowflake `json:"system_channel_id"`
	SystemChannelFlags          int                 `json:"system_channel_flags"`
	RulesChannelID              *sessions.Snowflake `json:"rules_channel_id"`
	MaxMembers                  int                 `json:"max_members"`
	VanityURLCode               *string             `json:"vanity_url_code"`
	Description                 *string             `json:"description"`
	Banner                      *string             `json:"banner"`
	PremiumTier                 int                 `json:"premium_tier"`
	PremiumSubscriptionCount    int                 `json:"premium_subscription_count"`
	PreferredLocale             string              `json:"preferred_locale"`
	PublicUpdatesChannelID      *sessions.Snowflake `json:"public_updates_channel_id"`
	NSFWLevel                   int                 `json:"nsfw_level"`
	Stickers                    []struct{}          `json:"stickers"`
	PremiumProgressBarEnabled   bool                `json:"premium_progress_bar_enabled"`
	SafetyAlertsChannelID       *sessions.Snowflake `json:"safety_alerts_channel_id"`
}

// GuildCreate is a guild as one user sees it when it becomes available to him: the data
// of GUILD_CREATE. Presences is for who knows them.
type GuildCreate struct {
	GuildObject
	JoinedAt             string           `json:"joined_at"`
	Large                bool             `json:"large"`
	Unavailable          bool             `json:"unavailable"`
	MemberCount          int              `json:"member_count"`
	VoiceStates          []struct{}       `json:"voice_states"`
	Members              []*MemberObject  `json:"members"`
	Channels             []*ChannelObject `json:"channels"`
	Threads              []struct{}       `json:"threads"`
	Presences            []any            `json:"presences"`
	StageInstances       []struct{}       `json:"stage_instances"`
	GuildScheduledEvents []struct{}       `json:"guild_scheduled_events"`
	SoundboardSounds     []struct{}       `json:"soundboard_sounds"`
}
