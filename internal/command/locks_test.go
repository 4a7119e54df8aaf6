package command

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// heldLock is a lock that lasts.
func heldLock(f *fake) *fakeLock {
	f.durable.lock = &fakeLock{d: &f.durable, token: 42, left: func() time.Duration { return time.Minute }, refresh: func() error { return nil }}
	return f.durable.lock
}

func TestLocksInfo(t *testing.T) {
	f := &fake{}
	runFake(t, f, "", "locks", "info", "nightly").want(t, exitOK, "lock nightly is free\n", "")
	runFake(t, f, "", "locks", "info", "nightly", "--json").want(t, exitOK, `{"lock":"nightly","held":false}`+"\n", "")
	heldLock(f)
	runFake(t, f, "", "locks", "info", "nightly").want(t, exitOK, "lock nightly is held with token 42 for another 1.5s, until 2023-11-14T22:13:20Z\n", "")
}

// The command runs with the token, its exit code is ours, and the lock is released.
func TestLocksRun(t *testing.T) {
	f := &fake{}
	heldLock(f)
	runFake(t, f, "in\n", "locks", "run", "nightly", "--ttl", "5s", "--wait", "2s", "--", "sh", "-c", `cat; echo "$EVENTNODE_LOCK $EVENTNODE_LOCK_TOKEN"; echo "$1" >&2; exit 9`, "sh", "--json").
		want(t, 9, "in\nnightly 42\n", "--json\n")
	if want := []string{"obtain nightly 5s 2s", "release"}; !slices.Equal(f.durable.did, want) {
		t.Errorf("%q", f.durable.did)
	}
	runFake(t, f, "", "locks", "run", "nightly", "--", "true").want(t, exitOK, "", "")
	runFake(t, f, "", "locks", "run", "nightly", "--", "sh", "-c", "kill -9 $$").want(t, 137, "", "")
	f.durable.did = nil
	if r := runFake(t, f, "", "locks", "run", "nightly", "--", "/does/not/exist"); r.code != exitError || !strings.Contains(r.stderr, "/does/not/exist") || !slices.Contains(f.durable.did, "release") {
		t.Errorf("%+v, %q", r, f.durable.did)
	}
	f.durable.err = eventnode.ErrLockTaken
	if r := runFake(t, f, "", "locks", "run", "nightly", "--", "false"); r.code != exitTaken || !strings.Contains(r.stderr, "--wait") {
		t.Errorf("%+v", r)
	}
	f.durable.did = nil
	for _, args := range []string{"nightly", "nightly true", "nightly --", "-- true", "a b -- true", "nightly --ttl 1ms -- true", "nightly --wait -1s -- true"} {
		if r := runFake(t, f, "", append([]string{"locks", "run"}, strings.Fields(args)...)...); r.code != exitUsage {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if len(f.durable.did) > 0 {
		t.Errorf("%q", f.durable.did)
	}
}

// A lock that is lost, because somebody else has it or because nobody could refresh it
// in time, ends the command with SIGTERM.
func TestLocksRunLost(t *testing.T) {
	for name, lose := range map[string]func(*fakeLock){
		"taken": func(l *fakeLock) {
			l.refresh = func() error { return eventnode.ErrLockLost }
		},
		"no answer": func(l *fakeLock) {
			var asked atomic.Int32
			l.refresh = func() error { asked.Add(1); return errors.New("nobody answers") }
			l.left = func() time.Duration { return time.Duration(3-asked.Load()) * 50 * time.Millisecond }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			lose(heldLock(f))
			r := runFake(t, f, "", "locks", "run", "nightly", "--ttl", "100ms", "--", "sh", "-c", `trap 'kill $!; echo ended; exit 3' TERM; sleep 20 & wait`)
			if r.code != exitTaken || r.stdout != "ended\n" || !strings.Contains(r.stderr, "lock lost") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What is refreshed goes on; ctrl-C ends the command, whose exit code stays.
func TestLocksRunInterrupted(t *testing.T) {
	p, f, refreshed := lockedProgram(t, `trap 'kill $!; exit 3' TERM; sleep 20 & echo ready; wait`)
	poll(t, "it is refreshed", func() error {
		if refreshed.Load() < 3 || !strings.Contains(p.stdout.String(), "ready") {
			return errors.New("not yet")
		}
		return nil
	})
	p.interrupt()
	p.end(t).want(t, 3, "ready\n", "")
	if !slices.Contains(f.durable.did, "release") {
		t.Errorf("%q", f.durable.did)
	}
}

// lockedProgram runs a shell script with a lock, beside the test.
func lockedProgram(t *testing.T, script string) (*program, *fake, *atomic.Int32) {
	t.Helper()
	f, refreshed := &fake{}, new(atomic.Int32)
	heldLock(f).refresh = func() error { refreshed.Add(1); return nil }
	p := startFake(t, f, strings.NewReader(""), "locks", "run", "nightly", "--ttl", "100ms", "--", "sh", "-c", script)
	return p, f, refreshed
}
