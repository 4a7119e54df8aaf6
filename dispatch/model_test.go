package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/pattern"
	"github.com/eventnode/eventnode/internal/wire"
)

// The model: a subscription that stands from the first to the last event should
// get every event of its topics and patterns. What it got, in each publisher's order and
// without a duplicate, and what its gaps count, make up exactly that.

// world is one random run of the model.
type world struct {
	t *testing.T
	c *cluster

	mu  sync.Mutex
	all []sentEvent
}

// sentEvent is what a publisher dispatched.
type sentEvent struct {
	publisher, number int
	topics            []string
}

// watcher is a subscription and what it got.
type watcher struct {
	*Subscription
	policy   eventnode.Policy
	received map[int][]int // numbers by publisher
	gaps     uint64
	unknown  bool // a gap did not say how many
	filter   eventnode.Filter
	ended    error
}

// read reads until the subscription ends, now and then resting.
func (w *watcher) read(t *testing.T, r *rand.Rand) {
	for d, err := range w.All(t.Context()) {
		switch {
		case err != nil:
			w.ended = err
		case d.Gap != nil && !d.Gap.Known && !w.filter.IsZero():
			w.unknown = true
		case d.Gap != nil && !d.Gap.Known:
			t.Errorf("a gap without a count: %+v", d.Gap)
		case d.Gap != nil:
			w.gaps += d.Gap.Count
		default:
			var p, n int
			if _, err := fmt.Sscanf(d.Event.Name, "%d.%d", &p, &n); err != nil {
				t.Errorf("event %q", d.Event.Name)
			}
			if !anyOf(w.topics, d.Topics) {
				t.Errorf("subscription to %v got an event to %v", w.topics, d.Topics)
			}
			if !w.filter.Match(d.Event) {
				t.Errorf("subscription with %+v got %+v", w.filter, d.Event)
			}
			w.received[p] = append(w.received[p], n)
		}
		if r.IntN(20) == 0 {
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
		}
	}
}

// check compares what a watcher got with what it should have.
func (w *watcher) check(t *testing.T, all []sentEvent) {
	t.Helper()
	want := 0
	for _, e := range all {
		if anyOf(w.topics, e.topics) && w.filter.Match(made(e.publisher, e.number, nil)) {
			want++
		}
	}
	got := 0
	for p, numbers := range w.received {
		for i, n := range numbers {
			if i > 0 && n <= numbers[i-1] {
				t.Errorf("%v: publisher %d: %d after %d", w.policy, p, n, numbers[i-1])
			}
		}
		got += len(numbers)
	}
	switch {
	case errors.Is(w.ended, eventnode.ErrSlowSubscriber):
		if w.policy != eventnode.PolicyDisconnect || got >= want {
			t.Errorf("%v ended after %d of %d", w.policy, got, want)
		}
	case w.ended != nil:
		t.Errorf("%v ended: %v", w.policy, w.ended)
	case got+int(w.gaps) > want, got+int(w.gaps) < want && !w.unknown:
		t.Errorf("%v: got %d and gaps of %d, want %d together", w.policy, got, w.gaps, want)
	}
}

// made makes a publisher's event.
func made(publisher, number int, data []byte) event.Event {
	ev := event.New(fmt.Sprintf("%d.%d", publisher, number), data)
	ev.Meta = map[string]string{"publisher": fmt.Sprint(publisher), "odd": fmt.Sprint(number%2 == 1)}
	return ev
}

// someFilter is none, one by metadata, or one by names.
func someFilter(r *rand.Rand) (f eventnode.Filter) {
	switch r.IntN(3) {
	case 0:
		f.Meta = map[string]string{"odd": "true"}
	case 1:
		for range eventnode.MaxFilterNames {
			f.Names = append(f.Names, fmt.Sprintf("%d.%d", r.IntN(5), r.IntN(300)))
		}
	}
	return f
}

// anyOf reports whether one of the topics is wanted.
func anyOf(wanted, topics []string) bool {
	return slices.ContainsFunc(topics, func(topic string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return pattern.Match(w, topic) })
	})
}

