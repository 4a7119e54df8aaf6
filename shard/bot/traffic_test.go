package bot_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// payload is what the gateway is to say: to which topic, and as what consumers' shards take
// it in, where ids are strings.
type payload struct {
	name string
	sent json.RawMessage
	data object
}

// traffic makes up what happens in the guilds of one shard: every kind of event that a cache
// keeps something of, and those that pass. It is the same for the same seed.
type traffic struct {
	rnd    *rand.Rand
	nextID uint64
	places []*place
	// still leaves out what a gateway sums up for who resumes: presences.
	still bool
	due   []due // said before anything else is made up
}

type due struct {
	guild *place
	payload
}

// place is a guild, as far as traffic has to know who and what is there.
type place struct {
	id                                string
	roles, channels, threads, members []string
	messages                          map[string][]string
}

// How many of each there are at most: what is more goes.
const (
	mostRoles, mostChannels, mostThreads, mostMembers, mostMessages = 12, 10, 8, 30, 25
)

func newTraffic(seed uint64, guilds ...int) *traffic {
	t := &traffic{rnd: rand.New(rand.NewPCG(seed, uint64(guilds[0]))), nextID: guildID(guilds[0])<<8 + 1_000}
	for _, g := range guilds {
		p := &place{id: strconv.FormatUint(guildID(g), 10), messages: map[string][]string{}}
		t.places = append(t.places, p)
		t.due = append(t.due, due{p, t.guild(p)})
	}
	return t
}

func (t *traffic) id() string { t.nextID++; return strconv.FormatUint(t.nextID, 10) }

func (t *traffic) word() string { return fmt.Sprintf("w%04d", t.rnd.IntN(10_000)) }

// one is one of a list, or something that is not there, now and then and if it is empty.
func (t *traffic) one(list []string) string {
	if len(list) == 0 || t.rnd.IntN(50) == 0 {
		return t.id()
	}
	return list[t.rnd.IntN(len(list))]
}

// say makes a payload of an object.
func say(name string, data object) payload {
	sent, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	p := payload{name: name, sent: sent}
	if err := json.Unmarshal(sent, &p.data); err != nil {
		panic(err)
	}
	return p
}

// next is what happens next, and where.
func (t *traffic) next() (guild string, p payload) {
	for {
		if len(t.due) > 0 {
			d := t.due[0]
			t.due = t.due[1:]
			return d.guild.id, d.payload
		}
		g := t.places[t.rnd.IntN(len(t.places))]
		k := &kinds[t.rnd.IntN(len(kinds))]
		if t.still && k.presence {
			continue
		}
		for range k.weight {
			if p := k.make(t, g); p.name != "" {
				t.due = append(t.due, due{g, p})
			}
		}
	}
}

// kind is one of what may happen. Its weight is how many come one after the other.
type kind struct {
	weight   int
	make     func(t *traffic, g *place) payload
	presence bool
}

var kinds = []kind{
	{1, (*traffic).vanish, false},
	{2, (*traffic).guildUpdate, false}, {1, (*traffic).lists, false},
	{2, (*traffic).roleCreate, false}, {3, (*traffic).roleUpdate, false}, {2, (*traffic).roleDelete, false},
	{3, (*traffic).memberAdd, false}, {4, (*traffic).memberUpdate, false}, {2, (*traffic).memberRemove, false}, {1, (*traffic).chunk, false},
	{2, (*traffic).channelCreate, false}, {4, (*traffic).channelUpdate, false}, {1, (*traffic).channelDelete, false},
	{2, (*traffic).threadCreate, false}, {3, (*traffic).threadUpdate, false}, {1, (*traffic).threadDelete, false}, {1, (*traffic).threadSync, false},
	{12, (*traffic).messageCreate, false}, {8, (*traffic).messageUpdate, false}, {5, (*traffic).messageDelete, false}, {1, (*traffic).messageBulk, false},
	{8, (*traffic).presence, true}, {3, (*traffic).userUpdate, false}, {6, (*traffic).passing, false},
}

