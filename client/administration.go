package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// LeaveCluster has a node leave the cluster for good; "" is the connected one. If the
// connection is lost before the end it is ErrUnavailable: call it again, naming the
// node.
func (c *Client) LeaveCluster(ctx context.Context, node eventnode.NodeID, tell func(step string)) error {
	return c.steps(ctx, func(ctx context.Context, cn *conn) (func() (string, bool, error), error) {
		s, err := eventnodev1.NewClusterServiceClient(cn.cc).LeaveCluster(ctx, &eventnodev1.LeaveClusterRequest{Node: string(node)})
		return func() (string, bool, error) {
			r, err := s.Recv()
			return r.GetStep(), r.GetDone(), err
		}, err
	}, tell)
}

// RemoveNode removes a node that is dead for good; node is its name, or the UUID of
// its replica.
func (c *Client) RemoveNode(ctx context.Context, node string, tell func(step string)) error {
	return c.steps(ctx, func(ctx context.Context, cn *conn) (func() (string, bool, error), error) {
		s, err := eventnodev1.NewClusterServiceClient(cn.cc).RemoveNode(ctx, &eventnodev1.RemoveNodeRequest{Node: node})
		return func() (string, bool, error) {
			r, err := s.Recv()
			return r.GetStep(), false, err
		}, err
	}, tell)
}

// steps opens a stream of steps and tells them until the last one.
func (c *Client) steps(ctx context.Context, open func(context.Context, *conn) (func() (string, bool, error), error), tell func(string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cn, err := c.await(ctx)
	if err != nil {
		return err
	}
	next, err := open(ctx, cn)
	if err != nil {
		return undone(cn.failure(ctx, err))
	}
	for {
		step, done, err := next()
		switch {
		case errors.Is(err, io.EOF) || err == nil && done:
			return nil
		case err != nil:
			err = undone(cn.failure(ctx, err))
			if errors.Is(err, eventnode.ErrUnavailable) {
				err = fmt.Errorf("what was begun goes on; repeat it to see it through: %w", err)
			}
			return err
		}
		tell(step)
	}
}
