package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/test/cluster"
)

const (
	// batch is how many events a publisher has under way.
	batch = 16
	// pace is how often it sends so many.
	pace = 5 * time.Millisecond
)

// rolling is a cluster under load, whose nodes are restarted one after the other.
type rolling struct {
	t       *testing.T
	c       *cluster.Cluster
	ctx     context.Context //nolint:containedctx // of the load
	stop    context.CancelFunc
	loading sync.WaitGroup
	reading sync.WaitGroup

	mu       sync.Mutex
	accepted map[uint32][]uint64 // by publisher
	unknown  map[uint32]int      // events whose outcome it does not know, or that were refused
	ledgers  []*numbersLedger
}

func newRolling(t *testing.T, c *cluster.Cluster) *rolling {
	r := &rolling{t: t, c: c, accepted: map[uint32][]uint64{}, unknown: map[uint32]int{}}
	r.ctx, r.stop = context.WithCancel(t.Context())
	t.Cleanup(func() { r.stop(); r.loading.Wait() })
	return r
}

// at is a client that knows all nodes, or one only, and begins at this one.
func (r *rolling) at(name string, alone bool) *client.Client {
	r.t.Helper()
	var others []*cluster.Node
	for _, n := range r.c.Running() {
		if n.Name() != name && !alone {
			others = append(others, n)
		}
	}
	for {
		cl := r.c.Node(name).Client(others...)
		if cl.Addr() == r.c.Node(name).RPCAddress() {
			return cl
		}
		_ = cl.Close() // a client begins with any address
	}
}

