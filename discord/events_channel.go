package discord

import "time"

// ChannelCreate is a channel that was made.
type ChannelCreate struct{ Channel }

// ChannelUpdate is a channel that has changed.
type ChannelUpdate struct{ Change[Channel] }

// ChannelDelete is a channel that is gone. Only one that was known is told of.
type ChannelDelete struct{ Deleted[Channel] }

// ChannelPinsUpdate is a channel where something was pinned, or is not pinned any more.
type ChannelPinsUpdate struct {
	GuildID          Snowflake `json:"guild_id,omitzero"`
	ChannelID        Snowflake `json:"channel_id"`
	LastPinTimestamp time.Time `json:"last_pin_timestamp,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *ChannelPinsUpdate) UnmarshalJSON(b []byte) error {
	type twin ChannelPinsUpdate
	return decode[ChannelPinsUpdate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e ChannelPinsUpdate) MarshalJSON() ([]byte, error) {
	type twin ChannelPinsUpdate
	return encode(twin(e), e.Unknown)
}

// ThreadCreate is a thread that was made, or that one was let into.
type ThreadCreate struct{ Channel }

// ThreadUpdate is a thread that has changed.
type ThreadUpdate struct{ Change[Channel] }

// ThreadDelete is a thread that is gone. Only one that was known is told of.
type ThreadDelete struct{ Deleted[Channel] }

// ThreadListSync is the threads of channels that one may read from now on.
type ThreadListSync struct {
	GuildID Snowflake `json:"guild_id"`
	// ChannelIDs are whose threads they are; nil: the whole guild's.
	ChannelIDs []Snowflake    `json:"channel_ids,omitzero"`
	Threads    []Channel      `json:"threads"`
	Members    []ThreadMember `json:"members"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *ThreadListSync) UnmarshalJSON(b []byte) error {
	type twin ThreadListSync
	return decode[ThreadListSync](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e ThreadListSync) MarshalJSON() ([]byte, error) {
	type twin ThreadListSync
	return encode(twin(e), e.Unknown)
}

// ThreadMemberUpdate is one's own place in a thread, which has changed.
type ThreadMemberUpdate struct{ ThreadMember }

// ThreadMembersUpdate is users who came into a thread, or have left it.
type ThreadMembersUpdate struct {
	ID               Snowflake      `json:"id"`
	GuildID          Snowflake      `json:"guild_id"`
	MemberCount      int            `json:"member_count"`
	AddedMembers     []ThreadMember `json:"added_members,omitzero"`
	RemovedMemberIDs []Snowflake    `json:"removed_member_ids,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *ThreadMembersUpdate) UnmarshalJSON(b []byte) error {
	type twin ThreadMembersUpdate
	return decode[ThreadMembersUpdate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e ThreadMembersUpdate) MarshalJSON() ([]byte, error) {
	type twin ThreadMembersUpdate
	return encode(twin(e), e.Unknown)
}

// TypingStart is somebody who writes.
type TypingStart struct {
	ChannelID Snowflake `json:"channel_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	UserID    Snowflake `json:"user_id"`
	// Timestamp is in seconds since 1970.
	Timestamp int64   `json:"timestamp"`
	Member    *Member `json:"member,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *TypingStart) UnmarshalJSON(b []byte) error {
	type twin TypingStart
	return decode[TypingStart](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e TypingStart) MarshalJSON() ([]byte, error) {
	type twin TypingStart
	return encode(twin(e), e.Unknown)
}

// InviteCreate is an invitation to a channel.
type InviteCreate struct {
	ChannelID Snowflake `json:"channel_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	Code      string    `json:"code"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	Inviter   *User     `json:"inviter,omitzero"`
	MaxAge    int       `json:"max_age"`
	MaxUses   int       `json:"max_uses"`
	Temporary bool      `json:"temporary"`
	Uses      int       `json:"uses"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *InviteCreate) UnmarshalJSON(b []byte) error {
	type twin InviteCreate
	return decode[InviteCreate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e InviteCreate) MarshalJSON() ([]byte, error) {
	type twin InviteCreate
	return encode(twin(e), e.Unknown)
}

// InviteDelete is an invitation that is not valid any more.
type InviteDelete struct {
	ChannelID Snowflake `json:"channel_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	Code      string    `json:"code"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *InviteDelete) UnmarshalJSON(b []byte) error {
	type twin InviteDelete
	return decode[InviteDelete](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e InviteDelete) MarshalJSON() ([]byte, error) {
	type twin InviteDelete
	return encode(twin(e), e.Unknown)
}

// WebhooksUpdate is a channel whose webhooks have changed.
type WebhooksUpdate struct {
	GuildID   Snowflake `json:"guild_id"`
	ChannelID Snowflake `json:"channel_id"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *WebhooksUpdate) UnmarshalJSON(b []byte) error {
	type twin WebhooksUpdate
	return decode[WebhooksUpdate](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e WebhooksUpdate) MarshalJSON() ([]byte, error) {
	type twin WebhooksUpdate
	return encode(twin(e), e.Unknown)
}
