package examples

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode/node"
)

// names are the programs.
var names = []string{"registration", "chatroom", "workqueue", "presence", "httpservice", "chatgateway", "bot"}

// folder is where they are built.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "eventnode-examples-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// build builds them, for the first test that needs them.
var build = sync.OnceValue(func() error {
	args := []string{"build", "-o", folder}
	for _, name := range names {
		args = append(args, "./"+name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
})

// timeout bounds a program's run, on a machine that does much else.
const timeout = time.Minute

// command is a program with its arguments.
func command(t *testing.T, name string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	// Until the clean-up of who runs it has ended, too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), timeout)
	t.Cleanup(cancel)
	cmd, stderr = exec.CommandContext(ctx, filepath.Join(folder, name), args...), new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

// run runs a program to its end, and returns the lines that it has printed.
func run(t *testing.T, stdin, name string, args ...string) []string {
	t.Helper()
	cmd, stderr := command(t, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v: %s\n%s", name, err, stderr, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// everywhere runs a test twice: with nodes in the program, and with a cluster that runs.
func everywhere(t *testing.T, test func(t *testing.T, args ...string)) {
	t.Helper()
	t.Run("nodes of its own", func(t *testing.T) { test(t) })
	t.Run("connected", func(t *testing.T) { test(t, "--connect", running(t)) })
}

// running is the address of a node that keeps streams and has a chat service, until the end of the test.
func running(t *testing.T) string {
	t.Helper()
	n, err := node.New(node.Config{
		ID: "n1", DataDir: t.TempDir(), GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", Chat: node.Chat{Enabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case <-time.After(timeout):
		t.Fatal("the node is not ready")
	}
	return n.RPCAddress()
}

// want compares lines; re has regular expressions, one a line.
func want(t *testing.T, what string, got []string, re ...string) {
	t.Helper()
	ok := len(got) == len(re)
	for i := 0; ok && i < len(got); i++ {
		ok = regexp.MustCompile("^" + re[i] + "$").MatchString(got[i])
	}
	if !ok {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(re, "\n"))
	}
}

// starting are the lines that begin so, without it.
func starting(lines []string, prefix string) (list []string) {
	for _, l := range lines {
		if rest, ok := strings.CutPrefix(l, prefix); ok {
			list = append(list, rest)
		}
	}
	return list
}

// A user whose transaction is rolled back has no event; the others get one mail each.
func TestRegistration(t *testing.T) {
	everywhere(t, func(t *testing.T, args ...string) {
		got := run(t, "", "registration", args...)
		slices.Sort(got[min(4, len(got)):]) // the order of users among each other is not promised
		want(t, "registration", got,
			`web:    ada is registered`,
			`web:    mallory is not registered: .*UNIQUE constraint failed: users.email.*`,
			`web:    grace is registered`,
			`relay:  2 events are published`,
			`mailer: to ada@example.com: welcome, ada!`,
			`mailer: to grace@example.com: welcome, grace!`)
	})
}

// Who is in the room sees each line, as long as they are there.
func TestChatroom(t *testing.T) {
	everywhere(t, func(t *testing.T, args ...string) {
		got := run(t, "", "chatroom", args...)
		ann := []string{
			`ann is here`, `bob is here`, `cleo is here`, `ann: good morning!`, `bob: morning, ann. tea\?`,
			`cleo: for me too, please`, `cleo has gone`, `ann: she is in a hurry`, `bob has gone`, `ann has gone`,
		}
		want(t, "ann sees", starting(got, "ann  | "), ann...)
		want(t, "bob sees", starting(got, "bob  | "), ann[1:9]...)
		want(t, "cleo sees", starting(got, "cleo | "), ann[2:7]...)
		if len(got) != 10+8+5 {
			t.Errorf("%d lines: %q", len(got), got)
		}
	})
}

// What is typed is said.
func TestChatroomOfOne(t *testing.T) {
	got := run(t, "hello\nanybody here?\n", "chatroom", "--name", "dan")
	want(t, "dan sees", got, `dan  \| dan is here`, `dan  \| dan: hello`, `dan  \| dan: anybody here\?`, `dan  \| dan has gone`)
}

// An interrupt is a goodbye, too.
func TestChatroomInterrupted(t *testing.T) {
	cmd, stderr := command(t, "chatroom", "--name", "dan")
	in, err := cmd.StdinPipe() // which does not end
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if got = append(got, lines.Text()); len(got) == 1 {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, stderr)
	}
	want(t, "dan sees", got, `dan  \| dan is here`, `dan  \| dan has gone`)
}

// Each job is done once; what is put off and what fails comes again; what always fails is
// a dead letter, and is done when it is replayed.
func TestWorkqueue(t *testing.T) {
	everywhere(t, func(t *testing.T, args ...string) {
		got := run(t, "", "workqueue", args...)
		var done, rest []string
		for _, l := range got {
			l = regexp.MustCompile(`^worker [12]: `).ReplaceAllString(l, "")
			if file, ok := strings.CutSuffix(l, " is done"); ok {
				done = append(done, file)
			} else if l != "huge.png is put off" {
				rest = append(rest, l)
			}
		}
		want(t, "workqueue", rest,
			`failed for the 1. time: broken.png is no image`,
			`failed for the 2. time: broken.png is no image`,
			`failed for the 3. time: broken.png is no image`,
			`dead:     {"file":"broken.png"} after 3 deliveries: max_deliver`,
			`replayed: 1`)
		if len(done) == 5 && done[4] != "broken.png" {
			t.Errorf("the last one that is done is %s", done[4])
		}
		slices.Sort(done)
		want(t, "done", done, "broken.png", "cat.png", "dog.png", "huge.png", "owl.png")
		if n := strings.Count(strings.Join(got, "\n"), "huge.png is put off"); n != 1 {
			t.Errorf("huge.png was put off %d times", n)
		}
	})
}

// A monitor tells each change in its order, also when a node goes away.
func TestPresence(t *testing.T) {
	everywhere(t, func(t *testing.T, args ...string) {
		want(t, "presence", run(t, "", "presence", args...),
			`ann sees: ann`, `\+ bob, at n[12]`, `\+ cleo, at n[13]`, `~ bob \(away\)`, `- bob \(away\)`, `- cleo`, `1 got office_closed`)
	})
}

// An order is kept, and is sent to those who watch; one that is malformed is refused with
// its field. An interrupt ends the service, and the streams of events with it.
func TestHTTPService(t *testing.T) {
	everywhere(t, func(t *testing.T, args ...string) {
		cmd, stderr := command(t, "httpservice", append(args, "--listen", "127.0.0.1:0")...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := sync.OnceValue(func() error {
			_ = cmd.Process.Signal(os.Interrupt)
			return cmd.Wait()
		})
		t.Cleanup(func() { _ = ended() })
		line, err := bufio.NewReader(out).ReadString('\n')
		at := regexp.MustCompile(`http://[0-9.:]+`).FindString(line)
		if err != nil || at == "" {
			t.Fatalf("%q, %v: %s", line, err, stderr)
		}

		watching, err := http.Get(at + "/orders/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer watching.Body.Close()
		for _, tt := range []struct{ body, status, answer string }{
			{`{"item":"tea",` + "\n" + `"count":2}`, "201 Created", `order [0-9a-f-]{36}\n`},
			{`{"item":"tea"}`, "400 Bad Request", `data of order_placed: at byte 14: count is missing\n`},
			{`{"item":`, "400 Bad Request", `data of order_placed: .*\n`},
			{`{"item":"` + strings.Repeat("x", 70_000) + `","count":1}`, "400 Bad Request", `http: request body too large\n`},
			{`{"item":"milk","count":1}`, "201 Created", `order [0-9a-f-]{36}\n`},
		} {
			res, err := http.Post(at+"/orders", "application/json", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(res.Body)
			if err = errors.Join(err, res.Body.Close()); err != nil || res.Status != tt.status || !regexp.MustCompile("^"+tt.answer+"$").Match(answer) {
				t.Errorf("%.40s: %s: %s%v", tt.body, res.Status, answer, err)
			}
		}
		lines := bufio.NewScanner(watching.Body)
		var events []string
		for len(events) < 8 && lines.Scan() {
			events = append(events, lines.Text())
		}
		want(t, "events", events,
			`id: [0-9a-f-]{36}`, `event: order_placed`, `data: {"item":"tea","count":2}`, ``,
			`id: [0-9a-f-]{36}`, `event: order_placed`, `data: {"item":"milk","count":1}`, ``)

		if err := ended(); err != nil || stderr.Len() > 0 {
			t.Errorf("interrupted: %v: %s", err, stderr)
		}
		if rest, err := io.ReadAll(watching.Body); err != nil || len(rest) > 0 {
			t.Errorf("the stream of events has %q, and ends with %v", rest, err)
		}
	})
}

// Where nobody listens, that is said, and the exit code is not 0.
func TestNobodyThere(t *testing.T) {
	for _, name := range names {
		args := []string{"--connect", "127.0.0.1:1"}
		if name == "bot" {
			args = append(args, "--token-file", os.DevNull)
		}
		cmd, stderr := command(t, name, args...)
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.HasPrefix(stderr.String(), name+": no node answered at 127.0.0.1:1") {
			t.Errorf("%s: %v: %s", name, err, stderr)
		}
	}
}

// A program that is longer is read by nobody.
func TestEachIsShort(t *testing.T) {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n >= 150 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
}
