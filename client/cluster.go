package client

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Nodes lists the cluster as the connected node sees it, that node first.
func (c *Client) Nodes(ctx context.Context) ([]eventnode.NodeInfo, error) {
	var r *eventnodev1.NodesResponse
	err := c.repeat(ctx, func(cn *conn) (err error) {
		r, err = eventnodev1.NewClusterServiceClient(cn.cc).Nodes(ctx, &eventnodev1.NodesRequest{})
		return err
	})
	return convert.NodesFromProto(r.GetNodes()), err
}

// Status says how the connected node is.
func (c *Client) Status(ctx context.Context) (eventnode.Status, error) {
	var r *eventnodev1.StatusResponse
	err := c.repeat(ctx, func(cn *conn) (err error) {
		r, err = eventnodev1.NewClusterServiceClient(cn.cc).Status(ctx, &eventnodev1.StatusRequest{})
		return err
	})
	if err != nil {
		return eventnode.Status{}, err
	}
	return convert.StatusFromProto(r), nil
}

// Subscriptions lists who subscribes to topic ("" for all) on all nodes, and
// the nodes that could not be asked.
func (c *Client) Subscriptions(ctx context.Context, topic string) ([]eventnode.SubscriptionInfo, []eventnode.NodeID, error) {
	var r *eventnodev1.ListSubscriptionsResponse
	err := c.repeat(ctx, func(cn *conn) (err error) {
		r, err = eventnodev1.NewDispatchServiceClient(cn.cc).ListSubscriptions(ctx, &eventnodev1.ListSubscriptionsRequest{Topic: topic})
		return err
	})
	return convert.SubscriptionsFromProto(r.GetSubscriptions()), convert.NodeIDsFromProto(r.GetMissing()), err
}
