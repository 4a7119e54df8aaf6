package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// storageArgs found a cluster of three.
func storageArgs() []string { return []string{"--bootstrap-expect", "3"} }

// loaded are publishers to a stream, each of which publishes one event after the
// other, through a client that knows all nodes.
type loaded struct {
	t       *testing.T
	streams eventnode.Streams
	stop    context.CancelFunc
	done    sync.WaitGroup
	failed  atomic.Int64
	slowest atomic.Int64 // ns that a publish took

	mu    sync.Mutex
	acked []string
}

// stream is what the tests here publish to.
const stream = "orders"

// load declares the stream, and publishes to it until halt.
func load(t *testing.T, c *cluster.Cluster, publishers int) *loaded {
	t.Helper()
	cl := allOf(c)
	l := &loaded{t: t, streams: cl.Streams()}
	c.Eventually(20*time.Second, func() error {
		_, err := l.streams.Declare(t.Context(), stream, eventnode.StreamConfig{})
		return err
	})
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	for i := range publishers {
		p := cl.Streams()
		l.done.Go(func() { l.publish(ctx, p, i) })
	}
	t.Cleanup(l.halt)
	return l
}

// allOf is a client that knows all nodes.
func allOf(c *cluster.Cluster) *client.Client {
	nodes := c.Running()
	return nodes[0].Client(nodes[1:]...)
}

func (l *loaded) publish(ctx context.Context, s eventnode.Streams, publisher int) {
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%d-%d", publisher, i)
		start := time.Now()
		// Not under ctx: a publish that is given up may be appended.
		if _, err := s.Publish(context.WithoutCancel(ctx), stream, event.New(name, nil)); err != nil {
			l.failed.Add(1)
			l.t.Errorf("publish %s failed after %v: %v", name, time.Since(start), err)
			continue
		}
		took := int64(time.Since(start))
		for old := l.slowest.Load(); took > old && !l.slowest.CompareAndSwap(old, took); old = l.slowest.Load() {
		}
		l.mu.Lock()
		l.acked = append(l.acked, name)
		l.mu.Unlock()
	}
}

func (l *loaded) halt() {
	l.stop()
	l.done.Wait()
}

// check ends the load: each event that was acked is there once, and no other.
func (l *loaded) check() {
	l.t.Helper()
	l.halt()
	there := map[string]int{}
	for ev, err := range l.streams.Read(l.t.Context(), stream) {
		if err != nil {
			l.t.Fatal(err)
		}
		there[ev.Event.Name]++
	}
	for _, name := range l.acked {
		if there[name] != 1 {
			l.t.Errorf("%s, which was acked, is there %d times", name, there[name])
		}
		delete(there, name)
	}
	if len(there) > 0 && l.failed.Load() == 0 {
		l.t.Errorf("%d events are there that were not acked", len(there))
	}
	l.t.Logf("%d events acked, the slowest took %v", len(l.acked), time.Duration(l.slowest.Load()))
	if len(l.acked) < 20 {
		l.t.Error("that is hardly a load")
	}
}

// upToDate waits until a node is healthy and has nothing to say but what is allowed.
func upToDate(t *testing.T, c *cluster.Cluster, name string, allowed func(notice string) bool) {
	t.Helper()
	c.Eventually(30*time.Second, func() error {
		s, err := c.Node(name).Cluster().Status(t.Context())
		switch {
		case err != nil:
			return err
		case !s.Healthy:
			return fmt.Errorf("%s: %v", name, s.Problems)
		}
		for _, n := range s.Notices {
			if allowed == nil || !allowed(n) {
				return fmt.Errorf("%s: %s", name, n)
			}
		}
		return nil
	})
}
