package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// union is what a subscription got: events that are named by their numbers.
type union struct {
	t    *testing.T
	mu   sync.Mutex
	got  map[string]int
	gaps []eventnode.Gap
}

// read reads until the subscription ends.
func (u *union) read(ctx context.Context, sub eventnode.Subscription) {
	for d, err := range sub.All(ctx) {
		u.mu.Lock()
		switch {
		case err != nil:
			u.t.Errorf("subscriber: %v", err)
		case d.Gap != nil:
			u.gaps = append(u.gaps, *d.Gap)
		default:
			u.got[d.Event.Name]++
		}
		u.mu.Unlock()
	}
}

// has says what is missing of n events.
func (u *union) has(n uint64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if uint64(len(u.got)) < n {
		return fmt.Errorf("%w: %d of %d events", errShort, len(u.got), n)
	}
	return nil
}

// missed says that no gap came yet.
func (u *union) missed() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.gaps) == 0 {
		return fmt.Errorf("%w: no gap was told", errShort)
	}
	return nil
}

// check finds holes, duplicates and gaps.
func (u *union) check(n uint64) {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := uint64(1); i <= n; i++ {
		if times := u.got[fmt.Sprint(i)]; times != 1 {
			u.t.Errorf("event %d came %d times", i, times)
		}
	}
	if uint64(len(u.got)) != n || len(u.gaps) > 0 {
		u.t.Errorf("%d of %d events, gaps %v", len(u.got), n, u.gaps)
	}
}

// record records topic:catch to the stream until the test ends.
func record(t *testing.T, r eventnode.Recorder, stream string) (gaps *atomic.Int64) {
	t.Helper()
	gaps = new(atomic.Int64)
	started, over := make(chan struct{}), make(chan error, 1)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		over <- r.Record(ctx, []string{"topic:catch"}, stream,
			eventnode.WithRecordStart(func(eventnode.Subscription) { close(started) }),
			eventnode.WithRecordGap(func(eventnode.Gap) { gaps.Add(1) }))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-over; err != nil && !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("recorder: %v", err)
		}
	})
	select {
	case <-started:
	case err := <-over:
		t.Fatalf("recorder: %v", err)
	}
	return gaps
}

// publishSteadily dispatches numbered events until stop, each accepted before the next.
func publishSteadily(t *testing.T, p eventnode.Publisher) (stop func() uint64) {
	ctx, cancel := context.WithCancel(t.Context())
	var n uint64
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			n++
			if _, err := p.Dispatch(t.Context(), "topic:catch", event.New(fmt.Sprint(n), make([]byte, 100))); err != nil {
				t.Errorf("publisher: %v", err)
				return
			}
			<-tick.C
		}
	})
	return func() uint64 {
		cancel()
		done.Wait()
		return n
	}
}

// kept is a stream that keeps what is to be caught up with.
func kept() eventnode.StreamConfig {
	return eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: time.Hour}
}

