package bot_test

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// The plain model of what a bot knows, beside which the cache stands: maps of decoded JSON,
// by the rules of package cache, without limits, locks, text or copies that are saved.

// object is a JSON object, decoded. It does not change once it is kept.
type object = map[string]any

// told is an event that consumers are to get.
type told struct {
	name string
	data any
}

// model is what is known of one shard's guilds. The users of each shard are others.
type model struct {
	guilds   map[string]*guildModel
	users    map[string]object
	messages map[string]map[string]object // by channel
}

// guildModel is what is known of a guild.
type guildModel struct {
	own                                object // nil: not known
	count                              any
	emojis, stickers                   any
	roles, channels, members, presence map[string]object
	unavailable                        bool
}

func newModel() *model {
	return &model{guilds: map[string]*guildModel{}, users: map[string]object{}, messages: map[string]map[string]object{}}
}

func newGuildModel() *guildModel {
	return &guildModel{roles: map[string]object{}, channels: map[string]object{}, members: map[string]object{}, presence: map[string]object{}}
}

func (m *model) guild(id string) *guildModel {
	if m.guilds[id] == nil {
		m.guilds[id] = newGuildModel()
	}
	return m.guilds[id]
}

// rules say what becomes of a payload, by its name; of all others it is the payload.
var rules = map[string]func(*model, string, object) []told{
	"GUILD_CREATE": (*model).guildCreate, "GUILD_UPDATE": (*model).guildUpdate, "GUILD_DELETE": (*model).guildDelete,
	"GUILD_EMOJIS_UPDATE": (*model).listUpdate, "GUILD_STICKERS_UPDATE": (*model).listUpdate,
	"GUILD_ROLE_CREATE": (*model).rolePut, "GUILD_ROLE_UPDATE": (*model).rolePut, "GUILD_ROLE_DELETE": (*model).roleDelete,
	"GUILD_MEMBER_ADD": (*model).memberAdd, "GUILD_MEMBER_UPDATE": (*model).memberUpdate, "GUILD_MEMBER_REMOVE": (*model).memberRemove,
	"GUILD_MEMBERS_CHUNK": (*model).membersChunk,
	"CHANNEL_CREATE":      (*model).channelPut, "CHANNEL_UPDATE": (*model).channelPut, "CHANNEL_DELETE": (*model).channelDelete,
	"THREAD_CREATE": (*model).channelPut, "THREAD_UPDATE": (*model).channelPut, "THREAD_DELETE": (*model).channelDelete,
	"THREAD_LIST_SYNC": (*model).threadListSync,
	"MESSAGE_CREATE":   (*model).messageCreate, "MESSAGE_UPDATE": (*model).messageUpdate,
	"MESSAGE_DELETE": (*model).messageDelete, "MESSAGE_DELETE_BULK": (*model).messageDeleteBulk,
	"PRESENCE_UPDATE": (*model).presenceUpdate, "USER_UPDATE": (*model).userUpdate,
}

// take takes a payload in, and says what consumers are to get.
func (m *model) take(name string, data object) []told {
	if rule := rules[name]; rule != nil {
		return rule(m, name, data)
	}
	return itself(name, data)
}

func itself(name string, data object) []told { return []told{{name, data}} }

// pairOf is old and new, old being null if it is not known.
func pairOf(name string, old, now any, guild any) []told {
	data := object{"old": orNull(old), "new": now}
	if guild != nil {
		data["guild_id"] = guild
	}
	return []told{{name, data}}
}

// orNull makes null of an object that is not there.
func orNull(v any) any {
	if o, ok := v.(object); ok && o == nil {
		return nil
	}
	return v
}

// besides is a payload with one member more.
func besides(name string, data object, as string, old any) []told {
	return []told{{name, withMember(data, as, orNull(old))}}
}

func withMember(o object, name string, v any) object {
	out := object{}
	maps.Copy(out, o)
	out[name] = v
	return out
}

func without(o object, names ...string) object {
	out := object{}
	maps.Copy(out, o)
	for _, n := range names {
		delete(out, n)
	}
	return out
}

func merged(old, news object) object {
	out := object{}
	maps.Copy(out, old)
	maps.Copy(out, news)
	return out
}

func text(o object, name string) string { s, _ := o[name].(string); return s }

func elements(v any) (out []object) {
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, e.(object))
	}
	return out
}

func byID(list []object) map[string]object {
	out := map[string]object{}
	for _, o := range list {
		out[text(o, "id")] = o
	}
	return out
}

