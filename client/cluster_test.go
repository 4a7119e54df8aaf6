package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// startNode runs a real node on loopback, on free ports. stop stops it and
// waits; the end of the test does so, too.
func startNode(t testing.TB, id eventnode.NodeID, seeds ...string) (n *node.Node, stop func()) {
	t.Helper()
	n, err := node.New(node.Config{ID: id, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", Seeds: seeds})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := n.Run(ctx); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	select {
	case <-n.Ready():
	case <-ended:
		t.Fatalf("%s did not start", id)
	}
	return n, stop
}

// The client against a real cluster: what one node's clients dispatch reaches
// the others', through the stop of the node in between.
func TestRealCluster(t *testing.T) {
	n1, stop1 := startNode(t, "n1")
	n2, _ := startNode(t, "n2", n1.GossipAddress())
	n3, _ := startNode(t, "n3", n1.GossipAddress())
	// Begins with n1, since the others are not known yet.
	c, err := client.Dial(t.Context(), []string{n1.RPCAddress()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "three nodes", func() bool {
		nodes, err := c.Nodes(t.Context())
		up := 0
		for _, n := range nodes {
			if n.Link == "up" || n.Link == "self" {
				up++
			}
		}
		return err == nil && up == 3
	})

	// A subscriber that can go from n1 to n2, and a publisher on n3.
	both := func() *client.Client {
		for {
			s, err := client.Dial(t.Context(), []string{n1.RPCAddress(), n2.RPCAddress()}, client.WithName("both"))
			if err != nil {
				t.Fatal(err)
			}
			if s.Addr() == n1.RPCAddress() {
				return s
			}
			_ = s.Close()
		}
	}()
	defer both.Close()
	sub := must[eventnode.Subscription](t)(both.Subscribe(t.Context(), []string{"topic:real"}, eventnode.WithPolicy(eventnode.PolicyBlock)))
	if sub.Nodes() != 3 || len(sub.Missing()) != 0 {
		t.Errorf("interest is known on %d nodes, missing %v", sub.Nodes(), sub.Missing())
	}
	member := must[eventnode.Member](t)(both.NewMember(t.Context(), 0))
	if err := join(both.Scope(""), "workers", "me", member); err != nil {
		t.Fatal(err)
	}

	p := must[*client.Client](t)(client.Dial(t.Context(), []string{n3.RPCAddress()}))
	defer p.Close()
	mon := must[eventnode.Monitor](t)(p.Scope("").Monitor(t.Context(), "workers"))
	pub := must[eventnode.PublisherCloser](t)(p.NewPublisher(t.Context()))
	const n = 20_000
	for i := range n {
		if _, err := pub.Dispatch(t.Context(), "topic:real", numberedEvent(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := pub.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, d := range receive(t, sub, n) {
		if d.Gap != nil || d.Event.Name != fmt.Sprint(i) {
			t.Fatalf("delivery %d is %v %+v", i, d.Event.Name, d.Gap)
		}
	}
	r, err := pub.Dispatch(t.Context(), "topic:real", numberedEvent(n), eventnode.WithReceipt(0))
	if err != nil || r.Reached != 1 || len(r.Nodes) != 1 || r.Nodes[0].Node != "n1" {
		t.Errorf("receipt %+v, %v", r, err)
	}
	if _, err := pub.Dispatch(t.Context(), "nonsense:x", numberedEvent(0)); err != nil {
		t.Error(err)
	}
	if err := pub.Flush(t.Context()); !errors.Is(err, eventnode.ErrBadTopic) {
		t.Errorf("Flush = %v, want the refusal", err)
	}
	if _, err := p.Dispatch(t.Context(), "topic:real", event.New("big", make([]byte, 8<<20))); !errors.Is(err, eventnode.ErrLimit) {
		t.Errorf("an event of 8 MiB: %v, want ErrLimit", err)
	}

	stop1()
	got := receive(t, sub, 2)
	if !slices.Equal(names(got), []string{fmt.Sprint(n), "reconnected"}) {
		t.Errorf("after n1 stopped: %v", names(got))
	}
	if both.Addr() != n2.RPCAddress() {
		t.Errorf("went to %q", both.Addr())
	}
	eventually(t, "reached on n2", func() bool {
		r, err := p.Dispatch(t.Context(), "topic:real", numberedEvent(n+1), eventnode.WithReceipt(0))
		return err == nil && r.Reached == 1
	})
	if d := receive(t, sub, 1)[0]; d.Event.Name != fmt.Sprint(n+1) {
		t.Errorf("then %v", names([]eventnode.Delivery{d}))
	}
	if r, err := member.Receive(t.Context()); err != nil || r.Gap == nil || r.Gap.Reason != eventnode.GapReconnected {
		t.Errorf("member received %+v, %v", r, err)
	}
	if member.Ref().Node.ID != "n2" {
		t.Errorf("member is %v", member.Ref())
	}
	eventually(t, "joined again", func() bool {
		list, err := p.Scope("").Members(t.Context(), "workers")
		return err == nil && len(list) == 1 && list[0].Member == member.Ref() && list[0].Meta == "me"
	})
	if res, err := p.Scope("").Broadcast(t.Context(), "workers", numberedEvent(5)); err != nil || res.Delivered != 1 {
		t.Errorf("Broadcast = %+v, %v", res, err)
	}
	if r, err := member.Receive(t.Context()); err != nil || r.Event.Name != "5" {
		t.Errorf("member received %+v, %v", r, err)
	}
	var seen []string
	for len(seen) < 2 {
		ch, err := mon.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ch.Joined {
			seen = append(seen, "joined on "+string(m.Member.Node.ID))
		}
		for _, m := range ch.Left {
			seen = append(seen, "left on "+string(m.Member.Node.ID))
		}
	}
	slices.Sort(seen) // the order between two nodes is not promised
	if want := []string{"joined on n2", "left on n1"}; !slices.Equal(seen, want) && !slices.Equal(seen, []string{"joined on n1", "left on n1"}) {
		t.Errorf("monitor saw %v, want %v", seen, want)
	}
}

// A hundred clients come and go: nothing of them is left on the node.
func TestRealNodeForgetsClients(t *testing.T) {
	n, _ := startNode(t, "n1")
	for range 20 {
		c := must[*client.Client](t)(client.Dial(t.Context(), []string{n.RPCAddress()}))
		must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		m := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		if err := join(c.Scope(""), "g", "", m, m); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Dispatch(t.Context(), "topic:a", numberedEvent(1)); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c := must[*client.Client](t)(client.Dial(t.Context(), []string{n.RPCAddress()}))
	defer c.Close()
	eventually(t, "all gone", func() bool {
		st, err := c.Status(t.Context())
		members, err2 := c.Scope("").Members(t.Context(), "g")
		return err == nil && err2 == nil && st.Subscriptions == 0 && len(members) == 0
	})
}

// BenchmarkRealDispatch is one publisher and one subscriber over one real node
// and loopback, 128 bytes of data, nothing lost.
func BenchmarkRealDispatch(b *testing.B) {
	n, _ := startNode(b, "n1")
	c := must[*client.Client](b)(client.Dial(b.Context(), []string{n.RPCAddress()}))
	defer c.Close()
	sub := must[eventnode.Subscription](b)(c.Subscribe(b.Context(), []string{"topic:a"}, eventnode.WithPolicy(eventnode.PolicyBlock)))
	pub := must[eventnode.PublisherCloser](b)(c.NewPublisher(b.Context()))
	ev := event.New("n", make([]byte, 128))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			if _, err := pub.Dispatch(b.Context(), "topic:a", ev); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	for i := range b.N {
		if d, err := sub.Receive(ctx); err != nil || d.Gap != nil {
			b.Fatalf("delivery %d: %+v, %v", i, d.Gap, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
