package command

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/gateway/gatewaytest"
)

// chatServe runs a node with a gateway, where alice, bob and robot have the tokens that
// dev gives them, and its directory.
func chatServe(t *testing.T) (s *shop, gateway string) {
	t.Helper()
	dir := t.TempDir()
	tokens, err := devTokenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "", "serve", "--json", "--log-level", "warn", "--name", "n1", "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--data", filepath.Join(dir, "n1"),
		"--gateway", "127.0.0.1:0", "--gateway-tokens", tokens, "--gateway-identify-interval", "0s")
	t.Cleanup(func() {
		p.interrupt()
		if r := p.end(t); r.code != exitOK {
			t.Errorf("%+v", r)
		}
	})
	var at servingJSON
	poll(t, "n1 serves", func() error {
		if err := json.Unmarshal([]byte(p.stdout.String()), &at); err != nil {
			return fmt.Errorf("%w: %s", err, p.stderr)
		}
		return nil
	})
	file := filepath.Join(dir, "directory.yaml")
	if err := os.WriteFile(file, devDirectoryYAML, 0o600); err != nil {
		t.Fatal(err)
	}
	s = &shop{t: t, addr: at.RPC}
	poll(t, "the directory is loaded", func() error {
		if r := s.do("", "chat load "+file); r.code != exitOK {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	return s, at.Gateway
}

// online opens a session.
func online(t *testing.T, gateway, token string) (c *gatewaytest.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	poll(t, "the gateway takes clients", func() (err error) {
		c, err = gatewaytest.Dial(ctx, gateway)
		return err
	})
	t.Cleanup(c.Cut)
	if _, err := c.Identify(ctx, token, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// A chat service by hand: people come, events reach them, subscriptions end and begin,
// and a session is closed.
func TestChatCommands(t *testing.T) {
	s, gateway := chatServe(t)
	alice, bob := online(t, gateway, "alice"), online(t, gateway, "bob")
	s.says(exitOK, "sessions list", alice.Session+` +101 +n1 +0/1 +online +yes `, bob.Session+` +102 `)
	s.says(exitOK, "sessions list --user 102 --json", `^{"session":"`+bob.Session+`".*}\n$`)
	s.says(exitOK, "chat dispatch guild:1000 GUILD_UPDATE {\"id\":\"1000\"} --list", "reached 2 sessions", alice.Session, bob.Session)
	s.says(exitOK, "chat dispatch channel:1103 MESSAGE_CREATE --list", "reached 1 session\n  "+alice.Session)
	s.says(exitNobody, "chat dispatch channel:1103 MESSAGE_CREATE --except-user 101", "reached nobody")
	s.says(exitOK, "chat dispatch member:1000,102 GUILD_DELETE --also channel:1101 --json", `{"reached":2}`)
	s.says(exitOK, "chat unsub --user 102 channel:1101", "unsubscribed 1 session, 1 topic")
	s.says(exitOK, "chat dispatch channel:1101 MESSAGE_CREATE", "reached 1 session\n")
	s.says(exitOK, "chat sub --user 102 --session "+bob.Session+" channel:1101 --no-typing")
	s.says(exitOK, "sessions info "+bob.Session, "channel:1101  without typing\n", "user       102, shard 0/1, online")
	s.says(exitNobody, "chat dispatch channel:1101 TYPING_START --only-user 102")
	s.says(exitError, "chat sub --user 102 channel:1103", "user 102 may not read channel 1103")
	s.says(exitError, "chat dispatch nothing:1 T", `there is no kind "nothing"`)
	s.says(exitError, "chat dispatch guild:x T", "guild:x")
	s.says(exitOK, "chat remove channel:1101", "ended 2 subscriptions")
	s.says(exitOK, "chat reset channel:1102", "ended 2 subscriptions")
	s.says(exitOK, "chat export --json", `"put_guild":{"id":"1000"`)
	s.says(exitOK, "sessions close "+bob.Session, "session "+bob.Session+" ended")
	s.says(exitError, "sessions info "+bob.Session, "no such session")
	if r := s.do("", "sessions list --guild 1000 --json"); strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, alice.Session) {
		t.Errorf("%+v", r)
	}
}

// A node without a chat service says what to do.
func TestChatOff(t *testing.T) {
	s := &shop{t: t, addr: store(t)}
	s.says(exitError, "chat dispatch guild:1 T", "no chat service", "--chat")
	s.says(exitError, "sessions list", "no chat service")
	s.says(exitError, "chat export", "no chat service")
}
