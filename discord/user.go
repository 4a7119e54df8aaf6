package discord

import (
	"encoding/json"
	"time"
)

// User is somebody, or a program of somebody. What a payload does not say is zero.
type User struct {
	ID            Snowflake `json:"id"`
	Username      string    `json:"username,omitzero"`
	Discriminator string    `json:"discriminator,omitzero"`
	GlobalName    string    `json:"global_name,omitzero"`
	Avatar        string    `json:"avatar,omitzero"`
	Banner        string    `json:"banner,omitzero"`
	AccentColor   int       `json:"accent_color,omitzero"`
	Bot           bool      `json:"bot,omitzero"`
	System        bool      `json:"system,omitzero"`
	MFAEnabled    bool      `json:"mfa_enabled,omitzero"`
	Verified      bool      `json:"verified,omitzero"`
	Locale        string    `json:"locale,omitzero"`
	Email         string    `json:"email,omitzero"`
	Flags         int64     `json:"flags,omitzero"`
	PublicFlags   int64     `json:"public_flags,omitzero"`
	PremiumType   int       `json:"premium_type,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (u *User) UnmarshalJSON(b []byte) error {
	type twin User
	return decode[User](b, (*twin)(u), &u.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (u User) MarshalJSON() ([]byte, error) {
	type twin User
	return encode(twin(u), u.Unknown)
}

// Member is a user in a guild.
type Member struct {
	// GuildID is zero where the member stands inside of something that names the guild.
	GuildID Snowflake `json:"guild_id,omitzero"`
	// User is nil in messages, which name their author beside.
	User         *User       `json:"user,omitzero"`
	Nick         string      `json:"nick,omitzero"`
	Avatar       string      `json:"avatar,omitzero"`
	Banner       string      `json:"banner,omitzero"`
	Roles        []Snowflake `json:"roles,omitzero"`
	JoinedAt     time.Time   `json:"joined_at,omitzero"`
	PremiumSince time.Time   `json:"premium_since,omitzero"`
	Deaf         bool        `json:"deaf,omitzero"`
	Mute         bool        `json:"mute,omitzero"`
	Pending      bool        `json:"pending,omitzero"`
	Flags        int64       `json:"flags,omitzero"`
	// Permissions are those in the channel of an interaction, and zero elsewhere.
	Permissions                Permissions `json:"permissions,omitzero"`
	CommunicationDisabledUntil time.Time   `json:"communication_disabled_until,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (m *Member) UnmarshalJSON(b []byte) error {
	type twin Member
	return decode[Member](b, (*twin)(m), &m.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (m Member) MarshalJSON() ([]byte, error) {
	type twin Member
	return encode(twin(m), m.Unknown)
}

// Presence is how present a user is in a guild, and what he does.
type Presence struct {
	// User has only its id, and what has changed.
	User    *User     `json:"user,omitzero"`
	GuildID Snowflake `json:"guild_id,omitzero"`
	// Status is online, idle, dnd or offline.
	Status     string     `json:"status,omitzero"`
	Activities []Activity `json:"activities,omitzero"`
	// ClientStatus is the status on the kinds of devices: desktop, mobile, web.
	ClientStatus map[string]string `json:"client_status,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (p *Presence) UnmarshalJSON(b []byte) error {
	type twin Presence
	return decode[Presence](b, (*twin)(p), &p.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (p Presence) MarshalJSON() ([]byte, error) {
	type twin Presence
	return encode(twin(p), p.Unknown)
}

// Activity is something that a user does. Times, pictures and the like are in Unknown.
type Activity struct {
	Name          string          `json:"name"`
	Type          int             `json:"type"`
	URL           string          `json:"url,omitzero"`
	CreatedAt     json.RawMessage `json:"created_at,omitzero"`
	ApplicationID Snowflake       `json:"application_id,omitzero"`
	Details       string          `json:"details,omitzero"`
	State         string          `json:"state,omitzero"`
	Emoji         *Emoji          `json:"emoji,omitzero"`
	Instance      bool            `json:"instance,omitzero"`
	Flags         int64           `json:"flags,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (a *Activity) UnmarshalJSON(b []byte) error {
	type twin Activity
	return decode[Activity](b, (*twin)(a), &a.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (a Activity) MarshalJSON() ([]byte, error) {
	type twin Activity
	return encode(twin(a), a.Unknown)
}

// VoiceState is where a user talks.
type VoiceState struct {
	GuildID Snowflake `json:"guild_id,omitzero"`
	// ChannelID is zero when he has left.
	ChannelID               Snowflake `json:"channel_id,omitzero"`
	UserID                  Snowflake `json:"user_id"`
	Member                  *Member   `json:"member,omitzero"`
	SessionID               string    `json:"session_id,omitzero"`
	Deaf                    bool      `json:"deaf,omitzero"`
	Mute                    bool      `json:"mute,omitzero"`
	SelfDeaf                bool      `json:"self_deaf,omitzero"`
	SelfMute                bool      `json:"self_mute,omitzero"`
	SelfStream              bool      `json:"self_stream,omitzero"`
	SelfVideo               bool      `json:"self_video,omitzero"`
	Suppress                bool      `json:"suppress,omitzero"`
	RequestToSpeakTimestamp time.Time `json:"request_to_speak_timestamp,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (v *VoiceState) UnmarshalJSON(b []byte) error {
	type twin VoiceState
	return decode[VoiceState](b, (*twin)(v), &v.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (v VoiceState) MarshalJSON() ([]byte, error) {
	type twin VoiceState
	return encode(twin(v), v.Unknown)
}
