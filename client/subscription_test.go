package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

func dispatchAll(t *testing.T, c *client.Client, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := c.Dispatch(t.Context(), topic, numberedEvent(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// After its node was lost a subscription goes on at another, with one gap in
// between, and nothing twice.
func TestSubscribeAgainWithAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "p")
		pub := w.client([]string{"p"})
		c := w.client([]string{"a", "b"}, client.WithName("me"))
		first := c.Addr()
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		dispatchAll(t, pub, "topic:a", 0, 3)
		synctest.Wait()
		w.stop("a")
		w.stop("b")
		dispatchAll(t, pub, "topic:a", 3, 5) // nobody hears these
		w.start(map[string]string{"a": "b", "b": "a"}[first])
		eventually(t, "subscribed again", func() bool {
			list, _, err := pub.Subscriptions(t.Context(), "topic:a")
			return err == nil && len(list) == 1 && string(list[0].Node) != first && list[0].Holder == "me"
		})
		dispatchAll(t, pub, "topic:a", 5, 7)
		got := receive(t, sub, 6)
		if !slices.Equal(names(got), []string{"0", "1", "2", "reconnected", "5", "6"}) {
			t.Errorf("got %v", names(got))
		}
		if g := got[3].Gap; g == nil || g.Known || g.Node != "" {
			t.Errorf("gap %+v, want one of unknown size", g)
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		if _, err := sub.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Receive after Close = %v, want ErrClosed", err)
		}
		eventually(t, "closed at the node", func() bool {
			list, _, _ := pub.Subscriptions(t.Context(), "")
			return len(list) == 0
		})
	})
}

// A node that ends the subscription because it goes away is left; why else it
// ends one is an error.
func TestNodeClosesSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		tell := func(m *eventnodev1.SubscribeResponse) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.subs[len(w.subs)-1].put(m)
		}
		count := uint64(7)
		tell(&eventnodev1.SubscribeResponse{Gaps: []*eventnodev1.Gap{{Node: "n2", Count: &count, Reason: eventnodev1.GapReason_GAP_REASON_QUEUE_FULL}}})
		if d := receive(t, sub, 1)[0]; d.Gap == nil || *d.Gap != (eventnode.Gap{Node: "n2", Count: 7, Known: true, Reason: eventnode.GapQueueFull}) {
			t.Errorf("gap %+v", d.Gap)
		}
		tell(&eventnodev1.SubscribeResponse{Closed: &eventnodev1.SubscriptionClosed{Reason: "CLOSED", Message: "going away"}})
		if got := names(receive(t, sub, 1)); got[0] != "reconnected" {
			t.Errorf("got %v, want a gap", got)
		}
		dispatchAll(t, c, "topic:a", 0, 1)
		synctest.Wait()
		tell(&eventnodev1.SubscribeResponse{Closed: &eventnodev1.SubscriptionClosed{Reason: "SLOW_SUBSCRIBER", Message: "too slow"}})
		synctest.Wait()
		if got := names(receive(t, sub, 1)); got[0] != "0" {
			t.Errorf("got %v, want what came before the end", got)
		}
		for range 2 {
			if _, err := sub.Receive(t.Context()); !errors.Is(err, eventnode.ErrSlowSubscriber) {
				t.Errorf("Receive = %v, want ErrSlowSubscriber", err)
			}
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSubscribeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		c := w.client([]string{"a", "b"})
		for _, topic := range []string{"nonsense:a", "nocolon", ":", "topic:\xff"} {
			if _, err := c.Subscribe(t.Context(), []string{topic}); !errors.Is(err, eventnode.ErrBadTopic) {
				t.Errorf("Subscribe(%q) = %v, want ErrBadTopic", topic, err)
			}
		}
		// What is refused when it is opened again ends the subscription.
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		for _, name := range []string{"a", "b"} {
			w.set(name, func(n *plainNode) { n.closed["topic:a"] = "PERMISSION_DENIED" })
		}
		w.stop(c.Addr())
		for d, err := range sub.All(t.Context()) {
			if !errors.Is(err, eventnode.ErrPermissionDenied) {
				t.Errorf("All: %v, %v, want ErrPermissionDenied", d, err)
			}
		}
	})
}

func TestSubscriptionEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		ctx, cancel := context.WithCancel(t.Context())
		sub := must[eventnode.Subscription](t)(c.Subscribe(ctx, []string{"topic:a"}))
		if _, err := sub.Receive(shortly(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive = %v, want DeadlineExceeded of its own context", err)
		}
		dispatchAll(t, c, "topic:a", 0, 1)
		if got := names(receive(t, sub, 1)); got[0] != "0" {
			t.Errorf("got %v: the subscription goes on", got)
		}
		time.AfterFunc(time.Second, cancel)
		for d, err := range sub.All(t.Context()) {
			t.Errorf("All: %v, %v, want the end", d, err)
		}
		if _, err := sub.Receive(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("Receive = %v, want Canceled", err)
		}
		eventually(t, "ended at the node", func() bool {
			list, _, _ := c.Subscriptions(t.Context(), "")
			return len(list) == 0
		})
	})
}

// Who does not read holds no memory: the node cannot send more than gRPC's
// window and the two frames in hand.
func TestSlowReaderHoldsTheNodeUp(t *testing.T) {
	w := newWorld(t, "a")
	c := w.client([]string{"a"})
	sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
	defer sub.Close()
	const n, size = 300, 64 << 10 // 19 MiB
	pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
	for range n {
		ev := numberedEvent(0)
		ev.Data = make([]byte, size)
		if _, err := pub.Dispatch(t.Context(), "topic:a", ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := pub.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(receive(t, sub, n)); got != n {
		t.Errorf("received %d of %d", got, n)
	}
}

// Subscriptions do not hold each other up.
func TestSlowReaderHoldsNobodyElseUp(t *testing.T) {
	w := newWorld(t, "a")
	c := w.client([]string{"a"})
	var slow []eventnode.Subscription
	for range 4 {
		slow = append(slow, must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"})))
	}
	quick := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
	done := make(chan []eventnode.Delivery)
	go func() { done <- receive(t, quick, 200) }()
	for range 200 {
		ev := numberedEvent(0)
		ev.Data = make([]byte, 64<<10)
		if _, err := c.Dispatch(t.Context(), "topic:a", ev); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(<-done); got != 200 {
		t.Errorf("received %d of 200", got)
	}
	for _, s := range slow {
		_ = s.Close()
	}
}

// The same interfaces: a handler runs on a client's subscription, through a
// reconnection.
func TestHandleOnSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "p")
		pub := w.client([]string{"p"})
		c := w.client([]string{"a", "b"})
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		var got []string
		ended := make(chan error)
		go func() {
			ended <- eventnode.Handle(t.Context(), sub, func(_ context.Context, d eventnode.Delivery) error {
				got = append(got, names([]eventnode.Delivery{d})...)
				return errors.New("each handler fails, alone")
			})
		}()
		dispatchAll(t, pub, "topic:a", 0, 2)
		synctest.Wait()
		first := c.Addr()
		w.stop(first)
		eventually(t, "subscribed again", func() bool {
			list, _, _ := pub.Subscriptions(t.Context(), "")
			return len(list) == 1 && string(list[0].Node) != first
		})
		dispatchAll(t, pub, "topic:a", 2, 4)
		synctest.Wait()
		_ = sub.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if !slices.Equal(got, []string{"0", "1", "reconnected", "2", "3"}) {
			t.Errorf("handled %v", got)
		}
	})
}

// A node that does not know queue groups would send every event: subscribing there fails, says
// what to do, and leaves nothing; other subscriptions of the client go on.
func TestQueueGroupAtAnOlderNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		plain := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		if _, err := c.Subscribe(t.Context(), []string{"topic:a"}, eventnode.WithQueueGroup("g")); err == nil || !strings.Contains(err.Error(), "upgrade") {
			t.Errorf("got %v", err)
		}
		eventually(t, "closed at the node", func() bool {
			list, _, err := c.Subscriptions(t.Context(), "")
			return err == nil && len(list) == 1
		})
		dispatchAll(t, c, "topic:a", 0, 3)
		if got := names(receive(t, plain, 3)); !slices.Equal(got, []string{"0", "1", "2"}) {
			t.Errorf("got %v", got)
		}
		for name, opts := range map[string][]eventnode.SubscribeOption{
			"space":    {eventnode.WithQueueGroup("a b")},
			"catch up": {eventnode.WithQueueGroup("g"), eventnode.WithCatchUp("log")},
		} {
			if _, err := c.Subscribe(t.Context(), []string{"topic:a"}, opts...); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
