package intake

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// The world of a recording: so many guilds, each with so much in it.
const (
	membersInGuild  = 1000
	channelsInGuild = 50
	rolesInGuild    = 20
	// remembered is how many messages of a channel may be changed or deleted, the newest.
	remembered = 32
)

// bot is the user that the session is for.
const bot = 1001

// guilds is what a gateway knows, as far as its events say it.
type guilds struct {
	rnd    *rand.Rand
	status [][]int // of each guild's members, in statuses
	recent [][][]said
	spoken uint64 // messages so far
	last   expected
}

// said is a message that is still there.
type said struct {
	id     uint64
	author int
}

// expected is what whoever has taken all events in must know in the end: the newest nick of
// a member and the newest topic of a channel.
type expected struct {
	Guild   uint64 `json:"guild"`
	User    uint64 `json:"user"`
	Nick    string `json:"nick"`
	Channel uint64 `json:"channel"`
	Topic   string `json:"topic"`
}

var statuses = [...]string{"online", "idle", "dnd", "offline"}

func newGuilds(n int) *guilds {
	const seed = 8
	g := &guilds{rnd: rand.New(rand.NewPCG(seed, seed)), status: make([][]int, n), recent: make([][][]said, n)}
	for i := range n {
		g.status[i] = make([]int, membersInGuild)
		g.recent[i] = make([][]said, channelsInGuild)
	}
	return g
}

// The ids. They have the size of real ones.
const firstID = 1_100_000_000_000_000_000

func guildID(guild int) uint64            { return firstID + uint64(guild)<<22 }
func userID(guild, member int) uint64     { return firstID/2 + uint64(guild)<<22 + uint64(member) }
func channelID(guild, channel int) uint64 { return guildID(guild) + 1 + uint64(channel) }
func roleID(guild, role int) uint64       { return guildID(guild) + 1000 + uint64(role) }
func messageID(n uint64) uint64           { return firstID + 1<<40 + n<<12 }

// ready is the data of READY: all guilds come behind it.
func (g *guilds) ready(gateway string) []byte {
	var list bytes.Buffer
	for i := range g.status {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, `{"unavailable":true,"id":"%d"}`, guildID(i))
	}
	return fmt.Appendf(nil, readyForm, bot, gateway, list.Bytes())
}

// guild is the data of GUILD_CREATE.
func (g *guilds) guild(i int) []byte {
	b := bytes.NewBuffer(fmt.Appendf(nil, guildHead, guildID(i), userID(i, 0), membersInGuild))
	list(b, "roles", rolesInGuild, func(n int) { fmt.Fprintf(b, roleForm, roleID(i, n), n) })
	list(b, "channels", channelsInGuild, func(n int) {
		fmt.Fprintf(b, channelForm+"}", channelID(i, n), guildID(i), "about things", 0)
	})
	list(b, "members", membersInGuild, func(n int) {
		fmt.Fprintf(b, memberForm+"}", userID(i, n), roleID(i, n%rolesInGuild), roleID(i, n/2%rolesInGuild), "somebody")
	})
	list(b, "presences", membersInGuild/3, func(n int) {
		fmt.Fprintf(b, presenceForm, userID(i, n), statuses[0], guildID(i), "")
	})
	b.WriteByte('}')
	return b.Bytes()
}

// list adds a member that is a list.
func list(b *bytes.Buffer, name string, n int, element func(int)) {
	fmt.Fprintf(b, `,%q:[`, name)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		element(i)
	}
	b.WriteByte(']')
}

// compare says what is not as it was said last.
func (e expected) compare(nick, topic string) error {
	if nick != e.Nick || topic != e.Topic {
		return fmt.Errorf("what is known in the end is %q and %q, and %q and %q were said last", nick, topic, e.Nick, e.Topic)
	}
	return nil
}
