package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// On three processes: who subscribes to a pattern, with a filter, gets what it stands for from
// each node, once, and nothing else; when its node is killed it is told that events may be
// missing, and then it gets what comes from its next node on.
func TestPatternsOnProcesses(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Processes: true})
	sub, err := c.Node("n3").Client(c.Node("n2")).Subscribe(t.Context(), []string{"topic:orders.*", "topic:orders.eu", "topic:*.eu.>"},
		eventnode.WithNames("paid"), eventnode.WithMetaValue("region", "eu"))
	if err != nil || len(sub.Missing()) > 0 {
		t.Fatalf("subscribed, missing %v; %v", sub.Missing(), err)
	}
	say := func(node, data string) {
		t.Helper()
		p := c.Node(node).Live()
		for _, topic := range []string{"topic:orders.eu", "topic:orders", "topic:orders.eu.north", "topic:users.us"} {
			for _, ev := range []struct{ name, region string }{{"paid", "eu"}, {"sent", "eu"}, {"paid", "us"}} {
				e := event.New(ev.name, fmt.Appendf(nil, "%s %s", data, topic), event.WithMeta(map[string]string{"region": ev.region}))
				if _, err := p.Dispatch(t.Context(), topic, e); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := func(data ...string) {
		t.Helper()
		for _, w := range data {
			d, err := sub.Receive(t.Context())
			if err != nil || string(d.Event.Data) != w || d.Event.Name != "paid" || d.Event.Meta["region"] != "eu" {
				t.Fatalf("got %+v, %v; want %q", d, err, w)
			}
		}
	}
	for _, node := range []string{"n1", "n2", "n3"} {
		say(node, node)
		want(node+" topic:orders.eu", node+" topic:orders.eu.north")
	}
	subs, missing, err := c.Node("n1").Cluster().Subscriptions(t.Context(), "topic:orders.eu")
	if err != nil || len(subs) != 1 || len(missing) > 0 || !slices.Contains(subs[0].Topics, "topic:orders.*") {
		t.Fatalf("listed %+v, missing %v; %v", subs, missing, err)
	}
	c.Kill(string(subs[0].Node))
	d, err := sub.Receive(t.Context())
	if err != nil || d.Gap == nil || d.Gap.Reason != eventnode.GapReconnected {
		t.Fatalf("after the kill: %+v, %v", d, err)
	}
	say("n1", "later")
	want("later topic:orders.eu", "later topic:orders.eu.north")
	p := c.Node("n1").Live()
	_, err = p.Dispatch(t.Context(), "topic:orders.*", event.New("paid", nil))
	if err = errors.Join(err, p.Flush(t.Context())); !errors.Is(err, eventnode.ErrBadTopic) {
		t.Errorf("dispatched to a pattern: %v", err)
	}
}

// Await sees what its ready brings about, on another node; what is not awaited it passes
// over; when its time is up it says so, and if events were missing.
func TestAwaitOverNodes(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Processes: true})
	p := c.Node("n1").Live()
	answer := func(d eventnode.Delivery) bool { return string(d.Event.Data) == "answer" }
	d, err := eventnode.Await(t.Context(), c.Node("n3").Live(), []string{"topic:answers.*"}, answer, func() error {
		for _, data := range []string{"noise", "answer", "late"} {
			if _, err := p.Dispatch(t.Context(), "topic:answers.7", event.New("said", []byte(data))); err != nil {
				return err
			}
		}
		return p.Flush(t.Context())
	}, eventnode.WithNames("said"))
	if err != nil || string(d.Event.Data) != "answer" {
		t.Fatalf("%+v, %v", d, err)
	}
	failed := errors.New("failed")
	if _, err := eventnode.Await(t.Context(), p, []string{"topic:x"}, answer, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("ready failed: %v", err)
	}
	late := errors.New("nobody answered")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, late)
	defer cancel()
	if _, err := eventnode.Await(ctx, p, []string{"topic:x"}, answer, nil); !errors.Is(err, late) {
		t.Errorf("the time was up: %v", err)
	}
	if _, err := eventnode.Await(t.Context(), p, []string{"topic:x"}, nil, nil); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("without a predicate: %v", err)
	}
}
