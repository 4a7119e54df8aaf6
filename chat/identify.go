package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/sessions"
)

// maxGuilds is how many guilds a session may have: a bot in more needs more shards.
const maxGuilds = 2_500

// Identify opens a session for a client that has proved who it is. READY is the first
// event in its log. By then the session subscribes to all that its user is in, and every
// live node knows; so what is dispatched after READY has arrived is not missed.
func (h *Hub) Identify(ctx context.Context, who sessions.Identity, p sessions.Presence, hello sessions.Hello) (*sessions.Session, error) {
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	s, err := h.open(who, p, hello)
	if err != nil {
		return nil, err
	}
	if err := h.register(ctx, s); err != nil {
		h.manager.End(s.ID())
		return nil, err
	}
	h.settle(ctx)
	if err := h.confirm(ctx); err != nil {
		h.manager.End(s.ID())
		return nil, err
	}
	return s, nil
}

// open makes a session that is ready, and subscribes it, in one step: what it is told
// first is what it is told the changes of.
func (h *Hub) open(who sessions.Identity, p sessions.Presence, hello sessions.Hello) (*sessions.Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	look := h.cfg.Directory
	if look.User(who.User) == nil {
		return nil, fmt.Errorf("user %d is not in the directory: %w", who.User, eventnode.ErrPermissionDenied)
	}
	guilds := slices.DeleteFunc(look.Guilds(who.User), func(g sessions.Snowflake) bool { return !who.Shard.Owns(g) })
	if len(guilds) > maxGuilds {
		return nil, fmt.Errorf("%d guilds, at most %d for one session: %w", len(guilds), maxGuilds, sessions.ErrShardingRequired)
	}
	s, err := h.manager.Open(who)
	if err != nil {
		return nil, err
	}
	s.SetPresence(p)
	h.journal.open(s, firstGeneration)
	h.greet(s, guilds, hello)
	h.subscribeToAll(s, guilds)
	h.journal.complete(s, eventnode.Position{})
	return s, nil
}

// subscribeToAll subscribes a session to its guilds, and to what is its user's own.
func (h *Hub) subscribeToAll(s *sessions.Session, guilds []sessions.Snowflake) {
	for _, g := range guilds {
		h.join(s, Guild(g), 0)
	}
	for _, c := range h.cfg.Directory.PrivateChannels(s.User) {
		h.table.add(s, Channel(c), 0)
	}
	for _, f := range h.cfg.Directory.Friends(s.User) {
		h.table.add(s, Friend(f), 0)
	}
}

// ready is the payload of READY.
type ready struct {
	Version          int                        `json:"v"`
	User             directory.UserObject       `json:"user"`
	Guilds           []any                      `json:"guilds"`
	PrivateChannels  []*directory.ChannelObject `json:"private_channels"`
	SessionID        sessions.ID                `json:"session_id"`
	SessionType      string                     `json:"session_type"`
	ResumeGatewayURL string                     `json:"resume_gateway_url"`
	Shard            [2]uint32                  `json:"shard"`
	Application      application                `json:"application"`
	Relationships    []relationship             `json:"relationships"`
	Presences        []presenceObject           `json:"presences"`
	UserSettings     struct{}                   `json:"user_settings"`
}

type application struct {
	ID    sessions.Snowflake `json:"id"`
	Flags int                `json:"flags"`
}

type relationship struct {
	ID   sessions.Snowflake   `json:"id"`
	Type int                  `json:"type"` // 1: a friend
	User directory.UserObject `json:"user"`
}

type unavailable struct {
	ID          sessions.Snowflake `json:"id"`
	Unavailable bool               `json:"unavailable"`
}

// guildCreate is a guild with who is there.
type guildCreate struct {
	*directory.GuildCreate
	Presences []presenceObject `json:"presences"`
}

