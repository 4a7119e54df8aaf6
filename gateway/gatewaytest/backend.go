// Package gatewaytest is a chat service in memory, for tests of gateways: users in guilds,
// whose sessions get what is sent to them.
//
// # Guarantees
//
// It keeps the contract of gateway.Backend on one node, on a real sessions.Manager. Several
// gateways may share it: they are then like nodes of a cluster.
//
// # Concurrency
//
// A Backend may be used by several goroutines.
//
// # Failure
//
// It fails as the Manager does.
//
//	b, err := gatewaytest.New(sessions.Config{}, map[sessions.Snowflake][]sessions.Snowflake{alice: {guild}})
//	g, err := gateway.New(gateway.Config{Backend: b, Authenticator: gatewaytest.Tokens{"secret": {User: alice}}})
package gatewaytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/sessions"
)

// Backend is the chat service. Its users are in guilds, and nothing else happens.
type Backend struct {
	*sessions.Manager
	guilds map[sessions.Snowflake][]sessions.Snowflake

	mu      sync.Mutex
	asked   []any // MembersRequest, WatchRequest, sessions.Presence
	release func(context.Context, sessions.ID) error
}

var _ gateway.Backend = (*Backend)(nil)

// MaxGuilds is in how many guilds a session may be: beyond, sharding is required.
const MaxGuilds = 2500

// New makes a Backend with the guilds of each user.
func New(cfg sessions.Config, guilds map[sessions.Snowflake][]sessions.Snowflake) (*Backend, error) {
	m, err := sessions.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Backend{Manager: m, guilds: guilds}, nil
}

// Ask has sessions that are attached be asked for, as another node would: by a gateway's
// Release.
func (b *Backend) Ask(release func(context.Context, sessions.ID) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release = release
}

// Asked is what clients asked for so far, the oldest first: a sessions.Presence, a
// sessions.MembersRequest or a sessions.WatchRequest.
func (b *Backend) Asked() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

func (b *Backend) note(what any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, what)
}

// Identify implements gateway.Backend.
func (b *Backend) Identify(_ context.Context, who sessions.Identity, p sessions.Presence, hello sessions.Hello) (*sessions.Session, error) {
	mine := b.owned(who)
	if len(mine) > MaxGuilds {
		return nil, sessions.ErrShardingRequired
	}
	s, err := b.Open(who)
	if err != nil {
		return nil, err
	}
	b.note(p)
	if err := b.ready(s, mine, hello); err != nil {
		b.Manager.End(s.ID())
		return nil, err
	}
	return s, nil
}

// owned is the user's guilds that the session's shard has.
func (b *Backend) owned(who sessions.Identity) []sessions.Snowflake {
	return slices.DeleteFunc(slices.Clone(b.guilds[who.User]), func(g sessions.Snowflake) bool { return !who.Shard.Owns(g) })
}

// ready sends READY and a GUILD_CREATE for each guild.
func (b *Backend) ready(s *sessions.Session, guilds []sessions.Snowflake, hello sessions.Hello) error {
	type unavailable struct {
		ID          sessions.Snowflake `json:"id"`
		Unavailable bool               `json:"unavailable"`
	}
	list := []unavailable{}
	for _, g := range guilds {
		list = append(list, unavailable{g, true})
	}
	ready := map[string]any{
		"v": hello.Version, "session_id": s.ID(), "resume_gateway_url": hello.ResumeURL,
		"user":             map[string]any{"id": s.User, "username": "user-" + s.User.String(), "discriminator": "0", "bot": s.Bot},
		"application":      map[string]any{"id": s.User, "flags": 0},
		"guilds":           list,
		"private_channels": []any{},
	}
	if s.Shard.Count > 0 {
		ready["shard"] = []uint32{s.Shard.Index, s.Shard.Count}
	}
	if err := send(s, "READY", ready); err != nil {
		return err
	}
	for _, g := range guilds {
		if err := send(s, "GUILD_CREATE", map[string]any{"id": g, "name": "guild-" + g.String(), "channels": []any{}, "members": []any{}, "roles": []any{}}); err != nil {
			return err
		}
	}
	return nil
}

func send(s *sessions.Session, kind string, v any) error {
	e, err := Event(kind, v)
	if err == nil {
		_, err = s.Send(e)
	}
	return err
}

// Event makes an event.
func Event(kind string, v any) (*sessions.Event, error) {
	data, err := json.Marshal(v)
	return &sessions.Event{Type: kind, Data: data}, err
}

// Resume implements gateway.Backend.
func (b *Backend) Resume(ctx context.Context, user sessions.Snowflake, id sessions.ID, seen uint64) (*sessions.Socket, error) {
	s, err := b.SessionOf(user, id)
	if err != nil {
		return nil, err
	}
	k, err := s.Attach(seen)
	b.mu.Lock()
	release := b.release
	b.mu.Unlock()
	if errors.Is(err, sessions.ErrAttached) && release != nil && release(ctx, id) == nil {
		k, err = s.Attach(seen)
	}
	if _, gap := errors.AsType[*sessions.GapError](err); gap {
		b.End(s)
	}
	return k, err
}

// SetPresence implements gateway.Backend.
func (b *Backend) SetPresence(_ context.Context, _ *sessions.Session, p sessions.Presence) error {
	b.note(p)
	return nil
}

// RequestMembers implements gateway.Backend: a guild has one member, who asks.
func (b *Backend) RequestMembers(_ context.Context, s *sessions.Session, req sessions.MembersRequest) error {
	b.note(req)
	for _, g := range req.Guilds {
		if !slices.Contains(b.guilds[s.User], g) {
			return fmt.Errorf("guild %v is not one of the user's: %w", g, eventnode.ErrInvalidArgument)
		}
		members := []any{map[string]any{"user": map[string]any{"id": s.User, "username": "user-" + s.User.String()}, "roles": []any{}}}
		err := send(s, "GUILD_MEMBERS_CHUNK", map[string]any{"guild_id": g, "members": members, "chunk_index": 0, "chunk_count": 1, "nonce": req.Nonce})
		if err != nil {
			return err
		}
	}
	return nil
}

// WatchMembers implements gateway.Backend.
func (b *Backend) WatchMembers(_ context.Context, _ *sessions.Session, req sessions.WatchRequest) error {
	b.note(req)
	return nil
}

// End implements gateway.Backend.
func (b *Backend) End(s *sessions.Session) { b.Manager.End(s.ID()) }

// Tokens is an Authenticator: who each token is of.
type Tokens map[string]gateway.Principal

// Authenticate implements gateway.Authenticator.
func (t Tokens) Authenticate(_ context.Context, token string) (gateway.Principal, error) {
	p, ok := t[token]
	if !ok {
		return p, eventnode.ErrUnauthenticated
	}
	return p, nil
}
