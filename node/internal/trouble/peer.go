package trouble

import (
	"fmt"
	"math"
	"net"
	"time"

	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/membership"
)

// Peer is a node that gossip holds alive, as this one sees it.
type Peer struct {
	// Node is what it says of itself.
	Node membership.Node
	// Link is this node's link to it.
	Link link.State
	// UDPFailed counts its last probes, in a row, that got no answer by UDP, and one by
	// TCP or through other nodes.
	UDPFailed int
	// Nodes is how many nodes live: the more, the longer gossip takes to find out that
	// one does not.
	Nodes int
}

// OfPeer returns what is wrong with p, one finding a cause.
func OfPeer(p Peer) []Finding {
	var found []Finding
	if f, ok := ofLink(p); ok {
		found = append(found, f)
	}
	id, gossip := p.Node.Ref.ID, p.Node.GossipAddress
	if p.UDPFailed >= udpStreak {
		found = append(found, Finding{UDPBlocked, id, gossip, fmt.Sprintf(
			"the last %d probes of %s by UDP got no answer, while TCP or other nodes reach it: open UDP port %s between this machine and %s, in both directions",
			udpStreak, id, port(gossip), host(gossip))})
	}
	if c := p.Link.Clocks; c.Known && c.Ahead.Abs() > clockTolerance+c.Within {
		found = append(found, Finding{Clock, id, p.Node.RPCAddress, fmt.Sprintf(
			"the clock of %s is %s: set both machines' clocks by NTP; the times of events, certificates and signed tokens depend on them; leases and delays do not",
			id, difference(c.Ahead))})
	}
	return found
}

// ofLink says why there is no link.
func ofLink(p Peer) (Finding, bool) {
	s, rpc := p.Link, p.Node.RPCAddress
	if s.LastError == "" || s.Down == 0 || s.Down < grace(s.Kind, p.Nodes) {
		return Finding{}, false
	}
	cause, text := LinkRefused, ""
	switch s.Kind {
	case link.KindTimeout, link.KindUnreachable:
		cause, text = RPCBlocked, fmt.Sprintf("not rpc at %s: open TCP port %s on that machine, or correct its --advertise-rpc", rpc, port(rpc))
	case link.KindRefused:
		cause, text = RPCRefused, fmt.Sprintf("rpc at %s refuses connections: have it listen there (--rpc, --advertise-rpc), and have no firewall reject TCP port %s", rpc, port(rpc))
	case link.KindSecret:
		cause, text = GossipKey, fmt.Sprintf("proves another gossip key than this node at %s: give both the same --gossip-key-file", rpc)
	case link.KindForeign:
		cause, text = ClusterName, fmt.Sprintf("is of another cluster at %s: correct --join: %s", rpc, s.LastError)
	case link.KindExpired:
		text = fmt.Sprintf("a certificate is not valid now at %s: compare both machines' clocks, then renew it (--tls-cert): %s", rpc, s.LastError)
	case link.KindTLS:
		text = fmt.Sprintf("TLS fails at %s: give both nodes --tls-cert, --tls-key and --tls-ca, or neither: %s", rpc, s.LastError)
	case link.KindNone, link.KindGoodbye, link.KindOther:
		fallthrough
	default:
		text = fmt.Sprintf("there is no link to rpc at %s; see also its log: %s", rpc, s.LastError)
	}
	return Finding{cause, p.Node.Ref.ID, rpc, fmt.Sprintf("%s answers gossip at %s but %s", p.Node.Ref.ID, p.Node.GossipAddress, text)}, true
}

// grace is how long a link must be missing before the reason counts.
func grace(k link.ErrorKind, nodes int) time.Duration {
	least := linkGrace
	switch k {
	case link.KindSecret, link.KindForeign, link.KindExpired:
		return 0 // it answers, and says so
	case link.KindTLS:
		return tlsGrace
	case link.KindTimeout, link.KindUnreachable:
		least = silentGrace
	case link.KindNone, link.KindRefused, link.KindGoodbye, link.KindOther:
	}
	// Gossip's suspicion grows with the logarithm of the number of nodes.
	return time.Duration(float64(least) * max(1, math.Log10(float64(max(1, nodes)))))
}

// difference is in words by how much a clock is ahead.
func difference(d time.Duration) string {
	word := "ahead of"
	if d < 0 {
		word = "behind"
	}
	return fmt.Sprintf("%v %s this node's", d.Abs().Round(time.Second), word)
}

// host and port are the parts of an address; without a port it is all host.
func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}
