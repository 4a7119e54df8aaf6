package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// What one publisher dispatches arrives in its order, over all topics, with and
// without receipts.
func TestPublisherKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a", "topic:b"}))
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		const n = 2000
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint(i))
			var opts []eventnode.DispatchOption
			if random.IntN(20) == 0 {
				opts = append(opts, eventnode.WithReceipt(0))
			}
			topics := []string{"topic:a", "topic:b"}[random.IntN(2):]
			r, err := pub.DispatchMany(t.Context(), topics, event.New(fmt.Sprint(i), make([]byte, random.IntN(4000))), opts...)
			if err != nil {
				t.Fatal(err)
			}
			if len(opts) > 0 && r.Reached != 1 {
				t.Fatalf("event %d: receipt %+v, want 1 reached", i, r)
			}
		}
		if err := pub.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := names(receive(t, sub, n)); !slices.Equal(got, want) {
			t.Errorf("got %v, want 0 to %d in order", got, n-1)
		}
		if err := pub.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := pub.Dispatch(t.Context(), "topic:a", numberedEvent(1)); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Dispatch after Close = %v, want ErrClosed", err)
		}
	})
}

// Refusals belong to their events: Flush tells those of a publisher, once;
// Client.Dispatch tells its own at once.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		for i := range 100 {
			topic := "topic:a"
			if i%4 == 3 {
				topic = "nonsense:a"
			}
			if _, err := pub.Dispatch(t.Context(), topic, numberedEvent(i)); err != nil {
				t.Fatal(err)
			}
		}
		err := pub.Flush(t.Context())
		var refused *eventnode.RefusedError
		if !errors.As(err, &refused) || refused.Count != 25 || len(refused.Errs) != 16 {
			t.Fatalf("Flush = %v, want a *RefusedError of 25 with 16 reasons", err)
		}
		for i, err := range refused.Errs {
			if want := fmt.Sprintf("event %d: unknown kind", 4*i+3); !strings.Contains(err.Error(), want) || !errors.Is(err, eventnode.ErrBadTopic) {
				t.Errorf("refusal %d is %v, want %q, ErrBadTopic", i, err, want)
			}
		}
		if err := pub.Flush(t.Context()); err != nil {
			t.Errorf("second Flush = %v, want nil", err)
		}
		if got := names(receive(t, sub, 75)); got[3] != "4" || got[74] != "98" {
			t.Errorf("the others: %v", got)
		}
		if _, err := c.Dispatch(t.Context(), "nonsense:a", numberedEvent(1)); !errors.Is(err, eventnode.ErrBadTopic) {
			t.Errorf("Dispatch = %v, want ErrBadTopic", err)
		}
		if _, err := pub.Dispatch(t.Context(), "nonsense:a", numberedEvent(1), eventnode.WithReceipt(0)); !errors.Is(err, eventnode.ErrBadTopic) {
			t.Errorf("Dispatch with receipt = %v, want ErrBadTopic", err)
		}
		if err := errors.Join(c.Flush(t.Context()), pub.Flush(t.Context())); err != nil {
			t.Errorf("Flush tells again what Dispatch told: %v", err)
		}
	})
}

func TestDispatchChecksFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		good := numberedEvent(1)
		for name, tt := range map[string]struct {
			topics []string
			ev     event.Event
			want   error
		}{
			"no topic":   {nil, good, eventnode.ErrBadTopic},
			"no colon":   {[]string{"topic"}, good, eventnode.ErrBadTopic},
			"no kind":    {[]string{":key"}, good, eventnode.ErrBadTopic},
			"no key":     {[]string{"topic:a", "topic:"}, good, eventnode.ErrBadTopic},
			"not UTF-8":  {[]string{"topic:\xff"}, good, eventnode.ErrBadTopic},
			"too many":   {slices.Repeat([]string{"topic:a"}, 10_000), good, eventnode.ErrLimit},
			"no ID":      {[]string{"topic:a"}, event.Event{Name: "n"}, eventnode.ErrInvalidEvent},
			"no name":    {[]string{"topic:a"}, event.New("", nil), eventnode.ErrInvalidEvent},
			"bad string": {[]string{"topic:a"}, event.New("\xff", nil), eventnode.ErrInvalidEvent},
		} {
			if _, err := c.DispatchMany(t.Context(), tt.topics, tt.ev); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		if n := w.opened("a"); n != 0 {
			t.Errorf("%d streams were opened for it", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Dispatch(ctx, "topic:a", good); !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
	})
}

