//go:build unix

package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// What happens in the demonstration is the same for the same seed, bounded, and each event
// changes something that is there, as a model knows it.
func TestDemoTraffic(t *testing.T) {
	one, two, other := newTraffic(demoSeed), newTraffic(demoSeed), newTraffic(demoSeed+1)
	values, kinds, differs := map[string]any{}, map[string]int{}, false
	for range 5_000 {
		h := one.next()
		if !reflect.DeepEqual(h, two.next()) {
			t.Fatal("one seed, two stories")
		}
		differs = differs || !reflect.DeepEqual(h, other.next())
		kinds[h.name]++
		what, value := fmt.Sprint(h.name, h.data["id"]), any(nil)
		switch message := fmt.Sprint("message ", h.data["id"]); h.name {
		case "MESSAGE_CREATE":
			if values[message] != nil {
				t.Fatalf("twice: %v", h)
			}
			values[message] = true
			continue
		case "MESSAGE_UPDATE", "MESSAGE_DELETE":
			if values[message] == nil {
				t.Fatalf("of no message: %v", h)
			}
			if h.name == "MESSAGE_DELETE" {
				delete(values, message)
			}
			continue
		case "GUILD_UPDATE":
			value = h.data["name"]
		case "CHANNEL_UPDATE":
			value = h.data["topic"]
		case "GUILD_MEMBER_UPDATE":
			what, value = fmt.Sprint(what, h.data["guild_id"], h.data["user"]), h.data["nick"]
		default:
			t.Fatalf("%v", h)
		}
		if values[what] == value {
			t.Fatalf("nothing changes: %v", h)
		}
		values[what] = value
	}
	if len(kinds) != 6 || !differs {
		t.Errorf("kinds %v; another seed differs: %t", kinds, differs)
	}
	for _, g := range one.guilds {
		if len(g.messages) > demoMessages {
			t.Errorf("%d messages", len(g.messages))
		}
	}
}

// Each event is a line, with what was and what is; also one that is malformed.
func TestDemoLines(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"READY", `{}`, "a session begins"},
		{"GUILD_AVAILABLE", `{"id":"1","name":"Harbour"}`, `"Harbour"`},
		{"GUILD_UNAVAILABLE", `{"id":"1"}`, "guild 1 is not there yet"},
		{"GUILD_MEMBERS_CHUNK", `{"guild_id":"1","members":[{}]}`, "1 member of guild 1"},
		{"GUILD_UPDATE", `{"old":{"name":"a"},"new":{"name":"b"}}`, `name "a" -> "b"`},
		{"GUILD_UPDATE", `{"old":null,"new":{"name":"b"}}`, `name (not known) -> "b"`},
		{"GUILD_UPDATE", `null`, `null`},
		{"CHANNEL_UPDATE", `{"old":{"id":"33554433","topic":"a"},"new":{"id":"33554433","topic":"b"}}`, `#quay topic "a" -> "b"`},
		{"GUILD_MEMBER_UPDATE", `{"old":{"nick":"a"},"new":{"nick":"b","user":{"username":"bob"}}}`, `bob is called "a" -> "b"`},
		{"GUILD_MEMBER_UPDATE", `{"old":null,"new":{"nick":"b"}}`, `{"old":null,"new":{"nick":"b"}}`},
		{"MESSAGE_CREATE", `{"id":"2","channel_id":"3","author":{"username":"bob"},"content":"hi\nthere"}`, `#3 bob: "hi\nthere"`},
		{"MESSAGE_CREATE", `{"id":"2","channel_id":"3","author":{"username":"b\u001b\nb"}}`, `#3 b??b: ""`},
		{"MESSAGE_UPDATE", `{"old":{"content":"a"},"new":{"channel_id":"3","content":"b"}}`, `#3 "a" -> "b"`},
		{"MESSAGE_DELETE", `{"id":"2","channel_id":"3","deleted_message":{"channel_id":"3","content":"a"}}`, `#3 "a" -> gone`},
		{"MESSAGE_DELETE", `{"id":"2","channel_id":"3"}`, `#3 a message that was not known`},
		{"MESSAGE_CREATE", `[]`, ""},
		{shard.GapName, `{}`, "events may be missing here: the gateway could not say them again"},
		{"NEW", `{"x":"` + strings.Repeat("y", 200) + `"}`, `{"x":"` + strings.Repeat("y", demoLineBytes-6)},
	} {
		got := demoEvent(source.Received{Event: source.Event{Name: tt.name, Data: json.RawMessage(tt.data)}}).String()
		if strings.Contains(got, "\n") || tt.want != "" && got != fmt.Sprintf("shard 0  %-20s %s", tt.name, tt.want) {
			t.Errorf("%s %s: %q", tt.name, tt.data, got)
		}
	}
}

