package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

const (
	// workStream is what consumer groups work on, beside all else.
	workStream = "work"
	// workKeys is how many keys its events have.
	workKeys = 7
	// workBatch is how many events a handler is given, at most.
	workBatch = 20
	// workWait is the ack wait of its groups: longer than a handler takes, and so short
	// that what nobody acked comes again within a test.
	workWait = 5 * time.Second
)

// consumers is producers and consumers of a stream of their own, a part of each load: in
// two consumer groups, one of them keyed, at all nodes.
type consumers struct {
	w         *world
	published published
	sinks     map[string]*sink
	producing sync.WaitGroup
	consuming sync.WaitGroup
	ctx       context.Context // of the consumers: ends when the groups have drained
	cancel    context.CancelFunc

	mu    sync.Mutex
	count map[string]int // what became of handlers' runs, and why consuming was begun again
}

func workGroups() []string { return []string{"plain", "keyed"} }

// declareWork makes the stream and its groups.
func (w *world) declareWork() {
	w.t.Helper()
	w.Declare(workStream, eventnode.StreamConfig{})
	admin := w.dial(w.Running()...).Consumers()
	for _, group := range workGroups() {
		w.Eventually(30*time.Second, func() error {
			ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
			defer cancel()
			_, err := admin.AddGroup(ctx, workStream, group, eventnode.ConsumerGroupConfig{
				Keyed: group == "keyed", AckWait: workWait, MaxDeliver: eventnode.NoMaxDeliver,
				Backoff: 20 * time.Millisecond, BackoffMax: 500 * time.Millisecond,
			}, eventnode.StartPlace{})
			return err
		})
	}
}

// newConsumers starts them.
func newConsumers(w *world, l *load) *consumers {
	c := &consumers{w: w, sinks: map[string]*sink{}, count: map[string]int{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	w.t.Cleanup(c.stop)
	nodes := w.Running()
	for i := range 2 {
		p := &workProducer{consumers: c, load: l, name: fmt.Sprintf("p%d", i), rnd: rand.New(rand.NewPCG(w.seed, uint64(40+i)))}
		if p.streams = w.dial(nodes...).Streams(); i == 0 {
			p.streams = w.dial(nodes[0]).Streams()
		}
		c.producing.Go(p.run)
	}
	for _, group := range workGroups() {
		c.sinks[group] = newSink(group, group == "keyed")
		for i := range 2 {
			k := &workConsumer{consumers: c, sink: c.sinks[group], nr: i + 1, manual: i == 1, history: l.history, rnd: rand.New(rand.NewPCG(w.seed, uint64(50+i)))}
			// One goes to any node, and one to one only, which may be down or cut off.
			if k.client = w.dial(nodes...); i == 1 {
				k.client = w.dial(nodes[i])
			}
			c.consuming.Go(k.run)
		}
	}
	return c
}

// stop ends consuming, drained or not.
func (c *consumers) stop() {
	c.cancel()
	c.consuming.Wait()
}

func (c *consumers) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[what]++
}

// drain waits until all groups have nothing left, now that nothing is published any
// more, and ends consuming.
func (c *consumers) drain() {
	c.w.t.Helper()
	c.producing.Wait()
	admin := c.w.dial(c.w.Running()...).Consumers() // now: nodes may have moved
	for _, group := range workGroups() {
		c.w.Eventually(60*time.Second, func() error {
			ctx, cancel := context.WithTimeout(c.w.t.Context(), 5*time.Second)
			defer cancel()
			info, err := admin.Group(ctx, workStream, group)
			if err == nil && info.Lag+info.Pending > 0 {
				err = fmt.Errorf("the group does not drain: %+v", info)
			}
			return err
		})
	}
	c.stop()
}

// check says what is wrong, once all groups have drained.
func (c *consumers) check() {
	c.w.t.Helper()
	for _, problem := range checkEffects(&c.published, c.sinks["plain"], c.sinks["keyed"]) {
		c.w.t.Error(problem)
	}
	c.w.t.Logf("consumer groups: published %d acked, %d refused, %d unknown; handled %d and %d events, %d and %d of them again; %v",
		len(c.published.ids[acked]), len(c.published.ids[refused]), len(c.published.ids[unknown]),
		len(c.sinks["plain"].handled), len(c.sinks["keyed"].handled), c.sinks["plain"].again, c.sinks["keyed"].again, c.count)
}

// workProducer publishes one event after the other.
type workProducer struct {
	*consumers
	load    *load
	name    string
	streams eventnode.Streams
	rnd     *rand.Rand
}

func (p *workProducer) run() {
	for n := 0; p.load.wait(time.Duration(5+p.rnd.IntN(30)) * time.Millisecond); n++ {
		ev := newEvent(value(p.name, n), 32, p.rnd)
		ev.Key = fmt.Sprintf("%s-%d", p.name, n%workKeys)
		ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
		_, err := p.streams.Publish(ctx, workStream, ev)
		cancel()
		switch {
		case err == nil:
			p.published.add(acked, ev.Name)
		case undone(err):
			p.published.add(refused, ev.Name)
		default:
			p.published.add(unknown, ev.Name)
		}
	}
}

// errHandler is what handlers fail with, now and then.
var errHandler = errors.New("failed on purpose")

// workConsumer is a consumer of the SDK. One that acks by hand waits until each ack is
// replicated.
type workConsumer struct {
	*consumers
	sink    *sink
	nr      int
	manual  bool
	client  *client.Client
	history *history
	rnd     *rand.Rand
}

func (k *workConsumer) run() {
	opts := []eventnode.ConsumerOption{eventnode.WithStreams(workStream)}
	if k.manual {
		opts = append(opts, eventnode.WithManualAck())
	}
	for k.ctx.Err() == nil {
		ran, err := k.client.Consumers().Consumer(k.sink.group, opts...).ConsumeMany(k.ctx, k.nr, workBatch, k.handle)
		if k.ctx.Err() != nil {
			return
		}
		k.note(fmt.Sprintf("ended: ran %v, %.80v", ran, err))
		select {
		case <-time.After(50 * time.Millisecond):
		case <-k.ctx.Done():
		}
	}
}

// handle has the effects of events. Now and then it fails in the middle.
func (k *workConsumer) handle(ctx context.Context, events []*eventnode.StreamDelivery) error {
	begun := k.history.now()
	for _, d := range events {
		if k.rnd.IntN(100) == 0 {
			k.note("failed")
			return errHandler
		}
		k.sink.handle(effectOf(d, k.nr, begun))
		if k.manual {
			k.ack(ctx, d)
		}
	}
	k.note("handled")
	return nil
}

// ack acks an event and waits for it. What is not known comes again.
func (k *workConsumer) ack(ctx context.Context, d *eventnode.StreamDelivery) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	switch err := d.AckAndWait(ctx); {
	case err == nil:
		k.sink.acked(d.Event().Name, k.history.now())
		k.note("acked")
	case errors.Is(err, eventnode.ErrFenced), errors.Is(err, eventnode.ErrNotPending):
		k.note("ack refused")
	default:
		k.note("ack unknown")
	}
}
