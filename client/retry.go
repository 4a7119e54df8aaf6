package client

import (
	"context"
	"errors"

	"github.com/eventnode/eventnode"
)

// maxRepeats is how often a call is repeated when its connection was lost: the
// client's new one may be to a node that is going away, too.
const maxRepeats = 3

// once calls f with the connection. If that is lost before the answer the
// outcome is unknown: for what must not be done twice.
func (c *Client) once(ctx context.Context, f func(*conn) error) error {
	cn, err := c.await(ctx)
	if err != nil {
		return err
	}
	defer cn.begin()()
	return unknown(cn.failure(ctx, f(cn)))
}

// repeat calls f with the connection, and with the next one if that was lost
// before the answer or its node goes away: for what does no harm when it is done
// twice.
func (c *Client) repeat(ctx context.Context, f func(*conn) error) error {
	for failures := 0; ; failures++ {
		cn, err := c.await(ctx)
		if err != nil {
			return err
		}
		err = cn.failure(ctx, cn.during(f))
		again := errors.Is(err, errLost) || errors.Is(err, eventnode.ErrUnavailable)
		if !again || failures == maxRepeats {
			return undone(err)
		}
		c.opts.pause(ctx, 0)
	}
}

// again opens something again that stood on cn and ended with err, as often as
// it takes: at once if the connection was lost, after a pause if the node only
// ended the stream. It fails if that cannot help or ctx has ended.
func (c *Client) again(ctx context.Context, cn *conn, err error, open func(*conn) error) error {
	failures := 0
	if !cn.isGoing() {
		failures = 1
	}
	for ; ; failures++ {
		if failures > 0 && !permanent(err) {
			c.opts.pause(ctx, failures-1)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if permanent(err) {
			return err
		}
		if cn, err = c.awaitLong(ctx); err != nil {
			return err
		}
		if err = cn.failure(ctx, cn.during(open)); err == nil {
			return nil
		}
		c.complain.Do(func() {
			c.opts.log.WarnContext(ctx, "could not be opened again", "address", cn.addr, "error", err)
		})
	}
}
