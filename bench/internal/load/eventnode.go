package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// eventnodeConn uses the SDK with its defaults; subscriptions say block, as
// those do that must lose nothing.
type eventnodeConn struct {
	c  *client.Client
	wg sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

func dialEventnode(ctx context.Context, addr string) (conn, error) {
	c, err := client.Dial(ctx, []string{addr})
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return &eventnodeConn{c: c}, nil
}

type eventnodePublisher struct {
	ctx context.Context
	p   eventnode.PublisherCloser
}

func (n *eventnodeConn) publisher(ctx context.Context) (publisher, error) {
	p, err := n.c.NewPublisher(ctx)
	if err != nil {
		return nil, err
	}
	return eventnodePublisher{ctx, p}, nil
}

func (p eventnodePublisher) publish(topic string, data []byte) error {
	_, err := p.p.Dispatch(p.ctx, topic, event.New("bench", data))
	return err
}

func (p eventnodePublisher) flush() error { return p.p.Flush(p.ctx) }

func (n *eventnodeConn) subscribe(ctx context.Context, topic string, see func([]byte)) error {
	sub, err := n.c.Subscribe(ctx, []string{topic}, eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithMaxBlock(time.Minute))
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	if missing := sub.Missing(); len(missing) > 0 {
		return fmt.Errorf("subscribe to %s: %v did not confirm", topic, missing)
	}
	n.wg.Go(func() {
		for {
			d, err := sub.Receive(ctx)
			if err != nil {
				if ctx.Err() == nil && !errors.Is(err, eventnode.ErrClosed) {
					n.note(err)
				}
				return
			}
			if d.Gap != nil {
				n.note(fmt.Errorf("gap: %+v", *d.Gap))
				continue
			}
			see(d.Event.Data)
		}
	})
	return nil
}

// note keeps the first few things that went wrong.
func (n *eventnodeConn) note(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.errs) < 4 {
		n.errs = append(n.errs, err)
	}
}

func (n *eventnodeConn) trouble() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return errors.Join(n.errs...)
}

func (n *eventnodeConn) close() {
	_ = n.c.Close()
	n.wg.Wait()
}