// topicName is one of six topics.
func topicName(i int) string { return fmt.Sprintf("topic:t%d.%c", i%3, 'x'+i/3) }

// interestName is one of the topics, or a pattern of some.
func interestName(r *rand.Rand) string {
	patterns := []string{"topic:*.x", "topic:t1.*", "topic:t2.>", "topic:>", "topic:*.*", "topic:t0.x.>"}
	if r.IntN(2) == 0 {
		return patterns[r.IntN(len(patterns))]
	}
	return topicName(r.IntN(6))
}

// publish dispatches n events: one by one, as frames, or with a receipt.
func (w *world) publish(r *rand.Rand, id, n int) {
	p := w.c.nodes[r.IntN(len(w.c.nodes))].publisher()
	var frame []byte
	for i := 0; i < n; i++ {
		topics := []string{topicName(r.IntN(6))}
		ev := made(id, i, make([]byte, r.IntN(200)))
		w.mu.Lock()
		w.all = append(w.all, sentEvent{id, i, topics})
		w.mu.Unlock()
		frame = wire.AppendEnvelope(frame, topics, &ev)
		if r.IntN(10) < 7 && i < n-1 {
			continue // grow the frame
		}
		if _, refused, err := p.Forward(w.t.Context(), wire.Piece{Data: frame}); err != nil || len(refused) > 0 {
			w.t.Errorf("%v, %v", refused, err)
		}
		frame = nil
		if i++; i < n {
			w.publishMany(r, p, id, i)
		}
		if r.IntN(30) == 0 {
			time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
		}
	}
}

// publishMany dispatches one event to several topics, perhaps with a receipt.
func (w *world) publishMany(r *rand.Rand, p *Publisher, id, number int) {
	topics := []string{topicName(r.IntN(6)), topicName(r.IntN(6)), topicName(r.IntN(6))}
	w.mu.Lock()
	w.all = append(w.all, sentEvent{id, number, topics})
	w.mu.Unlock()
	var opts []eventnode.DispatchOption
	if r.IntN(3) == 0 {
		opts = append(opts, eventnode.WithReceipt(time.Minute))
	}
	if _, err := p.DispatchMany(w.t.Context(), topics, made(id, number, nil), opts...); err != nil {
		w.t.Error(err)
	}
}

// churn subscribes and closes, over and over, which must disturb nobody.
func (w *world) churn(r *rand.Rand, n int) {
	for range n {
		s := w.c.nodes[r.IntN(len(w.c.nodes))].subscribe([]string{interestName(r), interestName(r)},
			eventnode.WithPolicy(eventnode.Policy(r.IntN(4))), eventnode.WithQueue(1+r.IntN(20), 0), eventnode.WithMaxBlock(time.Millisecond))
		last := map[int]int{}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Duration(r.IntN(200))*time.Millisecond)
		for d, err := range s.All(ctx) {
			var p, k int
			if d.Gap != nil || err != nil {
				continue
			}
			if _, err := fmt.Sscanf(d.Event.Name, "%d.%d", &p, &k); err != nil || k+1 <= last[p] {
				w.t.Errorf("event %q after %d", d.Event.Name, last[p]-1)
			}
			last[p] = k + 1
		}
		cancel()
		s.Close()
	}
}

