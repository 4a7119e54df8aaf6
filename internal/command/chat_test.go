package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// A malformed command line is exit code 2 and one line that names the mistake; nothing is
// asked of a cluster.
func TestChatUsageErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"chat lod", "did you mean load?"},
		{"chat load", "FILE is missing"},
		{"chat load /does/not/exist.yaml", "no such file"},
		{"chat dispatch guild:1", "TYPE, such as GUILD_UPDATE, is missing"},
		{"chat dispatch guild:1 T {} more", `unexpected argument "more"`},
		{"chat dispatch guild:1 T {", `DATA is no JSON: "{"`},
		{"chat dispatch guild:1 T @/does/not/exist", "no such file"},
		{"chat dispatch guild:1 T --only-user ann", `--only-user "ann": an id is a number`},
		{"chat dispatch guild:1 T --except-user 0", `--except-user "0"`},
		{"chat sub guild:1", "--user is missing"},
		{"chat sub --user 7", "TOPIC, such as guild:42, is missing"},
		{"chat sub guild:1 --user x", `--user "x": an id is a number`},
		{"chat sub guild:1 --user 18446744073709551616", "2^63-1"},
		{"chat sub guild:1 --user 1,2 --session s", "--session is of one --user"},
		{"chat unsub guild:1", "--user is missing"},
		{"chat reset", "TOPIC, such as channel:43, is missing"},
		{"chat remove", "TOPIC, such as channel:43, is missing"},
		{"sessions info", "SESSION is missing"},
		{"sessions close", "SESSION is missing"},
		{"sessions list --user x", `--user "x"`},
		{"sessions list --guild -1", `--guild "-1"`},
		{"serve --gateway 127.0.0.1:0", "--gateway-tokens"},
		{"serve --gateway-tokens f", "--gateway-tokens needs --gateway HOST:PORT"},
		{"serve --gateway-url wss://h --chat", "--gateway-url needs --gateway HOST:PORT"},
		{"serve --gateway-jwt-issuer i --gateway 127.0.0.1:0 --gateway-tokens f", "--gateway-jwt-issuer needs --gateway-jwt-key"},
		{"serve --session-ttl 1m", "--session-ttl needs --gateway HOST:PORT, or --chat"},
		{"serve --chat --session-ttl 0s", "--session-ttl must be more than 0"},
		{"serve --chat --replay-events -1", "--replay-events must be more than 0"},
		{"serve --gateway :0 --gateway-tokens f --gateway-identify-interval -1s", "must not be negative"},
		{"serve --gateway :0 --gateway-tokens f --gateway-url http://h", "write such as wss://gateway.example.com"},
		{"serve --gateway :0 --gateway-tokens /does/not/exist", "--gateway-tokens: token file"},
		{"serve --gateway :0 --gateway-jwt-key /does/not/exist", "--gateway-jwt-key: key file"},
		{"serve --gateway :0 --gateway-jwt-key " + empty, "at least 32 random bytes"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			f := &fake{}
			r := runFake(t, f, "", strings.Fields(tt.args)...)
			if r.code != exitUsage || r.stdout != "" || len(f.chat.did) > 0 {
				t.Errorf("code %d, stdout %q, asked %q", r.code, r.stdout, f.chat.did)
			}
			if !strings.HasPrefix(r.stderr, "eventnode: ") || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.want) || !strings.Contains(r.stderr, "--help") {
				t.Errorf("stderr %q, want %q", r.stderr, tt.want)
			}
		})
	}
}

