package discord

import (
	"encoding/json"
	"time"
)

// Message is what somebody has written. In an update that no cache has completed, what has
// not changed is zero.
type Message struct {
	ID              Snowflake         `json:"id"`
	ChannelID       Snowflake         `json:"channel_id"`
	GuildID         Snowflake         `json:"guild_id,omitzero"`
	Type            int               `json:"type,omitzero"`
	Author          *User             `json:"author,omitzero"`
	Member          *Member           `json:"member,omitzero"`
	Content         string            `json:"content,omitzero"`
	Timestamp       time.Time         `json:"timestamp,omitzero"`
	EditedTimestamp time.Time         `json:"edited_timestamp,omitzero"`
	TTS             bool              `json:"tts,omitzero"`
	Pinned          bool              `json:"pinned,omitzero"`
	MentionEveryone bool              `json:"mention_everyone,omitzero"`
	Mentions        []User            `json:"mentions,omitzero"`
	MentionRoles    []Snowflake       `json:"mention_roles,omitzero"`
	Attachments     []Attachment      `json:"attachments,omitzero"`
	Embeds          []json.RawMessage `json:"embeds,omitzero"`
	Components      []json.RawMessage `json:"components,omitzero"`
	Reactions       []Reaction        `json:"reactions,omitzero"`
	// Nonce is what its writer gave it to know it again.
	Nonce             json.RawMessage   `json:"nonce,omitzero"`
	WebhookID         Snowflake         `json:"webhook_id,omitzero"`
	ApplicationID     Snowflake         `json:"application_id,omitzero"`
	Flags             int64             `json:"flags,omitzero"`
	MessageReference  *MessageReference `json:"message_reference,omitzero"`
	ReferencedMessage *Message          `json:"referenced_message,omitzero"`
	Thread            *Channel          `json:"thread,omitzero"`
	Poll              json.RawMessage   `json:"poll,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (m *Message) UnmarshalJSON(b []byte) error {
	type twin Message
	return decode[Message](b, (*twin)(m), &m.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (m Message) MarshalJSON() ([]byte, error) {
	type twin Message
	return encode(twin(m), m.Unknown)
}

// MessageReference names the message that one answers or passes on.
type MessageReference struct {
	Type      int       `json:"type,omitzero"`
	MessageID Snowflake `json:"message_id,omitzero"`
	ChannelID Snowflake `json:"channel_id,omitzero"`
	GuildID   Snowflake `json:"guild_id,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (r *MessageReference) UnmarshalJSON(b []byte) error {
	type twin MessageReference
	return decode[MessageReference](b, (*twin)(r), &r.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (r MessageReference) MarshalJSON() ([]byte, error) {
	type twin MessageReference
	return encode(twin(r), r.Unknown)
}

// Attachment is a file.
type Attachment struct {
	ID          Snowflake `json:"id"`
	Filename    string    `json:"filename,omitzero"`
	Description string    `json:"description,omitzero"`
	ContentType string    `json:"content_type,omitzero"`
	Size        int64     `json:"size,omitzero"`
	URL         string    `json:"url,omitzero"`
	ProxyURL    string    `json:"proxy_url,omitzero"`
	Width       int       `json:"width,omitzero"`
	Height      int       `json:"height,omitzero"`
	Ephemeral   bool      `json:"ephemeral,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (a *Attachment) UnmarshalJSON(b []byte) error {
	type twin Attachment
	return decode[Attachment](b, (*twin)(a), &a.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (a Attachment) MarshalJSON() ([]byte, error) {
	type twin Attachment
	return encode(twin(a), a.Unknown)
}

// Reaction is how many have reacted to a message with one emoji.
type Reaction struct {
	Count int   `json:"count"`
	Me    bool  `json:"me,omitzero"`
	Emoji Emoji `json:"emoji"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (r *Reaction) UnmarshalJSON(b []byte) error {
	type twin Reaction
	return decode[Reaction](b, (*twin)(r), &r.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (r Reaction) MarshalJSON() ([]byte, error) {
	type twin Reaction
	return encode(twin(r), r.Unknown)
}