// Whatever a source says is a line.
func FuzzDemoLines(f *testing.F) {
	names := []string{"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "GUILD_UPDATE", "CHANNEL_UPDATE", "GUILD_MEMBER_UPDATE", "GUILD_MEMBERS_CHUNK"}
	f.Add(uint8(1), []byte(`{"old":null,"new":null}`))
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		line := demoEvent(source.Received{Event: source.Event{Name: names[int(n)%len(names)], Data: data}}).String()
		if strings.ContainsAny(line, "\r\n\x1b") {
			t.Errorf("%q", line)
		}
	})
}

// What cannot be a demonstration is said.
func TestDemoNeedsGatewayAndShards(t *testing.T) {
	for _, args := range [][]string{{"--no-chat"}, {"--nodes", "1"}} {
		r := runFake(t, &fake{}, "", append([]string{"dev", "--demo"}, args...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, "--demo needs a chat service, and two nodes or more") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// demoRun is a demonstration with processes.
type demoRun struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr buffer
	path           string
}

func startDemo(t *testing.T) *demoRun {
	t.Helper()
	if testing.Short() {
		t.Skip("its nodes are processes")
	}
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv(roleVariable, "main")
	bin := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(bin, "eventnode")); err != nil {
		t.Fatal(err)
	}
	d := &demoRun{t: t, path: bin + string(os.PathListSeparator) + os.Getenv("PATH")}
	d.cmd = exec.Command(os.Args[0], "dev", "--demo")
	d.cmd.Stdout, d.cmd.Stderr = &d.stdout, &d.stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil { // the test has failed before it ended it
			_ = d.cmd.Process.Kill()
			_ = d.cmd.Wait()
		}
	})
	return d
}

// shows waits until something is printed behind a place in the output, and returns the end
// of that.
func (d *demoRun) shows(from int, re string) (end int) {
	d.t.Helper()
	poll(d.t, re, func() error {
		text := d.stdout.String()
		at := regexp.MustCompile(re).FindStringIndex(text[from:])
		if at == nil {
			return errors.New(text[from:] + d.stderr.String())
		}
		end = from + at[1]
		return nil
	})
	return end
}

// here is the end of the output.
func (d *demoRun) here() int { return len(d.stdout.String()) }

// N11, N12: `dev --demo` prints what happens with old and new, and where the shards are; each
// command that it says to type works as it stands there, and does what it says; ctrl-C ends
// all, and leaves nothing.
func TestDemo(t *testing.T) {
	d := startDemo(t)
	at := d.shows(0, `ctrl-C stops all`)
	var commands []string
	for line := range strings.SplitSeq(d.stdout.String()[:at], "\n") {
		if command, ok := strings.CutPrefix(line, "  eventnode "); ok {
			commands = append(commands, "eventnode "+command)
		}
	}
	at = d.shows(at, `--- shard 0 is on n[23] \(connected\), shard 1 is on n[23] \(connected\)\n`)
	for _, re := range []string{
		`shard 0  MESSAGE_UPDATE +#quay \w+: ".*" -> ".*"\n`, `shard 1  MESSAGE_UPDATE +#stalls \w+: ".*" -> ".*"\n`,
		`shard [01]  GUILD_UPDATE +name "(Harbour|Market)" -> ".+"\n`, `shard [01]  CHANNEL_UPDATE +#\w+ topic ".+" -> ".+"\n`,
	} {
		d.shows(at, re)
	}
	after := map[string]string{ // what the demonstration shows then, by a word of the command
		"move":     `--- shard 0 is on n3 \(connected\)`,
		"stop":     `shard 1 is on no node \(stopped\)`,
		"start":    `shard 1 is on n[23] \(connected\)`,
		"dispatch": `MESSAGE_CREATE +#quay "hello"\n`,
		"kill":     `--- shard 0 is on n2 \(connected\), shard 1 is on n2 \(connected\)`,
	}
	done := maps.Clone(after)
	for _, command := range commands {
		from := d.here()
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Env = append(os.Environ(), "PATH="+d.path)
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) == 0 {
			t.Fatalf("%s: %v\n%s\n%s", command, err, out, d.stdout.String())
		}
		word := strings.Fields(command)[2]
		if re := after[word]; re != "" && strings.Fields(command)[1] != "dev" || word == "kill" {
			d.shows(from, re)
			delete(done, word)
		}
	}
	if len(commands) != 9 || len(done) > 0 {
		t.Errorf("commands %q, of which these were not there: %v", commands, done)
	}
	if text := d.stdout.String() + d.stderr.String(); strings.Contains(text, "\tGAP ") || strings.Contains(text, "panic") {
		t.Error(text)
	}
	d.end()
}

// end presses ctrl-C.
func (d *demoRun) end() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("ctrl-C: %v: %s", err, d.stderr.String())
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*", "*")); len(left) > 0 {
		d.t.Errorf("left behind: %v", left)
	}
}

// The names of what happens have types, or no line would say old and new.
func TestDemoNamesAreKnown(t *testing.T) {
	tr := newTraffic(demoSeed)
	for range 1_000 {
		if h := tr.next(); !discord.Known(h.name) {
			t.Fatal(h.name)
		}
	}
}
