package trouble

import (
	"fmt"
	"net"
	"time"
)

// Refusal is why somebody is no member.
type Refusal uint8

// The refusals.
const (
	RefusedOther    Refusal = iota
	RefusedSilent           // no answer by TCP, or no way there
	RefusedReset            // the machine answers that nothing listens
	RefusedClosed           // takes connections, and closes them without a word
	RefusedKey              // two keys that differ
	RefusedKeyHere          // encrypts, and this node has no key
	RefusedKeyThere         // does not encrypt, and this node has a key
	RefusedLabel            // of another cluster name
	RefusedForeign          // of another cluster of the same name
	RefusedName             // came with this node's name
)

// Contact is an address where there should be a node, or from where one called, that is
// no member.
type Contact struct {
	// Address is HOST:PORT of its gossip; the host alone, if it called.
	Address string
	// Refusal says why.
	Refusal Refusal
	// Detail is its cluster name, or the error.
	Detail string
	// For is for how long it has been so.
	For time.Duration
	// Cluster and Node are the name of this node's cluster, and its own.
	Cluster, Node string
}

// State is the contact in one word: refused, if it answers or called, else unreachable.
func (c Contact) State() string {
	switch c.Refusal {
	case RefusedSilent, RefusedReset, RefusedOther:
		return "unreachable"
	case RefusedClosed, RefusedKey, RefusedKeyHere, RefusedKeyThere, RefusedLabel, RefusedForeign, RefusedName:
	}
	return "refused"
}

// OfContact returns what is wrong, or false if it is too early to say.
func OfContact(c Contact) (Finding, bool) {
	if c.State() == "unreachable" && c.For < seedGrace {
		return Finding{}, false
	}
	f := Finding{Address: c.Address, Cause: GossipBlocked}
	switch c.Refusal {
	case RefusedSilent:
		f.Text = fmt.Sprintf("nothing answers gossip at %s: start the node there, open TCP and UDP port %s on that machine, or take it from --join", c.Address, port(c.Address))
	case RefusedReset:
		f.Cause, f.Text = GossipRefused, fmt.Sprintf("gossip at %s refuses connections: start the node there, have it listen at that address (--gossip), or take it from --join", c.Address)
	case RefusedKey:
		f.Cause, f.Text = GossipKey, fmt.Sprintf("%s has another gossip key than this node: give both the same --gossip-key-file", c.Address)
	case RefusedKeyHere:
		f.Cause, f.Text = GossipKey, fmt.Sprintf("%s has a gossip key and this node has none: start this node with the cluster's --gossip-key-file", c.Address)
	case RefusedKeyThere:
		f.Cause, f.Text = GossipKey, fmt.Sprintf("%s has no gossip key and this node has one: start that node with the cluster's --gossip-key-file", c.Address)
	case RefusedLabel:
		f.Cause, f.Text = ClusterName, fmt.Sprintf("%s is of cluster %q, this node of %q: give both the same --cluster, or take it from --join", c.Address, c.Detail, c.Cluster)
	case RefusedClosed:
		f.Cause, f.Text = ClusterName, fmt.Sprintf("%s closes gossip without a word, as a node of another cluster name does; this node's is %q: compare --cluster, and see its log", c.Address, c.Cluster)
	case RefusedForeign:
		f.Cause, f.Text = ClusterName, fmt.Sprintf("%s is of another cluster of the same name: take it from --join, or give one of them an empty data directory: %s", c.Address, c.Detail)
	case RefusedName:
		f.Cause, f.Text = NameTaken, fmt.Sprintf("a node at %s came with the name of this one, %s, and must stop: give it another --name", c.Address, c.Node)
	case RefusedOther:
		f.Text = fmt.Sprintf("gossip with %s fails; see also its log: %s", c.Address, c.Detail)
	}
	return f, true
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