func (r *rolling) ledger(name string) *numbersLedger {
	l := newNumbersLedger(r.t, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ledgers = append(r.ledgers, l)
	return l
}

// subscriber reads with policy block until the test ends.
func (r *rolling) subscriber(name string, cl *client.Client, opts ...eventnode.SubscribeOption) {
	r.t.Helper()
	l := r.ledger(name)
	sub, err := cl.Subscribe(r.t.Context(), []string{"topic:rolling"}, append(opts, eventnode.WithPolicy(eventnode.PolicyBlock))...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.reading.Go(func() {
		for d, err := range sub.All(r.t.Context()) {
			switch {
			case err != nil:
				r.t.Errorf("%s: %v", name, err)
			case d.Gap != nil:
				l.gap(*d.Gap)
			default:
				l.event(d.Event.Data)
			}
		}
	})
	r.t.Cleanup(func() { _ = sub.Close(); r.reading.Wait() })
}

// member is in a group until the test ends; broadcasts to it are publisher k's.
func (r *rolling) member(k uint32, cl, sender *client.Client) {
	r.t.Helper()
	l := r.ledger("member")
	l.member = true
	m, err := cl.NewMember(r.t.Context(), 1<<16)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := cl.Scope("").Join(r.t.Context(), "rolling", []eventnode.Member{m}); err != nil {
		r.t.Fatal(err)
	}
	r.reading.Go(func() {
		for d, err := range m.All(r.t.Context()) {
			switch {
			case err != nil:
				return
			case d.Gap != nil:
				l.gap(*d.Gap)
			default:
				l.event(d.Event.Data)
			}
		}
	})
	r.t.Cleanup(func() { _ = m.Close() })
	r.load(k, func(ctx context.Context, n uint64) error {
		_, err := sender.Scope("").Broadcast(ctx, "rolling", numberedBy(k, n))
		return err
	}, nil)
}

// publisher dispatches numbered events.
func (r *rolling) publisher(k uint32, cl *client.Client) {
	r.t.Helper()
	p, err := cl.NewPublisher(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.load(k, func(ctx context.Context, n uint64) error {
		_, err := p.Dispatch(ctx, "topic:rolling", numberedBy(k, n))
		return err
	}, p.Flush)
}

// load sends a batch at each tick, and notes what was accepted.
func (r *rolling) load(k uint32, send func(ctx context.Context, n uint64) error, flush func(context.Context) error) {
	ctx := context.WithoutCancel(r.ctx)
	r.loading.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := uint64(1); ; n += batch {
			select {
			case <-tick.C:
			case <-r.ctx.Done():
				return
			}
			r.send(ctx, k, n, send, flush)
		}
	})
}

func (r *rolling) send(ctx context.Context, k uint32, first uint64, send func(ctx context.Context, n uint64) error, flush func(context.Context) error) {
	var numbers []uint64
	failed := 0
	note := func(err error) {
		if err != nil && !errors.Is(err, eventnode.ErrUnavailable) && !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			r.t.Errorf("publisher %d: %v", k, err)
		}
	}
	for n := first; n < first+batch; n++ {
		if err := send(ctx, n); err != nil {
			note(err)
			failed++
			continue
		}
		numbers = append(numbers, n)
	}
	if flush != nil {
		if err := flush(ctx); err != nil { // nobody knows which of them
			note(err)
			failed, numbers = batch, nil
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted[k] = append(r.accepted[k], numbers...)
	r.unknown[k] += failed
}

// goOn waits until each receiver has got more.
func (r *rolling) goOn() {
	r.t.Helper()
	r.mu.Lock()
	ledgers := r.ledgers
	r.mu.Unlock()
	was := make([]int, len(ledgers))
	for i, l := range ledgers {
		was[i] = l.count()
	}
	r.c.Eventually(30*time.Second, func() error {
		for i, l := range ledgers {
			if got := l.count() - was[i]; got < 500 {
				return fmt.Errorf("%s has got %d events since the last restart", l.name, got)
			}
		}
		return nil
	})
}

// settled ends the load and waits until each receiver has got everything, or a gap in its
// place. It returns how many events are missing under gaps.
func (r *rolling) settled() (missing int) {
	r.t.Helper()
	r.goOn()
	r.stop()
	r.loading.Wait()
	r.c.Eventually(30*time.Second, func() error {
		missing = 0
		for _, l := range r.ledgers {
			n, err := l.missing(r.accepted)
			if err != nil {
				return err
			}
			missing += n
		}
		return nil
	})
	return missing
}

// report logs what was seen.
func (r *rolling) report(missing int) {
	for _, l := range r.ledgers {
		n, _ := l.missing(r.accepted)
		r.t.Logf("%s: %d events, gaps %v, %d events missing under them", l.name, l.got, l.reasons, n)
	}
	accepted := 0
	for _, numbers := range r.accepted {
		accepted += len(numbers)
	}
	r.t.Logf("%d events accepted, not by publisher %v; %d deliveries missing in all", accepted, r.unknown, missing)
}

// start puts the load on: publishers, subscribers with policy block on each node, some of
// them slow, and some whose client knows one address; and a member of a group.
func (r *rolling) start() {
	names := []string{"n1", "n2", "n3"}
	for _, name := range names {
		r.subscriber("subscriber of "+name, r.at(name, false))
	}
	r.subscriber("small queue at n2", r.at("n2", false), eventnode.WithQueue(batch, 0))
	r.subscriber("subscriber of n1 alone", r.at("n1", true))
	r.member(memberLoad, r.at("n3", false), r.at("n1", false))
	for i, name := range names {
		r.publisher(uint32(i+1), r.at(name, false))
	}
	r.publisher(4, r.at("n2", true))
}

// Three nodes are restarted one after the other, under load: each event that was accepted
// reaches each subscriber with policy block, and the member, once, or a gap stands in its
// place. Publishers that know several addresses are refused nothing, and know of each event
// what became of it.
func (r *rolling) restart() {
	for _, name := range []string{"n1", "n2", "n3"} {
		r.goOn()
		r.c.Stop(name)
		r.c.Restart(name)
		r.c.Eventually(20*time.Second, r.c.Linked)
	}
	missing := r.settled()
	r.report(missing)
	for k := range uint32(3) {
		if n := r.unknown[k+1]; n > 0 {
			r.t.Errorf("publisher %d does not know of %d events what became of them, or they were refused", k+1, n)
		}
	}
}

// In memory, in virtual time.
func TestRollingRestartInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRolling(t, cluster.Start(t, cluster.Config{}))
		r.start()
		r.restart()
	})
}

