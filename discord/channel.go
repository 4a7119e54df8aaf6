package discord

import "time"

// Channel is one of a guild, a private one, or a thread.
type Channel struct {
	ID   Snowflake `json:"id"`
	Type int       `json:"type"`
	// GuildID is zero of a private one, and inside of a guild.
	GuildID                    Snowflake   `json:"guild_id,omitzero"`
	Name                       string      `json:"name,omitzero"`
	Topic                      string      `json:"topic,omitzero"`
	Position                   int         `json:"position,omitzero"`
	ParentID                   Snowflake   `json:"parent_id,omitzero"`
	PermissionOverwrites       []Overwrite `json:"permission_overwrites,omitzero"`
	NSFW                       bool        `json:"nsfw,omitzero"`
	LastMessageID              Snowflake   `json:"last_message_id,omitzero"`
	LastPinTimestamp           time.Time   `json:"last_pin_timestamp,omitzero"`
	RateLimitPerUser           int         `json:"rate_limit_per_user,omitzero"`
	Bitrate                    int         `json:"bitrate,omitzero"`
	UserLimit                  int         `json:"user_limit,omitzero"`
	RTCRegion                  string      `json:"rtc_region,omitzero"`
	VideoQualityMode           int         `json:"video_quality_mode,omitzero"`
	Flags                      int64       `json:"flags,omitzero"`
	DefaultAutoArchiveDuration int         `json:"default_auto_archive_duration,omitzero"`

	// Of private channels.
	Recipients    []User    `json:"recipients,omitzero"`
	Icon          string    `json:"icon,omitzero"`
	OwnerID       Snowflake `json:"owner_id,omitzero"` // and of threads
	ApplicationID Snowflake `json:"application_id,omitzero"`

	// Of threads, and the forums that they are in.
	ThreadMetadata *ThreadMetadata `json:"thread_metadata,omitzero"`
	Member         *ThreadMember   `json:"member,omitzero"`
	MemberCount    int             `json:"member_count,omitzero"`
	MessageCount   int             `json:"message_count,omitzero"`
	NewlyCreated   bool            `json:"newly_created,omitzero"`
	AppliedTags    []Snowflake     `json:"applied_tags,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (c *Channel) UnmarshalJSON(b []byte) error {
	type twin Channel
	return decode[Channel](b, (*twin)(c), &c.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (c Channel) MarshalJSON() ([]byte, error) {
	type twin Channel
	return encode(twin(c), c.Unknown)
}

// Overwrite is what a role or a member may do in one channel.
type Overwrite struct {
	ID Snowflake `json:"id"`
	// Type is 0 of a role, 1 of a member.
	Type  int         `json:"type"`
	Allow Permissions `json:"allow"`
	Deny  Permissions `json:"deny"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (o *Overwrite) UnmarshalJSON(b []byte) error {
	type twin Overwrite
	return decode[Overwrite](b, (*twin)(o), &o.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (o Overwrite) MarshalJSON() ([]byte, error) {
	type twin Overwrite
	return encode(twin(o), o.Unknown)
}

// ThreadMetadata is what threads have and other channels have not.
type ThreadMetadata struct {
	Archived            bool      `json:"archived"`
	AutoArchiveDuration int       `json:"auto_archive_duration,omitzero"`
	ArchiveTimestamp    time.Time `json:"archive_timestamp,omitzero"`
	Locked              bool      `json:"locked,omitzero"`
	Invitable           bool      `json:"invitable,omitzero"`
	CreateTimestamp     time.Time `json:"create_timestamp,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (m *ThreadMetadata) UnmarshalJSON(b []byte) error {
	type twin ThreadMetadata
	return decode[ThreadMetadata](b, (*twin)(m), &m.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (m ThreadMetadata) MarshalJSON() ([]byte, error) {
	type twin ThreadMetadata
	return encode(twin(m), m.Unknown)
}

// ThreadMember is a user who is in a thread.
type ThreadMember struct {
	// ID is the thread.
	ID            Snowflake `json:"id,omitzero"`
	UserID        Snowflake `json:"user_id,omitzero"`
	GuildID       Snowflake `json:"guild_id,omitzero"`
	JoinTimestamp time.Time `json:"join_timestamp,omitzero"`
	Flags         int64     `json:"flags,omitzero"`
	Member        *Member   `json:"member,omitzero"`
	Presence      *Presence `json:"presence,omitzero"`

	Unknown Unknown `json:"-"`
}

// UnmarshalJSON keeps what is unknown.
func (m *ThreadMember) UnmarshalJSON(b []byte) error {
	type twin ThreadMember
	return decode[ThreadMember](b, (*twin)(m), &m.Unknown)
}

// MarshalJSON writes what is unknown, too.
func (m ThreadMember) MarshalJSON() ([]byte, error) {
	type twin ThreadMember
	return encode(twin(m), m.Unknown)
}
