package gateway

import (
	"context"

	"github.com/eventnode/eventnode/sessions"
)

// Backend is what a gateway needs of the chat service. Its methods are called by several
// goroutines, each connection's own: a call that waits holds up what its client says next,
// and nobody else. A context ends after Config.BackendTimeout.
type Backend interface {
	// Identify opens a session: READY is the first event in its log, with hello.ResumeURL
	// in it. It fails with sessions.ErrShardingRequired, sessions.ErrNotAccepting,
	// sessions.ErrClosed, a *eventnode.LimitError, or what closes the connection with
	// CloseUnknown.
	Identify(ctx context.Context, who sessions.Identity, p sessions.Presence, hello sessions.Hello) (*sessions.Session, error)
	// Resume attaches a socket to a session of the user, wherever in the cluster it was,
	// behind what the client has seen. It fails with sessions.ErrNotFound, also for a
	// session of somebody else, whatever its state; with sessions.ErrAttached if it has a
	// socket, on another node if that lives (see [Gateway.Release]); with
	// sessions.ErrAhead, a *sessions.GapError, sessions.ErrClosed or
	// sessions.ErrNotAccepting. After any other error the client tries again.
	Resume(ctx context.Context, user sessions.Snowflake, id sessions.ID, seen uint64) (*sessions.Socket, error)
	// SetPresence says what a session says of its user now.
	SetPresence(ctx context.Context, s *sessions.Session, p sessions.Presence) error
	// RequestMembers asks for members of guilds, which are answered by
	// GUILD_MEMBERS_CHUNK events of the session. eventnode.ErrInvalidArgument closes the
	// connection with CloseDecode.
	RequestMembers(ctx context.Context, s *sessions.Session, req sessions.MembersRequest) error
	// WatchMembers says which parts of a guild's member lists a session looks at.
	// eventnode.ErrInvalidArgument closes the connection with CloseDecode.
	WatchMembers(ctx context.Context, s *sessions.Session, req sessions.WatchRequest) error
	// End is told that nobody can go on with a session: its client fell out of its log.
	End(s *sessions.Session)
}

// Authenticator finds out who a client is.
type Authenticator interface {
	// Authenticate takes a token, without the words "Bot" and "Bearer". It fails with
	// eventnode.ErrUnauthenticated if the token is not good, and otherwise if it cannot
	// tell.
	Authenticate(ctx context.Context, token string) (Principal, error)
}

// Principal is who a token is of.
type Principal struct {
	User sessions.Snowflake
	Bot  bool
}
