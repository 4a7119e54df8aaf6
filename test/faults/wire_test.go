package faults_test

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Who records what the protocol itself answers speaks it without the SDK, which makes
// up for much of what is to be seen here.

// wireTimeout is how long one call waits for an answer: a paused node gives none.
const wireTimeout = 2 * time.Second

// wire is connections to all nodes; it goes on to the next one when a node does not
// answer. It is for one goroutine.
type wire struct {
	conns []*grpc.ClientConn
	at    int
}

// dialWire connects to the nodes of a world of processes, each a goroutine's own.
func (w *world) dialWire(first int) *wire {
	w.t.Helper()
	c := &wire{at: first}
	for _, n := range w.Running() {
		conn, err := grpc.NewClient("passthrough:///"+n.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, MaxDelay: 200 * time.Millisecond},
				MinConnectTimeout: wireTimeout,
			}))
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = conn.Close() })
		c.conns = append(c.conns, conn)
	}
	return c
}

// node is the node that is asked now.
func (c *wire) node() *grpc.ClientConn { return c.conns[c.at%len(c.conns)] }

// next has another node be asked.
func (c *wire) next() { c.at++ }

func (c *wire) consumers() eventnodev1.ConsumerServiceClient {
	return eventnodev1.NewConsumerServiceClient(c.node())
}

func (c *wire) locks() eventnodev1.LockServiceClient {
	return eventnodev1.NewLockServiceClient(c.node())
}

// reason is the stable word of an error, as a client is told it.
func reason(err error) string {
	if told, ok := errors.AsType[*apierr.Error](apierr.FromStatus(err)); ok {
		return told.Reason
	}
	return ""
}

// newHolder is who holds a lease or a lock.
func newHolder() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return b
}

// ask makes a call, for a moment.
func ask[R any](ctx context.Context, timeout time.Duration, call func(context.Context) (R, error)) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return call(ctx)
}

// handGroup adds the consumer group whose history is recorded, as soon as that works.
func (w *world) handGroup(streamName, group string, ackWait time.Duration) {
	w.t.Helper()
	c := w.dialWire(0)
	w.Eventually(30*time.Second, func() error {
		_, err := ask(w.t.Context(), wireTimeout, func(ctx context.Context) (*eventnodev1.AddConsumerGroupResponse, error) {
			return c.consumers().AddConsumerGroup(ctx, &eventnodev1.AddConsumerGroupRequest{
				Stream: &eventnodev1.StreamName{Name: streamName}, Group: group, Config: groupConfig(ackWait, false),
			})
		})
		if err != nil {
			c.next()
		}
		return err
	})
}