// listed is the objects in the order of their ids.
func listed(some map[string]object, wanted func(object) bool) []any {
	out := []any{}
	for _, id := range slices.SortedFunc(maps.Keys(some), func(a, b string) int {
		x, _ := strconv.ParseUint(a, 10, 64)
		y, _ := strconv.ParseUint(b, 10, 64)
		return int(int64(x - y))
	}) {
		if wanted == nil || wanted(some[id]) {
			out = append(out, some[id])
		}
	}
	return out
}

// user keeps what is said of a user: what was known, and what is now.
func (m *model) user(u object) (before, now object) {
	id := text(u, "id")
	before = m.users[id]
	if before == nil && u["username"] == nil {
		return nil, nil
	}
	m.users[id] = merged(before, u)
	return before, m.users[id]
}

var apartOfGuild = []string{
	"roles", "emojis", "stickers", "channels", "threads", "members", "presences", "member_count", "voice_states", "unavailable",
}

func (m *model) guildCreate(name string, data object) []told {
	g := m.guild(text(data, "id"))
	if data["unavailable"] == true {
		g.unavailable = true
		return itself("GUILD_UNAVAILABLE", data)
	}
	if g.unavailable {
		name = "GUILD_AVAILABLE"
	}
	g.unavailable, g.own, g.count = false, without(data, apartOfGuild...), data["member_count"]
	g.lists(data)
	channels := byID(append(elements(data["channels"]), elements(data["threads"])...))
	for id := range g.channels {
		if channels[id] == nil {
			delete(m.messages, id)
		}
	}
	g.channels = channels
	g.members, g.presence = map[string]object{}, map[string]object{} // all of them are said
	m.members(g, data)
	return itself(name, data)
}

// lists keeps what is said of roles, emojis and stickers.
func (g *guildModel) lists(data object) {
	if data["emojis"] != nil {
		g.emojis = data["emojis"]
	}
	if data["stickers"] != nil {
		g.stickers = data["stickers"]
	}
	if data["roles"] != nil {
		g.roles = byID(elements(data["roles"]))
	}
}

// members keeps what is said of members and presences.
func (m *model) members(g *guildModel, data object) {
	for _, member := range elements(data["members"]) {
		u := member["user"].(object)
		m.user(u)
		g.members[text(u, "id")] = without(member, "user", "guild_id")
	}
	for _, p := range elements(data["presences"]) {
		g.presence[text(p["user"].(object), "id")] = p
	}
}

// now is a guild as GUILD_UPDATE has it.
func (g *guildModel) now() object {
	if g.own == nil {
		return nil
	}
	out := withMember(g.own, "roles", listed(g.roles, nil))
	for name, v := range map[string]any{"member_count": g.count, "emojis": g.emojis, "stickers": g.stickers} {
		if v != nil {
			out[name] = v
		}
	}
	return out
}

func (m *model) guildUpdate(name string, data object) []told {
	g := m.guild(text(data, "id"))
	old := g.now()
	g.own = merged(g.own, without(data, apartOfGuild...))
	g.lists(data)
	return pairOf(name, old, g.now(), nil)
}

func (m *model) guildDelete(name string, data object) []told {
	g := m.guild(text(data, "id"))
	old := g.now()
	if old != nil {
		thread := func(c object) bool { return c["type"].(float64) >= 10 && c["type"].(float64) <= 12 }
		old["channels"] = listed(g.channels, func(c object) bool { return !thread(c) })
		old["threads"] = listed(g.channels, thread)
	}
	for id := range g.channels {
		delete(m.messages, id)
	}
	*g = *newGuildModel()
	g.unavailable = data["unavailable"] == true
	return besides(name, data, "old", old)
}

func (m *model) listUpdate(name string, data object) []told {
	g := m.guild(text(data, "guild_id"))
	list, at := data["emojis"], &g.emojis
	if name == "GUILD_STICKERS_UPDATE" {
		list, at = data["stickers"], &g.stickers
	}
	old := *at
	*at = list
	return pairOf(name, old, list, data["guild_id"])
}

func (m *model) rolePut(name string, data object) []told {
	g, role := m.guild(text(data, "guild_id")), data["role"].(object)
	old := g.roles[text(role, "id")]
	g.roles[text(role, "id")] = role
	if name == "GUILD_ROLE_CREATE" {
		return itself(name, data)
	}
	return pairOf(name, old, role, data["guild_id"])
}

func (m *model) roleDelete(name string, data object) []told {
	g, id := m.guild(text(data, "guild_id")), text(data, "role_id")
	old := g.roles[id]
	if delete(g.roles, id); old == nil {
		return nil
	}
	return besides(name, data, "old", old)
}

