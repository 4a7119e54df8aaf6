package client_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/eventnode/eventnode"
)

// other is the other one of two.
func other(name string) string { return map[string]string{"a": "b", "b": "a"}[name] }

// A node that goes away is left in this order: the subscription is opened at the next node,
// then drained at the one before. Nothing is lost; what both have sent comes once; the gap
// stands where one ends and the other begins; and the node is not held up.
func TestMoveLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "p")
		pub := w.client([]string{"p"})
		c := w.client([]string{"a", "b"})
		first := c.Addr()
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		dispatchAll(t, pub, "topic:a", 0, 3)
		w.set(other(first), func(n *plainNode) { n.late = true })
		w.retire(first)
		eventually(t, "it is being opened at the other node", func() bool {
			list, _, _ := pub.Subscriptions(t.Context(), "topic:a")
			return len(list) == 2
		})
		synctest.Wait()
		w.set(first, func(n *plainNode) { n.late = true })
		dispatchAll(t, pub, "topic:a", 3, 5) // both have these, and the first one is slow
		w.standing(other(first))
		eventually(t, "it is closed at the one that goes", func() bool {
			list, _, _ := pub.Subscriptions(t.Context(), "topic:a")
			return len(list) == 1 && string(list[0].Node) != first
		})
		w.goOn(first)
		dispatchAll(t, pub, "topic:a", 5, 7)
		got := names(receive(t, sub, 8))
		if !slices.Equal(got, []string{"0", "1", "2", "3", "4", "reconnected", "5", "6"}) {
			t.Errorf("got %v", got)
		}
		<-w.nodes[first].goes
		if c.Addr() != other(first) {
			t.Errorf("the client is at %q", c.Addr())
		}
	})
}

// A client without another address does not hold up the node: what it had queued comes,
// and a gap when the node is back.
func TestMoveToNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "p")
		pub, c := w.client([]string{"p"}), w.client([]string{"a"})
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		dispatchAll(t, pub, "topic:a", 0, 3)
		w.retire("a")
		<-w.nodes["a"].goes
		w.start("a")
		eventually(t, "subscribed again", func() bool {
			list, _, _ := pub.Subscriptions(t.Context(), "topic:a")
			return len(list) == 1
		})
		dispatchAll(t, pub, "topic:a", 3, 4)
		if got := names(receive(t, sub, 5)); !slices.Equal(got, []string{"0", "1", "2", "reconnected", "3"}) {
			t.Errorf("got %v", got)
		}
	})
}

// A publisher whose node goes away knows of each event what became of it, and goes on at
// the next node.
func TestPublisherMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "s")
		sub := must[eventnode.Subscription](t)(w.client([]string{"s"}).Subscribe(t.Context(), []string{"topic:a"}))
		c := w.client([]string{"a", "b"})
		first := c.Addr()
		p := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		want := []string{}
		for i := range 100 {
			if i == 50 {
				w.retire(first)
			}
			if _, err := p.Dispatch(t.Context(), "topic:a", numberedEvent(i)); err != nil {
				t.Fatal(i, err)
			}
			want = append(want, numberedEvent(i).Name)
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-w.nodes[first].goes
		if got := names(receive(t, sub, 100)); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

// A subscription that is closed on its way is closed at both nodes.
func TestCloseOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "p")
		pub, c := w.client([]string{"p"}), w.client([]string{"a", "b"})
		first := c.Addr()
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		w.set(other(first), func(n *plainNode) { n.late = true })
		w.retire(first)
		eventually(t, "it is being opened at the other node", func() bool {
			list, _, _ := pub.Subscriptions(t.Context(), "topic:a")
			return len(list) == 2
		})
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		<-w.nodes[first].goes
		eventually(t, "it is closed", func() bool {
			list, _, _ := pub.Subscriptions(t.Context(), "topic:a")
			return len(list) == 0
		})
	})
}
