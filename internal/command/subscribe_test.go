package command

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

func TestSubscribePrintsData(t *testing.T) {
	f := &fake{deliveries: delivered("one", "", "three")}
	r := runFake(t, f, "", "subscribe", "topic:t", "topic:u", "--count", "3")
	r.want(t, exitOK, "one\n\nthree\n", "subscribed on 3 nodes\n")
	if strings.Join(f.topics, " ") != "topic:t topic:u" || f.options.Policy != eventnode.PolicyBlock || !f.closed {
		t.Errorf("%v, %+v, closed %v", f.topics, f.options, f.closed)
	}
}

// Patterns go to the node as they are, and so does what is to be left of the events.
func TestSubscribeWithFilter(t *testing.T) {
	f := &fake{deliveries: delivered("one")}
	r := runFake(t, f, "", "subscribe", "topic:a.*", "topic:b.>", "--name", "x,y", "--name", "z", "--meta", "region=eu", "--meta", "k=a=b,c", "--count", "1")
	want := eventnode.Filter{Names: []string{"x", "y", "z"}, Meta: map[string]string{"region": "eu", "k": "a=b,c"}}
	if r.code != exitOK || !reflect.DeepEqual(f.options.Filter, want) || strings.Join(f.topics, " ") != "topic:a.* topic:b.>" {
		t.Errorf("%+v, %v, %+v", r, f.topics, f.options.Filter)
	}
	if r := runFake(t, f, "", "subscribe", "topic:a", "--meta", "region"); r.code != exitUsage || !strings.Contains(r.stderr, "key=value") {
		t.Errorf("%+v", r)
	}
}

// --queue names the queue group, and a bad name, or one with --catch-up, is refused.
func TestSubscribeQueueGroup(t *testing.T) {
	f := &fake{deliveries: delivered("one")}
	r := runFake(t, f, "", "subscribe", "topic:a", "--queue", "billing", "--count", "1")
	if r.code != exitOK || f.options.QueueGroup != "billing" || f.options.QueueEvents != eventnode.DefaultQueueEvents {
		t.Errorf("%+v, %+v", r, f.options)
	}
	if r := runFake(t, f, "", "subscribe", "topic:a", "--queue", "billing", "--catch-up", "log"); r.code != exitUsage || !strings.Contains(r.stderr, "exclude each other") {
		t.Errorf("%+v", r)
	}
}

func TestSubscribeJSON(t *testing.T) {
	f := &fake{deliveries: append(
		[]eventnode.Delivery{{Gap: &eventnode.Gap{Node: "n2", Count: 0, Known: true, Reason: eventnode.GapQueueFull}}},
		delivered("<a\nb>")...)}
	r := runFake(t, f, "", "subscribe", "topic:t", "--count", "1", "--json", "--policy", "drop_oldest", "--queue-events", "9")
	lines := strings.Split(r.stdout, "\n")
	if len(lines) != 3 || lines[0] != `{"gap":{"node":"n2","count":0,"reason":"queue_full"}}` ||
		!strings.HasPrefix(lines[1], `{"topics":["topic:t"],"event":{"id":"`) || !strings.Contains(lines[1], `"name":"said"`) {
		t.Errorf("stdout %q", lines)
	}
	if r.code != exitGap || f.options.QueueEvents != 9 || !strings.HasPrefix(r.stderr, `{"subscribed":{"missing":null,"nodes":3}}`+"\n"+`{"gap":`) {
		t.Errorf("code %d, stderr %s, %+v", r.code, r.stderr, f.options)
	}
}

// Each line is one event, in CloudEvents' form; a gap is told on stderr only.
func TestSubscribeCloudEvents(t *testing.T) {
	f := &fake{deliveries: append([]eventnode.Delivery{{Gap: &eventnode.Gap{Reason: eventnode.GapQueueFull}}}, delivered("a\nb", "c")...)}
	r := runFake(t, f, "", "subscribe", "topic:t", "--count", "2", "--format", "cloudevents")
	lines := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
	if r.code != exitGap || len(lines) != 2 {
		t.Fatalf("%+v", r)
	}
	for i, line := range lines {
		e, err := event.ParseCloudEvent([]byte(line))
		if want := f.deliveries[i+1].Event; err != nil || e.ID != want.ID || e.Name != want.Name || string(e.Data) != string(want.Data) {
			t.Errorf("%s: %+v, %v", line, e, err)
		}
	}
	if r := runFake(t, f, "", "subscribe", "topic:t", "--format", "cloudevents", "--json"); r.code != exitUsage || !strings.Contains(r.stderr, "choose one") {
		t.Errorf("%+v", r)
	}
}

// A gap is told on stderr, in its place, and is the exit code.
func TestSubscribeGap(t *testing.T) {
	list := delivered("one", "five")
	gap := eventnode.Delivery{Gap: &eventnode.Gap{Count: 3, Known: true, Reason: eventnode.GapQueueFull}}
	unknown := eventnode.Delivery{Gap: &eventnode.Gap{Node: "n2", Reason: eventnode.GapNodeLost}}
	f := &fake{deliveries: []eventnode.Delivery{list[0], gap, unknown, list[1]}}
	runFake(t, f, "", "subscribe", "topic:t", "--count", "2").want(t, exitGap, "one\nfive\n",
		"subscribed on 3 nodes\n"+
			"gap: 3 events are missing here (queue_full)\n"+
			"gap: an unknown number of events is missing here from n2 (node_lost)\n"+
			"eventnode: 2 gaps: events are missing, see the lines above\n")
}

func TestSubscribeTimeout(t *testing.T) {
	for _, tt := range []struct {
		name, args string
		code       int
		stderr     string
	}{
		{"before count", "--timeout 3s --count 2", exitTimeout, "eventnode: the time is up: 1 of 2 events came within 3s\n"},
		{"no count", "--timeout 3s", exitOK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				f := &fake{deliveries: delivered("one")}
				r := runFake(t, f, "", append([]string{"subscribe", "topic:t"}, strings.Fields(tt.args)...)...)
				r.want(t, tt.code, "one\n", "subscribed on 3 nodes\n"+tt.stderr)
				if took := time.Since(begin); took != 3*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// A single event shows at once, although stdout is buffered; and ctrl-C ends
// well.
func TestSubscribeFlushesWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		var stdout, stderr buffer
		f := &fake{deliveries: delivered("one", "two")}
		a := &app{stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" },
			dial: func(context.Context, []string, string) (cluster, error) { return f, nil }}
		code := make(chan int, 1)
		go func() { code <- a.run(ctx, []string{"subscribe", "topic:t"}) }()
		synctest.Wait()
		if stdout.String() != "one\ntwo\n" {
			t.Errorf("stdout %q before the end", stdout.String())
		}
		interrupt()
		if got := <-code; got != exitOK {
			t.Errorf("exit code %d: %s", got, stderr.String())
		}
	})
}

// What came before the end is printed, in order, however much it is.
func TestPumpKeepsOrder(t *testing.T) {
	const count = 10_000
	next, printed, idles := 0, 0, 0
	err := pump(t.Context(), func(context.Context) (int, error) {
		if next++; next > count {
			return 0, eventnode.ErrClosed
		}
		return next, nil
	}, func(i int) error {
		if printed++; i != printed {
			t.Fatalf("%d came as number %d", i, printed)
		}
		return nil
	}, func() error { idles++; return nil })
	if !errors.Is(err, eventnode.ErrClosed) || printed != count {
		t.Errorf("%v, %d printed, %d idle", err, printed, idles)
	}
}
