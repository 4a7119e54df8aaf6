package command

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// Every command teaches: it says what it does, and shows how.
func TestHelpOfEveryCommand(t *testing.T) {
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		topic := !cmd.Runnable() && !cmd.HasSubCommands()
		if cmd.Short == "" || len(cmd.Long) < 50 || (cmd.Example == "" && !topic) {
			t.Errorf("%s: Short, Long or Example is missing", cmd.CommandPath())
		}
		if !topic {
			r := runFake(t, &fake{}, "", append(path, "--help")...)
			if r.code != 0 || !strings.Contains(r.stdout, cmd.Example) || r.stderr != "" {
				t.Errorf("%s --help: %+v", cmd.CommandPath(), r)
			}
		}
		for _, sub := range cmd.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub, append(append([]string{}, path...), sub.Name()))
			}
		}
	}
	walk((&app{}).rootCommand(), nil)
}

func TestExitCodesAreDocumented(t *testing.T) {
	r := runFake(t, &fake{}, "", "help", "exit-codes")
	for _, code := range []string{"0", "1", "2", "3", "4", "5", "6", "7"} {
		if !strings.Contains(r.stdout, "\n  "+code+"  ") {
			t.Errorf("code %s is not documented:\n%s", code, r.stdout)
		}
	}
}

// A malformed command line is exit code 2 and one line that names the mistake.
func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"subscribe", "TOPIC, such as topic:orders, is missing"},
		{"subscribe topic:a --nope", "unknown flag: --nope"},
		{"subscribe topic:a --policy soft", `unknown policy "soft"`},
		{"subscribe topic:a --count -1", "must not be negative"},
		{"subscribe topic:a --timeout soon", `invalid argument "soon"`},
		{"subscribe topic:a --queue-events -1", "--queue-events must not be negative"},
		{"subscribe topic:a --addr :::", "write HOST:PORT"},
		{"subscribe topic:a --addr h:99999", "not one of 1 to 65535"},
		{"dispatch", "is missing"},
		{"dispatch topic:a --meta x", "write key=value"},
		{"dispatch topic:a --data @/does/not/exist", "no such file"},
		{"dispatch topic:a --stdin --data x", "neither with --data"},
		{"dispatch topic:a --stdin --receipt", "neither with --data"},
		{"members n1", `unexpected argument "n1"`},
		{"membrs", "did you mean members?"},
		{"groups joyn g", "did you mean join?"},
		{"groups join", "GROUP is missing"},
		{"groups join g --times 0", "--times must be"},
		{"groups send g --strategy best", "unknown strategy"},
		{"groups send g --strategy hash", "go together"},
		{"groups send g --hash-key k", "go together"},
		{"bench dispatch --size 3", "--size must be at least"},
		{"bench dispatch --publishers 0", "--publishers"},
		{"serve --log-level loud", "--log-level"},
		{"serve --stop-timeout 0s", "--stop-timeout 0s: give a time above 0"},
		{"serve --stop-timeout -1s", "--stop-timeout -1s: give a time above 0"},
		{"serve --log-format xml", "--log-format"},
		{"subscribe topic:a --format xml", "use cloudevents"},
		{"streams read s --format xml", "use cloudevents"},
		{"serve --http-ingest", "--http HOST:PORT"},
		{"serve --gossip-key-file /does/not/exist", "no such file"},
		{"dev --nodes 0", "--nodes must be 1 to 64"},
		{"dev stop n1", `unknown command "stop"`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			r := runFake(t, &fake{}, "", strings.Fields(tt.args)...)
			if r.code != exitUsage || r.stdout != "" {
				t.Errorf("code %d, stdout %q", r.code, r.stdout)
			}
			if !strings.HasPrefix(r.stderr, "eventnode: ") || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.want) || !strings.Contains(r.stderr, "--help") {
				t.Errorf("stderr %q, want %q", r.stderr, tt.want)
			}
		})
	}
}

func TestErrorsAsJSON(t *testing.T) {
	r := runFake(t, &fake{}, "", "subscribe", "topic:a", "--nope", "--json")
	var e struct {
		Error string
		Code  int
	}
	if err := json.Unmarshal([]byte(r.stderr), &e); err != nil || e.Code != exitUsage || !strings.Contains(e.Error, "--nope") {
		t.Errorf("stderr %q: %v", r.stderr, err)
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		flags []string
		env   string
		want  string
	}{
		{nil, "", "127.0.0.1:7401"},
		{nil, "10.0.0.1:9, 10.0.0.2", "10.0.0.1:9 10.0.0.2:7401"},
		{[]string{"a:1", "b"}, "c:3", "a:1 b:7401"},
		{[]string{"::1", "[::2]", "[::3]:4"}, "", "[::1]:7401 [::2]:7401 [::3]:4"},
	} {
		a := &app{addrs: tt.flags, getenv: func(string) string { return tt.env }}
		got, err := a.addresses()
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%v, %q: %v, %v, want %s", tt.flags, tt.env, got, err, tt.want)
		}
	}
}

// Where nobody listens the answer comes within two seconds and says what to
// start; where somebody listens who is no node, too.
func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mute := listener.Addr().String()
	defer func() { _ = listener.Close() }()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := other.Addr().String()
	_ = other.Close()

	for name, addr := range map[string]string{"refused": free, "mute": mute} {
		for _, command := range []string{"status", "members", "subscribe topic:a", "dispatch topic:a", "groups list", "bench dispatch"} {
			t.Run(name+" "+command, func(t *testing.T) {
				t.Parallel()
				var stdout, stderr buffer
				begin := time.Now()
				code := run(t.Context(), append(strings.Fields(command), "--addr", addr), strings.NewReader(""), &stdout, &stderr)
				if took := time.Since(begin); took > 2*time.Second {
					t.Errorf("the answer took %v", took)
				}
				if code != exitError || !strings.Contains(stderr.String(), "eventnode dev") || !strings.Contains(stderr.String(), addr) {
					t.Errorf("code %d, stderr %q", code, stderr.String())
				}
			})
		}
	}
}

func TestVersion(t *testing.T) {
	r := runFake(t, &fake{}, "", "version", "--json")
	var v versionInfo
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || v.Version == "" || !strings.HasPrefix(v.Go, "go") || r.code != 0 {
		t.Errorf("%+v: %v", r, err)
	}
}
