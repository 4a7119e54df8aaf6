package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replying runs `eventnode reply` beside the test, until it is known on all nodes.
func replying(t *testing.T, addr string, args ...string) *program {
	t.Helper()
	p := start(t, "", append([]string{"reply", "--addr", addr}, args...)...)
	p.says(t, "subscribed on")
	t.Cleanup(p.interrupt)
	return p
}

// ending interrupts repliers, which end well.
func ending(t *testing.T, repliers ...*program) (said string) {
	t.Helper()
	for _, p := range repliers {
		p.interrupt()
		r := p.end(t)
		if r.code != exitOK || r.stdout != "" {
			t.Errorf("%+v", r)
		}
		said += r.stderr
	}
	return said
}

// On three nodes: a fixed reply, one by a command, which has the request on stdin and in its
// environment; what it says no to, and what is too slow, is an error with an exit code of its
// own, and so is nobody; several replies.
func TestRequestAndReply(t *testing.T) {
	addrs := three(t)
	ask := func(args ...string) result {
		t.Helper()
		return runReal(t, "from stdin", append([]string{"request", "--addr", addrs[0]}, args...)...)
	}
	if r := ask("topic:t", "asked", "--timeout", "1h"); r.code != exitNobody || r.stdout != "" ||
		!strings.HasPrefix(r.stderr, "eventnode: topic topic:t: no responders: nobody subscribes to it") {
		t.Errorf("nobody: %+v", r)
	}
	fixed := replying(t, addrs[1], "topic:t", "--data", "hello", "--name", "greeted", "--meta", "a=b")
	if r := ask("topic:t", "asked"); r.code != exitOK || r.stdout != "hello\n" || r.stderr != "" {
		t.Errorf("fixed: %+v", r)
	}
	var got struct {
		Event struct {
			Name string            `json:"name"`
			Meta map[string]string `json:"meta"`
		} `json:"event"`
	}
	if r := ask("topic:t", "asked", "--json"); json.Unmarshal([]byte(r.stdout), &got) != nil || got.Event.Name != "greeted" || got.Event.Meta["a"] != "b" {
		t.Errorf("JSON: %+v", r)
	}
	second := replying(t, addrs[2], "topic:t", "topic:u", "--exec", "echo world")
	for _, replies := range []string{"2", "all"} {
		r := ask("topic:t", "asked", "--replies", replies, "--timeout", "4s")
		if r.code != exitOK || r.stdout != "hello\nworld\n\n" && r.stdout != "world\n\nhello\n" {
			t.Errorf("%s: %+v", replies, r)
		}
	}
	if r := ask("topic:t", "asked", "--replies", "3", "--timeout", "3s"); r.code != exitTimeout || !strings.Contains(r.stderr, "2 of 3 replies came") {
		t.Errorf("three: %+v", r)
	}

	script := filepath.Join(t.TempDir(), "answer.sh")
	err := os.WriteFile(script, []byte(`case $EVENTNODE_REQUEST_NAME in
no) echo "so much" >&2; echo "not you, $EVENTNODE_REQUEST_KEY" >&2; exit 3;;
*) cat; echo " $EVENTNODE_REQUEST_TOPIC $EVENTNODE_REQUEST_KEY $EVENTNODE_REQUEST_META";;
esac`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	third := replying(t, addrs[2], "topic:sh", "--exec", "sh "+script)
	slow := replying(t, addrs[2], "topic:slow", "--exec", "sleep 600; true", "--exec-timeout", "1s")
	flood := replying(t, addrs[2], "topic:flood", "--exec", "yes")
	r := ask("topic:sh", "asked", "-", "--key", "k", "--meta", "a=$(b)")
	if r.code != exitOK || !strings.HasPrefix(r.stdout, "from stdin topic:sh k {") || !strings.Contains(r.stdout, `"a":"$(b)"`) {
		t.Errorf("%+v", r)
	}
	for topic, want := range map[string]string{
		"topic:sh":    "eventnode: the replier of topic:sh says: the command ended with exit status 3: so much not you, k\n",
		"topic:slow":  "eventnode: the replier of topic:slow says: the command did not end within 1s\n",
		"topic:flood": "eventnode: the replier of topic:flood says: the command printed more than 16 MiB\n",
	} {
		if r := ask(topic, "no", "--key", "k", "--timeout", "30s"); r.code != exitReply || r.stdout != "" || r.stderr != want {
			t.Errorf("%s: %+v", topic, r)
		}
	}
	if r := ask("topic:sh", "no", "--replies", "all", "--timeout", "4s"); r.code != exitReply || !strings.Contains(r.stderr, "an error: the command ended with exit status 3") {
		t.Errorf("all: %+v", r)
	}
	runReal(t, "", "dispatch", "--addr", addrs[0], "topic:sh", "--name", "no")
	third.says(t, "no request")
	ending(t, fixed, second, third, slow, flood)
	if r := ask("topic:t", "asked"); r.code != exitNobody {
		t.Errorf("they have ended: %+v", r)
	}
}

// Of the repliers of a queue group one answers each request.
func TestReplyInAQueueGroup(t *testing.T) {
	addrs := three(t)
	a := replying(t, addrs[1], "topic:t", "--data", "one", "--queue", "g")
	b := replying(t, addrs[2], "topic:t", "--data", "one", "--queue", "g")
	for range 2 {
		if r := runReal(t, "", "request", "--addr", addrs[0], "topic:t", "asked", "--replies", "all", "--timeout", "2s"); r.code != exitOK || r.stdout != "one\n" {
			t.Errorf("%+v", r)
		}
	}
	ending(t, a, b)
}

// At ctrl-C or SIGTERM a command that runs goes on to its end, and its reply arrives.
func TestReplyFinishesWhatRuns(t *testing.T) {
	addrs := three(t)
	runs := filepath.Join(t.TempDir(), "runs")
	p := replying(t, addrs[1], "topic:t", "--exec", "touch "+runs+"; sleep 1; echo done")
	request := start(t, "", "request", "--addr", addrs[0], "topic:t", "asked", "--timeout", "30s")
	poll(t, "the command runs", func() error {
		_, err := os.Stat(runs)
		return err
	})
	ending(t, p)
	request.end(t).want(t, exitOK, "done\n\n", "")
}

// What is wrong with a command line is said before anybody is asked.
func TestRequestUsage(t *testing.T) {
	for _, args := range []string{
		"request", "request topic:t", "request topic:t n d more", "request topic:t n --timeout 0s", "request topic:t n --replies 0",
		"request topic:t n --replies some", "request topic:t n --meta x", "request topic:t n @/does/not/exist",
		"reply", "reply topic:t", "reply topic:t --data x --exec y", "reply topic:t --data x --parallel 0", "reply topic:t --exec x --exec-timeout -1s", "reply topic:t --data @/does/not/exist",
	} {
		f := &fake{}
		if r := runFake(t, f, "", strings.Fields(args)...); r.code != exitUsage || r.stdout != "" {
			t.Errorf("%s: %+v", args, r)
		}
	}
	r := runReal(t, "", "request", "topic:t", "n", "--addr", "127.0.0.1:1", "--timeout", "1s")
	if r.code != exitError || !strings.Contains(r.stderr, "no node answers") {
		t.Errorf("%+v", r)
	}
}

// The end of what was written is kept, whatever the pieces.
func TestTail(t *testing.T) {
	var all strings.Builder
	var kept tail
	for i := range 500 {
		piece := strings.Repeat(string(rune('a'+i%26)), i%37)
		all.WriteString(piece)
		if n, err := kept.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := all.String()[all.Len()-maxTail:]; kept.text() != ": "+want {
		t.Errorf("%q", kept.text())
	}
}
