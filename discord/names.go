package discord

// The names of the events that have a type, beside their types.

// events makes a value of an event's type, by its name.
var events = map[string]func() Event{
	"GUILD_CREATE":                  func() Event { return new(GuildCreate) },
	"GUILD_AVAILABLE":               func() Event { return new(GuildAvailable) },
	"GUILD_UNAVAILABLE":             func() Event { return new(GuildUnavailable) },
	"GUILD_UPDATE":                  func() Event { return new(GuildUpdate) },
	"GUILD_DELETE":                  func() Event { return new(GuildDelete) },
	"GUILD_MEMBER_ADD":              func() Event { return new(GuildMemberAdd) },
	"GUILD_MEMBER_UPDATE":           func() Event { return new(GuildMemberUpdate) },
	"GUILD_MEMBER_REMOVE":           func() Event { return new(GuildMemberRemove) },
	"GUILD_MEMBERS_CHUNK":           func() Event { return new(GuildMembersChunk) },
	"GUILD_ROLE_CREATE":             func() Event { return new(GuildRoleCreate) },
	"GUILD_ROLE_UPDATE":             func() Event { return new(GuildRoleUpdate) },
	"GUILD_ROLE_DELETE":             func() Event { return new(GuildRoleDelete) },
	"GUILD_BAN_ADD":                 func() Event { return new(GuildBanAdd) },
	"GUILD_BAN_REMOVE":              func() Event { return new(GuildBanRemove) },
	"GUILD_EMOJIS_UPDATE":           func() Event { return new(GuildEmojisUpdate) },
	"GUILD_STICKERS_UPDATE":         func() Event { return new(GuildStickersUpdate) },
	"GUILD_INTEGRATIONS_UPDATE":     func() Event { return new(GuildIntegrationsUpdate) },
	"CHANNEL_CREATE":                func() Event { return new(ChannelCreate) },
	"CHANNEL_UPDATE":                func() Event { return new(ChannelUpdate) },
	"CHANNEL_DELETE":                func() Event { return new(ChannelDelete) },
	"CHANNEL_PINS_UPDATE":           func() Event { return new(ChannelPinsUpdate) },
	"THREAD_CREATE":                 func() Event { return new(ThreadCreate) },
	"THREAD_UPDATE":                 func() Event { return new(ThreadUpdate) },
	"THREAD_DELETE":                 func() Event { return new(ThreadDelete) },
	"THREAD_LIST_SYNC":              func() Event { return new(ThreadListSync) },
	"THREAD_MEMBER_UPDATE":          func() Event { return new(ThreadMemberUpdate) },
	"THREAD_MEMBERS_UPDATE":         func() Event { return new(ThreadMembersUpdate) },
	"TYPING_START":                  func() Event { return new(TypingStart) },
	"INVITE_CREATE":                 func() Event { return new(InviteCreate) },
	"INVITE_DELETE":                 func() Event { return new(InviteDelete) },
	"WEBHOOKS_UPDATE":               func() Event { return new(WebhooksUpdate) },
	"MESSAGE_CREATE":                func() Event { return new(MessageCreate) },
	"MESSAGE_UPDATE":                func() Event { return new(MessageUpdate) },
	"MESSAGE_DELETE":                func() Event { return new(MessageDelete) },
	"MESSAGE_DELETE_BULK":           func() Event { return new(MessageDeleteBulk) },
	"MESSAGE_REACTION_ADD":          func() Event { return new(MessageReactionAdd) },
	"MESSAGE_REACTION_REMOVE":       func() Event { return new(MessageReactionRemove) },
	"MESSAGE_REACTION_REMOVE_ALL":   func() Event { return new(MessageReactionRemoveAll) },
	"MESSAGE_REACTION_REMOVE_EMOJI": func() Event { return new(MessageReactionRemoveEmoji) },
	"MESSAGE_POLL_VOTE_ADD":         func() Event { return new(MessagePollVoteAdd) },
	"MESSAGE_POLL_VOTE_REMOVE":      func() Event { return new(MessagePollVoteRemove) },
	"READY":                         func() Event { return new(Ready) },
	"RESUMED":                       func() Event { return new(Resumed) },
	"PRESENCE_UPDATE":               func() Event { return new(PresenceUpdate) },
	"USER_UPDATE":                   func() Event { return new(UserUpdate) },
	"VOICE_STATE_UPDATE":            func() Event { return new(VoiceStateUpdate) },
	"VOICE_SERVER_UPDATE":           func() Event { return new(VoiceServerUpdate) },
	"INTERACTION_CREATE":            func() Event { return new(InteractionCreate) },
}

// EventName is GUILD_CREATE.
func (GuildCreate) EventName() string { return "GUILD_CREATE" }

// EventName is GUILD_AVAILABLE.
func (GuildAvailable) EventName() string { return "GUILD_AVAILABLE" }

// EventName is GUILD_UNAVAILABLE.
func (GuildUnavailable) EventName() string { return "GUILD_UNAVAILABLE" }

// EventName is GUILD_UPDATE.
func (GuildUpdate) EventName() string { return "GUILD_UPDATE" }

// EventName is GUILD_DELETE.
func (GuildDelete) EventName() string { return "GUILD_DELETE" }

// EventName is GUILD_MEMBER_ADD.
func (GuildMemberAdd) EventName() string { return "GUILD_MEMBER_ADD" }

// EventName is GUILD_MEMBER_UPDATE.
func (GuildMemberUpdate) EventName() string { return "GUILD_MEMBER_UPDATE" }

// EventName is GUILD_MEMBER_REMOVE.
func (GuildMemberRemove) EventName() string { return "GUILD_MEMBER_REMOVE" }

