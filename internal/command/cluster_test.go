package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// program is a run of the program beside the test.
type program struct {
	stdout, stderr *buffer
	interrupt      context.CancelFunc
	code           chan int
}

// start runs the program until interrupt or its end.
func start(t *testing.T, stdin string, args ...string) *program {
	t.Helper()
	return startReading(t, strings.NewReader(stdin), args...)
}

// startReading is start with any stdin.
func startReading(t *testing.T, stdin io.Reader, args ...string) *program {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	p := &program{stdout: new(buffer), stderr: new(buffer), interrupt: interrupt, code: make(chan int, 1)}
	go func() { p.code <- run(ctx, args, stdin, p.stdout, p.stderr) }()
	return p
}

// startFake is start against f.
func startFake(t *testing.T, f *fake, stdin io.Reader, args ...string) *program {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	p := &program{stdout: new(buffer), stderr: new(buffer), interrupt: interrupt, code: make(chan int, 1)}
	a := &app{
		stdin: stdin, stdout: p.stdout, stderr: p.stderr, getenv: func(string) string { return "" },
		dial: func(context.Context, []string, string) (cluster, error) { return f, nil },
	}
	go func() { p.code <- a.run(ctx, args) }()
	return p
}

// end waits for the end.
func (p *program) end(t *testing.T) result {
	t.Helper()
	select {
	case code := <-p.code:
		return result{code, p.stdout.String(), p.stderr.String()}
	case <-time.After(30 * time.Second):
		p.interrupt()
		t.Fatalf("not within 30 s: the end; stdout %.300q, stderr %.300q", p.stdout, p.stderr)
		return result{}
	}
}

// says waits until stderr has text.
func (p *program) says(t *testing.T, text string) {
	t.Helper()
	poll(t, text, func() error {
		if !strings.Contains(p.stderr.String(), text) {
			return errors.New(p.stderr.String())
		}
		return nil
	})
}

// runReal runs the program to its end.
func runReal(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return start(t, stdin, args...).end(t)
}

// serveHere runs a node in this process, on free ports.
func serveHere(t *testing.T, name string, join ...string) (*program, servingJSON) {
	t.Helper()
	args := []string{"serve", "--json", "--log-level", "warn", "--name", name, "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0"}
	for _, j := range join {
		args = append(args, "--join", j)
	}
	p := start(t, "", args...)
	var at servingJSON
	poll(t, name+" serves", func() error {
		if err := json.Unmarshal([]byte(p.stdout.String()), &at); err != nil {
			return fmt.Errorf("%w: %s", err, p.stderr)
		}
		return nil
	})
	return p, at
}