// With processes that keep streams: also, what is acked to publishers of a stream is
// handed to a consumer group, at least once.
func TestRollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Args: storageArgs()})
	durable := load(t, c, 2)
	consumed := consume(t, c)
	r := newRolling(t, c)
	r.start()
	for _, name := range []string{"n1", "n2", "n3"} {
		r.goOn()
		upToDate(t, c, name, nil)
		c.Stop(name)
		c.Restart(name)
		upToDate(t, c, name, nil)
	}
	r.report(r.settled())
	durable.halt()
	c.Eventually(30*time.Second, func() error { return consumed.all(durable.acked) })
}

// consumed is what a consumer group was handed, by name.
type consumed struct {
	mu    sync.Mutex
	times map[string]int
}

// consume has a consumer group consume the stream until the test ends.
func consume(t *testing.T, c *cluster.Cluster) *consumed {
	t.Helper()
	k := allOf(c).Consumers()
	if _, err := k.AddGroup(t.Context(), stream, "rolling", eventnode.ConsumerGroupConfig{}, eventnode.StartPlace{}); err != nil {
		t.Fatal(err)
	}
	got := &consumed{times: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		_, err := k.Consumer("rolling", eventnode.WithStreams(stream)).Consume(ctx, 100, func(_ context.Context, events []*eventnode.StreamDelivery) error {
			got.mu.Lock()
			defer got.mu.Unlock()
			for _, d := range events {
				got.times[d.Event().Name]++
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			t.Errorf("consumer: %v", err)
		}
	})
	t.Cleanup(func() { stop(); done.Wait() })
	return got
}

// all says which event was not handed over.
func (c *consumed) all(names []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		if c.times[name] == 0 {
			return fmt.Errorf("%s was acked to its publisher, and was handed to nobody", name)
		}
	}
	return nil
}

// A node that starts takes no event before it knows who wants it: the first one that is
// accepted reaches who subscribed long before, however slowly the others tell.
func TestFirstEventOfAStartedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster.Start(t, cluster.Config{})
		sub, err := c.Node("n1").Live().Subscribe(t.Context(), []string{"topic:a"})
		if err != nil {
			t.Fatal(err)
		}
		cl := c.Node("n2").Client()
		c.Stop("n2")
		for _, other := range []string{"n1", "n3"} {
			c.Delay(other, "n2", 200*time.Millisecond, 200*time.Millisecond)
		}
		var dispatching sync.WaitGroup
		dispatching.Go(func() {
			for {
				_, err := cl.Dispatch(t.Context(), "topic:a", numberedBy(1, 1))
				if err == nil {
					return
				}
				if !errors.Is(err, eventnode.ErrUnavailable) {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond) // virtual
			}
		})
		c.Restart("n2")
		dispatching.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if d, err := sub.Receive(ctx); err != nil || d.Gap != nil {
			t.Errorf("%v, %v", d, err)
		}
	})
}

// Three nodes leave by command, one after the other, each replaced by a new one: what holds
// for a restart holds.
func TestRollingLeave(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true})
	r := newRolling(t, c)
	r.start()
	for _, name := range []string{"n1", "n2", "n3"} {
		r.goOn()
		err := c.Ends(name, func() {
			if _, stderr, code := command(t, "leave", "--addr", c.Node(name).RPCAddress()); code != 0 {
				t.Errorf("leave: %d, %s", code, stderr)
			}
		})
		if err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
		c.Restart(name)
		c.Eventually(20*time.Second, c.Linked)
	}
	r.report(r.settled())
}
