package chat

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// alone is the Cluster of a node without others: it knows of its own sessions.
type alone struct{ hub *Hub }

var _ Cluster = alone{}

// Announce implements Cluster.
func (alone) Announce(context.Context, []string) error { return nil }

// Withdraw implements Cluster.
func (alone) Withdraw(context.Context, []string) error { return nil }

// Register implements Cluster.
func (a alone) Register(_ context.Context, id sessions.ID, meta *clusterv1.ChatSessionMeta) error {
	a.hub.SetSession(a.hub.cfg.Node.ID, id, meta)
	return nil
}

// Unregister implements Cluster.
func (a alone) Unregister(_ context.Context, ids []sessions.ID) error {
	for _, id := range ids {
		a.hub.SetSession(a.hub.cfg.Node.ID, id, nil)
	}
	return nil
}

// Wait implements Cluster.
func (alone) Wait(context.Context) []eventnode.NodeID { return nil }

// Peers implements Cluster.
func (alone) Peers() []eventnode.NodeID { return nil }

// Call implements Cluster.
func (alone) Call(_ context.Context, node eventnode.NodeID, _ *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	return nil, fmt.Errorf("there is no node %s: %w", node, eventnode.ErrUnavailable)
}