// three runs three nodes and returns their rpc addresses, when each has links to
// the others.
func three(t *testing.T) []string {
	t.Helper()
	var rpc []string
	var programs []*program
	var seeds []string
	for i := range 3 {
		p, at := serveHere(t, fmt.Sprintf("n%d", i+1), seeds...)
		programs, rpc, seeds = append(programs, p), append(rpc, at.RPC), []string{at.Gossip}
	}
	t.Cleanup(func() {
		for _, p := range programs {
			p.interrupt()
		}
		for _, p := range programs {
			if code := <-p.code; code != exitOK {
				t.Errorf("a node ended with %d: %s", code, p.stderr)
			}
		}
		goleak.VerifyNone(t)
	})
	for _, addr := range rpc {
		poll(t, addr+" is healthy among three", func() error {
			r := runReal(t, "", "status", "--json", "--addr", addr)
			if r.code != exitOK || !strings.Contains(r.stdout, `"nodes":3`) {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
	}
	return rpc
}

// The commands against three real nodes.
func TestThreeNodes(t *testing.T) {
	rpc := three(t)

	t.Run("members", func(t *testing.T) {
		r := runReal(t, "", "members", "--addr", rpc[1])
		if lines := strings.Split(r.stdout, "\n"); len(lines) != 5 || !strings.HasPrefix(lines[1], "n2    alive  self") {
			t.Errorf("%+v", r)
		}
	})

	t.Run("each line from one node to another", func(t *testing.T) {
		var in strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&in, "%d %s\n", i, strings.Repeat("x", i%90))
		}
		in.WriteString("\n\n")
		sub := start(t, "", "subscribe", "topic:lines", "--addr", rpc[2], "--count", "20002", "--timeout", "30s")
		sub.says(t, "subscribed on 3 nodes")
		runReal(t, in.String(), "dispatch", "topic:lines", "--stdin", "--addr", rpc[0]).want(t, exitOK, "dispatched 20002 events\n", "")
		sub.end(t).want(t, exitOK, in.String(), "subscribed on 3 nodes\n")
	})

	t.Run("an event with everything", func(t *testing.T) {
		sub := start(t, "", "subscribe", "topic:one", "topic:two", "--addr", rpc[1], "--count", "1", "--json")
		sub.says(t, `"nodes":3`)
		r := runReal(t, "", "dispatch", "topic:one", "topic:two", "--addr", rpc[0], "--receipt",
			"--name", "said", "--data", "<hi>", "--key", "k", "--source", "/s", "--meta", "a=b")
		r.want(t, exitOK, "reached 1 subscription\n  n2  1\n", "")
		got := sub.end(t)
		for _, part := range []string{`"topics":["topic:one","topic:two"]`, `"name":"said"`, `"key":"k"`, `"source":"/s"`, `"meta":{"a":"b"}`} {
			if !strings.Contains(got.stdout, part) || strings.Count(got.stdout, "\n") != 1 {
				t.Errorf("%s is not in %s", part, got.stdout)
			}
		}
	})

	t.Run("refusals", func(t *testing.T) {
		for _, args := range [][]string{
			{"dispatch", "nope"}, {"subscribe", "nope"}, {"dispatch", "nope", "--stdin"}, {"dispatch", "topic:a", "--name", ""},
		} {
			r := runReal(t, "a\nb\n", append(args, "--addr", rpc[0])...)
			if r.code != exitError || !strings.HasPrefix(r.stderr, "eventnode: ") || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("%v: %+v", args, r)
			}
		}
		r := runReal(t, "a\n"+strings.Repeat("x", 2<<20)+"\nb\n", "dispatch", "topic:a", "--stdin", "--addr", rpc[0])
		if r.code != exitError || !strings.Contains(r.stderr, "line 2: ") || r.stdout != "dispatched 1 event\n" {
			t.Errorf("code %d, stdout %s, stderr %.300s", r.code, r.stdout, r.stderr)
		}
	})

	t.Run("subscriptions", func(t *testing.T) {
		sub := start(t, "", "subscribe", "topic:listed", "--addr", rpc[2])
		sub.says(t, "subscribed on 3 nodes")
		r := runReal(t, "", "subscriptions", "topic:listed", "--addr", rpc[0], "--json")
		if r.code != exitOK || strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, `"node":"n3"`) || !strings.Contains(r.stdout, `"policy":"block"`) {
			t.Errorf("%+v", r)
		}
		sub.interrupt()
		if end := sub.end(t); end.code != exitOK {
			t.Errorf("after ctrl-C: %+v", end)
		}
	})

	t.Run("queue group", func(t *testing.T) {
		subs := []*program{
			start(t, "", "subscribe", "topic:jobs", "--queue", "workers", "--addr", rpc[0]),
			start(t, "", "subscribe", "topic:*", "--queue", "workers", "--addr", rpc[2]),
		}
		for _, s := range subs {
			s.says(t, "subscribed on 3 nodes")
		}
		if r := runReal(t, "", "subscriptions", "topic:jobs", "--addr", rpc[1]); r.code != exitOK || strings.Count(r.stdout, "workers") != 2 {
			t.Errorf("%+v", r)
		}
		for i := range 20 {
			if r := runReal(t, "", "dispatch", "topic:jobs", "--data", fmt.Sprint("job ", i), "--receipt", "--addr", rpc[i%3]); r.code != exitOK || !strings.Contains(r.stdout, "reached 1 sub") {
				t.Errorf("%+v", r)
			}
		}
		// Reached says queued: what is not printed when the program ends is lost.
		printed := func() (n int) {
			for _, s := range subs {
				n += strings.Count(s.stdout.String(), "job ")
			}
			return n
		}
		poll(t, "20 jobs printed", func() error {
			if n := printed(); n < 20 {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
		for _, s := range subs {
			s.interrupt()
			if end := s.end(t); end.code != exitOK {
				t.Errorf("after ctrl-C: %+v", end)
			}
		}
		if n := printed(); n != 20 {
			t.Errorf("20 jobs were printed %d times", n)
		}
		if r := runReal(t, "", "subscribe", "topic:jobs", "--queue", "two words", "--addr", rpc[0]); r.code == exitOK || !strings.Contains(r.stderr, "space") {
			t.Errorf("a bad name: %+v", r)
		}
	})

	t.Run("bench", func(t *testing.T) {
		r := runReal(t, "", "bench", "dispatch", "--addr", strings.Join(rpc, ","), "--publishers", "2", "--subscribers", "3", "--count", "2000", "--json")
		var report benchReport
		if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != exitOK || report.Delivered != 12_000 || report.LatencyP50 <= 0 {
			t.Errorf("%+v: %v", r, err)
		}
	})

	t.Run("groups", func(t *testing.T) { groupsOnThreeNodes(t, rpc) })
}

func groupsOnThreeNodes(t *testing.T, rpc []string) {
	monitor := start(t, "", "groups", "monitor", "workers", "--addr", rpc[0], "--count", "2", "--json")
	monitor.says(t, "monitoring")
	join := start(t, "", "groups", "join", "workers", "--addr", rpc[1], "--times", "2", "--meta", "m", "--wait", "5s", "--count", "3")
	join.says(t, "joined workers as n2#")
	if r := runReal(t, "", "groups", "list", "--addr", rpc[2]); r.stdout != "GROUP    MEMBERS\nworkers  2\n" {
		t.Errorf("list: %+v", r)
	}
	if r := runReal(t, "", "groups", "members", "workers", "--addr", rpc[2]); strings.Count(r.stdout, "n2#") != 2 {
		t.Errorf("members: %+v", r)
	}
	runReal(t, "", "groups", "broadcast", "workers", "--data", "all", "--addr", rpc[2]).want(t, exitOK, "delivered to 2 memberships\n", "")
	if r := runReal(t, "", "groups", "send", "workers", "--data", "one", "--addr", rpc[0]); r.code != exitOK || !strings.HasPrefix(r.stdout, "sent to n2#") {
		t.Errorf("send: %+v", r)
	}
	end := join.end(t)
	if diff := cmp.Diff("all\nall\none\n", end.stdout); diff != "" || end.code != exitOK {
		t.Errorf("%+v\n%s", end, diff)
	}
	changes := strings.Split(monitor.end(t).stdout, "\n")
	if len(changes) != 4 || changes[0] != `{"snapshot":{}}` || strings.Count(changes[1], `"meta":"m"`) != 2 ||
		!strings.HasPrefix(changes[1], `{"group":"workers","joined":`) || !strings.HasPrefix(changes[2], `{"group":"workers","left":`) {
		t.Errorf("changes %q", changes)
	}
	if r := runReal(t, "", "groups", "send", "workers", "--addr", rpc[0]); r.code != exitNobody {
		t.Errorf("send to an empty group: %+v", r)
	}
}

// Who cannot serve says why, in one line, and what to do.
func TestServeRefuses(t *testing.T) {
	n1, at := serveHere(t, "n1")
	defer func() { n1.interrupt(); <-n1.code }()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"port":    {[]string{"--name", "n2", "--gossip", "127.0.0.1:0", "--rpc", at.RPC}, "choose another port"},
		"gossip":  {[]string{"--name", "n2", "--gossip", at.Gossip, "--rpc", "127.0.0.1:0"}, "choose another port"},
		"name":    {[]string{"--name", "n1", "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--join", at.Gossip}, "choose another --name"},
		"address": {[]string{"--gossip", "here"}, "not HOST:PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			r := runReal(t, "", append([]string{"serve", "--log-level", "error"}, tt.args...)...)
			last := r.stderr[strings.LastIndexByte(strings.TrimSpace(r.stderr), '\n')+1:]
			if r.code == exitOK || !strings.HasPrefix(last, "eventnode: ") || !strings.Contains(last, tt.want) {
				t.Errorf("%+v", r)
			}
		})
	}
}