// Many publishers, topics, subscriptions and policies, links that drop, and
// subscriptions that come and go: per publisher in order, no duplicate, and the
// losses are exactly what the gaps count.
func TestModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			r := func(n int) *rand.Rand { return rand.New(rand.NewPCG(seed, round<<32+uint64(n))) }
			w := &world{t: t, c: newCluster(t, 3, Config{Linger: 50 * time.Millisecond})}
			dropping := r(0)
			var mu sync.Mutex
			// Only single topics: of a run to several nobody knows whose it was.
			w.c.drop = func(_, _ eventnode.NodeID, topic string, _ int) bool {
				mu.Lock()
				defer mu.Unlock()
				return topic != "" && dropping.IntN(20) == 0
			}
			var watchers []*watcher
			var readers, writers sync.WaitGroup
			for i := range 16 {
				r := r(1000 + i)
				policy := eventnode.Policy(i % 4)
				var topics []string
				for range 1 + r.IntN(4) {
					topics = append(topics, interestName(r))
				}
				filter := someFilter(r)
				s := w.c.nodes[r.IntN(3)].subscribe(topics, eventnode.WithPolicy(policy), eventnode.WithFilter(filter),
					eventnode.WithQueue(5+r.IntN(100), 2000+r.IntN(20000)), eventnode.WithMaxBlock(2*time.Second))
				watch := &watcher{Subscription: s, policy: policy, filter: filter, received: map[int][]int{}}
				watchers = append(watchers, watch)
				readers.Go(func() { watch.read(t, r) })
			}
			for i := range 5 {
				writers.Go(func() { w.publish(r(2000+i), i, 300) })
			}
			for i := range 2 {
				writers.Go(func() { w.churn(r(3000+i), 100) })
			}
			writers.Wait()
			time.Sleep(time.Hour) // everybody reads what there is
			var dropped uint64
			for _, watch := range watchers {
				dropped += watch.info().Dropped
				watch.Close()
			}
			readers.Wait()
			for _, watch := range watchers {
				watch.check(t, w.all)
			}
			if dropped == 0 {
				t.Error("no queue dropped anything: the test tests nothing")
			}
		})
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

// A subscriber that reads nothing for 30 s, on each policy: bounded memory, the
// others at their rate, and a notice with the exact count.
func TestSlowSubscriber(t *testing.T) {
	for policy := eventnode.PolicyDropOldest; policy <= eventnode.PolicyBlock; policy++ {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { slowSubscriber(t, policy) })
		})
	}
}

func slowSubscriber(t *testing.T, policy eventnode.Policy) {
	const (
		total    = 6000 // one each 5 ms: 30 s
		queue    = 100
		maxBytes = 64 << 10
		maxBlock = 2 * time.Second
	)
	c := newCluster(t, 2, Config{})
	slow := c.nodes[1].subscribe([]string{"topic:a"}, eventnode.WithPolicy(policy),
		eventnode.WithQueue(queue, maxBytes), eventnode.WithMaxBlock(maxBlock))
	other := c.nodes[1].subscribe([]string{"topic:a"})
	p := c.nodes[0].publisher()
	start := time.Now()
	for i := range total {
		dispatch(t, p, fmt.Sprint(i+1), "topic:a")
		if n := slow.info(); n.QueuedEvents > queue || n.QueuedBytes > maxBytes {
			t.Fatalf("the queue holds %d events, %d bytes", n.QueuedEvents, n.QueuedBytes)
		}
		time.Sleep(5 * time.Millisecond)
	}
	late := time.Since(start) - total*5*time.Millisecond
	if wantLate := map[bool]time.Duration{true: maxBlock}[policy == eventnode.PolicyBlock]; late != wantLate {
		t.Errorf("the publisher was held up for %v, want %v", late, wantLate)
	}
	if got := len(names(t, other)); got != total {
		t.Errorf("the other subscription got %d of %d", got, total)
	}
	got := names(t, slow)
	gap := fmt.Sprintf("[queue_full %d]", total-queue)
	var first, last string
	switch policy {
	case eventnode.PolicyDropOldest:
		first, last = gap, fmt.Sprint(total)
	case eventnode.PolicyDropNewest, eventnode.PolicyBlock:
		first, last = "1", gap
	case eventnode.PolicyDisconnect:
		first, last = "1", eventnode.ErrSlowSubscriber.Error()
	}
	if len(got) != queue+1 || got[0] != first || got[queue] != last {
		t.Errorf("got %d: first %s, last %s; want %s, %s", len(got), got[0], got[len(got)-1], first, last)
	}
	want := 2
	if policy == eventnode.PolicyDisconnect {
		want = 1
	}
	if n := c.nodes[1].Stats().Subscriptions; n != want {
		t.Errorf("%d subscriptions, want %d", n, want)
	}
	if policy != eventnode.PolicyDisconnect {
		dispatch(t, p, "again", "topic:a")
		if got := names(t, slow); !slices.Equal(got, []string{"again"}) {
			t.Errorf("afterwards got %v", got)
		}
	}
}