func (g *guildModel) add(n float64) {
	if count, ok := g.count.(float64); ok {
		g.count = max(count+n, 0)
	}
}

func (m *model) memberAdd(name string, data object) []told {
	g, u := m.guild(text(data, "guild_id")), data["user"].(object)
	m.user(u)
	g.members[text(u, "id")] = without(data, "user", "guild_id")
	g.add(1)
	return itself(name, data)
}

// whole is a member with his user.
func (m *model) whole(member object, user object, id string) object {
	if member == nil {
		return nil
	}
	if user == nil {
		user = object{"id": id}
	}
	return withMember(member, "user", user)
}

func (m *model) memberUpdate(name string, data object) []told {
	g, u := m.guild(text(data, "guild_id")), data["user"].(object)
	id := text(u, "id")
	before, now := m.user(u)
	if now == nil {
		now = u
	}
	old := m.whole(g.members[id], before, id)
	g.members[id] = merged(g.members[id], without(data, "user", "guild_id"))
	return pairOf(name, old, m.whole(g.members[id], now, id), data["guild_id"])
}

func (m *model) memberRemove(name string, data object) []told {
	g, id := m.guild(text(data, "guild_id")), text(data["user"].(object), "id")
	old := m.whole(g.members[id], m.users[id], id)
	delete(g.members, id)
	g.add(-1)
	return besides(name, data, "old", old)
}

func (m *model) membersChunk(name string, data object) []told {
	m.members(m.guild(text(data, "guild_id")), data)
	return itself(name, data)
}

func (m *model) channelPut(name string, data object) []told {
	g := m.guild(text(data, "guild_id"))
	old := g.channels[text(data, "id")]
	g.channels[text(data, "id")] = data
	if name == "CHANNEL_CREATE" || name == "THREAD_CREATE" {
		return itself(name, data)
	}
	return pairOf(name, old, data, nil)
}

func (m *model) channelDelete(name string, data object) []told {
	g, id := m.guild(text(data, "guild_id")), text(data, "id")
	old := g.channels[id]
	delete(g.channels, id)
	delete(m.messages, id)
	if old == nil {
		return nil
	}
	return []told{{name, object{"old": old}}}
}

func (m *model) threadListSync(name string, data object) []told {
	maps.Copy(m.guild(text(data, "guild_id")).channels, byID(elements(data["threads"])))
	return itself(name, data)
}

func (m *model) in(channel string) map[string]object {
	if m.messages[channel] == nil {
		m.messages[channel] = map[string]object{}
	}
	return m.messages[channel]
}

func (m *model) messageCreate(name string, data object) []told {
	m.in(text(data, "channel_id"))[text(data, "id")] = data
	return itself(name, data)
}

func (m *model) messageUpdate(name string, data object) []told {
	in, id := m.in(text(data, "channel_id")), text(data, "id")
	old := in[id]
	if old == nil && data["author"] == nil {
		return pairOf(name, nil, data, nil)
	}
	in[id] = merged(old, data)
	return pairOf(name, old, in[id], nil)
}

func (m *model) messageDelete(name string, data object) []told {
	in, id := m.in(text(data, "channel_id")), text(data, "id")
	old := in[id]
	delete(in, id)
	return besides(name, data, "deleted_message", old)
}

func (m *model) messageDeleteBulk(name string, data object) []told {
	in, known := m.in(text(data, "channel_id")), []any{}
	for _, id := range data["ids"].([]any) {
		if old := in[id.(string)]; old != nil {
			known = append(known, old)
		}
		delete(in, id.(string))
	}
	return besides(name, data, "deleted_messages", known)
}

func (m *model) presenceUpdate(name string, data object) (out []told) {
	g, u := m.guild(text(data, "guild_id")), data["user"].(object)
	old := g.presence[text(u, "id")]
	g.presence[text(u, "id")] = data
	if old == nil || !reflect.DeepEqual(old["status"], data["status"]) || !reflect.DeepEqual(old["activities"], data["activities"]) {
		out = pairOf(name, old, data, data["guild_id"])
	}
	before, now := m.user(u)
	if now != nil && !reflect.DeepEqual(before, now) {
		out = append(out, pairOf("USER_UPDATE", before, now, nil)...)
	}
	return out
}

func (m *model) userUpdate(name string, data object) []told {
	before, now := m.user(data)
	switch {
	case now == nil:
		now = data
	case before != nil && reflect.DeepEqual(before, now):
		return nil
	}
	return pairOf(name, before, now, nil)
}
