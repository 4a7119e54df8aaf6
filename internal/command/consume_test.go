package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

// streamEvents makes events of a stream: the position of the i-th is 9-i.
func streamEvents(stream string, data ...string) []eventnode.StreamEvent {
	var list []eventnode.StreamEvent
	for i, d := range data {
		list = append(list, eventnode.StreamEvent{Stream: stream, Position: eventnode.Position{MS: 9, Seq: uint64(i)}, Number: uint64(i + 1), Event: ev(d)})
	}
	return list
}

// What is printed is acked; with --drain the command ends then.
func TestConsume(t *testing.T) {
	f := &fake{}
	f.durable.events = streamEvents("orders", "a", "b", "c")
	runFake(t, f, "", "consume", "--group", "billing", "--drain", "--count", "2").want(t, exitOK,
		"orders/9-0  said  a\norders/9-1  said  b\norders/9-2  said  c\n", "")
	if want := []string{"ack orders/9-0", "ack orders/9-1", "ack orders/9-2"}; !slices.Equal(f.durable.settled, want) {
		t.Errorf("%q", f.durable.settled)
	}
	if want := []string{"consumer of billing, streams [], manual false, prefetch true", "consume 1 2"}; !slices.Equal(f.durable.did, want) {
		t.Errorf("%q", f.durable.did)
	}
	runFake(t, f, "", "consume", "--group", "billing", "--stream", "orders", "--drain", "--consumer", "3").want(t, exitOK,
		"9-0  said  a\n9-1  said  b\n9-2  said  c\n", "")
	if last := f.durable.did[len(f.durable.did)-1]; last != "consume 3 100" {
		t.Errorf("%q", last)
	}
	r := runFake(t, f, "", "consume", "--group", "billing", "--drain", "--json")
	var j consumedJSON
	line, _, _ := strings.Cut(r.stdout, "\n")
	if err := json.Unmarshal([]byte(line), &j); err != nil || j.Stream != "orders" || j.Position != "9-0" || j.Number != 1 || j.Deliveries != 1 || j.Epoch != 5 || string(j.Event.Data) != "a" {
		t.Errorf("%s: %v", line, err)
	}
}

// --limit is exact: what is more goes back, and the command ends by itself.
func TestConsumeLimit(t *testing.T) {
	f := &fake{}
	f.durable.events = streamEvents("orders", "a", "b", "c", "d", "e")
	runFake(t, f, "", "consume", "--group", "g", "--stream", "orders", "--limit", "3", "--count", "2").want(t, exitOK,
		"9-0  said  a\n9-1  said  b\n9-2  said  c\n", "")
	if want := []string{"ack orders/9-0", "ack orders/9-1", "back orders/9-3", "ack orders/9-2"}; !slices.Equal(f.durable.settled, want) {
		t.Errorf("%q", f.durable.settled)
	}
}

// brokenPipe takes some bytes.
type brokenPipe struct{ left int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(p), nil
}

// What stdout did not take is not acked: it comes again.
func TestConsumeBrokenPipe(t *testing.T) {
	f := &fake{}
	f.durable.events = streamEvents("orders", "a", "b", "c", "d")
	var stderr buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &brokenPipe{left: 40}, stderr: &stderr, getenv: func(string) string { return "" },
		dial: func(context.Context, []string, string) (cluster, error) { return f, nil },
	}
	code := a.run(t.Context(), []string{"consume", "--group", "g", "--count", "2"})
	if want := []string{"ack orders/9-0", "ack orders/9-1", "back orders/9-2", "back orders/9-3"}; code != exitError || !slices.Equal(f.durable.settled, want) {
		t.Errorf("code %d, %q, %q", code, f.durable.settled, stderr.String())
	}
}

// Who is taken, what is lost and what is not there have their exit codes.
func TestConsumeFails(t *testing.T) {
	f := &fake{}
	f.durable.taken = true
	r := runFake(t, f, "", "consume", "--group", "g", "--consumer", "2")
	if r.code != exitTaken || !strings.Contains(r.stderr, `another one is consumer 2 of group "g"`) || !strings.Contains(r.stderr, "choose another --consumer") {
		t.Errorf("%+v", r)
	}
	f.durable.taken, f.durable.lost = false, 12
	r = runFake(t, f, "", "consume", "--group", "g", "--drain", "--json")
	if r.code != exitGap || !strings.HasPrefix(r.stderr, `{"lost":{"events":12,"stream":"orders"}}`+"\n") {
		t.Errorf("%+v", r)
	}
	f.durable.lost, f.durable.err = 0, eventnode.ConsumerGroupNotFound("orders", "g")
	if r := runFake(t, f, "", "consume", "--group", "g"); r.code != exitError || !strings.Contains(r.stderr, "add it first") {
		t.Errorf("%+v", r)
	}
	for _, args := range []string{"consume", "consume --group g --consumer 0", "consume --group g --count 0", "consume --group g orders"} {
		if r := runFake(t, f, "", strings.Fields(args)...); r.code != exitUsage {
			t.Errorf("%s: %+v", args, r)
		}
	}
}

