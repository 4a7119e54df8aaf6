package discord

import "encoding/json"

// Ready is the beginning of a session.
type Ready struct {
	V                int     `json:"v"`
	User             *User   `json:"user"`
	Guilds           []Guild `json:"guilds"`
	SessionID        string  `json:"session_id"`
	ResumeGatewayURL string  `json:"resume_gateway_url,omitzero"`
	// Shard is its number, and of how many.
	Shard       []int           `json:"shard,omitzero"`
	Application json.RawMessage `json:"application,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *Ready) UnmarshalJSON(b []byte) error {
	type twin Ready
	return decode[Ready](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e Ready) MarshalJSON() ([]byte, error) {
	type twin Ready
	return encode(twin(e), e.Unknown)
}

// Resumed is the end of what a session had missed.
type Resumed struct {
	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *Resumed) UnmarshalJSON(b []byte) error {
	type twin Resumed
	return decode[Resumed](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e Resumed) MarshalJSON() ([]byte, error) {
	type twin Resumed
	return encode(twin(e), e.Unknown)
}

// PresenceUpdate is a user who comes, goes, or does something else than before.
type PresenceUpdate struct{ GuildChange[Presence] }

// UserUpdate is a user who has changed: oneself, or one whose presence has said so.
type UserUpdate struct{ Change[User] }

// VoiceStateUpdate is somebody who goes to another voice channel, or is muted.
type VoiceStateUpdate struct{ VoiceState }

// VoiceServerUpdate is where the voice of a guild is to be had.
type VoiceServerUpdate struct {
	GuildID  Snowflake `json:"guild_id"`
	Token    string    `json:"token"`
	Endpoint string    `json:"endpoint,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *VoiceServerUpdate) UnmarshalJSON(b []byte) error {
	type twin VoiceServerUpdate
	return decode[VoiceServerUpdate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e VoiceServerUpdate) MarshalJSON() ([]byte, error) {
	type twin VoiceServerUpdate
	return encode(twin(e), e.Unknown)
}

// InteractionCreate is somebody who uses a command or a button.
type InteractionCreate struct {
	ID            Snowflake `json:"id"`
	ApplicationID Snowflake `json:"application_id"`
	Type          int       `json:"type"`
	// Data is by Type: what command, what was pressed.
	Data      json.RawMessage `json:"data,omitzero"`
	GuildID   Snowflake       `json:"guild_id,omitzero"`
	Channel   *Channel        `json:"channel,omitzero"`
	ChannelID Snowflake       `json:"channel_id,omitzero"`
	Member    *Member         `json:"member,omitzero"`
	// User is who does it where there is no guild.
	User           *User       `json:"user,omitzero"`
	Token          string      `json:"token"`
	Version        int         `json:"version"`
	Message        *Message    `json:"message,omitzero"`
	AppPermissions Permissions `json:"app_permissions,omitzero"`
	Locale         string      `json:"locale,omitzero"`
	GuildLocale    string      `json:"guild_locale,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *InteractionCreate) UnmarshalJSON(b []byte) error {
	type twin InteractionCreate
	return decode[InteractionCreate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e InteractionCreate) MarshalJSON() ([]byte, error) {
	type twin InteractionCreate
	return encode(twin(e), e.Unknown)
}
