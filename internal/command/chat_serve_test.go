package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/node"
)

// configOf is what serve makes of flags.
func configOf(t *testing.T, flags ...string) (cfg node.Config) {
	t.Helper()
	var stdout, stderr buffer
	a := &app{stdout: &stdout, stderr: &stderr, newServer: func(c node.Config) (server, error) {
		cfg = c
		return nil, errors.New("seen")
	}}
	if a.run(t.Context(), append([]string{"serve"}, flags...)); !strings.Contains(stderr.String(), "seen") {
		t.Fatal(stderr.String())
	}
	return cfg
}

// files writes a file of tokens and a secret.
func authFiles(t *testing.T) (tokens, key string) {
	t.Helper()
	dir := t.TempDir()
	tokens, key = filepath.Join(dir, "tokens"), filepath.Join(dir, "key")
	for name, text := range map[string]string{tokens: "ann 1\nbot 2 bot\n", key: strings.Repeat("k", 32)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tokens, key
}

// Each flag of the chat service reaches the node; without them there is none.
func TestServeChatFlags(t *testing.T) {
	tokens, key := authFiles(t)
	got := configOf(t, "--gateway", "127.0.0.1:1", "--gateway-tokens", tokens, "--gateway-jwt-key", key, "--gateway-url", "wss://g", "--gateway-connections", "3",
		"--gateway-identify-interval", "0s", "--session-ttl", "4s", "--session-max", "5", "--replay-events", "6", "--replay-bytes", "7", "--session-hand-over", "8s", "--session-journal", "kept").Chat
	who, _ := got.Gateway.Authenticator.(authenticators)
	if len(who) != 2 || got.GatewayAddress != "127.0.0.1:1" || got.Gateway.PublicURL != "wss://g" || got.Gateway.MaxConnections != 3 || got.Gateway.Limits.IdentifyInterval >= 0 {
		t.Errorf("%+v", got)
	}
	if s := got.Sessions; s.TTL != 4*time.Second || s.MaxSessions != 5 || s.ReplayEvents != 6 || s.ReplayBytes != 7 || got.HandOver != 8*time.Second || got.Journal != "kept" {
		t.Errorf("%+v", got)
	}
	if got := configOf(t, "--chat").Chat; !got.Enabled || got.GatewayAddress != "" || got.Gateway.Authenticator != nil {
		t.Errorf("%+v", got)
	}
	if got := configOf(t).Chat; got.Enabled || got.GatewayAddress != "" {
		t.Errorf("%+v", got)
	}
}

// cannotTell is an authenticator that is out of order.
type cannotTell struct{}

func (cannotTell) Authenticate(context.Context, string) (gateway.Principal, error) {
	return gateway.Principal{}, errors.New("out of order")
}

// Of several authenticators any may know a token; one that is out of order keeps a token
// that none knows from being called bad.
func TestAuthenticators(t *testing.T) {
	tokens, _ := authFiles(t)
	file, err := gateway.NewTokenFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []authenticators{{file}, {cannotTell{}, file}, {file, cannotTell{}}} {
		if p, err := list.Authenticate(t.Context(), "bot"); err != nil || p.User != 2 || !p.Bot {
			t.Errorf("%+v, %v", p, err)
		}
		_, err := list.Authenticate(t.Context(), "nobody")
		if bad := errors.Is(err, eventnode.ErrUnauthenticated); bad != (len(list) == 1) || err == nil {
			t.Errorf("%v", err)
		}
	}
}
