package command

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

func TestDispatchOne(t *testing.T) {
	f := &fake{receipt: eventnode.Receipt{Reached: 2}}
	args := []string{"dispatch", "topic:t", "--name", "said", "--data", "hello", "--key", "k", "--source", "/s",
		"--data-type", "text/plain", "--meta", "a=1", "--meta", "b=x=y"}
	runFake(t, f, "", args...).want(t, exitOK, "", "")
	e := f.dispatched[0]
	if e.Name != "said" || string(e.Data) != "hello" || e.Key != "k" || e.Source != "/s" || e.DataType != "text/plain" ||
		e.Meta["a"] != "1" || e.Meta["b"] != "x=y" || e.Validate() != nil || !f.closed {
		t.Errorf("%+v", e)
	}
}

func TestDispatchDataFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte("in a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{"@" + file: "in a file\n", "@-": "@from stdin", "": ""} {
		f := &fake{receipt: eventnode.Receipt{Reached: 1}}
		r := runFake(t, f, "@from stdin", "dispatch", "topic:t", "--data", arg)
		if r.code != exitOK || string(f.dispatched[0].Data) != want {
			t.Errorf("%q: %+v, %q", arg, r, f.dispatched[0].Data)
		}
	}
}

// Reaching nobody is a warning; to whoever asked it is an exit code.
func TestDispatchReachesNobody(t *testing.T) {
	runFake(t, &fake{}, "", "dispatch", "topic:t").want(t, exitOK, "",
		"warning: reached nobody: nobody subscribes to this topic now, and nothing is stored\n")
	runFake(t, &fake{}, "", "dispatch", "topic:t", "--receipt").want(t, exitNobody, "reached 0 subscriptions\n",
		"eventnode: reached nobody: no subscriber took the event\n")
}

func TestDispatchReceipt(t *testing.T) {
	f := &fake{receipt: eventnode.Receipt{Reached: 1, Nodes: []eventnode.NodeReceipt{
		{Node: "n1", Reached: 1}, {Node: "n2", Err: errors.New("link down")}}}}
	runFake(t, f, "", "dispatch", "topic:t", "--receipt").want(t, exitOK,
		"reached 1 subscription\n  n1  1\n  n2  no answer: link down\n",
		"warning: n2 did not say whom it reached: link down\n")
	r := runFake(t, f, "", "dispatch", "topic:t", "--json")
	if !strings.HasSuffix(r.stdout, `,"reached":1,"nodes":[{"node":"n1","reached":1},{"node":"n2","reached":0,"error":"link down"}]}`+"\n") {
		t.Errorf("stdout %s", r.stdout)
	}
}

// Each line is an event: empty ones, a last one without a newline, one longer
// than the buffer; and a carriage return is data.
func TestDispatchLines(t *testing.T) {
	long := strings.Repeat("x", lineBuffer+100)
	for _, tt := range []struct {
		name, in string
		want     []string
		out      string
	}{
		{"none", "", nil, "dispatched 0 events\n"},
		{"one without newline", "a", []string{"a"}, "dispatched 1 event\n"},
		{"empty ones", "\n\na\n\n", []string{"", "", "a", ""}, "dispatched 4 events\n"},
		{"carriage return", "a\r\nb", []string{"a\r", "b"}, "dispatched 2 events\n"},
		{"long", long + "\nb\n", []string{long, "b"}, "dispatched 2 events\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			runFake(t, f, tt.in, "dispatch", "topic:t", "--stdin", "--name", "line").want(t, exitOK, tt.out, "")
			var got []string
			for _, e := range f.dispatched {
				got = append(got, string(e.Data))
			}
			if strings.Join(got, "|") != strings.Join(tt.want, "|") || len(got) != len(tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// What is dispatched stays what it was, however many lines follow.
func TestDispatchLinesKeepTheirData(t *testing.T) {
	var in strings.Builder
	for range 3000 {
		in.WriteString(event.NewID().String() + "\n")
	}
	f := &fake{}
	runFake(t, f, in.String(), "dispatch", "topic:t", "--stdin", "--json").want(t, exitOK, `{"dispatched":3000,"refused":0}`+"\n", "")
	var out strings.Builder
	for _, e := range f.dispatched {
		out.Write(append(e.Data, '\n'))
	}
	if in.String() != out.String() {
		t.Error("the events are not the lines")
	}
}

// The line that is too long is named; those before it are dispatched.
func TestDispatchLineTooLong(t *testing.T) {
	f := &fake{refuse: func(e event.Event) error {
		if len(e.Data) > 1<<20 {
			return &eventnode.LimitError{Limit: "max_event_bytes", Max: 1 << 20, Got: len(e.Data)}
		}
		return nil
	}}
	r := runFake(t, f, "a\nb\n"+strings.Repeat("x", 2<<20)+"\nd\n", "dispatch", "topic:t", "--stdin")
	if r.code != exitError || !strings.Contains(r.stderr, "line 3: ") || !strings.Contains(r.stderr, "max_event_bytes is 1048576") {
		t.Errorf("%+v", r)
	}
	r = runFake(t, &fake{}, "a\n"+strings.Repeat("x", maxPayload+lineBuffer), "dispatch", "topic:t", "--stdin")
	if r.code != exitError || !strings.Contains(r.stderr, "line 2: longer than 16 MiB") || r.stdout != "dispatched 1 event\n" {
		t.Errorf("code %d, stdout %q, stderr %.200q", r.code, r.stdout, r.stderr)
	}
}

// A topic that is refused is told at the first line, not after the last.
func TestDispatchLinesRefused(t *testing.T) {
	f := &fake{refuse: func(event.Event) error { return &eventnode.TopicError{Topic: "nope", Reason: "no kind"} }}
	r := runFake(t, f, strings.Repeat("a\n", 1000), "dispatch", "nope", "--stdin", "--json")
	if r.code != exitError || !strings.Contains(r.stderr, `line 1: `) || !strings.Contains(r.stderr, "bad topic") {
		t.Errorf("%+v", r)
	}
}

// ctrl-C while stdin is silent ends the command; what was read is dispatched.
func TestDispatchLinesInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	defer func() { _ = feed.Close() }()
	seen := make(chan struct{})
	f := &fake{refuse: func(event.Event) error { close(seen); return nil }}
	go func() { _, _ = io.WriteString(feed, "a\n") }()
	done := make(chan result, 1)
	go func() { done <- runFakeContext(ctx, f, in, "dispatch", "topic:t", "--stdin") }()
	<-seen
	interrupt()
	r := <-done
	if r.code != exitError || r.stdout != "dispatched 1 event\n" || !strings.Contains(r.stderr, "interrupted") {
		t.Errorf("%+v", r)
	}
}
