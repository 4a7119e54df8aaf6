package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

// What is dispatched while it records is in the stream, with its topics; a second
// recorder adds nothing; ctrl-C ends well.
func TestStreamsRecord(t *testing.T) {
	addr := store(t)
	do := func(args ...string) result {
		t.Helper()
		return runReal(t, "", append(args, "--addr", addr)...)
	}
	if r := do("streams", "create", "log"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	first := start(t, "", "streams", "record", "topic:a", "topic:b", "log", "--addr", addr)
	first.says(t, "recording from 1 node\n")
	second := start(t, "", "streams", "record", "topic:b", "topic:a", "log", "--json", "--addr", addr)
	second.says(t, `"recording"`)
	sub := start(t, "", "subscribe", "topic:a", "--catch-up", "log", "--addr", addr)
	sub.says(t, "subscribed on 1 node\n")
	for i := range 3 {
		if r := do("dispatch", "topic:a", "topic:b", "--data", fmt.Sprint(i)); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	poll(t, "three events are recorded, and printed", func() error {
		r := do("streams", "read", "log", "--json")
		if n := strings.Count(r.stdout, `"topics":["topic:a","topic:b"]`); n != 3 {
			return fmt.Errorf("%d: %s", n, r.stdout)
		}
		if sub.stdout.String() != "0\n1\n2\n" {
			return errors.New(sub.stdout.String())
		}
		return nil
	})
	sub.interrupt()
	first.interrupt()
	second.interrupt()
	if r := sub.end(t); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	one, two := first.end(t), second.end(t)
	var j recordedJSON
	if err := json.Unmarshal([]byte(two.stdout), &j); err != nil || two.code != exitOK || j.Received != 3 || j.Appended+j.Known != 3 {
		t.Errorf("%+v, %v", two, err)
	}
	want := fmt.Sprintf("recorded %s to log; %d were there already, 0 were left out\n", plural(j.Known, "event"), 3-j.Known)
	if one.code != exitOK || one.stdout != want {
		t.Errorf("%+v, want %q", one, want)
	}
	if r := do("streams", "record", "topic:a", "nowhere"); r.code != exitError || !strings.Contains(r.stderr, "nowhere") {
		t.Errorf("%+v", r)
	}
	if r := do("subscribe", "topic:a", "--catch-up", "nowhere"); r.code != exitError || !strings.Contains(r.stderr, "nowhere") {
		t.Errorf("%+v", r)
	}
	if r := do("subscribe", "topic:a", "--namespace", "x"); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
	if r := do("streams", "record", "log"); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
}

// recorderFake tells what a recorder may tell.
type recorderFake struct {
	fake
	options eventnode.RecordOptions
}

func (f *recorderFake) Record(_ context.Context, _ []string, _ string, opts ...eventnode.RecordOption) error {
	o := eventnode.NewRecordOptions(opts...)
	f.options = o
	o.OnStart(&fakeSubscription{})
	o.OnGap(eventnode.Gap{Count: 2, Known: true, Reason: eventnode.GapQueueFull})
	o.OnRefused(delivered("x")[0], eventnode.ErrInvalidEvent)
	p := eventnode.RecordProgress{Received: 3, Refused: 1, Gaps: 1, Trouble: eventnode.ErrStreamFull}
	o.OnProgress(p)
	o.OnProgress(p)
	p.Appended, p.Known, p.Trouble = 1, 1, nil
	o.OnProgress(p)
	return nil
}

// Each gap, each event that is left out and each trouble is told, and a gap is the exit
// code.
func TestStreamsRecordTells(t *testing.T) {
	f := &recorderFake{}
	var stdout, stderr buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" },
		dial: func(context.Context, []string, string) (cluster, error) { return f, nil },
	}
	code := a.run(t.Context(), []string{"streams", "record", "topic:t", "log", "--queue-events", "9", "--namespace", "ns", "--grace", "3s"})
	r := result{code, stdout.String(), stderr.String()}
	r.want(t, exitGap, "recorded 1 event to log; 1 were there already, 1 were left out\n",
		"recording from 3 nodes\n"+
			"gap: 2 events are missing here (queue_full)\n"+
			"event 00000000-0000-7000-8000-000000000001 is left out: "+eventnode.ErrInvalidEvent.Error()+"\n"+
			"not appended yet, tried again: stream full\n"+
			"appended again\n"+
			"eventnode: 1 gap: unless another recorder has them, events are missing\n")
	if o := f.options; o.Namespace != "ns" || o.QueueEvents != 9 || o.Grace.Seconds() != 3 || !f.closed {
		t.Errorf("%+v", o)
	}
}
