package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/membership"
	"github.com/eventnode/eventnode/node/internal/trouble"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Nodes lists the cluster as this node sees it, this node first. Nodes that
// were lost or left within the last hour are among them.
func (n *Node) Nodes(ctx context.Context) ([]eventnode.NodeInfo, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	return p.nodes(), nil
}

// Status says how this node is.
func (n *Node) Status(ctx context.Context) (eventnode.Status, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return eventnode.Status{}, err
	}
	return p.status(), nil
}

// Subscriptions lists who subscribes to topic ("" for all) on all nodes, and
// the nodes that could not be asked.
func (n *Node) Subscriptions(ctx context.Context, topic string) ([]eventnode.SubscriptionInfo, []eventnode.NodeID, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, nil, err
	}
	here := p.dispatch.Subscriptions(topic)
	there, missing := p.listRemote(ctx, topic)
	return append(here, there...), missing, nil
}

// listTimeout bounds asking one peer for its subscriptions.
const listTimeout = 2 * time.Second

// listRemote asks the peers.
func (p *parts) listRemote(ctx context.Context, topic string) (found []eventnode.SubscriptionInfo, missing []eventnode.NodeID) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for _, s := range p.links.States() {
		infos, err := p.links.ListSubscriptions(ctx, s.Ref, topic)
		if err != nil {
			missing = append(missing, s.Ref.ID)
			continue
		}
		found = append(found, convert.SubscriptionsFromProto(infos)...)
	}
	return found, missing
}

func (p *parts) nodes() []eventnode.NodeInfo {
	links, nodes := p.linkStates(), p.members.Nodes()
	living := len(nodes)
	var infos []eventnode.NodeInfo
	for _, m := range append(nodes, p.members.Gone()...) {
		infos = append(infos, describeNode(p.self, m, links, p.findingsOf(m, links[m.Ref], living)))
	}
	for _, c := range p.members.Contacts() {
		if !p.isMember(c) {
			infos = append(infos, p.describeContact(c, time.Now()))
		}
	}
	return infos
}

func describeNode(self eventnode.NodeRef, m membership.Node, links map[eventnode.NodeRef]link.State, found []trouble.Finding) eventnode.NodeInfo {
	info := eventnode.NodeInfo{
		ID: m.Ref.ID, Epoch: m.Ref.Epoch, State: m.State.String(),
		GossipAddress: m.GossipAddress, RPCAddress: m.RPCAddress,
		Version: m.Version, Zone: m.Zone, Labels: m.Labels, Link: link.PhaseDown.String(),
		Trouble: texts(found),
	}
	if s, ok := links[m.Ref]; ok {
		info.Link, info.LinkError, info.LinkDropped = s.Phase.String(), s.LastError, s.Dropped
		if s.Phase == link.PhaseUp {
			info.LinkError = ""
		}
		known := slices.ContainsFunc(found, func(f trouble.Finding) bool { return f.Cause == trouble.RPCRefused })
		if s.Refused && m.State == membership.Alive && !known {
			info.State = membership.Lost.String() // gossip needs seconds to find out
		}
		if s.Clocks.Known {
			info.ClockAhead = &s.Clocks.Ahead
		}
	}
	if m.Ref == self {
		info.Link = "self"
	}
	return info
}

func (p *parts) status() eventnode.Status {
	self := p.members.Self()
	problems, notices := p.problems(), p.storage.notices()
	for _, f := range p.findings(time.Now()) {
		notices = append(notices, f.Text)
	}
	s := eventnode.Status{
		ID: p.self.ID, Epoch: p.self.Epoch, Cluster: p.cfg.Cluster, Version: p.cfg.Version,
		Uptime: time.Since(p.begin), Healthy: len(problems) == 0, Problems: problems,
		Nodes: len(p.members.Nodes()), Subscriptions: p.dispatch.Stats().Subscriptions,
		Groups: p.groups.Stats().Groups, Notices: notices,
	}
	if id := uuidBytes(self.ClusterUUID); id != nil {
		s.ClusterUUID = self.ClusterUUID.String()
	}
	return s
}

// problems says what keeps this node from being healthy, a line each.
func (p *parts) problems() []string {
	var problems []string
	if p.stopping.Load() {
		problems = append(problems, "this node is stopping")
	}
	if !p.gate.isReady() {
		problems = append(problems, "this node is starting")
	}
	if !p.chat.ready() {
		problems = append(problems, "the chat service does not know its directory and topics yet; the directory needs durable streams")
	}
	for _, s := range p.links.States() {
		if s.Phase == link.PhaseUp {
			continue
		}
		line := fmt.Sprintf("the link to %s at %s is %s", s.Ref.ID, s.Address, s.Phase)
		if s.LastError != "" {
			line += ": " + s.LastError
		}
		problems = append(problems, line)
	}
	return problems
}

// clusterService serves eventnode.Cluster to clients.
type clusterService struct {
	eventnodev1.UnimplementedClusterServiceServer
	p *parts
}

// Nodes implements ClusterService.
func (s *clusterService) Nodes(context.Context, *eventnodev1.NodesRequest) (*eventnodev1.NodesResponse, error) {
	return &eventnodev1.NodesResponse{Nodes: convert.NodesToProto(s.p.nodes())}, nil
}

// Status implements ClusterService.
func (s *clusterService) Status(context.Context, *eventnodev1.StatusRequest) (*eventnodev1.StatusResponse, error) {
	return convert.StatusToProto(s.p.status()), nil
}
