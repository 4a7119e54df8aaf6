package chat

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/chat/internal/memberlist"
	"github.com/eventnode/eventnode/sessions"
)

// Bounds of a request for members, as the protocol has them.
const (
	chunkSize  = 1_000
	maxPerName = 100 // members of a query that says how names begin
)

// membersChunk is the payload of GUILD_MEMBERS_CHUNK.
type membersChunk struct {
	GuildID   sessions.Snowflake        `json:"guild_id"`
	Members   []*directory.MemberObject `json:"members"`
	Index     int                       `json:"chunk_index"`
	Count     int                       `json:"chunk_count"`
	NotFound  []sessions.Snowflake      `json:"not_found,omitempty"`
	Presences []presenceObject          `json:"presences,omitempty"`
	Nonce     string                    `json:"nonce,omitempty"`
}

// RequestMembers answers with members of guilds, in events of the session. It waits for the
// client to take one of them before it sends the next: many members are more than is kept
// for a session.
func (h *Hub) RequestMembers(ctx context.Context, s *sessions.Session, req sessions.MembersRequest) error {
	if req.Query == nil && len(req.Users) > maxPerName {
		return &eventnode.LimitError{Limit: "max_requested_users", Max: maxPerName, Got: len(req.Users)}
	}
	if err := h.mayRequest(s, req.Guilds); err != nil {
		return err
	}
	for _, g := range req.Guilds {
		if err := h.sendMembers(ctx, s, g, req); err != nil {
			return fmt.Errorf("members of guild %d: %w", g, err)
		}
	}
	return nil
}

func (h *Hub) mayRequest(s *sessions.Session, guilds []sessions.Snowflake) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, g := range guilds {
		if h.cfg.Directory.Member(g, s.User) == nil || !s.Shard.Owns(g) {
			return fmt.Errorf("user %d has no guild %d in this session: %w", s.User, g, eventnode.ErrInvalidArgument)
		}
	}
	return nil
}

// sendMembers answers for one guild: with at least one event.
func (h *Hub) sendMembers(ctx context.Context, s *sessions.Session, guild sessions.Snowflake, req sessions.MembersRequest) error {
	h.mu.RLock()
	users, notFound := h.find(guild, req)
	h.mu.RUnlock()
	chunks := slices.Collect(slices.Chunk(users, chunkSize))
	if len(chunks) == 0 {
		chunks = [][]sessions.Snowflake{nil}
	}
	req.Presences = req.Presences && s.Intents&IntentPresences != 0
	for i, some := range chunks {
		c := membersChunk{GuildID: guild, Members: []*directory.MemberObject{}, Index: i, Count: len(chunks), Nonce: req.Nonce}
		if i == 0 {
			c.NotFound = notFound
		}
		h.fill(&c, some, req.Presences)
		seq := h.tell(s, "GUILD_MEMBERS_CHUNK", c)
		if i == len(chunks)-1 {
			break
		}
		if err := s.Taken(ctx, seq); err != nil {
			return err
		}
	}
	return nil
}

// fill puts members into a chunk, as far as they still are.
func (h *Hub) fill(c *membersChunk, users []sessions.Snowflake, presences bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, user := range users {
		m := h.cfg.Directory.MemberObject(c.GuildID, user)
		if m == nil {
			continue
		}
		c.Members = append(c.Members, m)
		if p := h.roster.toGuild(user, c.GuildID); presences && p.Status != sessions.Offline {
			c.Presences = append(c.Presences, newPresence(user, 0, p))
		}
	}
}

// find is the members that a request means, and the users who are none.
func (h *Hub) find(guild sessions.Snowflake, req sessions.MembersRequest) (users, notFound []sessions.Snowflake) {
	if req.Query == nil {
		for _, user := range req.Users {
			if h.cfg.Directory.Member(guild, user) != nil {
				users = append(users, user)
			} else {
				notFound = append(notFound, user)
			}
		}
		return users, notFound
	}
	limit := max(0, req.Limit)
	if *req.Query != "" {
		limit = min(cmp.Or(limit, maxPerName), maxPerName)
	}
	prefix := strings.ToLower(*req.Query)
	for m := range h.cfg.Directory.Members(guild) {
		u := h.cfg.Directory.User(id(m.GetUserId()))
		if !strings.HasPrefix(strings.ToLower(m.GetNick()), prefix) && !strings.HasPrefix(strings.ToLower(u.GetUsername()), prefix) {
			continue
		}
		if users = append(users, id(m.GetUserId())); len(users) == limit {
			break
		}
	}
	return users, nil
}

// WatchMembers has a session look at member lists, and changes what it wants of a guild.
func (h *Hub) WatchMembers(ctx context.Context, s *sessions.Session, req sessions.WatchRequest) error {
	err := h.watchMembers(s, req)
	_ = h.say(ctx) // Run says it later
	return err
}

func (h *Hub) watchMembers(s *sessions.Session, req sessions.WatchRequest) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.here(s) {
		return sessions.ErrClosed
	}
	if h.cfg.Directory.Member(req.Guild, s.User) == nil || !s.Shard.Owns(req.Guild) {
		return fmt.Errorf("user %d has no guild %d in this session: %w", s.User, req.Guild, eventnode.ErrInvalidArgument)
	}
	for channel, pairs := range req.Channels {
		if id(h.cfg.Directory.Channel(channel).GetGuildId()) != req.Guild {
			return fmt.Errorf("guild %d has no channel %d: %w", req.Guild, channel, eventnode.ErrInvalidArgument)
		}
		ranges := make([]memberlist.Range, 0, len(pairs))
		for _, p := range pairs {
			ranges = append(ranges, memberlist.Range{First: p[0], Last: p[1]})
		}
		if err := h.lists.watch(s, channel, ranges); err != nil {
			return err
		}
	}
	h.setFlags(s, req)
	h.tellMembers(s, req)
	return nil
}

// setFlags changes whether a session is told who types in a guild, and what its members
// do. What it does not subscribe to it does not get by that.
func (h *Hub) setFlags(s *sessions.Session, req sessions.WatchRequest) {
	f, ok := h.table.subscribed(s, Guild(req.Guild))
	if !ok {
		return
	}
	h.table.add(s, Guild(req.Guild), f.set(NoTyping, req.Typing).set(NoPresence, req.Activities))
	for _, c := range h.cfg.Directory.Channels(req.Guild) {
		topic := Channel(id(c.GetId()))
		if f, ok := h.table.subscribed(s, topic); ok {
			h.table.add(s, topic, f.set(NoTyping, req.Typing))
		}
	}
}

// set is the flags with one that is the opposite of a wish, if there is one.
func (f Flags) set(one Flags, wanted *bool) Flags {
	switch {
	case wanted == nil:
		return f
	case *wanted:
		return f &^ one
	default:
		return f | one
	}
}

// tellMembers sends the presences of members that were asked for, as they are now.
func (h *Hub) tellMembers(s *sessions.Session, req sessions.WatchRequest) {
	for _, user := range req.Members[:min(len(req.Members), maxPerName)] {
		if h.cfg.Directory.Member(req.Guild, user) != nil {
			h.tell(s, presenceUpdate, newPresence(user, req.Guild, h.roster.toGuild(user, req.Guild)))
		}
	}
}
