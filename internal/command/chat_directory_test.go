package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

const twoUsers = `users:
  - { id: 1, name: ada }
  - { id: 2, name: grace }
friends: [[ada, grace]]
guilds:
  - { id: 42, name: engines, owner: ada, channels: [{ id: 43, name: general }] }
`

// A file goes into the directory; what it says again changes nothing.
func TestChatLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "directory.yaml")
	if err := os.WriteFile(file, []byte(twoUsers), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	for range 2 {
		runFake(t, f, "", "chat", "load", file).want(t, 0, "made 6 of 6 changes\n", "")
	}
	if f.chat.state.User(2).GetUsername() != "grace" || f.chat.state.Channel(43).GetName() != "general" {
		t.Error("it is not in the directory")
	}
	f.chat.missing = []eventnode.NodeID{"n3"}
	runFake(t, f, twoUsers, "chat", "load", "-", "--json").want(t, 0, `{"changes":6,"refused":[],"position":"1-2","missing":["n3"]}`+"\n", `{"nodes":["n3"],"warning":"no answer"}`+"\n")
}

// What does not fit is listed and is an error; the rest is made. A dry run says the same
// and changes nothing.
func TestChatLoadRefused(t *testing.T) {
	f := &fake{}
	runFake(t, f, twoUsers, "chat", "load", "-").want(t, 0, "made 6 of 6 changes\n", "")
	other := "users: [{ id: 43, name: alan }, { id: 3, name: clock }]\n" // 43 is a channel
	dry := runFake(t, f, other, "chat", "load", "-", "--dry-run")
	if dry.code != exitError || !strings.HasPrefix(dry.stdout, "would make 1 of 2 changes\n  refused: change 1: ") || !strings.Contains(dry.stdout, `{"put_user":{"id":"43","username":"alan"}}`) {
		t.Errorf("%+v", dry)
	}
	if dry.stderr != "eventnode: 1 of 2 changes did not fit the directory\n" || f.chat.state.User(3) != nil {
		t.Errorf("%+v", dry)
	}
	if r := runFake(t, f, other, "chat", "load", "-"); strings.Replace(r.stdout, "made", "would make", 1) != dry.stdout || r.code != exitError || f.chat.state.User(3) == nil {
		t.Errorf("%+v", r)
	}
	r := runFake(t, f, other, "chat", "load", "-", "--dry-run", "--json")
	var done loadedJSON
	if err := json.Unmarshal([]byte(r.stdout), &done); err != nil || done.Changes != 2 || !done.DryRun || len(done.Refused) != 1 || done.Refused[0].Number != 1 || done.Position != "" {
		t.Errorf("%+v, %v", done, err)
	}
}

// Large files go in several requests, and a refused change is named by its place in the
// file.
func TestChatLoadBatches(t *testing.T) {
	var b strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&b, `{"put_user":{"id":"%d","username":"u"}}`+"\n\n", i+1)
	}
	b.WriteString(`{"put_friendship":{"user_a":"1","user_b":"9999"}}`)
	f := &fake{}
	r := runFake(t, f, b.String(), "chat", "load", "-", "--jsonl")
	if r.code != exitError || !strings.HasPrefix(r.stdout, "made 1200 of 1201 changes\n  refused: change 1201: ") {
		t.Errorf("%+v", r)
	}
	if fmt.Sprint(f.chat.batches) != "[500 500 201]" {
		t.Errorf("%v", f.chat.batches)
	}
}

// Whoever has written something wrong is told the line.
func TestChatLoadMalformed(t *testing.T) {
	for _, tt := range []struct{ text, flags, want string }{
		{"users:\n  - { id: 1, nam: ada }\n", "", `-: line 2: unknown key "nam"`},
		{"friends: [[ada, grace]]\n", "", "ada"},
		{"", "", "it says nothing"},
		{"\n", "--jsonl", "it says nothing"},
		{"{}\n{\"put_user\":7}\n", "--jsonl", "-: line 2 is no change: "},
		{strings.Repeat("#", 5<<20), "", "it is larger than 4 MiB: load it in parts"},
	} {
		f := &fake{}
		r := runFake(t, f, tt.text, strings.Fields("chat load - "+tt.flags)...)
		if r.code != exitError || !strings.Contains(r.stderr, tt.want) || f.chat.batches != nil {
			t.Errorf("%.30q: %d %.300q", tt.text, r.code, r.stderr)
		}
	}
}

// What is exported makes the same directory again.
func TestChatExport(t *testing.T) {
	f := &fake{}
	runFake(t, f, twoUsers, "chat", "load", "-").want(t, 0, "made 6 of 6 changes\n", "")
	out := runFake(t, f, "", "chat", "export")
	if out.code != 0 || !strings.HasPrefix(out.stdout, `{"put_user":{"id":"1","username":"ada"}}`+"\n") {
		t.Errorf("%+v", out)
	}
	file := filepath.Join(t.TempDir(), "directory.jsonl")
	if err := os.WriteFile(file, []byte(out.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	again := &fake{}
	if r := runFake(t, again, "", "chat", "load", file); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if r := runFake(t, again, "", "chat", "export", "--json"); r.stdout != out.stdout {
		t.Errorf("%s\nwas %s", r.stdout, out.stdout)
	}
}
