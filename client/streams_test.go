package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/streams/streamstest"
)

// The client does what every implementation of Streams must, at the leader and
// through another node.
func TestStreamsConformance(t *testing.T) {
	for _, at := range []string{"leader", "follower"} {
		t.Run(at, func(t *testing.T) {
			w := newStreamsWorld(t, "leader", "follower")
			c := w.client(at)
			streamstest.Run(t, func(_ *testing.T, namespace string) eventnode.Streams {
				return c.Streams(client.WithNamespace(namespace))
			})
		})
	}
}

// inStreamsBubble runs a test with virtual time, with stream a on nodes n1 (which
// leads) and n2.
func inStreamsBubble(t *testing.T, test func(t *testing.T, w *streamsWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newStreamsWorld(t, "n1", "n2", "n3")
		c := w.client("n1")
		if _, err := c.Streams().Declare(t.Context(), "a", eventnode.StreamConfig{}); err != nil {
			t.Fatal(err)
		}
		test(t, w)
		_ = c.Close()
	})
}

// publishNumbers publishes events named from 0 on, and leaves time in between.
func publishNumbers(t *testing.T, s eventnode.Streams, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := s.Publish(t.Context(), "a", event.New(fmt.Sprint(i), nil)); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// wantNumbers wants exactly the first n.
func wantNumbers(t *testing.T, s eventnode.Streams, n int) {
	t.Helper()
	i := 0
	for ev, err := range s.Read(t.Context(), "a") {
		if err != nil || ev.Event.Name != fmt.Sprint(i) {
			t.Fatalf("event %d: %s, %v", i, ev.Event.Name, err)
		}
		i++
	}
	if i != n {
		t.Errorf("%d events, want %d", i, n)
	}
}

// What is published goes to the leader by the shortest way, and follows it.
func TestPublishGoesToLeader(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		s := w.client("n2").Streams()
		publishNumbers(t, s, 0, 5)
		if a, b := w.Opened("n2"), w.Opened("n1"); a != 1 || b != 1 {
			t.Errorf("%d pipes to its node, %d to the leader, want one each", a, b)
		}
		w.Lead("n3")
		publishNumbers(t, s, 5, 10)
		if n := w.Opened("n3"); n != 1 {
			t.Errorf("%d pipes to the next leader, want 1", n)
		}
		w.Lead("n2")
		publishNumbers(t, s, 10, 15)
		if n, dials := w.Opened("n2"), w.dialled("n2"); n != 2 || dials != 1 {
			t.Errorf("%d pipes to its node, over %d connections", n, dials)
		}
		wantNumbers(t, s, 15)
		if n := w.Producers(); n != 1 {
			t.Errorf("%d producers, want 1", n)
		}
	})
}

// A leader that cannot be reached is reached through the client's node, and tried
// again now and then.
func TestPublishFallsBack(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		s := w.client("n2").Streams()
		w.Lead("n3")
		w.stop("n3")
		publishNumbers(t, s, 0, 40) // 4 s
		if n := w.dialled("n3"); n < 3 || n > 6 {
			t.Errorf("dialled %d times in 4 s", n)
		}
		w.start("n3")
		publishNumbers(t, s, 40, 60)
		if n := w.Opened("n3"); n != 1 {
			t.Errorf("%d pipes to the leader, want 1", n)
		}
		w.stop("n3") // in use
		publishNumbers(t, s, 60, 70)
		wantNumbers(t, s, 70)
	})
}

// A leader that takes connections and says nothing holds nobody up.
func TestPublishBesideSilentLeader(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		s := w.client("n2").Streams()
		w.Lead("n3")
		w.silence("n3")
		start := time.Now()
		publishNumbers(t, s, 0, 20)
		if took := time.Since(start); took > 20*100*time.Millisecond+50*time.Millisecond {
			t.Errorf("20 events took %v", took)
		}
	})
}

// A node that does not say that it has taken a producer's stream is given up after the
// dial timeout, with nothing done.
func TestPublishToAHangingNode(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		s := w.client("n1").Streams(client.WithPatience(3 * client.DefaultDialTimeout / 2))
		w.hang("n1", true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := s.Publish(ctx, "a", event.New("x", nil))
		if !errors.Is(err, eventnode.ErrUnavailable) || !strings.Contains(err.Error(), "n1 has not taken a stream within") {
			t.Error(err)
		}
		w.hang("n1", false)
		publishNumbers(t, s, 0, 2)
		wantNumbers(t, s, 2)
	})
}

// The loss of the client's node, with events under way, loses and doubles none.
func TestPublishOutlivesNodes(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		c, err := client.Dial(t.Context(), []string{"n1", "n2", "n3"}, client.WithDialer(w.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s := c.Streams()
		n := 0
		for round, name := range []string{"n1", "n2", "n3", "n1", "n2"} {
			publishNumbers(t, s, n, n+3)
			n += 3
			w.DropAnswers(round % 2)
			w.stop(name)
			publishNumbers(t, s, n, n+3)
			n += 3
			w.start(name)
		}
		wantNumbers(t, s, n)
	})
}

// Without any node the client's patience counts, and then there is one error.
func TestStreamsWithoutNodes(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		s := w.client("n1").Streams(client.WithPatience(3 * time.Second))
		publishNumbers(t, s, 0, 1)
		for _, name := range []string{"n1", "n2", "n3"} {
			w.stop(name)
		}
		time.Sleep(time.Second)
		start := time.Now()
		_, err := s.Publish(t.Context(), "a", event.New("x", nil))
		if took := time.Since(start); !errors.Is(err, eventnode.ErrUnavailable) || took < 2*time.Second || took > 5*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		if _, err := s.Info(t.Context(), "a"); !errors.Is(err, eventnode.ErrUnavailable) {
			t.Errorf("info: %v", err)
		}
		w.start("n1")
		time.Sleep(10 * time.Second)
		publishNumbers(t, s, 1, 2)
		wantNumbers(t, s, 2)
	})
}

// Create and Delete are not done twice: a lost answer is an unknown outcome.
func TestStreamsOnce(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		s := w.client("n1").Streams()
		for what, call := range map[string]func() error{
			"create": func() error { return s.Create(t.Context(), "new", eventnode.StreamConfig{}) },
			"delete": func() error { return s.Delete(t.Context(), "a") },
		} {
			w.DropUnary(1)
			if err := call(); !errors.Is(err, eventnode.ErrOutcomeUnknown) {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.DropUnary(2)
		if created, err := s.Declare(t.Context(), "newer", eventnode.StreamConfig{}); err != nil || created {
			t.Errorf("declare: %v, %v", created, err)
		}
	})
}

// Close ends everything that publishes or reads.
func TestStreamsClose(t *testing.T) {
	inStreamsBubble(t, func(t *testing.T, w *streamsWorld) {
		c := w.client("n2")
		s := c.Streams()
		publishNumbers(t, s, 0, 3)
		release := w.Hold()
		defer release()
		errs := make(chan error, 2)
		go func() {
			_, err := s.Publish(context.Background(), "a", event.New("x", nil))
			errs <- err
		}()
		go func() {
			for _, err := range s.Read(context.Background(), "a", eventnode.WithFollow()) {
				if err != nil {
					errs <- err
				}
			}
		}()
		synctest.Wait()
		_ = c.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, eventnode.ErrClosed) {
				t.Error(err)
			}
		}
	})
}
