package trouble

import (
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
)

// LinkError is why there is no link, as far as that tells something.
type LinkError uint8

// The kinds of errors.
const (
	LinkOther   LinkError = iota
	LinkSilent            // no answer, or no way there
	LinkReset             // the machine answers that nothing listens
	LinkSecret            // another gossip key
	LinkForeign           // another cluster
	LinkTLS               // certificates, or TLS on one side only
	LinkExpired           // a certificate's dates
)

// Peer is a node that gossip holds alive, as this one sees it.
type Peer struct {
	// ID is its name, Gossip and RPC are where it is.
	ID          eventnode.NodeID
	Gossip, RPC string
	// Down is for how long there has been no link to it; 0: there is one.
	Down time.Duration
	// Kind and Error are why.
	Kind  LinkError
	Error string
	// UDPFailed counts its last probes, in a row, that got no answer by UDP, and one by
	// TCP or through other nodes.
	UDPFailed int
	// Ahead is by how much its clock is ahead of this one's, give or take Within; both
	// 0 if that is not known.
	Ahead, Within time.Duration
}

// OfPeer returns what is wrong with p, one finding a cause.
func OfPeer(p Peer) []Finding {
	var found []Finding
	if f, ok := ofLink(p); ok {
		found = append(found, f)
	}
	if p.UDPFailed >= udpStreak {
		found = append(found, Finding{UDPBlocked, p.ID, p.Gossip, fmt.Sprintf(
			"the last %d probes of %s by UDP got no answer, while TCP or other nodes reach it: open UDP port %s between this machine and %s, in both directions",
			udpStreak, p.ID, port(p.Gossip), host(p.Gossip))})
	}
	if p.Ahead.Abs() > clockTolerance+p.Within {
		found = append(found, Finding{Clock, p.ID, p.RPC, fmt.Sprintf(
			"the clock of %s is %s: set both machines' clocks by NTP; the times of events, certificates and signed tokens depend on them; leases and delays do not",
			p.ID, difference(p.Ahead))})
	}
	return found
}

// ofLink says why there is no link.
func ofLink(p Peer) (Finding, bool) {
	if p.Down < grace(p.Kind) || p.Down == 0 {
		return Finding{}, false
	}
	seen := fmt.Sprintf("%s answers gossip at %s but ", p.ID, p.Gossip)
	f := Finding{Cause: LinkRefused, Node: p.ID, Address: p.RPC}
	switch p.Kind {
	case LinkSilent:
		f.Cause, f.Text = RPCBlocked, seen+fmt.Sprintf("not rpc at %s: open TCP port %s on that machine, or correct its --advertise-rpc", p.RPC, port(p.RPC))
	case LinkReset:
		f.Cause, f.Text = RPCRefused, seen+fmt.Sprintf("rpc at %s refuses connections: have it listen there (--rpc, --advertise-rpc), and have no firewall reject TCP port %s", p.RPC, port(p.RPC))
	case LinkSecret:
		f.Cause, f.Text = GossipKey, seen+fmt.Sprintf("it and this node prove different gossip keys at %s: give both the same --gossip-key-file", p.RPC)
	case LinkForeign:
		f.Cause, f.Text = ClusterName, seen+fmt.Sprintf("rpc at %s is of another cluster: %s", p.RPC, p.Error)
	case LinkExpired:
		f.Text = seen + fmt.Sprintf("a certificate is not good now at %s: compare both machines' clocks, then renew it (--tls-cert): %s", p.RPC, p.Error)
	case LinkTLS:
		f.Text = seen + fmt.Sprintf("TLS fails at %s: give both nodes --tls-cert, --tls-key and --tls-ca, or neither: %s", p.RPC, p.Error)
	case LinkOther:
		f.Text = seen + fmt.Sprintf("there is no link to rpc at %s; see also its log: %s", p.RPC, p.Error)
	}
	return f, true
}

// grace is how long a link must be missing before the reason counts.
func grace(k LinkError) time.Duration {
	switch k {
	case LinkSilent:
		return silentGrace
	case LinkSecret, LinkForeign, LinkTLS, LinkExpired:
		return 0 // it answers, and said so
	case LinkReset, LinkOther:
	}
	return linkGrace
}

// difference is in words by how much a clock is ahead.
func difference(d time.Duration) string {
	word := "ahead of"
	if d < 0 {
		word = "behind"
	}
	return fmt.Sprintf("%v %s this node's", d.Abs().Round(time.Second), word)
}
