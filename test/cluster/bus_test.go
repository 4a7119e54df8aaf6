package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// busEvent is what the test produces: the n-th event of a key.
type busEvent struct {
	Who string `json:"who"`
	N   int    `json:"n"`
}

// EventKey implements event.Keyed.
func (e busEvent) EventKey() string { return e.Who }

// busWorld is a stream with producers and handlers, each at a client of its own.
type busWorld struct {
	t         *testing.T
	c         *cluster.Cluster
	registry  *event.Registry
	consumers eventnode.Consumers

	mu       sync.Mutex
	handled  map[busEvent]int
	next     map[string]int // by key, of those that come in order
	produced map[busEvent]bool
	gaveUp   map[busEvent]error // by ProduceSync
}

const busStream, busGroup = "bus", "workers"

func newBusWorld(t *testing.T) *busWorld {
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true})
	c.Declare(busStream, eventnode.StreamConfig{})
	w := &busWorld{
		t: t, c: c, registry: event.NewRegistry(),
		handled: map[busEvent]int{}, next: map[string]int{}, produced: map[busEvent]bool{}, gaveUp: map[busEvent]error{},
	}
	if err := event.RegisterIn[busEvent](w.registry, "event_counted"); err != nil {
		t.Fatal(err)
	}
	w.consumers = w.transport().Consumers
	return w
}

// transport is the stream by a client of its own, which waits for a leader for as long as
// the test may take.
func (w *busWorld) transport() bus.Stream {
	cl, patience := allOf(w.c), client.WithPatience(time.Minute)
	return bus.Stream{
		Streams: cl.Streams(patience), Consumers: cl.Consumers(patience), Stream: busStream,
		Group: busGroup, AddGroup: &eventnode.ConsumerGroupConfig{Keyed: true},
	}
}

// consume handles events in several lanes until stop.
func (w *busWorld) consume(handle func(busEvent)) (stop func()) {
	w.t.Helper()
	k, err := bus.NewConsumer(bus.Config{Transport: w.transport(), Registry: w.registry, Concurrency: 4, OnError: func(_ context.Context, err error, _ *bus.AckEvent) {
		w.t.Errorf("an event is not handled: %v", err)
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := bus.On(k, func(_ context.Context, v busEvent) error { handle(v); return nil }); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- bus.With(ctx, k, k.Run) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("a consumer ended: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// note notes an event that is handled. Those of a key whose name begins with "k" come in
// order.
func (w *busWorld) note(v busEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handled[v]++
	if v.Who[0] != 'k' {
		return
	}
	if v.N != w.next[v.Who] {
		w.t.Errorf("of %s event %d is handled, and %d should be", v.Who, v.N, w.next[v.Who])
	}
	w.next[v.Who] = v.N + 1
}

// count is how many different events were handled.
func (w *busWorld) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.handled)
}

// producer is one that is not started yet.
func (w *busWorld) producer() *bus.Producer {
	w.t.Helper()
	p, err := bus.NewProducer(bus.Config{Transport: w.transport(), Registry: w.registry})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// produce produces the events of one key, until stop.
func (w *busWorld) produce(stop context.Context, who string, p *bus.Producer, one func(busEvent) error) {
	err := bus.With(context.Background(), p, func(context.Context) error {
		for n := 0; stop.Err() == nil; n++ {
			v := busEvent{who, n}
			err := one(v)
			w.mu.Lock()
			if err == nil {
				w.produced[v] = true
			} else {
				w.gaveUp[v] = err
			}
			w.mu.Unlock()
		}
		return nil
	})
	if err != nil {
		w.t.Errorf("producer %s: %v", who, err)
	}
}

// drained says what the group has not acked.
func (w *busWorld) drained() error {
	info, err := w.consumers.Group(w.t.Context(), busStream, busGroup)
	if err == nil && info.Lag+info.Pending > 0 {
		err = fmt.Errorf("lag %d, pending %d", info.Lag, info.Pending)
	}
	return err
}

// check compares what was produced with what was handled.
func (w *busWorld) check() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for v := range w.produced {
		if w.handled[v] != 1 {
			w.t.Errorf("%+v, which was produced, is handled %d times", v, w.handled[v])
		}
	}
	for v, n := range w.handled {
		if !w.produced[v] && (n != 1 || w.gaveUp[v] == nil) {
			w.t.Errorf("%+v is handled %d times; producing it: %v", v, n, w.gaveUp[v])
		}
	}
	for v, err := range w.gaveUp {
		if v.Who != "hasty" || !errors.Is(err, bus.ErrTimeout) || !errors.Is(err, event.ErrProduce) {
			w.t.Errorf("%+v could not be produced: %v", v, err)
		}
	}
	w.t.Logf("%d events produced, %d given up in time, %d handled", len(w.produced), len(w.gaveUp), len(w.handled))
}

// While clients produce to a stream and handle its events, the node that leads it is killed
// again and again. What was produced is handled, once; keys keep their order; who is in a
// hurry is told in time. What handlers have acked stays so: when the leader is killed once
// more, nothing of it comes again.
func TestBusOutlivesTheLeader(t *testing.T) {
	w := newBusWorld(t)
	kills, between := 4, 200
	if testing.Short() {
		kills, between = 1, 50
	}
	stops := []func(){w.consume(w.note), w.consume(w.note)}
	ctx, cancel := context.WithCancel(t.Context())
	var producing sync.WaitGroup
	halt := sync.OnceFunc(func() { cancel(); producing.Wait() })
	t.Cleanup(halt)
	for i := range 4 {
		p, who := w.producer(), fmt.Sprint("k", i)
		producing.Go(func() {
			w.produce(ctx, who, p, func(v busEvent) error {
				if v.N%2 == 0 {
					return p.Produce(context.WithoutCancel(ctx), v)
				}
				return p.ProduceSync(context.WithoutCancel(ctx), time.Minute, v)
			})
		})
	}
	hasty := w.producer()
	producing.Go(func() {
		w.produce(ctx, "hasty", hasty, func(v busEvent) error {
			return hasty.ProduceSync(context.WithoutCancel(ctx), 30*time.Millisecond, v)
		})
	})

	progress := func() {
		t.Helper()
		least := w.count() + between
		w.c.Eventually(time.Minute, func() error {
			if n := w.count(); n < least {
				return fmt.Errorf("%d of %d events are handled", n, least)
			}
			return nil
		})
	}
	progress()
	for range kills {
		leader := w.c.Leader(busStream).Name()
		w.c.Kill(leader)
		progress()
		w.c.Restart(leader)
	}
	halt()
	w.c.Eventually(time.Minute, w.drained)
	for _, stop := range stops {
		stop()
	}
	w.check()

	w.c.Kill(w.c.Leader(busStream).Name())
	again := make(chan busEvent, 16)
	w.consume(func(v busEvent) { again <- v })
	p := w.producer()
	if err := bus.With(t.Context(), p, func(ctx context.Context) error { return p.Produce(ctx, busEvent{"last", 0}) }); err != nil {
		t.Fatal(err)
	}
	select {
	case v := <-again:
		if v != (busEvent{"last", 0}) {
			t.Errorf("%+v is handled again", v)
		}
	case <-time.After(time.Minute):
		t.Fatal("the last event is not handled")
	}
	w.c.Eventually(time.Minute, w.drained)
	if len(again) > 0 {
		t.Errorf("%+v is handled, too", <-again)
	}
}
