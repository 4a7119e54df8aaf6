package node

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/membership"
	"github.com/eventnode/eventnode/node/internal/trouble"
)

// troublesEvery is how often a node looks for what is wrong with the others.
const troublesEvery = time.Second

// troubles tells, by the log and a counter, what is wrong between this node and others,
// when it begins and when it is over.
type troubles struct {
	p      *parts
	logger *slog.Logger
	begun  *prometheus.CounterVec
	book   trouble.Book
}

func newTroubles(p *parts, logger *slog.Logger, reg prometheus.Registerer) (*troubles, error) {
	begun := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "eventnode_node_troubles_total",
		Help: "What was found wrong between this node and others and told, by cause.",
	}, []string{"cause"})
	for _, c := range trouble.Causes() {
		begun.WithLabelValues(string(c))
	}
	return &troubles{p: p, logger: logger, begun: begun}, reg.Register(begun)
}

// run looks until ctx ends.
func (t *troubles) run(ctx context.Context) error {
	tick := time.NewTicker(troublesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			t.look(now)
		}
	}
}

func (t *troubles) look(now time.Time) {
	if t.p.stopping.Load() {
		return // the others are leaving it, as they should
	}
	news, over := t.book.Update(t.p.findings(now), now)
	for _, f := range news {
		t.begun.WithLabelValues(string(f.Cause)).Inc()
		t.logger.Warn("something is wrong with a node", "cause", string(f.Cause), "node", string(f.Node), "address", f.Address, "what", f.Text)
	}
	for _, f := range over {
		t.logger.Info("that is over", "cause", string(f.Cause), "node", string(f.Node), "address", f.Address)
	}
}

// findings is what is wrong now: with members, then with addresses that are no members'.
func (p *parts) findings(now time.Time) []trouble.Finding {
	var found []trouble.Finding
	links, nodes := p.linkStates(), p.members.Nodes()
	for _, m := range nodes {
		found = append(found, p.findingsOf(m, links[m.Ref], len(nodes))...)
	}
	for _, c := range p.members.Contacts() {
		if f, ok := trouble.OfContact(c, p.self.ID, p.cfg.Cluster, now); ok && !p.isMember(c) {
			found = append(found, f)
		}
	}
	return found
}

// findingsOf is what is wrong with a member.
func (p *parts) findingsOf(m membership.Node, s link.State, nodes int) []trouble.Finding {
	if m.State != membership.Alive || m.Ref == p.self {
		return nil
	}
	return trouble.OfPeer(trouble.Peer{Node: m, Link: s, UDPFailed: p.members.UDPFailed(m.Ref), Nodes: nodes})
}

// isMember reports whether an address that cannot be joined is that of a node which is
// listed by its name, lost or gone; a node that came with this one's name is another one.
func (p *parts) isMember(c membership.Contact) bool {
	if c.Called {
		return false
	}
	for _, m := range p.members.Gone() {
		if m.GossipAddress == c.Address {
			return trouble.StateOf(c) == trouble.Unreachable // it does not run, or is not reached: its state says so
		}
	}
	return false
}

// linkStates are the links by their other end.
func (p *parts) linkStates() map[eventnode.NodeRef]link.State {
	links := map[eventnode.NodeRef]link.State{}
	for _, s := range p.links.States() {
		links[s.Ref] = s
	}
	return links
}

// describeContact is an entry of Nodes without a name.
func (p *parts) describeContact(c membership.Contact, now time.Time) eventnode.NodeInfo {
	info := eventnode.NodeInfo{State: trouble.StateOf(c), GossipAddress: c.Address, Link: link.PhaseDown.String()}
	if f, ok := trouble.OfContact(c, p.self.ID, p.cfg.Cluster, now); ok {
		info.Trouble = f.Text
	} else {
		info.LinkError = c.Detail
	}
	return info
}

// texts joins what several findings say.
func texts(found []trouble.Finding) string {
	all := make([]string, 0, len(found))
	for _, f := range found {
		all = append(all, f.Text)
	}
	return strings.Join(all, "; ")
}