// An event goes out with its filters, and who was reached is printed; nobody is an exit
// code of its own.
func TestChatDispatch(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(file, []byte(`{"file":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	some := eventnode.Reached{Count: 2, Sessions: []string{"t", "s"}}
	for _, tt := range []struct {
		args    string
		reached eventnode.Reached
		did     string
		code    int
		stdout  string
		stderr  string
	}{
		{"guild:1 T", some, "dispatch [guild:1] T {} only all except {[] []} list false", 0, "reached 2 sessions\n  s\n  t\n", ""},
		{`guild:1 T {"a":1} --also user:2 --also friend:2`, some, `dispatch [guild:1 user:2 friend:2] T {"a":1} only all except {[] []} list false`, 0, "reached 2 sessions\n  s\n  t\n", ""},
		{"guild:1 T - --list --json", some, `dispatch [guild:1] T "in" only all except {[] []} list true`, 0, `{"reached":2,"sessions":["s","t"]}` + "\n", ""},
		{"guild:1 T @" + file + " --only-session a,b --only-user 1 --except-session c --except-user 2 --except-user 3", eventnode.Reached{Count: 1},
			`dispatch [guild:1] T {"file":1} only {[a b] [1]} except {[c] [2 3]} list false`, 0, "reached 1 session\n", ""},
		{"guild:1 T --only-user 5", eventnode.Reached{Count: 1, Missing: []eventnode.NodeID{"n2"}}, "dispatch [guild:1] T {} only {[] [5]} except {[] []} list false", 0,
			"reached 1 session\n", "warning: no answer from n2: their sessions may have the event or not\n"},
		{"guild:1 T", eventnode.Reached{}, "dispatch [guild:1] T {} only all except {[] []} list false", exitNobody, "reached 0 sessions\n", "eventnode: reached nobody: no session of these topics\n"},
	} {
		f := &fake{chat: fakeChat{reached: tt.reached}}
		f.chat.reached.Sessions = slices.Clone(tt.reached.Sessions)
		r := runFake(t, f, `"in"`, append([]string{"chat", "dispatch"}, strings.Fields(tt.args)...)...)
		r.want(t, tt.code, tt.stdout, tt.stderr)
		if len(f.chat.did) != 1 || f.chat.did[0] != tt.did {
			t.Errorf("%s: %q", tt.args, f.chat.did)
		}
	}
}

// Subscriptions are made and ended as the flags say, and what was done is printed.
func TestChatSubscriptions(t *testing.T) {
	for _, tt := range []struct {
		args   string
		done   eventnode.ChatSubscribed
		did    string
		code   int
		stdout string
		stderr string
	}{
		{"sub --user 7 guild:1 channel:2 --no-typing", eventnode.ChatSubscribed{Sessions: 3},
			"subscribe [{7 }] [{guild:1 false true} {channel:2 false true}]", 0, "subscribed 3 sessions, 2 topics\n", ""},
		{"sub --user 7 --session s guild:1 --no-presence --json", eventnode.ChatSubscribed{Sessions: 1},
			"subscribe [{7 s}] [{guild:1 true false}]", 0, `{"sessions":1,"topics":["guild:1"]}` + "\n", ""},
		{"unsub --user 7,8 guild:1", eventnode.ChatSubscribed{Sessions: 1, Missing: []eventnode.NodeID{"n2"}},
			"unsubscribe [{7 } {8 }] [guild:1]", 0, "unsubscribed 1 session, 1 topic\n", "warning: no answer from n2: events from there may not follow this yet\n"},
		{"sub --user 7 guild:1", eventnode.ChatSubscribed{}, "subscribe [{7 }] [{guild:1 false false}]", exitNobody,
			"subscribed 0 sessions, 1 topic\n", "eventnode: no such session: its user has none, or is elsewhere\n"},
		{"reset channel:1 channel:2", eventnode.ChatSubscribed{}, "reset [channel:1 channel:2]", 0, "ended 4 subscriptions\n", "warning: no answer from n3: there some may be left\n"},
		{"remove channel:1 --json", eventnode.ChatSubscribed{}, "remove [channel:1]", 0,
			`{"ended":4,"topics":["channel:1"],"missing":["n3"]}` + "\n", `{"nodes":["n3"],"warning":"no answer"}` + "\n"},
	} {
		f := &fake{chat: fakeChat{done: tt.done, ended: eventnode.ChatRemoved{Ended: 4, Missing: []eventnode.NodeID{"n3"}}}}
		r := runFake(t, f, "", append([]string{"chat"}, strings.Fields(tt.args)...)...)
		r.want(t, tt.code, tt.stdout, tt.stderr)
		if len(f.chat.did) != 1 || f.chat.did[0] != tt.did {
			t.Errorf("%s: %q", tt.args, f.chat.did)
		}
	}
}

// What a cluster answers with is the error of the command, whichever it is.
func TestChatErrors(t *testing.T) {
	for _, command := range []string{
		"chat dispatch guild:1 T", "chat sub --user 1 guild:1", "chat unsub --user 1 guild:1", "chat reset guild:1", "chat remove guild:1",
		"chat load -", "chat load - --dry-run", "chat export", "sessions list", "sessions info s", "sessions close s",
	} {
		f := &fake{chat: fakeChat{err: fmt.Errorf("on fire: %w", eventnode.ErrUnavailable)}}
		r := runFake(t, f, "users: [{id: 1, name: ada}]", strings.Fields(command)...)
		if r.code != exitError || !strings.Contains(r.stderr, "on fire") || r.stdout != "" {
			t.Errorf("%s: %+v", command, r)
		}
	}
}

var aSession = eventnode.ChatSession{
	ID: "4f1c", Node: "n1", User: 1 << 60, Bot: true, Shard: 1, Shards: 2, Intents: 513, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	Sequence: 42, Attached: true, KeptEvents: 7, KeptBytes: 2048, Status: "idle", Topics: 2,
	Subscriptions: []eventnode.ChatSubscription{{Topic: "channel:2", NoPresence: true, NoTyping: true}, {Topic: "guild:1"}},
}

// Sessions are listed for people and for scripts, and those that are missing are told.
func TestSessionsList(t *testing.T) {
	f := &fake{chat: fakeChat{sessions: []eventnode.ChatSession{aSession, {ID: "s2", User: 7, Status: "offline", Since: aSession.Since}}, missing: []eventnode.NodeID{"n3"}}}
	r := runFake(t, f, "", "sessions", "list", "--user", "7", "--guild", "42")
	r.want(t, 0, `SESSION  USER                 NODE  SHARD  STATUS   CONNECTED  SEQ  KEPT  TOPICS  SINCE
4f1c     1152921504606846976  n1    1/2    idle     yes        42   7     2       2026-01-02T03:04:05Z
s2       7                          0/1    offline  no         0    0     0       2026-01-02T03:04:05Z
`, "warning: no answer from n3: what they have is not listed\n")
	if f.chat.did[0] != "sessions {User:7 Guild:42 Session:}" {
		t.Errorf("%q", f.chat.did)
	}
	r = runFake(t, &fake{chat: fakeChat{sessions: []eventnode.ChatSession{aSession}}}, "", "sessions", "list", "--json")
	r.want(t, 0, `{"session":"4f1c","node":"n1","user":"1152921504606846976","bot":true,"shard":1,"shards":2,"intents":513,"since":"2026-01-02T03:04:05Z","sequence":42,"connected":true,"kept_events":7,"kept_bytes":2048,"status":"idle","topics":2,"subscriptions":[{"topic":"channel:2","no_presence":true,"no_typing":true},{"topic":"guild:1"}]}
`, "")
}

// One session is shown with its topics, and ends when it is closed; one that is nowhere
// is an error.
func TestSessionsInfoAndClose(t *testing.T) {
	f := &fake{chat: fakeChat{sessions: []eventnode.ChatSession{aSession}, missing: []eventnode.NodeID{"n3"}}}
	runFake(t, f, "", "sessions", "info", "4f1c").want(t, 0, `session    4f1c at n1
bot        1152921504606846976, shard 1/2, idle
connected  yes
since      2026-01-02T03:04:05Z
intents    513
events     42, the newest 7 of them are kept for resume (2.0 KiB)
topics     2
  channel:2  without presence, typing
  guild:1
`, "")
	runFake(t, f, "", "sessions", "close", "4f1c").want(t, 0, "session 4f1c ended\n", "")
	runFake(t, f, "", "sessions", "close", "4f1c", "--json").want(t, 0, `{"closed":true,"session":"4f1c"}`+"\n", "")
	if !slices.Equal(f.chat.did, []string{"sessions {User:0 Guild:0 Session:4f1c}", "close 4f1c", "close 4f1c"}) {
		t.Errorf("%q", f.chat.did)
	}
	away := aSession
	away.Attached, away.Bot = false, false
	if r := runFake(t, &fake{chat: fakeChat{sessions: []eventnode.ChatSession{away}}}, "", "sessions", "info", "4f1c"); !strings.Contains(r.stdout, "no: it may resume") || !strings.Contains(r.stdout, "user       115") {
		t.Errorf("%+v", r)
	}
	runFake(t, &fake{}, "", "sessions", "info", "x").want(t, exitError, "", "eventnode: x: no such session\n")
	r := runFake(t, &fake{chat: fakeChat{missing: []eventnode.NodeID{"n3"}}}, "", "sessions", "info", "x")
	if r.code != exitError || !strings.Contains(r.stderr, "n3") {
		t.Errorf("it may be at n3, which did not answer: %+v", r)
	}
	gone := &fake{chat: fakeChat{err: errors.Join(eventnode.ErrSessionNotFound)}}
	runFake(t, gone, "", "sessions", "close", "x").want(t, exitError, "", "eventnode: no such session\n")
}