// few keeps a list short: the oldest ones are forgotten by the traffic, not by who listens.
func few(list *[]string, id string, most int) {
	*list = append(*list, id)
	if len(*list) > most {
		*list = (*list)[1:]
	}
}

func (t *traffic) role(id string) object {
	return object{"id": id, "name": t.word(), "position": t.rnd.IntN(9), "permissions": strconv.Itoa(t.rnd.IntN(1 << 20))}
}

func (t *traffic) channel(g *place, id string, kind int) object {
	return object{"id": id, "guild_id": g.id, "type": kind, "name": t.word(), "topic": nil, "permission_overwrites": []any{
		object{"id": g.id, "type": 0, "allow": "0", "deny": strconv.Itoa(t.rnd.IntN(1 << 12))},
	}}
}

func (t *traffic) user(id string) object {
	return object{"id": id, "username": t.word(), "global_name": nil, "avatar": t.word(), "new_since_then": object{"a": []any{1, "b"}}}
}

func (t *traffic) member(id string) object {
	return object{"user": t.user(id), "nick": t.word(), "roles": []any{}, "joined_at": "2020-01-02T03:04:05Z"}
}

func (t *traffic) presenceOf(g *place, id string) object {
	return object{"guild_id": g.id, "user": object{"id": id}, "status": []string{"online", "idle", "dnd"}[t.rnd.IntN(3)], "activities": []any{}}
}

// guild is a whole one, with new things in it.
func (t *traffic) guild(g *place) payload {
	*g = place{id: g.id, messages: map[string][]string{}}
	roles, channels, threads, members, presences := []any{}, []any{}, []any{}, []any{}, []any{}
	for range 3 {
		role, channel, thread, member := t.id(), t.id(), t.id(), t.id()
		g.roles, g.channels, g.threads, g.members = append(g.roles, role), append(g.channels, channel), append(g.threads, thread), append(g.members, member)
		roles, channels, threads = append(roles, t.role(role)), append(channels, t.channel(g, channel, 0)), append(threads, t.channel(g, thread, 11))
		members, presences = append(members, t.member(member)), append(presences, t.presenceOf(g, member))
	}
	return say("GUILD_CREATE", object{
		"id": g.id, "name": t.word(), "owner_id": g.members[0], "features": []any{"COMMUNITY"}, "member_count": len(members), "joined_at": "2020-01-02T03:04:05Z",
		"roles": roles, "emojis": t.emojis(), "stickers": []any{}, "channels": channels, "threads": threads, "members": members, "presences": presences,
		"voice_states": []any{},
	})
}

// vanish is a guild that cannot be reached, or was left, and comes back. It happens seldom.
func (t *traffic) vanish(g *place) payload {
	if t.rnd.IntN(4) > 0 {
		return payload{}
	}
	switch t.rnd.IntN(3) {
	case 0:
		t.due = append(t.due, due{g, say("GUILD_DELETE", object{"id": g.id})})
	case 1:
		t.due = append(t.due, due{g, say("GUILD_DELETE", object{"id": g.id, "unavailable": true})})
	default:
		t.due = append(t.due, due{g, say("GUILD_CREATE", object{"id": g.id, "unavailable": true})})
	}
	return t.guild(g)
}

func (t *traffic) guildUpdate(g *place) payload {
	data := object{"id": g.id, "name": t.word(), "features": []any{t.word()}}
	if t.rnd.IntN(8) == 0 {
		g.roles = []string{t.id(), t.id()}
		data["roles"] = []any{t.role(g.roles[0]), t.role(g.roles[1])}
	}
	return say("GUILD_UPDATE", data)
}

func (t *traffic) emojis() []any {
	return []any{object{"id": t.id(), "name": t.word()}, object{"id": nil, "name": "🙂"}}
}

func (t *traffic) lists(g *place) payload {
	if t.rnd.IntN(2) == 0 {
		return say("GUILD_EMOJIS_UPDATE", object{"guild_id": g.id, "emojis": t.emojis()})
	}
	return say("GUILD_STICKERS_UPDATE", object{"guild_id": g.id, "stickers": []any{object{"id": t.id(), "name": t.word()}}})
}