// Each batch waits for its answers, and what they say is done.
func TestConsumeManualAck(t *testing.T) {
	f := &fake{}
	f.durable.events = slices.Concat(streamEvents("orders", "a", "b"), streamEvents("refunds", "c"), streamEvents("orders", "", "", "d", "e")[2:])
	in, lines := io.Pipe()
	defer func() { _ = lines.Close() }()
	p := startFake(t, f, in, "consume", "--group", "g", "--manual-ack", "--drain", "--count", "3")
	p.printed(t, 3)
	write := func(line string) { fmt.Fprintln(lines, line) }
	wait := func(n int) {
		t.Helper()
		poll(t, "it is settled", func() error {
			if got := f.durable.words(); len(got) != n {
				return fmt.Errorf("%q", got)
			}
			return nil
		})
	}
	write("extend orders/9-0 2m")
	write("extend 9-1")
	wait(2)
	write("ack orders/9-0")
	write("ack 9-1")
	wait(4)
	if did := f.durable.words(); slices.Contains(did, "ack orders/9-2") {
		t.Errorf("%q", did)
	}
	write("nack refunds/9-0 30s")
	p.printed(t, 5) // the first batch has its answers
	write("terminate 9-2 no such  address")
	write("nack 9-3")
	p.end(t).want(t, exitOK, "orders/9-0  said  a\norders/9-1  said  b\nrefunds/9-0  said  c\norders/9-2  said  d\norders/9-3  said  e\n", "")
	want := []string{
		"extend orders/9-0 2m0s", "extend orders/9-1", "ack orders/9-0", "ack orders/9-1", "nack refunds/9-0 30s",
		"terminate orders/9-2 no such address", "nack orders/9-3",
	}
	if !slices.Equal(f.durable.settled, want) {
		t.Errorf("%q", f.durable.settled)
	}
}

// A line that says nothing of use is told and changes nothing; the end of stdin ends
// the command, and what has no answer is left alone.
func TestConsumeManualAckBadLines(t *testing.T) {
	desk := newAckDesk(&app{})
	var list []*eventnode.StreamDelivery
	s := &fakeSettler{d: &fakeDurable{}, done: map[*eventnode.StreamDelivery]bool{}}
	for _, e := range slices.Concat(streamEvents("orders", "a", "b"), streamEvents("refunds", "c")) {
		d := eventnode.NewStreamDelivery(e, 1, 5, s)
		list = append(list, &d)
	}
	answered := desk.put(list)
	for line, want := range map[string]string{
		"ack": "an ID is missing", "eat 9-1": `unknown verb "eat"`, "ack 9-0": "write STREAM/POSITION", "ack 9-7": "does not wait", "ack refunds/9-1": "does not wait",
		"ack 9-1 now": "unexpected", "nack 9-1 soon": "write one time", "nack 9-1 1s 2s": "write one time", "extend 9-1 -1s": "write one time", "terminate 9-1": "a reason is missing",
	} {
		if err := desk.line(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	if len(s.d.settled) > 0 {
		t.Errorf("%q", s.d.settled)
	}
	for _, line := range []string{"", "ack refunds/9-0", "ack 9-0", "ack orders/9-1"} {
		if err := desk.line(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	select {
	case <-answered:
	default:
		t.Error("not all are answered")
	}
	if err := desk.line("ack 9-0"); err == nil {
		t.Error("acked twice")
	}

	f := &fake{}
	f.durable.events = streamEvents("orders", "a")
	r := runFake(t, f, "eat 9-0\n", "consume", "--group", "g", "--manual-ack")
	if r.code != exitError || !strings.HasPrefix(r.stderr, `line 1: unknown verb "eat"`) || !strings.Contains(r.stderr, "1 line of stdin did nothing") || len(f.durable.settled) > 0 {
		t.Errorf("%+v, %q", r, f.durable.settled)
	}
}

// No line settles what it does not name.
func FuzzAckLine(f *testing.F) {
	for _, line := range []string{"ack 9-0", "nack orders/9-0 30s", "terminate 9-0 why", "extend 9-0", "ack", "ack /", "nack 9-0 1e9h"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s := &fakeSettler{d: &fakeDurable{}, done: map[*eventnode.StreamDelivery]bool{}}
		d := eventnode.NewStreamDelivery(streamEvents("orders", "a")[0], 1, 5, s)
		desk := newAckDesk(&app{})
		desk.put([]*eventnode.StreamDelivery{&d})
		err := desk.line(line)
		if words := strings.Fields(line); len(s.d.settled) > 0 && (err != nil || len(words) < 2 || words[1] != "9-0" && words[1] != "orders/9-0" && words[1] != "/9-0") {
			t.Fatalf("%q: %q, %v", line, s.d.settled, err)
		}
	})
}
