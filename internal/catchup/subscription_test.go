package catchup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/streamsdk"
	"github.com/eventnode/eventnode/internal/streamsdk/sdktest"
)

// fakeLive is a live subscription that a test feeds.
type fakeLive struct {
	eventnode.Subscription
	missing []eventnode.NodeID
	feed    chan eventnode.Delivery
	closed  chan struct{}
	once    sync.Once
}

func (l *fakeLive) Receive(ctx context.Context) (eventnode.Delivery, error) {
	select {
	case d, ok := <-l.feed:
		if !ok {
			return d, errors.New("refused")
		}
		return d, nil
	case <-l.closed:
		return eventnode.Delivery{}, eventnode.ErrClosed
	case <-ctx.Done():
		return eventnode.Delivery{}, ctx.Err()
	}
}

func (l *fakeLive) Missing() []eventnode.NodeID { return l.missing }
func (l *fakeLive) Nodes() int                  { return 3 }

func (l *fakeLive) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// world is a Subscription on a cluster for tests, in virtual time.
type world struct {
	*Subscription
	t       *testing.T
	cluster *sdktest.Cluster
	streams *streamsdk.Streams
	live    *fakeLive
	run     sync.WaitGroup
	// standing is how often the live subscription was opened; 0: it is not open.
	standing atomic.Uint64
}

func inBubble(t *testing.T, missing []eventnode.NodeID, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, cluster: sdktest.NewCluster("n1"), live: &fakeLive{missing: missing, feed: make(chan eventnode.Delivery), closed: make(chan struct{})}}
		w.standing.Store(1)
		ctx, stop := context.WithCancel(context.Background())
		w.streams = streamsdk.New(streamsdk.Config{
			Backend: streamsdk.Local(w.cluster.Node("n1")), Context: ctx,
			Start: func(f func()) error { w.run.Go(f); return nil },
		})
		if _, err := w.streams.Declare(ctx, "log", eventnode.StreamConfig{}); err != nil {
			t.Fatal(err)
		}
		var err error
		w.Subscription, err = Open(ctx, Config{
			Streams: w.streams, Stream: "log", Topics: []string{topic},
			Subscribe: func(context.Context) (eventnode.Subscription, error) { return w.live, nil },
			Standing:  w.standing.Load,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.run.Go(func() { w.Run(ctx) })
		test(t, w)
		stop()
		w.run.Wait()
	})
}

// record appends an event with the topic.
func (w *world) record(evs ...event.Event) {
	w.t.Helper()
	var list []eventnode.Delivery
	for _, ev := range evs {
		list = append(list, eventnode.Delivery{Topics: []string{topic}, Event: ev})
	}
	if _, err := w.streams.PublishRecorded(w.t.Context(), "log", list); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) arrive(evs ...event.Event) {
	for _, ev := range evs {
		w.live.feed <- eventnode.Delivery{Topics: []string{topic}, Event: ev}
	}
}

func (w *world) arriveGap() {
	w.live.feed <- eventnode.Delivery{Gap: &eventnode.Gap{Reason: eventnode.GapReconnected}}
}

// wants receives these, and no more for a while.
func (w *world) wants(want ...string) {
	w.t.Helper()
	var got []string
	for {
		ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
		d, err := w.Receive(ctx)
		cancel()
		if err != nil {
			break
		}
		if d.Gap != nil {
			got = append(got, "gap")
			continue
		}
		got = append(got, d.Event.Name)
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("got %q, want %q", got, want)
	}
}

func (w *world) isLive() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _, catching := w.machine.Reading()
	return !catching
}

// A gap is filled from the stream, and then it is live again, without a reader; again
// and again.
func TestSubscriptionFillsGaps(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for i := range 3 {
			name := func(s string) string { return fmt.Sprint(s, i) }
			a, b, c, d := made(name("a")), made(name("b")), made(name("c")), made(name("d"))
			w.arrive(a)
			w.wants(name("a"))
			w.record(a, b)
			w.arriveGap()
			w.arrive(c)
			w.wants(name("b"))
			w.record(c)
			w.wants(name("c"))
			time.Sleep(10 * time.Second)
			if !w.isLive() {
				t.Fatal("it is not live again")
			}
			w.arrive(d, b)
			w.wants(name("d"))
			time.Sleep(time.Minute)
		}
	})
}

// Where some nodes do not know of the interest yet, what they dispatch is read.
func TestMissingNodesAreNoHole(t *testing.T) {
	inBubble(t, []eventnode.NodeID{"n2"}, func(t *testing.T, w *world) {
		w.record(made("a"))
		w.wants("a")
	})
}

// However long the live subscription was not open, all that was recorded meanwhile is
// read: no mark says that it was well.
func TestLongWithoutNode(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		time.Sleep(2 * time.Minute)
		w.standing.Store(0)
		w.record(made("a"))
		time.Sleep(time.Hour)
		w.record(made("b"))
		w.standing.Store(2)
		w.arriveGap()
		w.wants("a", "b")
		time.Sleep(10 * time.Second)
		if !w.isLive() {
			t.Error("it is not live again")
		}
	})
}

// A break of the reading is none of the events; nor is an election.
func TestReadingGoesOn(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.cluster.BreakReads(2)
		w.arriveGap()
		for i := range 10 {
			w.record(made(fmt.Sprint(i)))
		}
		w.wants("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		w.cluster.Lead("")
		time.Sleep(3 * time.Second)
		w.cluster.Lead("n1")
		x := made("x")
		w.arrive(x)
		w.record(x, made("y"))
		w.wants("x", "y")
		time.Sleep(20 * time.Second)
		if !w.isLive() {
			t.Error("it is not live again")
		}
	})
}

// A stream that is gone is a gap, and what arrives goes on.
func TestDeletedStreamIsAGap(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		if err := w.streams.Delete(t.Context(), "log"); err != nil {
			t.Fatal(err)
		}
		w.arriveGap()
		w.arrive(made("a"))
		w.wants("gap", "a")
		w.arrive(made("b"))
		w.wants("b")
	})
}

// The end of the live subscription comes last of all; Close comes at once.
func TestSubscriptionEnds(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.arrive(made("a"))
		w.arriveGap()
		w.arrive(made("b"))
		close(w.live.feed)
		w.wants("a", "gap", "b")
		if _, err := w.Receive(t.Context()); err == nil || err.Error() != "refused" {
			t.Errorf("Receive: %v", err)
		}
	})
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.arrive(made("a"))
		_ = w.Close()
		for range w.All(t.Context()) {
			t.Error("something came after Close")
		}
		if _, err := w.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Receive: %v", err)
		}
	})
}

// What cannot be: Open says so.
func TestOpenWithoutStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		streams := streamsdk.New(streamsdk.Config{
			Backend: streamsdk.Local(sdktest.NewCluster("n1").Node("n1")), Context: ctx,
			Start: func(f func()) error { go f(); return nil },
		})
		_, err := Open(ctx, Config{Streams: streams, Stream: "nowhere", Topics: []string{topic}})
		if !errors.Is(err, eventnode.ErrStreamNotFound) {
			t.Errorf("%v", err)
		}
	})
}