func (t *traffic) roleCreate(g *place) payload {
	id := t.id()
	few(&g.roles, id, mostRoles)
	return say("GUILD_ROLE_CREATE", object{"guild_id": g.id, "role": t.role(id)})
}

func (t *traffic) roleUpdate(g *place) payload {
	return say("GUILD_ROLE_UPDATE", object{"guild_id": g.id, "role": t.role(t.one(g.roles))})
}

func (t *traffic) roleDelete(g *place) payload {
	return say("GUILD_ROLE_DELETE", object{"guild_id": g.id, "role_id": t.take(&g.roles)})
}

// take is one of a list, which is not there any more.
func (t *traffic) take(list *[]string) string {
	id := t.one(*list)
	*list = slices.DeleteFunc(*list, func(other string) bool { return other == id })
	return id
}

func (t *traffic) memberAdd(g *place) payload {
	id := t.id()
	few(&g.members, id, mostMembers)
	m := t.member(id)
	m["guild_id"] = g.id
	return say("GUILD_MEMBER_ADD", m)
}

func (t *traffic) memberUpdate(g *place) payload {
	user := t.user(t.one(g.members))
	if t.rnd.IntN(4) == 0 {
		user = object{"id": user["id"]}
	}
	return say("GUILD_MEMBER_UPDATE", object{"guild_id": g.id, "user": user, "nick": t.word(), "roles": []any{t.one(g.roles)}})
}

func (t *traffic) memberRemove(g *place) payload {
	return say("GUILD_MEMBER_REMOVE", object{"guild_id": g.id, "user": object{"id": t.take(&g.members)}})
}

func (t *traffic) chunk(g *place) payload {
	id := t.id()
	few(&g.members, id, mostMembers)
	return say("GUILD_MEMBERS_CHUNK", object{
		"guild_id": g.id, "members": []any{t.member(id)}, "presences": []any{t.presenceOf(g, id)}, "chunk_index": 0, "chunk_count": 1,
	})
}

func (t *traffic) channelCreate(g *place) payload {
	id := t.id()
	few(&g.channels, id, mostChannels)
	return say("CHANNEL_CREATE", t.channel(g, id, 0))
}

func (t *traffic) channelUpdate(g *place) payload {
	return say("CHANNEL_UPDATE", t.channel(g, t.one(g.channels), 0))
}

func (t *traffic) channelDelete(g *place) payload {
	return say("CHANNEL_DELETE", t.channel(g, t.take(&g.channels), 0))
}

func (t *traffic) threadCreate(g *place) payload {
	id := t.id()
	few(&g.threads, id, mostThreads)
	return say("THREAD_CREATE", t.channel(g, id, 11))
}

func (t *traffic) threadUpdate(g *place) payload {
	return say("THREAD_UPDATE", t.channel(g, t.one(g.threads), 11))
}

func (t *traffic) threadDelete(g *place) payload {
	return say("THREAD_DELETE", object{"id": t.take(&g.threads), "guild_id": g.id, "parent_id": t.one(g.channels), "type": 11})
}

func (t *traffic) threadSync(g *place) payload {
	id := t.id()
	few(&g.threads, id, mostThreads)
	return say("THREAD_LIST_SYNC", object{"guild_id": g.id, "threads": []any{t.channel(g, id, 11)}, "members": []any{}})
}

func (t *traffic) messageCreate(g *place) payload {
	id, channel := t.id(), t.one(g.channels)
	in := g.messages[channel]
	few(&in, id, mostMessages)
	g.messages[channel] = in
	return say("MESSAGE_CREATE", object{
		"id": id, "channel_id": channel, "guild_id": g.id, "content": t.word() + t.word(), "author": t.user(t.one(g.members)), "type": 0, "edited_timestamp": nil,
	})
}

func (t *traffic) messageUpdate(g *place) payload {
	channel := t.one(g.channels)
	return say("MESSAGE_UPDATE", object{"id": t.one(g.messages[channel]), "channel_id": channel, "guild_id": g.id, "content": t.word()})
}

