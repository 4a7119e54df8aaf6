package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// promptStop bounds the stop of a node, whoever is connected to it.
const promptStop = 5 * time.Second

// embedded runs a node on loopback in this process. stop ends it and returns
// what Run did.
func embedded(t *testing.T, id eventnode.NodeID, seeds ...string) (n *node.Node, stop func() error) {
	t.Helper()
	n, err := node.New(node.Config{ID: id, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", Seeds: seeds})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = stop() })
	select {
	case <-n.Ready():
	case <-time.After(15 * time.Second):
		t.Fatalf("%s is not ready", id)
	}
	return n, stop
}

// When Run has returned no goroutine of the node is left, although subscriptions,
// members, monitors and publishers are still open; each of them says that it is
// closed, and so does every later call.
func TestNothingIsLeftAfterRun(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	n, stop := embedded(t, "n1")
	other, stopOther := embedded(t, "n2", n.GossipAddress())
	ctx := t.Context()
	sub, err := n.Subscribe(ctx, []string{"topic:x"})
	fatal(t, err)
	m, err := n.NewMember(ctx, 0)
	fatal(t, err)
	_, err = n.Scope("").Join(ctx, "g", members(m))
	fatal(t, err)
	mon, err := n.Scope("").MonitorScope(ctx)
	fatal(t, err)
	p, err := n.NewPublisher(ctx)
	fatal(t, err)
	_, err = other.Dispatch(ctx, "topic:y", counted(1, 0))
	fatal(t, err)

	// Readers that wait while the node stops.
	ended := make(chan error, 3)
	go func() { _, err := sub.Receive(ctx); ended <- err }()
	go func() { _, err := m.Receive(ctx); ended <- err }()
	go func() { _, err := mon.Next(ctx); ended <- err }()
	began := time.Now()
	fatal(t, stop())
	if took := time.Since(began); took > promptStop {
		t.Errorf("the stop took %v", took)
	}
	for range 3 {
		select {
		case err := <-ended:
			isClosed(t, "a reader", err)
		case <-time.After(5 * time.Second):
			t.Fatal("a reader still waits after Run has returned")
		}
	}
	_, err = p.Dispatch(ctx, "topic:x", counted(1, 0))
	isClosed(t, "publisher", err)
	_, err = n.Dispatch(ctx, "topic:x", counted(1, 0))
	isClosed(t, "dispatch", err)
	_, err = n.Subscribe(ctx, []string{"topic:x"})
	isClosed(t, "subscribe", err)
	_, err = n.NewMember(ctx, 0)
	isClosed(t, "member", err)
	_, err = n.Scope("").Join(ctx, "g", members(m))
	isClosed(t, "join", err)
	_, err = n.Scope("").Monitor(ctx, "g")
	isClosed(t, "monitor", err)
	_ = sub.Close()
	_ = m.Close()
	mon.Close()
	_ = p.Close(ctx)
	fatal(t, stopOther())
}

// Run may be called once.
func TestRunTwiceIsAnError(t *testing.T) {
	n, stop := embedded(t, "n1")
	if err := n.Run(t.Context()); err == nil {
		t.Error("a second Run while the first one runs is no error")
	}
	if _, err := n.Status(t.Context()); err != nil {
		t.Errorf("the first one was disturbed: %v", err)
	}
	fatal(t, stop())
	if err := n.Run(t.Context()); err == nil {
		t.Error("a Run after the end is no error")
	}
}

// A stop is prompt with clients connected that hold subscriptions, one of them
// never read with policy block, members, monitors and publishers; their calls end
// with errors, and no goroutine is left once they are closed.
func TestStopWithConnectedClientsIsPrompt(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	n, stop := embedded(t, "n1")
	ctx := t.Context()
	var clients []*client.Client
	for range 5 {
		c, err := client.Dial(ctx, []string{n.RPCAddress()})
		fatal(t, err)
		clients = append(clients, c)
		_, err = c.Subscribe(ctx, []string{"topic:x"}, eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithQueue(1, 1<<10), eventnode.WithMaxBlock(time.Minute))
		fatal(t, err)
		heldBy(t, c, "g")
		_, err = c.Scope("").MonitorScope(ctx)
		fatal(t, err)
	}
	p, err := clients[0].NewPublisher(ctx)
	fatal(t, err)
	publishing := make(chan error, 1)
	go func() { // until the blocked subscriptions hold it up, and then until the stop
		for i := uint64(1); ; i++ {
			if _, err := p.Dispatch(ctx, "topic:x", counted(i, 64<<10)); err != nil {
				publishing <- err
				return
			}
		}
	}()
	untilHeldUp(t, n, "topic:x")
	began := time.Now()
	fatal(t, stop())
	if took := time.Since(began); took > promptStop {
		t.Errorf("the stop took %v", took)
	}
	select {
	case err := <-publishing:
		if !errors.Is(err, eventnode.ErrUnavailable) && !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Errorf("the publisher ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the publisher still waits")
	}
	for _, c := range clients {
		_ = c.Close()
	}
}

// untilHeldUp waits until a subscription of the topic holds its publishers up:
// events wait in its queue, and none has been delivered to anybody since the last
// look. How many of the queues fill up depends on how much each connection takes in.
func untilHeldUp(t *testing.T, n *node.Node, topic string) {
	t.Helper()
	for limit, last := time.Now().Add(20*time.Second), ^uint64(0); ; time.Sleep(50 * time.Millisecond) {
		infos, _, err := n.Subscriptions(t.Context(), topic)
		fatal(t, err)
		queued, delivered := 0, uint64(0)
		for _, i := range infos {
			queued += i.QueuedEvents
			delivered += i.Delivered
		}
		if queued > 0 && delivered == last {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("nobody holds the publisher up: %+v", infos)
		}
		last = delivered
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isClosed(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("%s: %v, want ErrClosed", what, err)
	}
}
