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

// need is which intents an event needs: in a guild, and in a direct message.
type need struct{ guild, direct uint64 }

// needs has an entry for each type of event that needs one. Who has no entry is for all.
var needs = map[string]need{
	"GUILD_CREATE": {IntentGuilds, 0}, "GUILD_UPDATE": {IntentGuilds, 0}, "GUILD_DELETE": {IntentGuilds, 0},
	"GUILD_ROLE_CREATE": {IntentGuilds, 0}, "GUILD_ROLE_UPDATE": {IntentGuilds, 0}, "GUILD_ROLE_DELETE": {IntentGuilds, 0},
	"CHANNEL_CREATE": {IntentGuilds, 0}, "CHANNEL_UPDATE": {IntentGuilds, 0}, "CHANNEL_DELETE": {IntentGuilds, 0},
	"CHANNEL_PINS_UPDATE": {IntentGuilds, IntentDirectMessages},
	"THREAD_CREATE":       {IntentGuilds, 0}, "THREAD_UPDATE": {IntentGuilds, 0}, "THREAD_DELETE": {IntentGuilds, 0},
	"GUILD_MEMBER_ADD": {IntentMembers, 0}, "GUILD_MEMBER_UPDATE": {IntentMembers, 0}, "GUILD_MEMBER_REMOVE": {IntentMembers, 0},
	"GUILD_BAN_ADD": {IntentBans, 0}, "GUILD_BAN_REMOVE": {IntentBans, 0},
	"GUILD_EMOJIS_UPDATE": {IntentEmojis, 0}, "GUILD_STICKERS_UPDATE": {IntentEmojis, 0},
	"GUILD_INTEGRATIONS_UPDATE": {IntentIntegrations, 0},
	"WEBHOOKS_UPDATE":           {IntentWebhooks, 0},
	"INVITE_CREATE":             {IntentInvites, 0}, "INVITE_DELETE": {IntentInvites, 0},
	"VOICE_STATE_UPDATE": {IntentVoiceStates, 0},
	"PRESENCE_UPDATE":    {IntentPresences, 0},
	"MESSAGE_CREATE":     {IntentMessages, IntentDirectMessages}, "MESSAGE_UPDATE": {IntentMessages, IntentDirectMessages},
	"MESSAGE_DELETE": {IntentMessages, IntentDirectMessages}, "MESSAGE_DELETE_BULK": {IntentMessages, 0},
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
