//go:build unix

package command

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
)

// fill runs devFill against f in virtual time.
func fill(t *testing.T, f *fake, dialErr error) (stderr string, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		a := &app{stderr: &out, dial: func(context.Context, []string, string) (cluster, error) {
			if dialErr != nil {
				return nil, dialErr
			}
			return f, nil
		}}
		begin := time.Now()
		a.devFill(t.Context(), []string{"n1"})
		stderr, took = out.String(), time.Since(begin)
	})
	return stderr, took
}

// A dev cluster without a directory gets one as soon as that can be done; its users have
// the tokens of the token file.
func TestDevFill(t *testing.T) {
	f := &fake{chat: fakeChat{failures: 5}}
	if stderr, took := fill(t, f, nil); stderr != "" || took != 5*devLoadEvery {
		t.Errorf("%q after %v", stderr, took)
	}
	name, err := devTokenFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := gateway.NewTokenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"alice", "bob", "robot"} {
		p, err := tokens.Authenticate(t.Context(), token)
		if u := f.chat.state.User(p.User); err != nil || u.GetUsername() != token || u.GetBot() != p.Bot {
			t.Errorf("%s: %v, %v", token, u, err)
		}
		if !f.chat.state.MayRead(p.User, 1101) || f.chat.state.MayRead(p.User, 1103) != (token == "alice") {
			t.Errorf("%s reads what is not his, or does not what is", token)
		}
	}
}

// A directory that is there stays as it is, and so does a token file.
func TestDevFillLeavesWhatIsThere(t *testing.T) {
	f := &fake{}
	runFake(t, f, "users: [{id: 1, name: ada}]", "chat", "load", "-").want(t, 0, "made 1 of 1 change\n", "")
	if stderr, _ := fill(t, f, nil); stderr != "" || f.chat.state.User(101) != nil {
		t.Errorf("%q", stderr)
	}
	dir := t.TempDir()
	name, err := devTokenFile(dir)
	if err == nil {
		err = os.WriteFile(name, []byte("mine 1\n"), 0o600)
	}
	if err == nil {
		name, err = devTokenFile(dir)
	}
	if text, _ := os.ReadFile(name); err != nil || string(text) != "mine 1\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := devTokenFile(dir + "/none"); err == nil {
		t.Error("a directory that is not there was taken")
	}
}

// A directory that cannot be filled is told, with what to do, and no more than that.
func TestDevFillGivesUp(t *testing.T) {
	for what, err := range map[string]error{"dial": errors.New("no route"), "export": nil} {
		f := &fake{chat: fakeChat{failures: 1 << 20}}
		stderr, took := fill(t, f, err)
		if took != devLoadTimeout || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "eventnode chat load") {
			t.Errorf("%s: %q after %v", what, stderr, took)
		}
	}
}

// --no-chat leaves chat service, gateways and tokens out.
func TestDevNoChat(t *testing.T) {
	f := &fake{status: eventnode.Status{Healthy: true, Nodes: 1}}
	dev := startDev(t, "stub", f, "--nodes", "1", "--no-chat")
	nodes := dev.ready(t)
	if nodes[0].Gateway != "" || nodes[0].Tokens != "" {
		t.Errorf("%+v", nodes)
	}
	poll(t, "its log", func() error {
		log, err := os.ReadFile(nodes[0].Log)
		if err == nil && !strings.Contains(string(log), "--http-ingest") {
			err = errors.New("not yet")
		}
		if strings.Contains(string(log), "--gateway") {
			t.Errorf("%s", log)
		}
		return err
	})
	dev.stop()
	if code := <-dev.code; code != exitOK || f.chat.state != nil {
		t.Errorf("exit code %d: %s", code, dev.stderr)
	}
	var text buffer
	writeDevReady(&text, nodes, true)
	if strings.Contains(text.String(), "chat") {
		t.Error(text.String())
	}
}
