package command

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

const (
	// demoSeed makes the demonstration the same each time.
	demoSeed = 1
	// demoMessages is how many messages of a channel may still be changed.
	demoMessages = 20
	// demoFirstMessage is the id of the first one: later than all ids of dev_demo.yaml.
	demoFirstMessage = 1 << 40
)

// happening is an event for the sessions of a topic.
type happening struct {
	topic, name string
	data        map[string]any
}

// traffic makes up what happens in the guilds of dev_demo.yaml, without an end: always the
// same for one seed, and nothing that changes nothing.
type traffic struct {
	rnd    *rand.Rand
	guilds []*demoGuild
	newest uint64 // message
}

// demoGuild is a guild as the traffic has made it.
type demoGuild struct {
	id, channel         uint64
	names, topics       []string
	name, topic         int
	nicks               map[uint64]int // by user
	messages            []uint64       // oldest first
	said, saidOtherwise []string
}

// demoUsers are those who do something; their nicks are theirs.
var demoUsers = []struct {
	id    uint64
	name  string
	nicks []string
}{
	{101, "alice", []string{"Alice", "Captain Alice", "Alice (asleep)"}},
	{102, "bob", []string{"Bob", "Bob the baker", "Bob (away)"}},
}

func newTraffic(seed uint64) *traffic {
	return &traffic{rnd: rand.New(rand.NewPCG(seed, seed)), newest: demoFirstMessage, guilds: []*demoGuild{
		{
			id: 33554432, channel: 33554433, nicks: map[uint64]int{},
			names:  []string{"Harbour", "Harbour (foggy)", "Harbour (at low tide)"},
			topics: []string{"ships that come and go", "ships that come", "the fog"},
			said:   []string{"who is at the crane?", "the ferry is late", "a sail!"}, saidOtherwise: []string{"it was nothing", "the ferry is in"},
		},
		{
			id: 37748736, channel: 37748737, nicks: map[uint64]int{},
			names:  []string{"Market", "Market (on Sunday)", "Market (sold out)"},
			topics: []string{"what there is to buy", "fish", "pears and plums"},
			said:   []string{"three pears, please", "is there fish?", "fresh bread!"}, saidOtherwise: []string{"four pears, please", "is there fish left?"},
		},
	}}
}

// next is what happens next: mostly messages.
func (t *traffic) next() happening {
	g := t.guilds[t.rnd.IntN(len(t.guilds))]
	switch n := t.rnd.IntN(10); {
	case len(g.messages) > 0 && n < 3:
		return t.edit(g)
	case len(g.messages) > 0 && n == 3:
		return t.remove(g)
	case n == 4:
		g.name = t.other(g.name, len(g.names))
		return g.happens("GUILD_UPDATE", map[string]any{"id": idText(g.id), "name": g.names[g.name]})
	case n == 5:
		g.topic = t.other(g.topic, len(g.topics))
		return g.happens("CHANNEL_UPDATE", map[string]any{"id": idText(g.channel), "type": 0, "name": demoChannels[g.channel], "topic": g.topics[g.topic]})
	case n == 6:
		return t.rename(g)
	}
	return t.say(g)
}

// other is another one of n than i.
func (t *traffic) other(i, n int) int { return (i + 1 + t.rnd.IntN(n-1)) % n }

// say is a new message.
func (t *traffic) say(g *demoGuild) happening {
	who := demoUsers[t.rnd.IntN(len(demoUsers))]
	t.newest++
	if g.messages = append(g.messages, t.newest); len(g.messages) > demoMessages {
		g.messages = slices.Delete(g.messages, 0, 1)
	}
	return g.writes("MESSAGE_CREATE", t.newest, map[string]any{
		"content": g.said[t.rnd.IntN(len(g.said))], "type": 0,
		"author": map[string]any{"id": idText(who.id), "username": who.name},
	})
}

// edit changes a message.
func (t *traffic) edit(g *demoGuild) happening {
	id := g.messages[t.rnd.IntN(len(g.messages))]
	text := fmt.Sprintf("%s (%d)", g.saidOtherwise[t.rnd.IntN(len(g.saidOtherwise))], t.rnd.IntN(1000))
	return g.writes("MESSAGE_UPDATE", id, map[string]any{"content": text})
}

// remove deletes a message.
func (t *traffic) remove(g *demoGuild) happening {
	i := t.rnd.IntN(len(g.messages))
	id := g.messages[i]
	g.messages = slices.Delete(g.messages, i, i+1)
	return g.writes("MESSAGE_DELETE", id, map[string]any{})
}

// rename gives a member another nick.
func (t *traffic) rename(g *demoGuild) happening {
	who := demoUsers[t.rnd.IntN(len(demoUsers))]
	g.nicks[who.id] = t.other(g.nicks[who.id], len(who.nicks))
	return g.happens("GUILD_MEMBER_UPDATE", map[string]any{
		"user": map[string]any{"id": idText(who.id), "username": who.name}, "nick": who.nicks[g.nicks[who.id]], "roles": []string{},
	})
}

// happens is an event for those in the guild.
func (g *demoGuild) happens(name string, data map[string]any) happening {
	data["guild_id"] = idText(g.id)
	return happening{topic: "guild:" + idText(g.id), name: name, data: data}
}

// writes is an event for those who read the channel.
func (g *demoGuild) writes(name string, message uint64, data map[string]any) happening {
	data["id"], data["channel_id"], data["guild_id"] = idText(message), idText(g.channel), idText(g.id)
	return happening{topic: "channel:" + idText(g.channel), name: name, data: data}
}

func idText(id uint64) string { return strconv.FormatUint(id, 10) }
