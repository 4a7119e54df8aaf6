package chat

import "strings"

// The intents: which events a session wants, a bit each, as the protocol numbers them.
const (
	IntentGuilds uint64 = 1 << iota
	IntentMembers
	IntentBans
	IntentEmojis
	IntentIntegrations
	IntentWebhooks
	IntentInvites
	IntentVoiceStates
	IntentPresences
	IntentMessages
	IntentReactions
	IntentTyping
	IntentDirectMessages
	IntentDirectReactions
	IntentDirectTyping
	IntentMessageContent

	// AllIntents is the default.
	AllIntents = ^uint64(0)
)

// need is which intents an event needs: in a guild, and in a direct message, which is one
// whose payload names no guild.
type need struct{ guild, direct uint64 }

// always is a need of what is only in guilds: some of these payloads name no guild, for
// they are one.
func always(intent uint64) need { return need{intent, intent} }

// needs has an entry for each type of event that needs one. Who has no entry is for all.
var needs = map[string]need{
	"GUILD_CREATE": always(IntentGuilds), "GUILD_UPDATE": always(IntentGuilds), "GUILD_DELETE": always(IntentGuilds),
	"GUILD_ROLE_CREATE": always(IntentGuilds), "GUILD_ROLE_UPDATE": always(IntentGuilds), "GUILD_ROLE_DELETE": always(IntentGuilds),
	"CHANNEL_CREATE": {IntentGuilds, 0}, "CHANNEL_UPDATE": {IntentGuilds, 0}, "CHANNEL_DELETE": {IntentGuilds, 0},
	"CHANNEL_PINS_UPDATE": {IntentGuilds, IntentDirectMessages},
	"THREAD_CREATE":       always(IntentGuilds), "THREAD_UPDATE": always(IntentGuilds), "THREAD_DELETE": always(IntentGuilds),
	"GUILD_MEMBER_ADD": always(IntentMembers), "GUILD_MEMBER_UPDATE": always(IntentMembers), "GUILD_MEMBER_REMOVE": always(IntentMembers),
	"GUILD_BAN_ADD": always(IntentBans), "GUILD_BAN_REMOVE": always(IntentBans),
	"GUILD_EMOJIS_UPDATE": always(IntentEmojis), "GUILD_STICKERS_UPDATE": always(IntentEmojis),
	"GUILD_INTEGRATIONS_UPDATE": always(IntentIntegrations),
	"WEBHOOKS_UPDATE":           always(IntentWebhooks),
	"INVITE_CREATE":             {IntentInvites, 0}, "INVITE_DELETE": {IntentInvites, 0},
	"VOICE_STATE_UPDATE": {IntentVoiceStates, 0},
	"PRESENCE_UPDATE":    {IntentPresences, 0},
	"MESSAGE_CREATE":     {IntentMessages, IntentDirectMessages}, "MESSAGE_UPDATE": {IntentMessages, IntentDirectMessages},
	"MESSAGE_DELETE": {IntentMessages, IntentDirectMessages}, "MESSAGE_DELETE_BULK": {IntentMessages, IntentDirectMessages},
	"MESSAGE_REACTION_ADD":          {IntentReactions, IntentDirectReactions},
	"MESSAGE_REACTION_REMOVE":       {IntentReactions, IntentDirectReactions},
	"MESSAGE_REACTION_REMOVE_ALL":   {IntentReactions, IntentDirectReactions},
	"MESSAGE_REACTION_REMOVE_EMOJI": {IntentReactions, IntentDirectReactions},
	"TYPING_START":                  {IntentTyping, IntentDirectTyping},
}

// wanted reports whether a subscription with these flags wants events of a type.
func (f Flags) wanted(eventType string) bool {
	switch {
	case f == 0:
		return true
	case f.Has(NoPresence) && strings.HasPrefix(eventType, "PRESENCE_"):
		return false
	case f.Has(NoTyping) && strings.HasPrefix(eventType, "TYPING_"):
		return false
	}
	return true
}
