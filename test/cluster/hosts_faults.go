package cluster

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/eventnode/eventnode/internal/memnet"
)

// What makes a network bad that is not cut: in memory, and between machines.

// NeedLossyHosts skips the test where Delay and Loss cannot work with Config.Hosts, and
// says why.
func NeedLossyHosts(t testing.TB) {
	t.Helper()
	NeedHosts(t)
	tap, err := openTap(fmt.Sprintf("evt%d", os.Getpid()))
	if err == nil {
		err = tap.Close()
	}
	if err != nil {
		t.Skipf("no machines with loss and delay here: %v", err)
	}
}

// Delay makes what one node sends to another arrive between least and most later, each
// packet by itself, so that one may overtake another. 0 and 0 end it; Heal does not.
func (c *Cluster) Delay(from, to string, least, most time.Duration) {
	c.t.Helper()
	if least < 0 || most < least {
		c.t.Fatalf("a delay between %v and %v: the first is to be 0 or more, and the second no less than it", least, most)
	}
	if c.hosts == nil {
		c.network().Delay(c.Node(from).address(), c.Node(to).address(), least, most)
		return
	}
	c.hosts.change(c.Node(from).number, c.Node(to).number, func(p *path) { p.least, p.most = least, most })
}

// Loss makes packets from all to all vanish with a probability: in memory those of gossip,
// with Config.Hosts all, so that connections get slow. 0 ends it; Heal does not.
func (c *Cluster) Loss(probability float64) {
	c.t.Helper()
	c.probability(probability)
	if c.hosts == nil {
		c.network().Loss(memnet.Any, memnet.Any, probability)
		return
	}
	for _, from := range c.nodes {
		for _, to := range c.nodes {
			if from != to {
				c.LossTo(from.name, to.name, probability)
			}
		}
	}
}

// LossTo is Loss of what one node sends to another; the other direction stays.
func (c *Cluster) LossTo(from, to string, probability float64) {
	c.t.Helper()
	c.probability(probability)
	if c.hosts == nil {
		c.network().Loss(c.Node(from).address(), c.Node(to).address(), probability)
		return
	}
	c.hosts.change(c.Node(from).number, c.Node(to).number, func(p *path) { p.loss = probability })
}

func (c *Cluster) probability(p float64) {
	c.t.Helper()
	if !(p >= 0 && p <= 1) { // nor is it NaN
		c.t.Fatalf("a probability of %v: it is from 0 to 1", p)
	}
}

// Traffic is what one node's machine sent to another's while Delay or Loss was on in that
// direction. For Config.Hosts.
func (c *Cluster) Traffic(from, to string) Traffic {
	c.t.Helper()
	if c.hosts == nil {
		c.t.Fatal("nobody counts packets here: use Config.Hosts")
	}
	if c.hosts.detour == nil {
		return Traffic{}
	}
	return c.hosts.detour.traffic(c.Node(from).number, c.Node(to).number)
}

// OnHost runs do on the node's machine, which may be a place for a service of yours, too:
// the sockets that do opens are there, and stay there. Goroutines that it starts are not.
// For Config.Hosts.
func (n *Node) OnHost(do func() error) error {
	n.c.t.Helper()
	if n.c.hosts == nil {
		n.c.t.Fatal("this node has no machine of its own: use Config.Hosts")
	}
	return inNamespace(n.c.hosts.name(n.number), do)
}

// HostAddress is the IP address of the node's machine. For Config.Hosts.
func (n *Node) HostAddress() string {
	n.c.t.Helper()
	if n.c.hosts == nil {
		n.c.t.Fatal("this node has no machine of its own: use Config.Hosts")
	}
	return n.c.hosts.address(n.number)
}

// change changes how a direction between two machines is.
func (h *hosts) change(from, to int, change func(*path)) {
	h.t.Helper()
	if from == to {
		h.t.Fatal("between a node and itself there is no network")
	}
	if h.detour == nil {
		h.openDetour()
	}
	h.bad[[2]int{from, to}] = !h.detour.change(from, to, change)
	h.route(from, to)
}

// openDetour adds the detour's port to the switch.
func (h *hosts) openDetour() {
	h.t.Helper()
	name := h.prefix + "d"
	tap, err := openTap(name)
	if err != nil {
		h.t.Fatalf("loss and delay between machines (NeedLossyHosts skips the test): %v", err)
	}
	h.detour = startDetour(tap, h.seed)
	h.do("", "link", "set", name, "addrgenmode", "none", "master", h.prefix+"b", "up")
}
