package trouble

import (
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/membership"
)

// The states of a contact.
const (
	Unreachable = "unreachable" // nothing answers
	Refused     = "refused"     // it answers or called, and one of the two refuses the other
)

// StateOf is a contact in one word.
func StateOf(c membership.Contact) string {
	switch c.Refusal {
	case membership.RefusalSilent, membership.RefusalReset, membership.RefusalOther:
		return Unreachable
	case membership.RefusalClosed, membership.RefusalKey, membership.RefusalKeyHere, membership.RefusalKeyThere,
		membership.RefusalLabel, membership.RefusalForeign, membership.RefusalName:
	}
	return Refused
}

// OfContact returns what is wrong with an address that is no member's, or false if it is
// too early to say. self and cluster are the names of this node and of its cluster.
func OfContact(c membership.Contact, self eventnode.NodeID, cluster string, now time.Time) (Finding, bool) {
	if StateOf(c) == Unreachable && now.Sub(c.Since) < seedGrace {
		return Finding{}, false
	}
	at := c.Address
	cause, text := GossipBlocked, ""
	switch c.Refusal {
	case membership.RefusalSilent:
		text = fmt.Sprintf("nothing answers gossip at %s: start the node there, open TCP and UDP port %s on that machine, or take it from --join", at, port(at))
	case membership.RefusalReset:
		cause, text = GossipRefused, fmt.Sprintf("gossip at %s refuses connections: start the node there, have it listen at that address (--gossip), or take it from --join", at)
	case membership.RefusalKey:
		cause, text = GossipKey, fmt.Sprintf("%s has another gossip key than this node: give both the same --gossip-key-file", at)
	case membership.RefusalKeyHere:
		cause, text = GossipKey, fmt.Sprintf("%s has a gossip key and this node has none: start this node with the cluster's --gossip-key-file", at)
	case membership.RefusalKeyThere:
		cause, text = GossipKey, fmt.Sprintf("%s has no gossip key and this node has one: start that node with the cluster's --gossip-key-file", at)
	case membership.RefusalLabel:
		cause, text = ClusterName, fmt.Sprintf("%s is of cluster %q, this node of %q: give both the same --cluster, or correct --join", at, c.Detail, cluster)
	case membership.RefusalClosed:
		cause, text = ClusterName, fmt.Sprintf("%s closes gossip without a word, as a node of another cluster name does; this node's is %q: compare --cluster, and see its log", at, cluster)
	case membership.RefusalForeign:
		cause, text = ClusterName, fmt.Sprintf("%s is of another cluster of this name: correct --join, or start one of the two with an empty data directory: %s", at, c.Detail)
	case membership.RefusalName:
		cause, text = NameTaken, fmt.Sprintf("a node at %s came with the name of this one, %s, and must stop: give it another --name", at, self)
	case membership.RefusalOther:
		text = fmt.Sprintf("gossip with %s fails; see also its log: %s", at, c.Detail)
	}
	return Finding{Cause: cause, Address: at, Text: text}, true
}
