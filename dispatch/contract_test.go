package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// Each test here bears a sentence of the package's guarantees.

// An event reaches a subscription at most once, also if it was dispatched to
// several of its topics.
func TestAtMostOnceOverTopics(t *testing.T) {
	c := newCluster(t, 2, Config{})
	topics := []string{"topic:a", "topic:b", "topic:c"}
	subs := []*Subscription{c.nodes[0].subscribe(topics), c.nodes[1].subscribe(topics), c.nodes[1].subscribe(topics[1:2])}
	p := c.nodes[0].publisher()
	dispatch(t, p, "one", "topic:a", "topic:b", "topic:c", "topic:a")
	for i, s := range subs {
		if got := names(t, s); !slices.Equal(got, []string{"one"}) {
			t.Errorf("subscription %d got %v", i, got)
		}
	}
	if n := c.sends["n1>n2"]; n != 1 {
		t.Errorf("%d runs crossed the link, want 1", n)
	}
}

// Events of one publisher reach a subscription in the order in which they were
// dispatched, over all topics.
func TestPublisherOrderOverTopics(t *testing.T) {
	c := newCluster(t, 2, Config{})
	here := c.nodes[0].subscribe([]string{"topic:a", "topic:b"})
	there := c.nodes[1].subscribe([]string{"topic:a", "topic:b"})
	p := c.nodes[0].publisher()
	var want []string
	for i := range 100 {
		name := fmt.Sprint("e", i)
		want = append(want, name)
		dispatch(t, p, name, []string{"topic:a", "topic:b"}[i%2])
	}
	for _, s := range []*Subscription{here, there} {
		if got := names(t, s); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	}
}

// A subscription gets what is dispatched after Subscribe returned, or a gap in
// its place.
func TestSubscribedThenReached(t *testing.T) {
	c := newCluster(t, 3, Config{})
	p := c.nodes[0].publisher()
	dispatch(t, p, "before", "topic:a")
	s := c.nodes[2].subscribe([]string{"topic:a"})
	if s.Nodes() != 3 || len(s.Missing()) != 0 {
		t.Errorf("known on %d nodes, missing %v", s.Nodes(), s.Missing())
	}
	dispatch(t, p, "after", "topic:a")
	c.drop = func(_, _ eventnode.NodeID, _ string, _ int) bool { return true }
	dispatch(t, p, "lost", "topic:a")
	c.drop = nil
	dispatch(t, p, "last", "topic:a")
	if got, want := names(t, s), []string{"after", "[n1sender_dropped 1]", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What is lost of an event to several topics is told to all who may have missed
// it.
func TestDroppedOnSeveralTopicsIsToldToAll(t *testing.T) {
	c := newCluster(t, 2, Config{})
	a, b := c.nodes[1].subscribe([]string{"topic:a"}), c.nodes[1].subscribe([]string{"topic:b"})
	c.drop = func(_, _ eventnode.NodeID, _ string, _ int) bool { return true }
	dispatch(t, c.nodes[0].publisher(), "lost", "topic:a", "topic:b")
	for _, s := range []*Subscription{a, b} {
		if got := names(t, s); !slices.Equal(got, []string{"[n1sender_dropped ?]"}) {
			t.Errorf("got %v", got)
		}
	}
}

// An event goes to each interested node once, and to no other.
func TestInterestOnly(t *testing.T) {
	c := newCluster(t, 5, Config{})
	for range 10 {
		c.nodes[3].subscribe([]string{"topic:a"})
	}
	dispatch(t, c.nodes[0].publisher(), "one", "topic:a")
	if len(c.sends) != 1 || c.sends["n1>n4"] != 1 {
		t.Errorf("crossed %v, want n1>n4 once", c.sends)
	}
	if got := c.nodes[3].Stats().Delivered; got != 10 {
		t.Errorf("delivered %d, want 10", got)
	}
}

// What came from another node is not sent on.
func TestReceivedIsNotForwarded(t *testing.T) {
	c := newCluster(t, 3, Config{})
	c.nodes[1].subscribe([]string{"topic:a"})
	c.nodes[2].subscribe([]string{"topic:a"})
	dispatch(t, c.nodes[0].publisher(), "one", "topic:a")
	if c.sends["n2>n3"]+c.sends["n3>n2"] != 0 {
		t.Errorf("crossed %v", c.sends)
	}
}

// An event that is refused changes nothing for the others.
func TestRefusedAlone(t *testing.T) {
	c := newCluster(t, 2, Config{MaxEventBytes: 200})
	s := c.nodes[1].subscribe([]string{"topic:a"})
	good := func(name string) event.Event { return event.New(name, nil) }
	big := event.New("big", make([]byte, 300))
	nameless := event.New("x", nil)
	raw := wire.AppendEnvelope(nil, []string{"topic:a"}, new(good("e0")))
	raw = wire.AppendEnvelope(raw, []string{"topic:a"}, &big)
	raw = wire.AppendEnvelope(raw, []string{"topic:a"}, new(good("e1")))
	raw = wire.AppendEnvelope(raw, []string{"nokind:a"}, new(good("e2")))
	raw = wire.AppendEnvelope(raw, []string{"topic:a", "topic:sp ace"}, new(good("e3")))
	raw = wire.AppendEnvelope(raw, nil, new(good("e4")))
	raw = wire.AppendRecord(raw, []string{"topic:a"}, wire.AppendEvent(nil, &nameless)[:10])
	raw = wire.AppendEnvelope(raw, []string{"topic:a"}, new(good("e5")))
	handled, refusals, err := c.nodes[0].publisher().Forward(t.Context(), wire.Piece{Data: raw})
	if handled != 8 || err != nil {
		t.Fatalf("handled %d, %v", handled, err)
	}
	var at []int
	for i, r := range refusals {
		at = append(at, r.Index)
		want := []error{eventnode.ErrLimit, eventnode.ErrBadTopic, eventnode.ErrBadTopic, eventnode.ErrBadTopic, eventnode.ErrInvalidEvent}[i]
		if !errors.Is(r.Err, want) {
			t.Errorf("event %d: %v, want %v", r.Index, r.Err, want)
		}
	}
	if !slices.Equal(at, []int{1, 3, 4, 5, 6}) {
		t.Errorf("refused %v", at)
	}
	if got := names(t, s); !slices.Equal(got, []string{"e0", "e1", "e5"}) {
		t.Errorf("got %v", got)
	}
	if st := c.nodes[0].Stats(); st.Accepted != 3 || st.Refused != 5 {
		t.Errorf("accepted %d, refused %d", st.Accepted, st.Refused)
	}
}

// After Close nothing is delivered, and nothing is kept.
func TestClosed(t *testing.T) {
	c := newCluster(t, 1, Config{})
	s := c.nodes[0].subscribe([]string{"topic:a", "topic:b"})
	p := c.nodes[0].publisher()
	dispatch(t, p, "one", "topic:a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dispatch(t, p, "two", "topic:a")
	if _, err := s.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("Receive after Close: %v", err)
	}
	if st := c.nodes[0].Stats(); st.Subscriptions != 0 || st.Delivered != 1 {
		t.Errorf("stats %+v", st)
	}
	if s.queue.events != 0 || s.queue.bytes != 0 || s.queue.items.slots != nil {
		t.Error("the queue keeps something")
	}
}

// The subscription ends with its context, and the dispatcher ends all of them.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Config{Self: "n1"})
		if err != nil {
			t.Fatal(err)
		}
		run, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(run) }()
		ctx, cancel := context.WithCancel(t.Context())
		first, err := d.Subscribe(ctx, []string{"topic:a"})
		if err != nil {
			t.Fatal(err)
		}
		second, err := d.Subscribe(t.Context(), []string{"topic:a"})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := first.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("after the end of its context: %v", err)
		}
		synctest.Wait()
		if n := d.Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		p, _ := d.NewPublisher(t.Context())
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := second.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("after the end of Run: %v", err)
		}
		if _, err := p.Dispatch(t.Context(), "topic:a", event.New("x", nil)); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Dispatch after the end of Run: %v", err)
		}
		if _, err := d.Subscribe(t.Context(), []string{"topic:a"}); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Subscribe after the end of Run: %v", err)
		}
		if n := d.Stats().Topics; n != 1 {
			t.Errorf("%d topics: interest of a node that ends is not withdrawn by it", n)
		}
	})
}

