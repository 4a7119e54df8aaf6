package load

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// natsConn uses nats.go with its defaults: buffered publishing, a callback a
// subscription, 512 Ki events and 64 MiB of room for each.
type natsConn struct {
	nc *nats.Conn

	mu   sync.Mutex
	errs []error
}

func dialNATS(addr string) (conn, error) {
	n := &natsConn{}
	nc, err := nats.Connect("nats://"+addr,
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.note(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				n.note(fmt.Errorf("disconnected: %w", err))
			}
		}))
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	n.nc = nc
	return n, nil
}

type natsPublisher struct{ nc *nats.Conn }

func (n *natsConn) publisher(context.Context) (publisher, error) { return natsPublisher{n.nc}, nil }

func (p natsPublisher) publish(topic string, data []byte) error { return p.nc.Publish(topic, data) }

func (p natsPublisher) flush() error { return p.nc.Flush() }

func (n *natsConn) subscribe(_ context.Context, topic string, see func([]byte)) error {
	_, err := n.nc.Subscribe(topic, func(m *nats.Msg) { see(m.Data) })
	if err == nil {
		err = n.nc.Flush()
	}
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return nil
}

// note keeps the first few things that went wrong.
func (n *natsConn) note(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.errs) < 4 {
		n.errs = append(n.errs, err)
	}
}

func (n *natsConn) trouble() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return errors.Join(n.errs...)
}

func (n *natsConn) close() { n.nc.Close() }
