package discord

import "encoding/json"

// GuildCreate is a guild that was joined, or that the session has begun with.
type GuildCreate struct{ Guild }

// GuildAvailable is a guild that is there again, or for the first time since READY named it.
type GuildAvailable struct{ Guild }

// GuildUnavailable is a guild that cannot be reached for now.
type GuildUnavailable struct {
	ID          Snowflake `json:"id"`
	Unavailable bool      `json:"unavailable"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildUnavailable) UnmarshalJSON(b []byte) error {
	type twin GuildUnavailable
	return decode[GuildUnavailable](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildUnavailable) MarshalJSON() ([]byte, error) {
	type twin GuildUnavailable
	return encode(twin(e), e.Unknown)
}

// GuildUpdate is a guild that has changed, without its channels and members.
type GuildUpdate struct{ Change[Guild] }

// GuildDelete is a guild that was left, or cannot be reached for now.
type GuildDelete struct {
	ID Snowflake `json:"id"`
	// Unavailable: it will come back. Else it was left, or is gone.
	Unavailable bool `json:"unavailable,omitzero"`
	// Old has its channels and threads, too.
	Old *Guild `json:"old"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildDelete) UnmarshalJSON(b []byte) error {
	type twin GuildDelete
	return decode[GuildDelete](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildDelete) MarshalJSON() ([]byte, error) {
	type twin GuildDelete
	return encode(twin(e), e.Unknown)
}

// GuildMemberAdd is a user who has joined a guild.
type GuildMemberAdd struct{ Member }

// GuildMemberUpdate is a member who has changed.
type GuildMemberUpdate struct{ GuildChange[Member] }

// GuildMemberRemove is a user who has left a guild.
type GuildMemberRemove struct {
	GuildID Snowflake `json:"guild_id"`
	User    *User     `json:"user,omitzero"`
	Old     *Member   `json:"old"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildMemberRemove) UnmarshalJSON(b []byte) error {
	type twin GuildMemberRemove
	return decode[GuildMemberRemove](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildMemberRemove) MarshalJSON() ([]byte, error) {
	type twin GuildMemberRemove
	return encode(twin(e), e.Unknown)
}

// GuildMembersChunk is a part of the answer to a request for members.
type GuildMembersChunk struct {
	GuildID    Snowflake `json:"guild_id"`
	Members    []Member  `json:"members"`
	ChunkIndex int       `json:"chunk_index"`
	ChunkCount int       `json:"chunk_count"`
	// NotFound are ids that were asked for, as they were written.
	NotFound  []json.RawMessage `json:"not_found,omitzero"`
	Presences []Presence        `json:"presences,omitzero"`
	Nonce     json.RawMessage   `json:"nonce,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildMembersChunk) UnmarshalJSON(b []byte) error {
	type twin GuildMembersChunk
	return decode[GuildMembersChunk](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildMembersChunk) MarshalJSON() ([]byte, error) {
	type twin GuildMembersChunk
	return encode(twin(e), e.Unknown)
}

// GuildRoleCreate is a role that was made.
type GuildRoleCreate struct {
	GuildID Snowflake `json:"guild_id"`
	Role    Role      `json:"role"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildRoleCreate) UnmarshalJSON(b []byte) error {
	type twin GuildRoleCreate
	return decode[GuildRoleCreate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildRoleCreate) MarshalJSON() ([]byte, error) {
	type twin GuildRoleCreate
	return encode(twin(e), e.Unknown)
}

// GuildRoleUpdate is a role that has changed.
type GuildRoleUpdate struct{ GuildChange[Role] }

// GuildRoleDelete is a role that is gone.
type GuildRoleDelete struct {
	GuildID Snowflake `json:"guild_id"`
	RoleID  Snowflake `json:"role_id"`
	Old     *Role     `json:"old"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildRoleDelete) UnmarshalJSON(b []byte) error {
	type twin GuildRoleDelete
	return decode[GuildRoleDelete](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildRoleDelete) MarshalJSON() ([]byte, error) {
	type twin GuildRoleDelete
	return encode(twin(e), e.Unknown)
}

// GuildBanAdd is a user who was banned.
type GuildBanAdd struct {
	GuildID Snowflake `json:"guild_id"`
	User    *User     `json:"user"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildBanAdd) UnmarshalJSON(b []byte) error {
	type twin GuildBanAdd
	return decode[GuildBanAdd](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildBanAdd) MarshalJSON() ([]byte, error) {
	type twin GuildBanAdd
	return encode(twin(e), e.Unknown)
}

// GuildBanRemove is a user who is not banned any more.
type GuildBanRemove struct {
	GuildID Snowflake `json:"guild_id"`
	User    *User     `json:"user"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildBanRemove) UnmarshalJSON(b []byte) error {
	type twin GuildBanRemove
	return decode[GuildBanRemove](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildBanRemove) MarshalJSON() ([]byte, error) {
	type twin GuildBanRemove
	return encode(twin(e), e.Unknown)
}

// GuildEmojisUpdate is a guild whose emojis have changed.
type GuildEmojisUpdate struct{ ListChange[Emoji] }

// GuildStickersUpdate is a guild whose stickers have changed.
type GuildStickersUpdate struct{ ListChange[Sticker] }

// GuildIntegrationsUpdate is a guild whose integrations have changed.
type GuildIntegrationsUpdate struct {
	GuildID Snowflake `json:"guild_id"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *GuildIntegrationsUpdate) UnmarshalJSON(b []byte) error {
	type twin GuildIntegrationsUpdate
	return decode[GuildIntegrationsUpdate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e GuildIntegrationsUpdate) MarshalJSON() ([]byte, error) {
	type twin GuildIntegrationsUpdate
	return encode(twin(e), e.Unknown)
}