// Interest is announced with the first subscription, and withdrawn a while
// after the last.
func TestInterestLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{Linger: time.Second})
		n := c.nodes[0]
		step := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := n.wants("topic:a"); got != want {
				t.Errorf("%s: announced %d times, want %d", what, got, want)
			}
		}
		a := n.subscribe([]string{"topic:a"})
		b := n.subscribe([]string{"topic:a"})
		step("two subscriptions", 1)
		a.Close()
		time.Sleep(2 * time.Second)
		step("one left", 1)
		b.Close()
		time.Sleep(900 * time.Millisecond)
		step("just left", 1)
		b = n.subscribe([]string{"topic:a"})
		time.Sleep(900 * time.Millisecond)
		step("came back", 1)
		b.Close()
		time.Sleep(900 * time.Millisecond)
		step("just left again", 1)
		time.Sleep(200 * time.Millisecond)
		step("gone", 0)
		if n := c.nodes[1].Stats().Topics; n != 0 {
			t.Errorf("the other node keeps %d topics", n)
		}
		b = n.subscribe([]string{"topic:a"})
		step("anew", 1)
		b.Close()
		time.Sleep(300 * time.Millisecond)
		b = n.subscribe([]string{"topic:a"})
		time.Sleep(300 * time.Millisecond)
		b.Close()
		time.Sleep(900 * time.Millisecond)
		step("left twice", 1)
		time.Sleep(200 * time.Millisecond)
		step("gone again", 0)
	})
}

// Interest that was announced for a subscription which ended meanwhile is
// withdrawn as well.
func TestInterestOfASubscriptionThatEndsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		n := c.nodes[0]
		p := n.publisher()
		n.announcing = func() { // two events end it by its policy
			dispatch(t, p, "one", "topic:a")
			dispatch(t, p, "two", "topic:a")
		}
		s := n.subscribe([]string{"topic:a"}, eventnode.WithPolicy(eventnode.PolicyDisconnect), eventnode.WithQueue(1, 0))
		if got := names(t, s); !slices.Equal(got, []string{"one", "slow subscriber"}) {
			t.Errorf("got %v", got)
		}
		if n.wants("topic:a") != 1 {
			t.Error("not announced")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n.wants("topic:a") != 0 || n.Stats().Topics != 0 {
			t.Error("not withdrawn")
		}
	})
}