// EventName is GUILD_MEMBERS_CHUNK.
func (GuildMembersChunk) EventName() string { return "GUILD_MEMBERS_CHUNK" }

// EventName is GUILD_ROLE_CREATE.
func (GuildRoleCreate) EventName() string { return "GUILD_ROLE_CREATE" }

// EventName is GUILD_ROLE_UPDATE.
func (GuildRoleUpdate) EventName() string { return "GUILD_ROLE_UPDATE" }

// EventName is GUILD_ROLE_DELETE.
func (GuildRoleDelete) EventName() string { return "GUILD_ROLE_DELETE" }

// EventName is GUILD_BAN_ADD.
func (GuildBanAdd) EventName() string { return "GUILD_BAN_ADD" }

// EventName is GUILD_BAN_REMOVE.
func (GuildBanRemove) EventName() string { return "GUILD_BAN_REMOVE" }

// EventName is GUILD_EMOJIS_UPDATE.
func (GuildEmojisUpdate) EventName() string { return "GUILD_EMOJIS_UPDATE" }

// EventName is GUILD_STICKERS_UPDATE.
func (GuildStickersUpdate) EventName() string { return "GUILD_STICKERS_UPDATE" }

// EventName is GUILD_INTEGRATIONS_UPDATE.
func (GuildIntegrationsUpdate) EventName() string { return "GUILD_INTEGRATIONS_UPDATE" }

// EventName is CHANNEL_CREATE.
func (ChannelCreate) EventName() string { return "CHANNEL_CREATE" }

// EventName is CHANNEL_UPDATE.
func (ChannelUpdate) EventName() string { return "CHANNEL_UPDATE" }

// EventName is CHANNEL_DELETE.
func (ChannelDelete) EventName() string { return "CHANNEL_DELETE" }

// EventName is CHANNEL_PINS_UPDATE.
func (ChannelPinsUpdate) EventName() string { return "CHANNEL_PINS_UPDATE" }

// EventName is THREAD_CREATE.
func (ThreadCreate) EventName() string { return "THREAD_CREATE" }

// EventName is THREAD_UPDATE.
func (ThreadUpdate) EventName() string { return "THREAD_UPDATE" }

// EventName is THREAD_DELETE.
func (ThreadDelete) EventName() string { return "THREAD_DELETE" }

// EventName is THREAD_LIST_SYNC.
func (ThreadListSync) EventName() string { return "THREAD_LIST_SYNC" }

// EventName is THREAD_MEMBER_UPDATE.
func (ThreadMemberUpdate) EventName() string { return "THREAD_MEMBER_UPDATE" }

// EventName is THREAD_MEMBERS_UPDATE.
func (ThreadMembersUpdate) EventName() string { return "THREAD_MEMBERS_UPDATE" }

// EventName is TYPING_START.
func (TypingStart) EventName() string { return "TYPING_START" }

// EventName is INVITE_CREATE.
func (InviteCreate) EventName() string { return "INVITE_CREATE" }

// EventName is INVITE_DELETE.
func (InviteDelete) EventName() string { return "INVITE_DELETE" }

// EventName is WEBHOOKS_UPDATE.
func (WebhooksUpdate) EventName() string { return "WEBHOOKS_UPDATE" }

// EventName is MESSAGE_CREATE.
func (MessageCreate) EventName() string { return "MESSAGE_CREATE" }

// EventName is MESSAGE_UPDATE.
func (MessageUpdate) EventName() string { return "MESSAGE_UPDATE" }

// EventName is MESSAGE_DELETE.
func (MessageDelete) EventName() string { return "MESSAGE_DELETE" }

// EventName is MESSAGE_DELETE_BULK.
func (MessageDeleteBulk) EventName() string { return "MESSAGE_DELETE_BULK" }

// EventName is MESSAGE_REACTION_ADD.
func (MessageReactionAdd) EventName() string { return "MESSAGE_REACTION_ADD" }

// EventName is MESSAGE_REACTION_REMOVE.
func (MessageReactionRemove) EventName() string { return "MESSAGE_REACTION_REMOVE" }

// EventName is MESSAGE_REACTION_REMOVE_ALL.
func (MessageReactionRemoveAll) EventName() string { return "MESSAGE_REACTION_REMOVE_ALL" }

// EventName is MESSAGE_REACTION_REMOVE_EMOJI.
func (MessageReactionRemoveEmoji) EventName() string { return "MESSAGE_REACTION_REMOVE_EMOJI" }

// EventName is MESSAGE_POLL_VOTE_ADD.
func (MessagePollVoteAdd) EventName() string { return "MESSAGE_POLL_VOTE_ADD" }

// EventName is MESSAGE_POLL_VOTE_REMOVE.
func (MessagePollVoteRemove) EventName() string { return "MESSAGE_POLL_VOTE_REMOVE" }

// EventName is READY.
func (Ready) EventName() string { return "READY" }

// EventName is RESUMED.
func (Resumed) EventName() string { return "RESUMED" }

// EventName is PRESENCE_UPDATE.
func (PresenceUpdate) EventName() string { return "PRESENCE_UPDATE" }

// EventName is USER_UPDATE.
func (UserUpdate) EventName() string { return "USER_UPDATE" }

// EventName is VOICE_STATE_UPDATE.
func (VoiceStateUpdate) EventName() string { return "VOICE_STATE_UPDATE" }

// EventName is VOICE_SERVER_UPDATE.
func (VoiceServerUpdate) EventName() string { return "VOICE_SERVER_UPDATE" }

// EventName is INTERACTION_CREATE.
func (InteractionCreate) EventName() string { return "INTERACTION_CREATE" }
