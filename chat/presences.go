package chat

import (
	"encoding/json"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Each node knows what every session of the cluster says of its user, and tells its own
// sessions what follows: nothing is dispatched, so a node that dies takes its users
// offline everywhere, and no node need do it for the others.

// presenceUpdate is the event that a presence is told by.
const presenceUpdate = "PRESENCE_UPDATE"

// presenceObject is a presence in the protocol's form.
type presenceObject struct {
	User         presenceUser      `json:"user"`
	GuildID      string            `json:"guild_id,omitempty"`
	Status       sessions.Status   `json:"status"`
	Activities   json.RawMessage   `json:"activities"`
	ClientStatus map[string]string `json:"client_status"`
}

type presenceUser struct {
	ID sessions.Snowflake `json:"id"`
}

// newPresence is how a user is; in a guild, if that is not 0.
func newPresence(user, guild sessions.Snowflake, p sessions.Presence) presenceObject {
	o := presenceObject{User: presenceUser{user}, Status: p.Status, Activities: json.RawMessage("[]"), ClientStatus: map[string]string{}}
	if guild != 0 {
		o.GuildID = guild.String()
	}
	if len(p.Activities) > 0 && json.Valid(p.Activities) {
		o.Activities = p.Activities
	}
	if p.Status > sessions.Invisible {
		o.ClientStatus["desktop"] = p.Status.String()
	}
	return o
}

// SessionMeta is what the other nodes are to know of a session.
func sessionMeta(s *sessions.Session) *clusterv1.ChatSessionMeta {
	return &clusterv1.ChatSessionMeta{
		UserId: uint64(s.User), Shard: s.Shard.Index, Shards: s.Shard.Count, Presence: presenceToProto(s.Presence()),
	}
}

func presenceToProto(p sessions.Presence) *clusterv1.ChatPresence {
	return &clusterv1.ChatPresence{Status: uint32(p.Status), Activities: p.Activities, Since: p.Since, Afk: p.AFK}
}

func presenceFromProto(p *clusterv1.ChatPresence) sessions.Presence {
	status := sessions.Status(min(p.GetStatus(), uint32(sessions.Online)))
	return sessions.Presence{Status: status, Activities: p.GetActivities(), Since: p.GetSince(), AFK: p.GetAfk()}
}

// SetSession takes note of a session of a node, this one included; nil: it is not there
// any more. The node calls it, in the order in which it was said.
func (h *Hub) SetSession(node eventnode.NodeID, sid sessions.ID, meta *clusterv1.ChatSessionMeta) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := place{node, sid}
	user := h.roster.at[p].user
	if meta != nil {
		user = id(meta.GetUserId())
	}
	before := h.seen(user)
	if meta == nil {
		h.roster.remove(p)
	} else {
		h.doubt(node, sid)
		h.roster.set(p, entry{user, sessions.Shard{Index: meta.GetShard(), Count: meta.GetShards()}, presenceFromProto(meta.GetPresence())})
	}
	h.tellPresence(user, before)
}

// appearance is how others see a user.
type appearance struct {
	friends sessions.Presence
	guilds  map[sessions.Snowflake]sessions.Presence // where somebody of this node might look
}

func (h *Hub) seen(user sessions.Snowflake) appearance {
	a := appearance{friends: h.roster.toFriends(user), guilds: map[sessions.Snowflake]sessions.Presence{}}
	for _, g := range h.cfg.Directory.Guilds(user) {
		if h.table.topics[Guild(g)] != nil || h.lists.byGuild[g] != nil {
			a.guilds[g] = h.roster.toGuild(user, g)
		}
	}
	return a
}

// tellPresence tells sessions of this node what is different about a user: those that
// look at a list with him by that, the others of his guilds and of his friends by an
// event. The caller holds mu.
func (h *Hub) tellPresence(user sessions.Snowflake, before appearance) {
	now := h.seen(user)
	for guild, p := range now.guilds {
		if samePresence(p, before.guilds[guild]) {
			continue
		}
		h.metrics.presences.Inc()
		covered := h.lists.refresh(guild, user)
		h.sendPresence(Guild(guild), newPresence(user, guild, p), covered)
	}
	if !samePresence(now.friends, before.friends) {
		h.sendPresence(Friend(user), newPresence(user, 0, now.friends), nil)
	}
}

// sendPresence sends a presence to the subscribers of a topic, but for the user himself
// and those who see it anyway.
func (h *Hub) sendPresence(topic string, p presenceObject, covered map[sessions.ID]bool) {
	data, err := json.Marshal(p)
	if err != nil {
		h.failed("a presence", err)
		return
	}
	e := &sessions.Event{Type: presenceUpdate, Data: data, State: topic + "/" + p.User.ID.String()}
	d := h.delivery(e, false)
	d.topic = topic
	d.except = &filter{sessions: covered, users: map[sessions.Snowflake]bool{p.User.ID: true}}
	for s := range d.Subscribers() {
		d.Send(s)
	}
}
