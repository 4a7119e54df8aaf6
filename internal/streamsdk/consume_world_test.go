package streamsdk

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/streamsdk/sdktest"
)

// everywhere is a backend of a node from which all others are reached.
type everywhere struct {
	LocalBackend
	c *sdktest.Cluster
}

// Consume implements ConsumerBackend.
func (e everywhere) Consume(ctx context.Context, address string) (ConsumeCall, error) {
	if address == "" {
		return e.LocalBackend.Consume(ctx, "")
	}
	return Local(e.c.Node(address)).Consume(ctx, "")
}

// consumers is a world with streams a and b, of which a has the group g.
type consumers struct {
	*world
	*Consumers
}

// withConsumers runs a test with virtual time.
func withConsumers(t *testing.T, test func(t *testing.T, w *consumers)) {
	t.Helper()
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		if err := w.Update(t.Context(), "a", eventnode.StreamConfig{Groups: []string{"g"}}); err != nil {
			t.Fatal(err)
		}
		cfg := w.cfg
		cfg.Consumers = everywhere{Local(w.Node("n1")), w.Cluster}
		test(t, &consumers{w, NewConsumers(cfg)})
	})
}

// publishTo publishes name0 to name(n-1).
func (w *consumers) publishTo(stream, name string, n int) {
	w.t.Helper()
	evs := make([]event.Event, n)
	for i := range evs {
		evs[i] = event.New(fmt.Sprintf("%s%d", name, i), nil)
	}
	if _, err := w.PublishMany(w.t.Context(), stream, evs); err != nil {
		w.t.Fatal(err)
	}
}

func listOf(name string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("%s%d", name, i))
	}
	return list
}

// working is a consumer beside the test.
type working struct {
	eventnode.Consumer
	cancel context.CancelFunc
	done   chan struct{}
	ran    bool
	err    error

	mu   sync.Mutex
	got  []string
	ctxs []context.Context
}

// start has a consumer of the group g work until it is stopped.
func (w *consumers) start(nr, count int, handler eventnode.StreamHandler, opts ...eventnode.ConsumerOption) *working {
	k := &working{Consumer: w.Consumer("g", opts...), done: make(chan struct{})}
	var ctx context.Context
	ctx, k.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(k.done)
		k.ran, k.err = k.ConsumeMany(ctx, nr, count, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
			k.mu.Lock()
			for _, d := range events {
				k.got = append(k.got, d.Event().Name)
			}
			k.ctxs = append(k.ctxs, ctx)
			k.mu.Unlock()
			if handler == nil {
				return nil
			}
			return handler(ctx, events)
		})
	}()
	w.t.Cleanup(k.cancel)
	return k
}

// stop ends it, and wants that it ended well.
func (k *working) stop(t *testing.T) {
	t.Helper()
	k.cancel()
	<-k.done
	if !k.ran || k.err != nil {
		t.Errorf("it ended with %v, %v", k.ran, k.err)
	}
}

// want waits until it was handed these events, once each, in this order.
func (k *working) want(t *testing.T, want ...string) {
	t.Helper()
	for range 600 {
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := k.names(); len(got) >= len(want) {
			break
		}
	}
	time.Sleep(time.Second)
	if got := k.names(); !slices.Equal(got, want) {
		t.Errorf("it was handed %v, want %v", got, want)
	}
}

func (k *working) names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.got)
}

// drained wants nothing left of a stream.
func (w *consumers) drained(stream string) {
	w.t.Helper()
	if n := w.Unacked(stream, "g"); n != 0 {
		w.t.Errorf("%d events are not acked", n)
	}
}
