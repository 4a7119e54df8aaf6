package discord

import "time"

// Guild is a guild. What a payload does not say is zero.
type Guild struct {
	ID                          Snowflake `json:"id"`
	Name                        string    `json:"name,omitzero"`
	Icon                        string    `json:"icon,omitzero"`
	Splash                      string    `json:"splash,omitzero"`
	DiscoverySplash             string    `json:"discovery_splash,omitzero"`
	Banner                      string    `json:"banner,omitzero"`
	Description                 string    `json:"description,omitzero"`
	OwnerID                     Snowflake `json:"owner_id,omitzero"`
	ApplicationID               Snowflake `json:"application_id,omitzero"`
	AFKChannelID                Snowflake `json:"afk_channel_id,omitzero"`
	AFKTimeout                  int       `json:"afk_timeout,omitzero"`
	WidgetEnabled               bool      `json:"widget_enabled,omitzero"`
	WidgetChannelID             Snowflake `json:"widget_channel_id,omitzero"`
	SystemChannelID             Snowflake `json:"system_channel_id,omitzero"`
	SystemChannelFlags          int64     `json:"system_channel_flags,omitzero"`
	RulesChannelID              Snowflake `json:"rules_channel_id,omitzero"`
	PublicUpdatesChannelID      Snowflake `json:"public_updates_channel_id,omitzero"`
	SafetyAlertsChannelID       Snowflake `json:"safety_alerts_channel_id,omitzero"`
	VerificationLevel           int       `json:"verification_level,omitzero"`
	DefaultMessageNotifications int       `json:"default_message_notifications,omitzero"`
	ExplicitContentFilter       int       `json:"explicit_content_filter,omitzero"`
	MFALevel                    int       `json:"mfa_level,omitzero"`
	NSFWLevel                   int       `json:"nsfw_level,omitzero"`
	PremiumTier                 int       `json:"premium_tier,omitzero"`
	PremiumSubscriptionCount    int       `json:"premium_subscription_count,omitzero"`
	PreferredLocale             string    `json:"preferred_locale,omitzero"`
	VanityURLCode               string    `json:"vanity_url_code,omitzero"`
	Features                    []string  `json:"features,omitzero"`
	Roles                       []Role    `json:"roles,omitzero"`
	Emojis                      []Emoji   `json:"emojis,omitzero"`
	Stickers                    []Sticker `json:"stickers,omitzero"`

	// Of a guild that becomes available, and of one in a cache where it says so.
	JoinedAt    time.Time    `json:"joined_at,omitzero"`
	Large       bool         `json:"large,omitzero"`
	Unavailable bool         `json:"unavailable,omitzero"`
	MemberCount int          `json:"member_count,omitzero"`
	Members     []Member     `json:"members,omitzero"`
	Channels    []Channel    `json:"channels,omitzero"`
	Threads     []Channel    `json:"threads,omitzero"`
	Presences   []Presence   `json:"presences,omitzero"`
	VoiceStates []VoiceState `json:"voice_states,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (g *Guild) UnmarshalJSON(b []byte) error {
	type twin Guild
	return decode[Guild](b, (*twin)(g), &g.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (g Guild) MarshalJSON() ([]byte, error) {
	type twin Guild
	return encode(twin(g), g.Unknown)
}

// Role is what members of a guild may do, and how they are shown.
type Role struct {
	ID           Snowflake   `json:"id"`
	Name         string      `json:"name,omitzero"`
	Color        int         `json:"color,omitzero"`
	Hoist        bool        `json:"hoist,omitzero"`
	Icon         string      `json:"icon,omitzero"`
	UnicodeEmoji string      `json:"unicode_emoji,omitzero"`
	Position     int         `json:"position,omitzero"`
	Permissions  Permissions `json:"permissions,omitzero"`
	Managed      bool        `json:"managed,omitzero"`
	Mentionable  bool        `json:"mentionable,omitzero"`
	Flags        int64       `json:"flags,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (r *Role) UnmarshalJSON(b []byte) error {
	type twin Role
	return decode[Role](b, (*twin)(r), &r.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (r Role) MarshalJSON() ([]byte, error) {
	type twin Role
	return encode(twin(r), r.Unknown)
}

// Emoji is one of a guild's own, or of all the world's: then it has no id.
type Emoji struct {
	ID            Snowflake   `json:"id,omitzero"`
	Name          string      `json:"name,omitzero"`
	Roles         []Snowflake `json:"roles,omitzero"`
	User          *User       `json:"user,omitzero"`
	RequireColons bool        `json:"require_colons,omitzero"`
	Managed       bool        `json:"managed,omitzero"`
	Animated      bool        `json:"animated,omitzero"`
	Available     bool        `json:"available,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *Emoji) UnmarshalJSON(b []byte) error {
	type twin Emoji
	return decode[Emoji](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e Emoji) MarshalJSON() ([]byte, error) {
	type twin Emoji
	return encode(twin(e), e.Unknown)
}

// Sticker is one of a guild's own, or of the service's.
type Sticker struct {
	ID          Snowflake `json:"id"`
	PackID      Snowflake `json:"pack_id,omitzero"`
	GuildID     Snowflake `json:"guild_id,omitzero"`
	Name        string    `json:"name,omitzero"`
	Description string    `json:"description,omitzero"`
	Tags        string    `json:"tags,omitzero"`
	Type        int       `json:"type,omitzero"`
	FormatType  int       `json:"format_type,omitzero"`
	Available   bool      `json:"available,omitzero"`
	User        *User     `json:"user,omitzero"`
	SortValue   int       `json:"sort_value,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (s *Sticker) UnmarshalJSON(b []byte) error {
	type twin Sticker
	return decode[Sticker](b, (*twin)(s), &s.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (s Sticker) MarshalJSON() ([]byte, error) {
	type twin Sticker
	return encode(twin(s), s.Unknown)
}
