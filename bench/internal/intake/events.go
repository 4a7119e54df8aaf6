package intake

import (
	"fmt"
	"slices"
)

// mixture is how many of a hundred events are of each type: those of a bot that has all
// intents, in guilds where people talk. Each changes something or is told in any case, so
// each payload becomes an event.
var mixture = []struct {
	of   int
	name string
	old  bool // it is about a message that was said before
	data func(g *guilds, to []byte, at scene) []byte
}{
	{30, "MESSAGE_CREATE", false, (*guilds).messageCreate},
	{25, "PRESENCE_UPDATE", false, (*guilds).presenceUpdate},
	{20, "TYPING_START", false, (*guilds).typing},
	{8, "MESSAGE_REACTION_ADD", true, (*guilds).reaction},
	{5, "MESSAGE_UPDATE", true, (*guilds).messageUpdate},
	{5, "GUILD_MEMBER_UPDATE", false, (*guilds).memberUpdate},
	{4, "VOICE_STATE_UPDATE", false, (*guilds).voice},
	{2, "MESSAGE_DELETE", true, (*guilds).messageDelete},
	{1, "CHANNEL_UPDATE", false, (*guilds).channelUpdate},
}

// scene is where an event is, and who does it.
type scene struct{ guild, channel, member int }

// scene has a tenth of the members do half of what is done.
func (g *guilds) scene() scene {
	s := scene{g.rnd.IntN(len(g.status)), g.rnd.IntN(channelsInGuild), g.rnd.IntN(membersInGuild)}
	if g.rnd.IntN(2) == 0 {
		s.member /= 10
	}
	return s
}

// next is the next event, its data added to what is given. Where nothing was said yet that
// it could be about, something is said.
func (g *guilds) next(to []byte) (name string, data []byte) {
	at, n, kind := g.scene(), g.rnd.IntN(100), 0
	for n >= mixture[kind].of {
		n -= mixture[kind].of
		kind++
	}
	if mixture[kind].old && len(g.recent[at.guild][at.channel]) == 0 {
		kind = 0
	}
	return mixture[kind].name, mixture[kind].data(g, to, at)
}

// fill fills one of the forms that have a member in them.
func (g *guilds) fill(to []byte, form string, at scene, nick string, rest ...any) []byte {
	args := []any{
		userID(at.guild, at.member), roleID(at.guild, at.member%rolesInGuild), roleID(at.guild, at.member/2%rolesInGuild), nick,
		guildID(at.guild), channelID(at.guild, at.channel),
	}
	return fmt.Appendf(to, form, append(args, rest...)...)
}

const words = "hello there, this is what people write to each other all day long, more or less, and a number: "

func (g *guilds) messageCreate(to []byte, at scene) []byte {
	g.spoken++
	s := said{messageID(g.spoken), at.member}
	there := append(g.recent[at.guild][at.channel], s)
	g.recent[at.guild][at.channel] = there[max(0, len(there)-remembered):]
	return g.fill(to, messageForm, at, "somebody", s.id, "null", fmt.Sprint(words, g.spoken))
}

// some is which message of a channel something is about.
func (g *guilds) some(at scene) (there []said, index int) {
	there = g.recent[at.guild][at.channel]
	return there, g.rnd.IntN(len(there))
}

func (g *guilds) messageUpdate(to []byte, at scene) []byte {
	there, i := g.some(at)
	at.member = there[i].author
	return g.fill(to, messageForm, at, "somebody", there[i].id, `"2026-05-01T12:35:56.789000+00:00"`, fmt.Sprint("no, ", words, g.rnd.Uint32()))
}

func (g *guilds) messageDelete(to []byte, at scene) []byte {
	there, i := g.some(at)
	id := there[i].id
	g.recent[at.guild][at.channel] = slices.Delete(there, i, i+1)
	return fmt.Appendf(to, messageDeleteForm, id, channelID(at.guild, at.channel), guildID(at.guild))
}

func (g *guilds) presenceUpdate(to []byte, at scene) []byte {
	s := &g.status[at.guild][at.member]
	*s = (*s + 1 + g.rnd.IntN(len(statuses)-1)) % len(statuses)
	activity := ""
	if g.rnd.IntN(2) == 0 {
		activity = fmt.Sprintf(activityForm, g.rnd.IntN(100))
	}
	return fmt.Appendf(to, presenceForm, userID(at.guild, at.member), statuses[*s], guildID(at.guild), activity)
}

func (g *guilds) typing(to []byte, at scene) []byte { return g.fill(to, typingForm, at, "somebody") }

func (g *guilds) reaction(to []byte, at scene) []byte {
	there, i := g.some(at)
	return g.fill(to, reactionForm, at, "somebody", there[i].id, fmt.Sprint(userID(at.guild, there[i].author)))
}

func (g *guilds) memberUpdate(to []byte, at scene) []byte {
	g.last.Guild, g.last.User, g.last.Nick = guildID(at.guild), userID(at.guild, at.member), fmt.Sprint("nobody ", g.rnd.Uint32())
	return g.fill(to, memberUpdateForm, at, g.last.Nick)
}

func (g *guilds) voice(to []byte, at scene) []byte {
	return g.fill(to, voiceForm, at, "somebody", 0, fmt.Sprint(g.rnd.IntN(2) == 0))
}

func (g *guilds) channelUpdate(to []byte, at scene) []byte {
	g.last.Channel, g.last.Topic = channelID(at.guild, at.channel), fmt.Sprint("about ", g.rnd.Uint32())
	return fmt.Appendf(to, channelUpdateForm, g.last.Channel, guildID(at.guild), g.last.Topic, 0)
}
