package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/membership"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams"
)

// LeaveCluster has a node leave the cluster for good; "" is this one, whose Run then
// ends. See [eventnode.Administration].
func (n *Node) LeaveCluster(ctx context.Context, node eventnode.NodeID, tell func(step string)) error {
	p, err := n.settled(ctx)
	if err != nil {
		return err
	}
	here, err := p.leaveCluster(ctx, node, tell)
	if here && err == nil {
		p.end()
	}
	return err
}

// RemoveNode removes a node that is dead for good; node is its name, or the UUID of
// its replica. See [eventnode.Administration].
func (n *Node) RemoveNode(ctx context.Context, node string, tell func(step string)) error {
	p, err := n.settled(ctx)
	if err != nil {
		return err
	}
	return p.removeNode(ctx, node, tell)
}

// leaveCluster has a node leave; here says that it is this one, which then is to end.
func (p *parts) leaveCluster(ctx context.Context, node eventnode.NodeID, tell func(string)) (here bool, err error) {
	if node != "" && node != p.self.ID {
		return false, p.askToLeave(ctx, node, tell)
	}
	if s := p.storage.streams; s != nil {
		err = s.Leave(ctx, tell)
	} else {
		tell("it keeps no copies of streams, and nobody counts on it")
	}
	if err == nil {
		tell("it sends its clients to other nodes, and ends")
	}
	return true, err
}

func (p *parts) removeNode(ctx context.Context, node string, tell func(string)) error {
	if node == "" {
		return fmt.Errorf("which node? %w", eventnode.ErrInvalidArgument)
	}
	a := streams.Asker{Self: p.self.ID, Peers: p.storage.peers, Leader: p.storage.leader(), Streams: p.storage.streams}
	return a.RemoveNode(ctx, node, tell)
}

// askToLeave has another node leave, at its own rpc port.
func (p *parts) askToLeave(ctx context.Context, node eventnode.NodeID, tell func(string)) error {
	address := ""
	for _, m := range p.members.Nodes() {
		if m.Ref.ID == node && m.State == membership.Alive {
			address = m.RPCAddress
		}
	}
	if address == "" {
		return fmt.Errorf("no node %s is alive; one that is dead for good is removed with eventnode members remove: %w", node, eventnode.ErrNodeNotFound)
	}
	conn, err := p.storage.peers.Conn(address)
	if err != nil {
		return fmt.Errorf("%w: %w", err, eventnode.ErrUnavailable)
	}
	stream, err := eventnodev1.NewClusterServiceClient(conn).LeaveCluster(permit.Forward(ctx), &eventnodev1.LeaveClusterRequest{Node: string(node)})
	if err != nil {
		return apierr.FromStatus(err)
	}
	for {
		resp, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return apierr.FromStatus(err)
		case resp.GetDone():
			return nil
		}
		tell(resp.GetStep())
	}
}

// LeaveCluster implements ClusterService.
func (s *clusterService) LeaveCluster(req *eventnodev1.LeaveClusterRequest, stream eventnodev1.ClusterService_LeaveClusterServer) error {
	here, err := s.p.leaveCluster(stream.Context(), eventnode.NodeID(req.GetNode()), func(step string) {
		_ = stream.Send(&eventnodev1.LeaveClusterResponse{Step: step}) // the context ends with the stream
	})
	if err != nil {
		return apierr.ToStatus(err)
	}
	err = stream.Send(&eventnodev1.LeaveClusterResponse{Done: true})
	if here {
		s.p.end()
	}
	return err
}

// RemoveNode implements ClusterService.
func (s *clusterService) RemoveNode(req *eventnodev1.RemoveNodeRequest, stream eventnodev1.ClusterService_RemoveNodeServer) error {
	return apierr.ToStatus(s.p.removeNode(stream.Context(), req.GetNode(), func(step string) {
		_ = stream.Send(&eventnodev1.RemoveNodeResponse{Step: step}) // the context ends with the stream
	}))
}
