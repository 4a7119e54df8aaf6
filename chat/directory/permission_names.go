package directory

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// permissionNames are the protocol's names of permissions, by bit.
var permissionNames = [...]string{
	0: "CREATE_INSTANT_INVITE", 1: "KICK_MEMBERS", 2: "BAN_MEMBERS", 3: "ADMINISTRATOR", 4: "MANAGE_CHANNELS",
	5: "MANAGE_GUILD", 6: "ADD_REACTIONS", 7: "VIEW_AUDIT_LOG", 8: "PRIORITY_SPEAKER", 9: "STREAM",
	10: "VIEW_CHANNEL", 11: "SEND_MESSAGES", 12: "SEND_TTS_MESSAGES", 13: "MANAGE_MESSAGES", 14: "EMBED_LINKS",
	15: "ATTACH_FILES", 16: "READ_MESSAGE_HISTORY", 17: "MENTION_EVERYONE", 18: "USE_EXTERNAL_EMOJIS",
	19: "VIEW_GUILD_INSIGHTS", 20: "CONNECT", 21: "SPEAK", 22: "MUTE_MEMBERS", 23: "DEAFEN_MEMBERS",
	24: "MOVE_MEMBERS", 25: "USE_VAD", 26: "CHANGE_NICKNAME", 27: "MANAGE_NICKNAMES", 28: "MANAGE_ROLES",
	29: "MANAGE_WEBHOOKS", 30: "MANAGE_GUILD_EXPRESSIONS", 31: "USE_APPLICATION_COMMANDS", 32: "REQUEST_TO_SPEAK",
	33: "MANAGE_EVENTS", 34: "MANAGE_THREADS", 35: "CREATE_PUBLIC_THREADS", 36: "CREATE_PRIVATE_THREADS",
	37: "USE_EXTERNAL_STICKERS", 38: "SEND_MESSAGES_IN_THREADS", 39: "USE_EMBEDDED_ACTIVITIES", 40: "MODERATE_MEMBERS",
	41: "VIEW_CREATOR_MONETIZATION_ANALYTICS", 42: "USE_SOUNDBOARD", 43: "CREATE_GUILD_EXPRESSIONS", 44: "CREATE_EVENTS",
	45: "USE_EXTERNAL_SOUNDS", 46: "SEND_VOICE_MESSAGES", 49: "SEND_POLLS", 50: "USE_EXTERNAL_APPS",
}

// ParsePermission is the bits of a name of the protocol, such as VIEW_CHANNEL, or of a
// decimal number.
func ParsePermission(s string) (uint64, error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n, bits(n)
	}
	if at := slices.Index(permissionNames[:], strings.ToUpper(s)); at >= 0 && s != "" {
		return 1 << at, nil
	}
	return 0, invalid("permission %.40q: use a number, or names such as VIEW_CHANNEL and SEND_MESSAGES", s)
}

// channelTypes are the words for types of channels in a guild.
var channelTypes = map[string]uint32{
	"": Text, "text": Text, "voice": Voice, "category": Category, "announcements": Announcements,
	"stage": Stage, "forum": Forum, "media": Media,
}

// parseChannelType is the number of a word.
func parseChannelType(s string) (uint32, error) {
	if n, known := channelTypes[s]; known {
		return n, nil
	}
	words := slices.Sorted(maps.Keys(channelTypes))[1:]
	return 0, invalid("channel type %.40q: use one of %s", s, strings.Join(words, ", "))
}
