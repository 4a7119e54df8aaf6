package client

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/connectivity"

	"github.com/eventnode/eventnode"
)

// The client is in one of four states, and goes from one to the next in one
// goroutine (follow). Everybody else reads the present state and may wait for
// the next.
//
//	connected   conn is set.
//	looking     the connection was lost a moment ago: calls wait.
//	down        one round over all addresses found nobody: calls fail at once
//	            with ErrUnavailable, while the rounds go on.
//	closed      for ever.

// state is one of these; it does not change.
type state struct {
	// conn is set if connected.
	conn *conn
	// err is set if down or closed: what calls return.
	err error
	// over is closed when another state has taken this one's place.
	over chan struct{}
}

// setState replaces the present state. Only follow calls it, and Close after
// follow has ended.
func (c *Client) setState(cn *conn, err error) {
	old := c.state.Swap(&state{conn: cn, err: err, over: make(chan struct{})})
	if old != nil {
		close(old.over)
	}
}

// await returns the connection. While looking it waits; otherwise it fails at
// once.
func (c *Client) await(ctx context.Context) (*conn, error) {
	for {
		st := c.state.Load()
		if st.conn != nil {
			return st.conn, nil
		}
		if st.err != nil {
			return nil, st.err
		}
		if err := st.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// awaitLong is await for those who have all the time: it waits while down, too.
func (c *Client) awaitLong(ctx context.Context) (*conn, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		st := c.state.Load()
		if st.conn != nil {
			return st.conn, nil
		}
		if errors.Is(st.err, eventnode.ErrClosed) {
			return nil, st.err
		}
		if err := st.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// wait waits for the next state.
func (st *state) wait(ctx context.Context) error {
	select {
	case <-st.over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow keeps the client connected, beginning with cn, which is the one at
// place at of the addresses. It ends with ctx.
func (c *Client) follow(ctx context.Context, cn *conn) {
	for cn != nil {
		cn.watch(ctx)
		c.setState(nil, nil)
		close(cn.going)
		left := cn
		c.wg.Go(func() { c.leave(ctx, left) })
		if ctx.Err() != nil {
			return
		}
		c.opts.log.WarnContext(ctx, "the node goes away, or the connection is lost", "address", cn.addr)
		cn = c.findAgain(ctx, cn.addr)
	}
}

// watch returns when the connection was lost, when its node says that it goes away
// (GOAWAY), or when ctx ends.
func (c *conn) watch(ctx context.Context) {
	c.cc.WaitForStateChange(ctx, connectivity.Ready)
}

// findAgain looks for a node until it finds one or ctx ends (then it returns
// nil). The one that was lost is tried last.
func (c *Client) findAgain(ctx context.Context, lost string) *conn {
	for failures := 0; ; failures++ {
		addrs := after(c.addrs, lost)
		cn, err := c.opts.dialAny(ctx, addrs)
		if err == nil {
			c.opts.log.InfoContext(ctx, "connected to a node again", "address", cn.addr)
			c.setState(cn, nil)
			return cn
		}
		if ctx.Err() != nil {
			return nil
		}
		if failures == 0 {
			c.opts.log.WarnContext(ctx, "no node answers", "error", err)
		}
		c.setState(nil, fmt.Errorf("client has lost its node: %w", err))
		if !c.opts.pause(ctx, failures) {
			return nil
		}
	}
}

// after returns addrs from the one behind addr on, so that addr is the last.
func after(addrs []string, addr string) []string {
	for i, a := range addrs {
		if a == addr {
			return from(addrs, i+1)
		}
	}
	return addrs
}