// Dispatch of a publisher waits when its window is full, and no longer than its
// context.
func TestWindowIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"}, client.WithWindow(10_000))
		w.set("a", func(n *plainNode) { n.hold = true })
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		taken := 0
		var err error
		for ; err == nil && taken < 1000; taken++ {
			_, err = pub.Dispatch(ctx, "topic:a", event.New("n", make([]byte, 1000)))
		}
		if !errors.Is(err, context.DeadlineExceeded) || taken < 9 || taken > 12 {
			t.Errorf("took %d events of 1000 bytes, then %v; want about 10, DeadlineExceeded", taken, err)
		}
		if errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Errorf("%v: but it was not taken over", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := pub.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush = %v, want DeadlineExceeded", err)
		}
		_, err = c.Dispatch(ctx, "topic:a", numberedEvent(1))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dispatch = %v, want DeadlineExceeded", err)
		}
		// Larger than the window, alone: allowed.
		w.set("a", func(n *plainNode) { n.hold = false })
		if _, err := c.Dispatch(t.Context(), "topic:a", event.New("n", make([]byte, 100_000))); err != nil {
			t.Errorf("large event: %v", err)
		}
	})
}

// When the connection is lost, what was not answered is told with its count,
// and never sent again; the publisher goes on at the next node.
func TestLostConnectionIsUnknownAndNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "s")
		other := w.client([]string{"s"})
		sub := must[eventnode.Subscription](t)(other.Subscribe(t.Context(), []string{"topic:a"}))
		c := w.client([]string{"a", "b"})
		first := c.Addr()
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		dispatch := func(i int) {
			t.Helper()
			if _, err := pub.Dispatch(t.Context(), "topic:a", numberedEvent(i)); err != nil {
				t.Fatal(err)
			}
		}
		dispatch(0)
		if err := pub.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.set(first, func(n *plainNode) { n.hold = true })
		dispatch(1)
		dispatch(2)
		synctest.Wait()
		waiting := make(chan error)
		go func() {
			_, err := c.Dispatch(t.Context(), "topic:a", numberedEvent(3))
			waiting <- err
		}()
		synctest.Wait()
		w.stop(first)
		if err := <-waiting; !errors.Is(err, eventnode.ErrOutcomeUnknown) || errors.Is(err, eventnode.ErrUnavailable) {
			t.Errorf("Dispatch = %v, want ErrOutcomeUnknown and not ErrUnavailable", err)
		}
		eventually(t, "another node", func() bool { return c.Addr() != "" && c.Addr() != first })
		dispatch(4)
		err := pub.Flush(t.Context())
		if !errors.Is(err, eventnode.ErrOutcomeUnknown) || !strings.HasPrefix(err.Error(), "2 events") {
			t.Errorf("Flush = %v, want ErrOutcomeUnknown of 2 events", err)
		}
		if err := pub.Flush(t.Context()); err != nil {
			t.Errorf("second Flush = %v", err)
		}
		if _, err := c.Dispatch(t.Context(), "topic:a", numberedEvent(5)); err != nil {
			t.Errorf("Dispatch on the next node = %v", err)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Errorf("Flush of the client = %v: its one loss was told already", err)
		}
		// The first node had dispatched them: exactly once each.
		if got := names(receive(t, sub, 6)); !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5"}) {
			t.Errorf("delivered %v", got)
		}
	})
}

// goingAway makes a node refuse streams for now, so that a publisher pauses, and
// what is dispatched meanwhile waits in it.
func goingAway(n *plainNode) { n.deny = unavailable }