// greet sends READY, and what belongs to it. An application is told of its guilds one by one after that, as the
// protocol has it; a person has them in READY.
func (h *Hub) greet(s *sessions.Session, guilds []sessions.Snowflake, hello sessions.Hello) {
	look := h.cfg.Directory
	r := ready{
		Version: hello.Version, User: directory.NewUserObject(look.User(s.User)), Guilds: []any{},
		PrivateChannels: []*directory.ChannelObject{}, SessionID: s.ID(), SessionType: "normal",
		ResumeGatewayURL: hello.ResumeURL, Shard: [2]uint32{s.Shard.Index, max(1, s.Shard.Count)},
		Application: application{ID: s.User}, Relationships: []relationship{}, Presences: []presenceObject{},
	}
	for _, g := range guilds {
		if s.Bot {
			r.Guilds = append(r.Guilds, unavailable{g, true})
		} else {
			r.Guilds = append(r.Guilds, h.guildFor(s, g))
		}
	}
	for _, c := range look.PrivateChannels(s.User) {
		r.PrivateChannels = append(r.PrivateChannels, look.ChannelObject(c, s.User))
	}
	for _, f := range look.Friends(s.User) {
		r.Relationships = append(r.Relationships, relationship{f, 1, directory.NewUserObject(look.User(f))})
		if p := h.roster.toFriends(f); p.Status != sessions.Offline {
			r.Presences = append(r.Presences, newPresence(f, 0, p))
		}
	}
	h.make("READY", r, s.Greet)
	if !s.Bot && hello.Version == supplementalVersion {
		h.make("READY_SUPPLEMENTAL", supplemental(&r), s.Greet)
	}
	if s.Bot && s.Intents&IntentGuilds != 0 {
		for _, g := range guilds {
			h.make("GUILD_CREATE", h.guildFor(s, g), s.Greet)
		}
	}
}

// guildFor is a guild as a session sees it.
func (h *Hub) guildFor(s *sessions.Session, guild sessions.Snowflake) guildCreate {
	g := guildCreate{Presences: []presenceObject{}}
	view := directory.GuildView{User: s.User, Large: s.LargeThreshold}
	if s.Intents&IntentPresences != 0 {
		for user := range h.online(guild) {
			view.Online = append(view.Online, user)
			g.Presences = append(g.Presences, newPresence(user, 0, h.roster.toGuild(user, guild)))
		}
	}
	g.GuildCreate = h.cfg.Directory.GuildCreate(guild, view)
	return g
}

// online ranges over the members of a guild who are there: whichever are fewer, members or
// users with sessions, are looked at.
func (h *Hub) online(guild sessions.Snowflake) func(yield func(sessions.Snowflake) bool) {
	look := h.cfg.Directory
	return func(yield func(sessions.Snowflake) bool) {
		if look.MemberCount(guild) < len(h.roster.of) {
			for m := range look.Members(guild) {
				if user := id(m.GetUserId()); h.roster.toGuild(user, guild).Status != sessions.Offline && !yield(user) {
					return
				}
			}
			return
		}
		for user := range h.roster.of {
			if look.Member(guild, user) != nil && h.roster.toGuild(user, guild).Status != sessions.Offline && !yield(user) {
				return
			}
		}
	}
}

// tell sends an event to one session, and says its number.
func (h *Hub) tell(s *sessions.Session, eventType string, payload any) (seq uint64) {
	h.make(eventType, payload, func(e *sessions.Event) { seq, _ = s.Send(e) }) // one that has ended needs nothing
	return seq
}

// make makes an event of a payload, and sends it.
func (h *Hub) make(eventType string, payload any, send func(*sessions.Event)) {
	data, err := json.Marshal(payload)
	if err != nil {
		h.failed(eventType, err)
		return
	}
	send(&sessions.Event{Type: eventType, Data: data})
}

// SetPresence says what a session says of its user now.
func (h *Hub) SetPresence(ctx context.Context, s *sessions.Session, p sessions.Presence) error {
	s.SetPresence(p)
	h.mu.Lock()
	h.table.note(s)
	h.mu.Unlock()
	h.kickOff()
	return h.register(ctx, s)
}

// End ends a session: nobody can go on with it.
func (h *Hub) End(s *sessions.Session) { h.manager.End(s.ID()) }