// The node of a subscriber is killed with -9, and the next one is stopped, while events
// are dispatched elsewhere: what it misses comes from the stream, and then it is live
// again. Two recorders are at work, one of them at the very nodes that end. The union
// of it all has no hole and no duplicate, and no gap is told.
func TestCatchUpAfterKillOfTheSubscribersNode(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true, Args: storageArgs()})
	c.Declare("log", kept())
	record(t, c.Node("n1").Client(), "log")
	second := record(t, c.Node("n2").Client(c.Node("n3")), "log")
	cl := c.Node("n2").Client(c.Node("n3"))
	sub, err := cl.Subscribe(t.Context(), []string{"topic:catch"}, eventnode.WithCatchUp("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u := &union{t: t, got: map[string]int{}}
	var reading sync.WaitGroup
	reading.Go(func() { u.read(ctx, sub) })
	stop := publishSteadily(t, c.Node("n1").Client())
	for i, end := range []func(string){c.Kill, c.Stop, c.Kill} {
		at := uint64(1000 * (i + 1))
		c.Eventually(30*time.Second, func() error { return u.has(at) })
		name := nodeOf(c, cl.Addr())
		end(name)
		c.Restart(name)
		c.Eventually(30*time.Second, c.Linked)
	}
	time.Sleep(time.Second) // of events that come live again
	sent := stop()
	c.Eventually(60*time.Second, func() error { return u.has(sent) })
	time.Sleep(time.Second) // for what should not come
	cancel()
	reading.Wait()
	u.check(sent)
	t.Logf("%d events; the recorder at the nodes that ended had %d gaps", sent, second.Load())
	if second.Load() == 0 {
		t.Error("the node of a recorder ended, and it had no gap")
	}
	inStream := map[string]int{}
	for ev, err := range c.Node("n1").Streams().Read(t.Context(), "log") {
		if err != nil {
			t.Fatal(err)
		}
		if inStream[ev.Event.Name]++; inStream[ev.Event.Name] > 1 || len(ev.Topics) != 1 || ev.Topics[0] != "topic:catch" {
			t.Errorf("%s is in the stream again, or for %v", ev.Event.Name, ev.Topics)
		}
	}
	if uint64(len(inStream)) != sent {
		t.Errorf("%d of %d events are in the stream", len(inStream), sent)
	}
}

// Two recorders, each at a node of its own: one after the other these are killed, with
// all that was on its way to a recorder, and a subscriber that is at one of them. The
// union has no hole and no duplicate.
func TestCatchUpAfterKillOfTheRecordersNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true, Args: storageArgs()})
	c.Declare("log", kept())
	gaps := map[string]*atomic.Int64{
		"n2": record(t, c.Node("n2").Client(), "log"),
		"n3": record(t, c.Node("n3").Client(), "log"),
	}
	sub, err := c.Node("n2").Client(c.Node("n3")).Subscribe(t.Context(), []string{"topic:catch"}, eventnode.WithCatchUp("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u := &union{t: t, got: map[string]int{}}
	var reading sync.WaitGroup
	reading.Go(func() { u.read(ctx, sub) })
	stop := publishSteadily(t, c.Node("n1").Client())
	for _, name := range []string{"n2", "n3"} {
		c.Eventually(30*time.Second, func() error { return u.has(1000) })
		c.Kill(name)
		c.Restart(name)
		c.Eventually(30*time.Second, c.Linked)
		c.Eventually(30*time.Second, func() error {
			if gaps[name].Load() == 0 {
				return fmt.Errorf("%w: the recorder at %s is not back", errShort, name)
			}
			return nil
		})
		time.Sleep(2 * time.Second) // until all nodes know of the interest of the recorder
	}
	sent := stop()
	c.Eventually(60*time.Second, func() error { return u.has(sent) })
	time.Sleep(time.Second) // for what should not come
	cancel()
	reading.Wait()
	u.check(sent)
}

// The subscriber is an embedded node that is cut off: what the others drop for it comes
// from the stream.
func TestCatchUpOfAnEmbeddedNode(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Storage: true})
	c.Declare("log", kept())
	live := c.Node("n1").Live()
	record(t, live.(eventnode.Recorder), "log")
	record(t, c.Node("n3").Live().(eventnode.Recorder), "log")
	sub, err := c.Node("n2").Live().Subscribe(t.Context(), []string{"topic:catch"}, eventnode.WithCatchUp("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u := &union{t: t, got: map[string]int{}}
	var reading sync.WaitGroup
	reading.Go(func() { u.read(ctx, sub) })
	without, err := c.Node("n2").Live().Subscribe(t.Context(), []string{"topic:catch"})
	if err != nil {
		t.Fatal(err)
	}
	defer without.Close()
	plain := &union{t: t, got: map[string]int{}}
	reading.Go(func() { plain.read(ctx, without) })
	sent := uint64(0)
	dispatch := func(n, size int) {
		for range n {
			sent++
			if _, err := live.Dispatch(t.Context(), "topic:catch", event.New(fmt.Sprint(sent), make([]byte, size))); err != nil {
				t.Fatal(err)
			}
		}
	}
	dispatch(100, 100)
	c.Eventually(30*time.Second, func() error { return u.has(sent) })
	c.Cut("n1", "n2")
	dispatch(200, 64<<10) // three times what waits for a link
	c.Heal()
	c.Eventually(30*time.Second, c.Linked)
	dispatch(100, 100)
	c.Eventually(60*time.Second, func() error { return u.has(sent) })
	c.Eventually(30*time.Second, plain.missed)
	cancel()
	reading.Wait()
	u.check(sent)
	if len(plain.gaps) == 0 || uint64(len(plain.got)) >= sent {
		t.Errorf("without catching up %d of %d events came, gaps %v", len(plain.got), sent, plain.gaps)
	}
}

// nodeOf is the name of the node at an address.
func nodeOf(c *cluster.Cluster, addr string) string {
	for _, n := range c.Running() {
		if n.RPCAddress() == addr {
			return n.Name()
		}
	}
	return ""
}
