package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// The bounds of the slow subscriber's queue.
const (
	slowEvents = 64
	slowBytes  = 32 << 10
)

var everyPolicy = []eventnode.Policy{
	eventnode.PolicyDropOldest, eventnode.PolicyDropNewest, eventnode.PolicyDisconnect, eventnode.PolicyBlock,
}

// A subscriber that reads nothing for 30 s holds no more than its queue, on each
// policy; the others keep their rate (with block, from the end of the first
// episode on); and when it reads again it is told exactly how many it missed.
func TestSlowSubscriberOnEachPolicy(t *testing.T) {
	for _, policy := range everyPolicy {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { slowSubscriber(t, policy) })
		})
	}
}

func slowSubscriber(t *testing.T, policy eventnode.Policy) {
	const (
		every = 20 * time.Millisecond
		block = 2 * time.Second
	)
	c := cluster.Start(t, cluster.Config{})
	slow := open(t, "slow", c.Node("n2").Live(), "topic:x", eventnode.WithPolicy(policy),
		eventnode.WithQueue(slowEvents, slowBytes), eventnode.WithMaxBlock(block), eventnode.WithHolder("slow"))
	beside := follow(t, "on the same node", c.Node("n2").Live(), "topic:x")
	elsewhere := follow(t, "on another node", c.Node("n3").Live(), "topic:x")

	var sent uint64
	for start := time.Now(); time.Since(start) < 30*time.Second; time.Sleep(every) { // virtual time
		sent++
		if _, err := c.Node("n1").Live().Dispatch(t.Context(), "topic:x", counted(sent, 1000)); err != nil {
			t.Fatal(err)
		}
		if sent%20 == 0 {
			bounded(t, c.Node("n2"))
		}
	}
	c.Eventually(time.Second, func() error { return atLeast(sent, beside, elsewhere) })
	// Nobody waits for the slow one but for block, and that once: what a block
	// holds up is the node that the slow subscriber is on.
	limits := map[*tally]time.Duration{beside: 2 * every, elsewhere: 2 * every}
	if policy == eventnode.PolicyBlock {
		limits[beside] = block + 2*every
	}
	for y, limit := range limits {
		if s := y.now(); s.rest > limit || len(s.gaps) > 0 {
			t.Errorf("%s waited %v for an event, gaps %v", y.name, s.rest, s.gaps)
		}
	}

	slow.start(t.Context())
	if policy == eventnode.PolicyDisconnect {
		slow.done.Wait()
		if s := slow.now(); !errors.Is(s.err, eventnode.ErrSlowSubscriber) {
			t.Errorf("the subscription ended with %v", s.err)
		}
		return
	}
	c.Eventually(time.Second, func() error { return complete(slow, sent) })
	s := slow.now()
	if s.got > slowEvents || s.unknown() {
		t.Errorf("got %d events, gaps %v", s.got, s.gaps)
	}
	t.Logf("%d events: %d received, %d told missing", sent, s.got, s.told)

	// And it goes on.
	for range 10 {
		sent++
		dispatchTo(t, c.Node("n1").Live(), "topic:x", sent)
	}
	c.Eventually(time.Second, func() error { return complete(slow, sent) })
	if s := slow.now(); s.last != sent {
		t.Errorf("the last event is %d of %d", s.last, sent)
	}
}

// bounded checks that no queue on a node holds more than the slow one may.
func bounded(t *testing.T, n *cluster.Node) {
	t.Helper()
	infos, _, err := n.Cluster().Subscriptions(t.Context(), "topic:x")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if i.Holder == "slow" && (i.QueuedEvents > slowEvents || i.QueuedBytes > slowBytes) {
			t.Fatalf("the queue holds %d events and %d bytes", i.QueuedEvents, i.QueuedBytes)
		}
	}
}

// complete says nil if what came and what was told missing is all that was sent.
func complete(y *tally, sent uint64) error {
	if s := y.now(); s.got+s.told != sent {
		return fmt.Errorf("%s: %d received and %d told missing of %d", y.name, s.got, s.told, sent)
	}
	return nil
}

// The same over gRPC to processes of the real binary: what a reader does not
// take waits in the buffers of the connection, then in its queue, then the policy
// holds; the count is exact, and the node's memory stays where it was.
func TestSlowClientOnEachPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Nodes: 2, Processes: true})
	for _, policy := range everyPolicy {
		t.Run(policy.String(), func(t *testing.T) { slowClient(t, c, policy) })
	}
}

func slowClient(t *testing.T, c *cluster.Cluster, policy eventnode.Policy) {
	const (
		size  = 64 << 10
		queue = 1 << 20
		sent  = 1000 // 62 MiB: far more than all buffers on the way
	)
	topic := "topic:slow." + policy.String()
	slow := open(t, "slow", c.Node("n2").Client(), topic, eventnode.WithPolicy(policy),
		eventnode.WithQueue(0, queue), eventnode.WithMaxBlock(200*time.Millisecond), eventnode.WithHolder("slow"))
	fast := follow(t, "fast", c.Node("n2").Client(), topic, eventnode.WithQueue(sent, 2*sent*size))
	p, err := c.Node("n1").Client().NewPublisher(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(sent) {
		if _, err := p.Dispatch(t.Context(), topic, counted(n+1, size)); err != nil {
			t.Fatal(err)
		}
		if n%50 != 0 {
			continue
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		infos, _, err := c.Node("n2").Cluster().Subscriptions(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			if i.Holder == "slow" && i.QueuedBytes > queue {
				t.Errorf("the queue holds %d bytes", i.QueuedBytes)
			}
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Eventually(30*time.Second, func() error { return complete(fast, sent) })
	if s := fast.now(); len(s.gaps) > 0 {
		t.Errorf("the fast one has gaps: %v", s.gaps)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	slow.start(ctx)
	if policy == eventnode.PolicyDisconnect {
		slow.done.Wait()
		if s := slow.now(); !errors.Is(s.err, eventnode.ErrSlowSubscriber) {
			t.Errorf("the subscription ended with %v", s.err)
		}
		return
	}
	c.Eventually(30*time.Second, func() error { return complete(slow, sent) })
	s := slow.now()
	if s.told == 0 || s.unknown() {
		t.Errorf("got %d events, gaps %v", s.got, s.gaps)
	}
	t.Logf("%d events: %d received, %d told missing", sent, s.got, s.told)
}
