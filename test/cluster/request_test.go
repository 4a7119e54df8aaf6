package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// replyAt answers requests to a topic through a client of one node until the test ends.
func replyAt(t *testing.T, n *cluster.Node, topic string, r eventnode.Replier, opts ...eventnode.SubscribeOption) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stands, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- eventnode.Reply(ctx, n.Client(), []string{topic}, r, eventnode.WithSubscribeOptions(opts...), eventnode.WithReady(func(sub eventnode.Subscription) {
			if len(sub.Missing()) > 0 {
				t.Errorf("%v do not know of the replier", sub.Missing())
			}
			close(stands)
		}))
	}()
	<-stands
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Reply at %s: %v", n.Name(), err)
		}
	})
}

// named replies with a name and the request's data; to "no" with an error.
func named(name string) eventnode.Replier {
	return func(_ context.Context, d eventnode.Delivery) (event.Event, error) {
		if string(d.Event.Data) == "no" {
			return event.Event{}, errors.New("not by " + name)
		}
		return event.New("replied", []byte(name+" "+string(d.Event.Data))), nil
	}
}

// askWithin is one request with some time.
func askWithin(t *testing.T, r *eventnode.Requester, d time.Duration, data string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	got, err := r.Request(ctx, "topic:prices", event.New("asked", []byte(data)))
	return string(got.Data), err
}

// On three processes: requests at one node reach repliers at the two others, whose replies,
// also several and errors, come back. When a replier's node is killed the other one replies,
// and when that is killed too, requests are told at once that nobody is there.
func TestRequestsOnProcesses(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Processes: true})
	r, err := eventnode.NewRequester(c.Node("n1").Client(), eventnode.RequesterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := askWithin(t, r, time.Minute, "1"); !errors.Is(err, eventnode.ErrNoResponders) {
		t.Fatalf("nobody: %v", err)
	}
	for _, name := range []string{"n2", "n3"} {
		replyAt(t, c.Node(name), "topic:prices", named(name))
	}
	if got, err := askWithin(t, r, time.Minute, "2"); err != nil || got != "n2 2" && got != "n3 2" {
		t.Fatalf("%q, %v", got, err)
	}
	var said *eventnode.ReplyError
	if _, err := askWithin(t, r, time.Minute, "no"); !errors.As(err, &said) || !strings.HasPrefix(said.Text, "not by n") {
		t.Errorf("an error: %v", err)
	}
	both := map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for ev, err := range r.RequestMany(ctx, "topic:prices", event.New("asked", []byte("3"))) {
		if err != nil {
			t.Errorf("several: %v", err)
		}
		both[string(ev.Data)] = true
	}
	if len(both) != 2 || !both["n2 3"] || !both["n3 3"] || ctx.Err() == nil {
		t.Errorf("until the deadline: %v", both)
	}
	toOneOfSeveral(t, c, r)

	c.Kill("n2")
	for i := range 20 {
		if got, err := askWithin(t, r, time.Minute, fmt.Sprint(i)); err != nil || got != fmt.Sprint("n3 ", i) {
			t.Fatalf("after the kill of n2: %q, %v", got, err)
		}
	}
	c.Kill("n3")
	c.Eventually(10*time.Second, func() error {
		// One that was under way to the dying node may wait for a reply.
		if _, err := askWithin(t, r, time.Second, "4"); !errors.Is(err, eventnode.ErrNoResponders) {
			return fmt.Errorf("nobody is left: %w", err)
		}
		return nil
	})
	if _, err := askWithin(t, r, time.Hour, "5"); !errors.Is(err, eventnode.ErrNoResponders) {
		t.Errorf("nobody is left: %v", err)
	}
	if s := r.Stats(); s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// toOneOfSeveral asks repliers that are a queue group: each request has one reply.
func toOneOfSeveral(t *testing.T, c *cluster.Cluster, r *eventnode.Requester) {
	t.Helper()
	for _, name := range []string{"n2", "n3"} {
		replyAt(t, c.Node(name), "topic:one", named(name), eventnode.WithQueueGroup("repliers"))
	}
	for i := range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		replies := 0
		for _, err := range r.RequestMany(ctx, "topic:one", event.New("asked", fmt.Append(nil, i))) {
			if err != nil {
				t.Errorf("a queue group: %v", err)
			}
			replies++
		}
		if cancel(); replies != 1 {
			t.Errorf("%d replies of a queue group", replies)
		}
	}
}

// When the requester's node is killed, each request under way is answered or ends with an
// error that says why, none hangs, none has the reply to another one; and its inbox comes
// back at the next node.
func TestRequesterOutlivesItsNode(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Processes: true})
	replyAt(t, c.Node("n3"), "topic:prices", named("n3"))
	client := c.Node("n1").Client(c.Node("n2"))
	r, err := eventnode.NewRequester(client, eventnode.RequesterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var answered, failed atomic.Int64
	life, stop := context.WithCancel(t.Context())
	defer stop()
	var askers sync.WaitGroup
	for k := range 8 {
		askers.Go(func() {
			for i := 0; life.Err() == nil; i++ {
				data := fmt.Sprint(k, " ", i)
				got, err := askWithin(t, r, 3*time.Second, data)
				switch {
				case err == nil && got == "n3 "+data:
					answered.Add(1)
				case errors.Is(err, eventnode.ErrOutcomeUnknown), errors.Is(err, eventnode.ErrUnavailable), errors.Is(err, eventnode.ErrNoResponders),
					errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), "may have been lost"):
					failed.Add(1)
				default:
					t.Errorf("%s: %q, %v", data, got, err)
				}
			}
		})
	}
	progress := func(n int64) {
		t.Helper()
		before := answered.Load()
		c.Eventually(30*time.Second, func() error {
			if got := answered.Load() - before; got < n {
				return fmt.Errorf("%d of %d answered, %d failed: %+v", got, n, failed.Load(), r.Stats())
			}
			return nil
		})
	}
	progress(500)
	at := "n1"
	if client.Addr() == c.Node("n2").RPCAddress() {
		at = "n2"
	}
	c.Kill(at)
	progress(500)
	stop()
	askers.Wait()
	s := r.Stats()
	t.Logf("killed %s: %d answered, %d failed, %+v", at, answered.Load(), failed.Load(), s)
	if s.Waiting != 0 || s.Gaps == 0 {
		t.Errorf("%+v", s)
	}
	if got, err := askWithin(t, r, time.Minute, "last"); err != nil || got != "n3 last" {
		t.Errorf("%q, %v", got, err)
	}
}
