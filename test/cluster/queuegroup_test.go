package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// crew counts who of some members got what.
type crew struct {
	t *testing.T

	mu    sync.Mutex
	got   map[string]int            // by event
	by    map[string]map[string]int // by member, by event
	gaps  int
	order map[string]int // the last event, by member and publisher
}

func newCrew(t *testing.T) *crew {
	return &crew{t: t, got: map[string]int{}, by: map[string]map[string]int{}, order: map[string]int{}}
}

// member subscribes and reads until ctx ends.
func (c *crew) member(ctx context.Context, name string, live eventnode.Live, opts ...eventnode.SubscribeOption) {
	c.t.Helper()
	sub, err := live.Subscribe(ctx, []string{"topic:jobs.*"}, opts...)
	if err != nil || len(sub.Missing()) > 0 {
		c.t.Fatalf("%s: missing %v, %v", name, sub, err)
	}
	go func() {
		for d, err := range sub.All(ctx) {
			if err == nil {
				c.take(name, d)
			}
		}
	}()
}

func (c *crew) take(member string, d eventnode.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.Gap != nil {
		c.gaps++
		return
	}
	c.got[d.Event.Name]++
	if c.by[member] == nil {
		c.by[member] = map[string]int{}
	}
	c.by[member][d.Event.Name]++
	var publisher, number int
	if _, err := fmt.Sscanf(d.Event.Name, "%d.%d", &publisher, &number); err != nil {
		c.t.Error(err)
	}
	key := fmt.Sprint(member, " ", publisher)
	if last, ok := c.order[key]; ok && number <= last {
		c.t.Errorf("%s got %d of publisher %d after %d", member, number, publisher, last)
	}
	c.order[key] = number
}

// all returns what is missing, or came more than once, of a publisher's events.
func (c *crew) all(publisher, from, to int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var wrong []string
	for i := from; i < to; i++ {
		if name := fmt.Sprintf("%d.%d", publisher, i); c.got[name] != 1 {
			wrong = append(wrong, fmt.Sprintf("%s: %d", name, c.got[name]))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d events did not come once: %.200s", len(wrong), strings.Join(wrong, ", "))
	}
	return nil
}

// twice reports an event that came more than once.
func (c *crew) twice() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range c.got {
		if n > 1 {
			return fmt.Errorf("%s came %d times", name, n)
		}
	}
	return nil
}

// dispatchJobs dispatches events from..to of a publisher, with no answer awaited but at the end.
func dispatchJobs(t *testing.T, p eventnode.Publisher, publisher, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := p.Dispatch(t.Context(), "topic:jobs.eu", event.New(fmt.Sprintf("%d.%d", publisher, i), nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// On three nodes in memory, each with members: each event goes to one of them, on the
// publisher's node, and to each plain subscription; receipts count the group as one; without
// members there, it goes to one of the other nodes; each member has a publisher's order.
func TestQueueGroupsOverNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster.Start(t, cluster.Config{})
		workers, plain := newCrew(t), newCrew(t)
		ends := map[string]context.CancelFunc{}
		for _, name := range []string{"n1", "n2", "n3"} {
			ctx, end := context.WithCancel(t.Context())
			ends[name] = end
			for i := range 2 {
				workers.member(ctx, fmt.Sprint(name, "-", i), c.Node(name).Live(), eventnode.WithQueueGroup("workers"))
			}
		}
		plain.member(t.Context(), "plain", c.Node("n2").Live())
		for i, name := range []string{"n1", "n2", "n3"} {
			p, err := c.Node(name).Live().NewPublisher(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			dispatchJobs(t, p, i, 0, 500)
			for _, crew := range []*crew{workers, plain} {
				c.Eventually(10*time.Second, func() error { return crew.all(i, 0, 500) })
			}
			workers.mu.Lock()
			for member, got := range workers.by {
				for ev := range got {
					if strings.HasPrefix(ev, fmt.Sprint(i, ".")) && !strings.HasPrefix(member, name) {
						t.Fatalf("%s of %s went to %s", ev, name, member)
					}
				}
			}
			workers.mu.Unlock()
			r, err := p.Dispatch(t.Context(), "topic:jobs.us", event.New(fmt.Sprintf("%d.0", 10+i), nil), eventnode.WithReceipt(0))
			if err != nil || r.Reached != 2 {
				t.Errorf("%+v, %v", r, err)
			}
		}
		ends["n1"]()
		synctest.Wait()
		p := c.Node("n1").Live()
		dispatchJobs(t, p, 3, 0, 500)
		c.Eventually(10*time.Second, func() error { return errors.Join(workers.all(3, 0, 500), plain.all(3, 0, 500)) })
		if len(workers.by) != 6 {
			t.Errorf("only %d members got something", len(workers.by))
		}
		if _, err := p.Subscribe(t.Context(), []string{"topic:x"}, eventnode.WithQueueGroup("a b")); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("a bad name: %v", err)
		}
	})
}

// On three processes, while events go: a node with members is killed. What its members had is
// lost; nothing comes twice, and afterwards each event goes to one live member again.
func TestQueueGroupOutlivesAKilledNode(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true})
	workers := newCrew(t)
	for _, name := range []string{"n2", "n3"} {
		for i := range 2 {
			workers.member(t.Context(), fmt.Sprint(name, "-", i), c.Node(name).Client(), eventnode.WithQueueGroup("workers"))
		}
	}
	p := c.Node("n1").Live()
	dispatchJobs(t, p, 0, 0, 2000)
	c.Eventually(20*time.Second, func() error { return workers.all(0, 0, 2000) })
	if len(workers.by) != 4 {
		t.Errorf("only %d members got something", len(workers.by))
	}

	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				ended <- n
				return
			default:
				_, _ = p.Dispatch(t.Context(), "topic:jobs.eu", event.New(fmt.Sprintf("1.%d", n), nil))
				_ = p.Flush(t.Context()) // no faster than the node
			}
		}
	}()
	c.Kill("n3")
	from := 1_000_000
	c.Eventually(30*time.Second, func() error { // a burst of which nothing is missing: n3 is not chosen any more
		burst := from
		from += 200
		dispatchJobs(t, c.Node("n2").Client(), 2, burst, burst+100)
		dispatchJobs(t, c.Node("n1").Client(), 3, burst, burst+100)
		return within(time.Second, func() error { return errors.Join(workers.all(2, burst, burst+100), workers.all(3, burst, burst+100)) })
	})
	close(stop)
	t.Logf("%d events were dispatched meanwhile", <-ended)
	if err := errors.Join(p.Flush(t.Context()), workers.twice()); err != nil {
		t.Error(err)
	}
}

// within waits until a condition holds, at most for d.
func within(d time.Duration, condition func() error) error {
	end := time.Now().Add(d)
	for {
		err := condition()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