// What was not handed over to a node before the loss surely was not dispatched:
// it goes on the next stream.
func TestBufferedEventsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		w.set("a", goingAway)
		for i := range 3 {
			if _, err := pub.Dispatch(t.Context(), "topic:a", numberedEvent(i)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // 0 is sent, the others wait for the pause to end
		}
		w.set("a", func(n *plainNode) { n.deny = nil })
		err := pub.Flush(t.Context())
		if !errors.Is(err, eventnode.ErrOutcomeUnknown) || !strings.HasPrefix(err.Error(), "1 events") {
			t.Errorf("Flush = %v, want ErrOutcomeUnknown of 1 event", err)
		}
		if got := names(receive(t, sub, 2)); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("delivered %v", got)
		}
	})
}

// What was not handed over when no node can be found is refused: live events do
// not wait for ever.
func TestBufferedEventsAreRefusedWithoutANode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		w.set("a", goingAway)
		for i := range 3 {
			if _, err := pub.Dispatch(t.Context(), "topic:a", numberedEvent(i)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		w.stop("a")
		err := pub.Flush(t.Context())
		var refused *eventnode.RefusedError
		if !errors.As(err, &refused) || refused.Count != 2 || !errors.Is(refused, eventnode.ErrUnavailable) || !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Errorf("Flush = %v, want 2 refused with ErrUnavailable, 1 unknown", err)
		}
	})
}

// Close gives up with its context, and says what became of the events.
func TestCloseWithoutAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		w.set("a", func(n *plainNode) { n.hold = true })
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		for i := range 3 {
			if _, err := pub.Dispatch(t.Context(), "topic:a", numberedEvent(i)); err != nil {
				t.Fatal(err)
			}
		}
		err := pub.Close(shortly(t))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, eventnode.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "3 events") {
			t.Errorf("Close = %v, want DeadlineExceeded, and ErrOutcomeUnknown of 3 events", err)
		}
	})
}

// shortly is a context of a second.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A publisher that may not publish is told so, and that nothing was done.
func TestPublisherIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		w.set("a", func(n *plainNode) { n.deny = denied })
		c := w.client([]string{"a"})
		_, err := c.Dispatch(t.Context(), "topic:a", numberedEvent(1))
		if !errors.Is(err, eventnode.ErrPermissionDenied) || errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Errorf("Dispatch = %v, want ErrPermissionDenied", err)
		}
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		if _, err := pub.Dispatch(t.Context(), "topic:a", numberedEvent(1)); err != nil {
			t.Fatal(err)
		}
		if err := pub.Flush(t.Context()); !errors.Is(err, eventnode.ErrPermissionDenied) {
			t.Errorf("Flush = %v, want ErrPermissionDenied", err)
		}
		if _, err := c.Subscribe(t.Context(), []string{"topic:a"}); !errors.Is(err, eventnode.ErrPermissionDenied) {
			t.Errorf("Subscribe = %v, want ErrPermissionDenied", err)
		}
		if _, err := c.NewMember(t.Context(), 0); !errors.Is(err, eventnode.ErrPermissionDenied) {
			t.Errorf("NewMember = %v, want ErrPermissionDenied", err)
		}
		if _, err := c.Scope("").MonitorScope(t.Context()); !errors.Is(err, eventnode.ErrPermissionDenied) {
			t.Errorf("MonitorScope = %v, want ErrPermissionDenied", err)
		}
	})
}

// Many goroutines on one publisher: each gets its own answer.
func TestConcurrentDispatch(t *testing.T) {
	w := newWorld(t, "a")
	c := w.client([]string{"a"})
	sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
	defer sub.Close()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				topic := "topic:a"
				if i%10 == 9 {
					topic = "nonsense:a"
				}
				r, err := c.Dispatch(t.Context(), topic, numberedEvent(g*1000+i), eventnode.WithReceipt(0))
				if (err != nil) != (i%10 == 9) || err == nil && r.Reached != 1 {
					t.Errorf("%s: %+v, %v", topic, r, err)
				}
			}
		})
	}
	wg.Wait()
	got := names(receive(t, sub, 8*180))
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 8*180 {
		t.Errorf("%d different events, want %d", n, 8*180)
	}
}
