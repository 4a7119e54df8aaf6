package gateway_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
)

var errBroken = errors.New("broken")

// broken is a chat service that opens sessions of alice, and does nothing else.
type broken struct{ *gatewaytest.Backend }

func (b broken) Identify(ctx context.Context, who sessions.Identity, p sessions.Presence, hello sessions.Hello) (*sessions.Session, error) {
	if who.User != alice {
		return nil, errBroken
	}
	return b.Backend.Identify(ctx, who, p, hello)
}

func (broken) Resume(context.Context, sessions.Snowflake, sessions.ID, uint64) (*sessions.Socket, error) {
	return nil, errBroken
}

func (broken) SetPresence(context.Context, *sessions.Session, sessions.Presence) error {
	return errBroken
}

// tokensBroken cannot tell whose the token of eve is.
type tokensBroken struct{ gateway.Authenticator }

func (t tokensBroken) Authenticate(ctx context.Context, token string) (gateway.Principal, error) {
	if token == "eve" {
		return gateway.Principal{}, errBroken
	}
	return t.Authenticator.Authenticate(ctx, token)
}

// What fails behind the gateway closes with a code after which clients come again, and not
// with one that says that they did wrong; a client with a session stays. All is logged.
func TestOthersFail(t *testing.T) {
	w := newWorld(t, sessions.Config{})
	e := w.edge(func(c *gateway.Config) {
		c.Backend, c.Authenticator = broken{w.Backend}, tokensBroken{c.Authenticator}
	})
	c, s := e.identify("v=10", "alice", nil)
	c.event("GUILD_CREATE", 2)
	c.event("GUILD_CREATE", 3)
	c.send(3, object{"status": "idle"})
	c.send(1, nil)
	c.op(11)
	for _, token := range []string{"bob", "eve"} {
		k := e.dial("v=10")
		k.op(10)
		k.identify(token, nil)
		k.closes(gateway.CloseUnknown)
	}
	e.resume("alice", s.ID(), 3).closes(gateway.CloseUnknown)
	if code, body := get(t, "http"+strings.TrimPrefix(e.url, "ws")+"/gateway/bot", "Bot eve"); code != 503 {
		t.Error(code, body)
	}
	for _, line := range []string{"back end failed", "session was not opened", "authenticator failed", "session was not resumed"} {
		if !strings.Contains(e.log.String(), line) {
			t.Errorf("no line %q", line)
		}
	}
}