func (t *traffic) messageDelete(g *place) payload {
	channel := t.one(g.channels)
	in := g.messages[channel]
	id := t.take(&in)
	g.messages[channel] = in
	return say("MESSAGE_DELETE", object{"id": id, "channel_id": channel, "guild_id": g.id})
}

func (t *traffic) messageBulk(g *place) payload {
	channel := t.one(g.channels)
	ids := []any{t.id()}
	for _, id := range g.messages[channel] {
		ids = append(ids, id)
	}
	delete(g.messages, channel)
	return say("MESSAGE_DELETE_BULK", object{"ids": ids, "channel_id": channel, "guild_id": g.id})
}

// presence is one that says something new of the user now and then, or nothing at all.
func (t *traffic) presence(g *place) payload {
	p := t.presenceOf(g, t.one(g.members))
	if t.rnd.IntN(4) == 0 {
		p["user"].(object)["avatar"] = t.word()
	}
	return say("PRESENCE_UPDATE", p)
}

func (t *traffic) userUpdate(g *place) payload {
	u := t.user(t.one(g.members))
	if t.rnd.IntN(2) == 0 {
		u = object{"id": u["id"], "global_name": []any{nil, "n"}[t.rnd.IntN(2)]} // which may be so already
	}
	return say("USER_UPDATE", u)
}

// passing is of what nothing is kept: events that have types here, one that has none, and ids
// that are numbers.
func (t *traffic) passing(g *place) payload {
	channel, user, message := t.one(g.channels), t.one(g.members), t.id()
	some := []payload{
		say("TYPING_START", object{"channel_id": channel, "guild_id": g.id, "user_id": user, "timestamp": t.rnd.IntN(1 << 30)}),
		say("MESSAGE_REACTION_ADD", object{"user_id": user, "channel_id": channel, "message_id": message, "guild_id": g.id, "emoji": object{"id": nil, "name": "🙂"}}),
		say("MESSAGE_REACTION_REMOVE", object{"user_id": user, "channel_id": channel, "message_id": message, "guild_id": g.id, "emoji": object{"id": nil, "name": "🙂"}}),
		say("MESSAGE_REACTION_REMOVE_ALL", object{"channel_id": channel, "message_id": message, "guild_id": g.id}),
		say("GUILD_BAN_ADD", object{"guild_id": g.id, "user": t.user(user)}),
		say("GUILD_BAN_REMOVE", object{"guild_id": g.id, "user": t.user(user)}),
		say("GUILD_INTEGRATIONS_UPDATE", object{"guild_id": g.id}),
		say("INVITE_CREATE", object{"guild_id": g.id, "channel_id": channel, "code": t.word()}),
		say("INVITE_DELETE", object{"guild_id": g.id, "channel_id": channel, "code": t.word()}),
		say("VOICE_STATE_UPDATE", object{"guild_id": g.id, "channel_id": channel, "user_id": user, "session_id": t.word()}),
		say("VOICE_SERVER_UPDATE", object{"guild_id": g.id, "token": t.word(), "endpoint": nil}),
		say("WEBHOOKS_UPDATE", object{"guild_id": g.id, "channel_id": channel}),
		say("CHANNEL_PINS_UPDATE", object{"guild_id": g.id, "channel_id": channel, "last_pin_timestamp": nil}),
		say("INTERACTION_CREATE", object{"id": message, "guild_id": g.id, "channel_id": channel, "type": 2, "data": object{"name": t.word()}}),
		say("SOMETHING_NOBODY_KNOWS", object{"guild_id": g.id, "what": []any{t.word(), nil, true}}),
	}
	p := some[t.rnd.IntN(len(some))]
	if p.name == "TYPING_START" {
		p.sent = fmt.Appendf(nil, `{"channel_id":%s,"guild_id": %s,"user_id":%s,"timestamp":%v}`, channel, g.id, user, int(p.data["timestamp"].(float64)))
	}
	return p
}
