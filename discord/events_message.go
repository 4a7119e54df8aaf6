package discord

// MessageCreate is a message that was written.
type MessageCreate struct{ Message }

// MessageUpdate is a message that has changed. Without an old one, the new one has only what the source has said.
type MessageUpdate struct{ Change[Message] }

// MessageDelete is a message that is gone.
type MessageDelete struct {
	ID        Snowflake `json:"id"`
	ChannelID Snowflake `json:"channel_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	// DeletedMessage is nil if it was not known.
	DeletedMessage *Message `json:"deleted_message"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessageDelete) UnmarshalJSON(b []byte) error {
	type twin MessageDelete
	return decode[MessageDelete](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessageDelete) MarshalJSON() ([]byte, error) {
	type twin MessageDelete
	return encode(twin(e), e.Unknown)
}

// MessageDeleteBulk is many that are gone at once.
type MessageDeleteBulk struct {
	IDs       []Snowflake `json:"ids"`
	ChannelID Snowflake   `json:"channel_id"`
	GuildID   Snowflake   `json:"guild_id,omitzero"`
	// DeletedMessages are those of them that were known.
	DeletedMessages []Message `json:"deleted_messages"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessageDeleteBulk) UnmarshalJSON(b []byte) error {
	type twin MessageDeleteBulk
	return decode[MessageDeleteBulk](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessageDeleteBulk) MarshalJSON() ([]byte, error) {
	type twin MessageDeleteBulk
	return encode(twin(e), e.Unknown)
}

// MessageReactionAdd is somebody who has reacted.
type MessageReactionAdd struct {
	UserID          Snowflake `json:"user_id"`
	ChannelID       Snowflake `json:"channel_id"`
	MessageID       Snowflake `json:"message_id"`
	GuildID         Snowflake `json:"guild_id,omitzero"`
	Member          *Member   `json:"member,omitzero"`
	Emoji           Emoji     `json:"emoji"`
	MessageAuthorID Snowflake `json:"message_author_id,omitzero"`
	Burst           bool      `json:"burst,omitzero"`
	Type            int       `json:"type,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessageReactionAdd) UnmarshalJSON(b []byte) error {
	type twin MessageReactionAdd
	return decode[MessageReactionAdd](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessageReactionAdd) MarshalJSON() ([]byte, error) {
	type twin MessageReactionAdd
	return encode(twin(e), e.Unknown)
}

// MessageReactionRemove is somebody who takes a reaction back.
type MessageReactionRemove struct {
	UserID    Snowflake `json:"user_id"`
	ChannelID Snowflake `json:"channel_id"`
	MessageID Snowflake `json:"message_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	Emoji     Emoji     `json:"emoji"`
	Burst     bool      `json:"burst,omitzero"`
	Type      int       `json:"type,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessageReactionRemove) UnmarshalJSON(b []byte) error {
	type twin MessageReactionRemove
	return decode[MessageReactionRemove](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessageReactionRemove) MarshalJSON() ([]byte, error) {
	type twin MessageReactionRemove
	return encode(twin(e), e.Unknown)
}

// MessageReactionRemoveAll is a message without reactions any more.
type MessageReactionRemoveAll struct {
	ChannelID Snowflake `json:"channel_id"`
	MessageID Snowflake `json:"message_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessageReactionRemoveAll) UnmarshalJSON(b []byte) error {
	type twin MessageReactionRemoveAll
	return decode[MessageReactionRemoveAll](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessageReactionRemoveAll) MarshalJSON() ([]byte, error) {
	type twin MessageReactionRemoveAll
	return encode(twin(e), e.Unknown)
}

// MessageReactionRemoveEmoji is a message without the reactions of one emoji any more.
type MessageReactionRemoveEmoji struct {
	ChannelID Snowflake `json:"channel_id"`
	MessageID Snowflake `json:"message_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	Emoji     Emoji     `json:"emoji"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessageReactionRemoveEmoji) UnmarshalJSON(b []byte) error {
	type twin MessageReactionRemoveEmoji
	return decode[MessageReactionRemoveEmoji](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessageReactionRemoveEmoji) MarshalJSON() ([]byte, error) {
	type twin MessageReactionRemoveEmoji
	return encode(twin(e), e.Unknown)
}

// MessagePollVoteAdd is a vote.
type MessagePollVoteAdd struct {
	UserID    Snowflake `json:"user_id"`
	ChannelID Snowflake `json:"channel_id"`
	MessageID Snowflake `json:"message_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	AnswerID  int       `json:"answer_id"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessagePollVoteAdd) UnmarshalJSON(b []byte) error {
	type twin MessagePollVoteAdd
	return decode[MessagePollVoteAdd](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessagePollVoteAdd) MarshalJSON() ([]byte, error) {
	type twin MessagePollVoteAdd
	return encode(twin(e), e.Unknown)
}

// MessagePollVoteRemove is a vote that was taken back.
type MessagePollVoteRemove struct {
	UserID    Snowflake `json:"user_id"`
	ChannelID Snowflake `json:"channel_id"`
	MessageID Snowflake `json:"message_id"`
	GuildID   Snowflake `json:"guild_id,omitzero"`
	AnswerID  int       `json:"answer_id"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (e *MessagePollVoteRemove) UnmarshalJSON(b []byte) error {
	type twin MessagePollVoteRemove
	return decode[MessagePollVoteRemove](b, (*twin)(e), &e.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (e MessagePollVoteRemove) MarshalJSON() ([]byte, error) {
	type twin MessagePollVoteRemove
	return encode(twin(e), e.Unknown)
}
