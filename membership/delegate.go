package membership

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode"
)

// leftMessage is what a node tells every other one when it leaves, before its
// name: memberlist does not say whether a node left or was lost.
const leftMessage = "left "

// delegate is what memberlist calls, from its own goroutines and partly under its
// lock. Nothing here waits or calls memberlist.
type delegate struct {
	self     eventnode.NodeRef
	view     *view
	inbox    *inbox
	refused  func(reason, who, why string) // counts and logs
	contacts *contacts
}

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.AliveDelegate    = (*delegate)(nil)
	_ memberlist.MergeDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
	_ memberlist.PingDelegate     = (*delegate)(nil)
)

// NodeMeta returns what gossip is to carry of this node.
func (d *delegate) NodeMeta(int) []byte { return d.view.metadata() }

// NotifyMsg takes a message from another node.
func (d *delegate) NotifyMsg(b []byte) {
	ref, err := parseMessage(b)
	if err != nil {
		d.refused(refusedMessage, "", err.Error())
		return
	}
	d.inbox.put(observation{node: Node{Ref: ref}, state: Left})
}

// parseMessage reads "left NAME#EPOCH".
func parseMessage(b []byte) (eventnode.NodeRef, error) {
	name, ok := strings.CutPrefix(string(b), leftMessage)
	if !ok {
		return eventnode.NodeRef{}, errors.New("unknown message")
	}
	return parseName(name)
}

// GetBroadcasts has nothing to pass on.
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState has nothing to add.
func (d *delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState ignores what a later version may add.
func (d *delegate) MergeRemoteState([]byte, bool) {}

// NotifyJoin hands over that n lives.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.alive(n) }

// NotifyUpdate hands over what n says of itself now.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.alive(n) }

func (d *delegate) alive(n *memberlist.Node) {
	node, err := nodeOf(n)
	if err != nil || node.Ref == d.self {
		return // malformed ones were refused before
	}
	d.inbox.put(observation{node: node, state: Alive})
}

// NotifyLeave hands over that n was lost, or that it left and said so before.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	ref, err := parseName(n.Name)
	if err != nil || ref == d.self {
		return
	}
	d.contacts.probed(n.Name, false)
	d.inbox.put(observation{node: Node{Ref: ref}, state: Lost})
}

// AckPayload has nothing to add to an answer.
func (d *delegate) AckPayload() []byte { return nil }

// NotifyPingComplete notes that UDP reaches n, and comes back.
func (d *delegate) NotifyPingComplete(n *memberlist.Node, _ time.Duration, _ []byte) {
	d.contacts.probed(n.Name, false)
}

// NotifyAlive refuses nodes that cannot be peers.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	ref, err := parseName(n.Name)
	if err != nil {
		d.refused(refusedName, n.Address(), err.Error())
		return err
	}
	if ref == d.self {
		return nil
	}
	node, err := nodeOf(n)
	if err != nil {
		d.refused(refusedMeta, n.Address(), err.Error())
		return err
	}
	return d.admit(node)
}

// admit refuses a node of another cluster and one behind a loopback address. If
// it was admitted when it had no UUID yet, it is lost now.
func (d *delegate) admit(n Node) error {
	if err := d.sameCluster(n); err != nil {
		d.inbox.put(observation{node: n, state: Lost})
		return err
	}
	if err := reachable(d.view.selfNode(), n); err != nil {
		d.refused(refusedLoopback, n.GossipAddress, err.Error())
		return err
	}
	return nil
}

func (d *delegate) sameCluster(n Node) error {
	err := sameCluster(d.view.selfNode(), n)
	if err != nil {
		d.inbox.meet(err)
		d.refused(refusedUUID, n.GossipAddress, err.Error())
	}
	return err
}

func sameCluster(self, n Node) error {
	if self.ClusterUUID == uuid.Nil || n.ClusterUUID == uuid.Nil || self.ClusterUUID == n.ClusterUUID {
		return nil
	}
	return fmt.Errorf("%w: %s at %s has cluster UUID %s, this node %s",
		eventnode.ErrForeignCluster, n.Ref, n.GossipAddress, n.ClusterUUID, self.ClusterUUID)
}

// reachable refuses a loopback address on one side only: at least one of the two
// nodes cannot reach the other.
func reachable(self, n Node) error {
	own, other := isLoopback(self.GossipAddress), isLoopback(n.GossipAddress)
	addr := n.GossipAddress
	if other == own && !own && isLoopback(n.RPCAddress) {
		other, addr = true, n.RPCAddress
	}
	if other == own {
		return nil
	}
	return fmt.Errorf("%w: %s advertises %s, this node %s: give both addresses that the other can reach",
		ErrLoopback, n.Ref, addr, self.GossipAddress)
}

// NotifyMerge refuses another cluster before its nodes are taken in, and looks
// for former lives of this node's name, also dead ones.
func (d *delegate) NotifyMerge(peers []*memberlist.Node) error {
	for _, p := range peers {
		ref, err := parseName(p.Name)
		if err != nil {
			continue // NotifyAlive refuses it
		}
		if gone := p.State == memberlist.StateDead || p.State == memberlist.StateLeft; gone {
			if ref.ID == d.self.ID && ref.Epoch > d.self.Epoch {
				d.inbox.put(observation{node: Node{Ref: ref}, state: Lost})
			}
			continue
		}
		node, err := nodeOf(p)
		if err != nil {
			continue // NotifyAlive refuses it
		}
		if err := d.sameCluster(node); err != nil {
			return err
		}
	}
	return nil
}

// NotifyConflict tells that two nodes have one name and one epoch: a copied data
// directory, or a forged name.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.refused(refusedName, other.Address(), fmt.Sprintf("%s lives at %s already", other.Name, existing.Address()))
}

// nodeOf makes a node of what memberlist has.
func nodeOf(n *memberlist.Node) (Node, error) {
	ref, err := parseName(n.Name)
	if err != nil {
		return Node{}, err
	}
	node, err := decodeMeta(n.Meta)
	if err != nil {
		return Node{}, err
	}
	node.Ref = ref
	if n.Port == 0 || len(n.Addr) != net.IPv4len && len(n.Addr) != net.IPv6len {
		return Node{}, fmt.Errorf("%w: gossip address %v:%d", errMeta, n.Addr, n.Port)
	}
	node.GossipAddress = n.Address()
	return node, nil
}
