package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Client is a connection to a cluster: to one of its nodes as long as that one
// is there, then to another. It is safe for concurrent use.
type Client struct {
	opts  options
	addrs []string
	state atomic.Pointer[state]

	// ctx ends with Close. It bounds what the client does by itself.
	ctx  context.Context
	stop context.CancelCauseFunc

	mu sync.Mutex // orders start and Close
	wg sync.WaitGroup

	own     publisherOnce
	hold    *holder
	feeds   feeds
	lastSub atomic.Uint64 // the number of the last subscription

	// complain bounds what is logged of things that cannot be opened again: there
	// may be very many of them.
	complain rate.Sometimes
}

var (
	_ eventnode.Live    = (*Client)(nil)
	_ eventnode.Cluster = (*Client)(nil)

	_ eventnode.Administration = (*Client)(nil)
)

// Dial connects to one of addrs, each HOST:PORT, beginning with a random one.
// If none answers within the dial timeout it fails with a *DialError, which
// names them. ctx is for dialling only.
//
// Unlike other constructors this one starts goroutines; Close ends them.
func Dial(ctx context.Context, addrs []string, opts ...Option) (*Client, error) {
	if len(addrs) == 0 || slices.Contains(addrs, "") {
		return nil, fmt.Errorf("no address to dial in %q: %w", addrs, eventnode.ErrInvalidArgument)
	}
	c := &Client{opts: newOptions(opts), addrs: slices.Clone(addrs), complain: rate.Sometimes{First: 3, Interval: 10 * time.Second}}
	if err := c.opts.check(addrs); err != nil {
		return nil, err
	}
	cn, err := c.opts.dialAny(ctx, from(c.addrs, rand.IntN(len(addrs))))
	if err != nil {
		return nil, err
	}
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	c.hold, c.feeds.c = newHolder(c), c
	c.setState(cn, nil)
	c.wg.Go(func() { c.follow(c.ctx, cn) })
	return c, nil
}

// Addr is the address of the node that the client is connected to, or "" while
// it looks for one.
func (c *Client) Addr() string {
	if cn := c.state.Load().conn; cn != nil {
		return cn.addr
	}
	return ""
}

// Close ends the client: its publishers, subscriptions, members and monitors,
// which all return ErrClosed from then on. It returns when all of the client's
// goroutines have ended. What publishers have not sent is discarded: Flush
// before.
func (c *Client) Close() error {
	c.mu.Lock()
	c.stop(errClientClosed)
	c.mu.Unlock()
	c.wg.Wait()
	c.setState(nil, errClientClosed)
	return nil
}

// start runs f in a goroutine that Close waits for.
func (c *Client) start(f func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return errClientClosed
	}
	c.wg.Go(f)
	return nil
}

// life returns a context that ends with ctx, with the client, or when stop is
// called with the reason.
func (c *Client) life(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(c.ctx, func() { cancel(errClientClosed) })
	return ctx, func(cause error) {
		forget()
		cancel(cause)
	}
}

// Dispatch sends one event on the client's own publisher and waits until the
// node has accepted it, so that a refusal is an error at once. That is one trip
// over the network an event (events of several goroutines travel together). For
// speed use NewPublisher, which does not wait for each event.
func (c *Client) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	if t := c.opts.tracer; t != nil {
		return t.Publisher(own{c}).Dispatch(ctx, topic, ev, opts...)
	}
	return own{c}.DispatchMany(ctx, []string{topic}, ev, opts...)
}

// DispatchMany is Dispatch to several topics.
func (c *Client) DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	if t := c.opts.tracer; t != nil {
		return t.Publisher(own{c}).DispatchMany(ctx, topics, ev, opts...)
	}
	return own{c}.DispatchMany(ctx, topics, ev, opts...)
}

// Flush waits for what the client's own publisher has not finished. Its
// refusals were told by Dispatch already.
func (c *Client) Flush(ctx context.Context) error { return own{c}.Flush(ctx) }

// own is the client's own publisher, each of whose events is waited for.
type own struct{ c *Client }

var _ eventnode.Publisher = own{}

// Dispatch implements eventnode.Publisher.
func (o own) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return o.DispatchMany(ctx, []string{topic}, ev, opts...)
}

// DispatchMany implements eventnode.Publisher.
func (o own) DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	p, err := o.c.own.publisher(o.c)
	if err != nil {
		return eventnode.Receipt{}, err
	}
	return p.dispatch(ctx, topics, &ev, eventnode.NewDispatchOptions(opts...), true)
}

// Flush implements eventnode.Publisher.
func (o own) Flush(ctx context.Context) error {
	p, err := o.c.own.publisher(o.c)
	if err != nil {
		return err
	}
	return p.Flush(ctx)
}

// NewPublisher returns a publisher of its own: one stream to the node, on which
// events travel in batches without waiting for each other.
func (c *Client) NewPublisher(ctx context.Context) (eventnode.PublisherCloser, error) {
	if _, err := c.await(ctx); err != nil {
		return nil, err
	}
	p, err := c.startPublisher()
	if err != nil {
		return nil, err
	}
	return c.opts.tracer.PublisherCloser(p), nil
}
