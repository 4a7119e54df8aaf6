package dispatch

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A receipt counts the queues that took the event, here and elsewhere, and says
// which node's answer is missing.
func TestReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4, Config{})
		a := []string{"topic:a"}
		c.nodes[0].subscribe(a)
		c.nodes[1].subscribe(a)
		c.nodes[1].subscribe(a, eventnode.WithPolicy(eventnode.PolicyDropNewest), eventnode.WithQueue(1, 0))
		c.nodes[2].subscribe(a)
		c.nodes[3].subscribe(a)
		p := c.nodes[0].publisher()
		want := func(what string, r eventnode.Receipt, reached int, errs map[eventnode.NodeID]error) {
			t.Helper()
			if r.Reached != reached || len(r.Nodes) != 4 {
				t.Errorf("%s: %+v", what, r)
			}
			for _, n := range r.Nodes {
				if !errors.Is(n.Err, errs[n.Node]) || (n.Err != nil && n.Reached != 0) {
					t.Errorf("%s: %s: reached %d, %v", what, n.Node, n.Reached, n.Err)
				}
			}
		}
		send := func() (eventnode.Receipt, error) {
			return p.Dispatch(t.Context(), "topic:a", event.New("x", nil), eventnode.WithReceipt(time.Second))
		}
		r, err := send()
		if err != nil {
			t.Fatal(err)
		}
		want("all", r, 5, nil)

		c.drop = func(_, to eventnode.NodeID, _ string, _ int) bool { return to == "n3" }
		c.down["n4"] = true
		start := time.Now()
		if r, err = send(); err != nil {
			t.Fatal(err)
		}
		// The second queue of n2 is full.
		want("some", r, 2, map[eventnode.NodeID]error{"n3": eventnode.ErrUnavailable, "n4": eventnode.ErrOutcomeUnknown})
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := p.Dispatch(ctx, "topic:a", event.New("x", nil), eventnode.WithReceipt(0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the end of its context: %v", err)
		}
		r, err = p.Dispatch(t.Context(), "topic:nobody", event.New("x", nil), eventnode.WithReceipt(0))
		if err != nil || r.Reached != 0 || len(r.Nodes) != 0 {
			t.Errorf("nobody: %+v, %v", r, err)
		}
	})
}

// The time of a receipt is not the time of the event: it waits for a full queue
// of policy block as long as that one says, and its receipt does not.
func TestReceiptOfABlockedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		s := c.nodes[0].subscribe([]string{"topic:a"}, eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithQueue(1, 0))
		p := c.nodes[0].publisher()
		dispatch(t, p, "one", "topic:a")
		got := make(chan eventnode.Receipt, 1)
		go func() {
			r, err := p.Dispatch(t.Context(), "topic:a", event.New("two", nil), eventnode.WithReceipt(time.Second))
			if err != nil {
				t.Error(err)
			}
			got <- r
		}()
		time.Sleep(5 * time.Second)
		var read []string
		for range 2 {
			d, err := s.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			read = append(read, d.Event.Name)
		}
		if !slices.Equal(read, []string{"one", "two"}) {
			t.Errorf("read %v", read)
		}
		if r := <-got; r.Reached != 0 || !errors.Is(r.Nodes[0].Err, eventnode.ErrOutcomeUnknown) {
			t.Errorf("receipt %+v", r)
		}
	})
}

func TestDispatchRefuses(t *testing.T) {
	c := newCluster(t, 1, Config{MaxEventBytes: 100, MaxTopicsPerEvent: 2, MaxSubscriptions: 2})
	p := c.nodes[0].publisher()
	ev := event.New("x", nil)
	big := event.New("x", make([]byte, 100))
	for name, tc := range map[string]struct {
		topics []string
		ev     event.Event
		want   error
	}{
		"no topic":     {nil, ev, eventnode.ErrBadTopic},
		"bad topic":    {[]string{"topic:a", "b"}, ev, eventnode.ErrBadTopic},
		"many topics":  {[]string{"topic:a", "topic:b", "topic:c"}, ev, eventnode.ErrLimit},
		"no event":     {[]string{"topic:a"}, event.Event{}, eventnode.ErrInvalidEvent},
		"a big event":  {[]string{"topic:a"}, big, eventnode.ErrLimit},
		"a good event": {[]string{"topic:a"}, ev, nil},
	} {
		for _, opts := range [][]eventnode.DispatchOption{nil, {eventnode.WithReceipt(0)}} {
			if _, err := p.DispatchMany(t.Context(), tc.topics, tc.ev, opts...); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
	}
	for range 2 {
		c.nodes[0].subscribe([]string{"topic:a"})
	}
	var limit *eventnode.LimitError
	if _, err := c.nodes[0].Subscribe(t.Context(), []string{"topic:a"}); !errors.As(err, &limit) || limit.Limit != "max_subscriptions" {
		t.Errorf("one subscription too many: %v", err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Errorf("Flush: %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := p.Dispatch(t.Context(), "topic:a", ev); !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("Dispatch after Close: %v", err)
	}
	if n := c.nodes[0].publishing; n != 1 {
		t.Errorf("SetPublishing was called %d times", n)
	}
}

// The receipt of an event that reaches nobody else is complete before its reader
// has noted it as handled: it is told with that, not before.
func TestReceiptIsNotToldBeforeHandled(t *testing.T) {
	ps := &publishStream{more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	ps.gathering(1)
	ps.receipt(1, eventnode.Receipt{Reached: 2})
	if resp, err := ps.next(); resp != nil || err != nil {
		t.Fatalf("told %v, %v", resp, err)
	}
	ps.note(1, nil)
	resp, err := ps.next()
	if err != nil || resp.GetHandled() != 1 || len(resp.GetReceipts()) != 1 {
		t.Fatalf("told %v, %v", resp, err)
	}
	if resp, err := ps.next(); resp != nil || err != nil {
		t.Fatalf("told again: %v, %v", resp, err)
	}
}
