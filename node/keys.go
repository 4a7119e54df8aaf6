package node

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode"
)

// keys are the cluster's secrets as they are now.
type keys struct {
	mu  sync.Mutex // orders changes
	now atomic.Pointer[[][]byte]
}

func newKeys(list [][]byte) *keys {
	k := &keys{}
	k.set(list)
	return k
}

// set changes what links and replicas prove.
func (k *keys) set(list [][]byte) {
	if len(list) == 0 {
		list = [][]byte{nil} // the empty secret, which anybody knows
	}
	k.now.Store(&list)
}

// secrets are one at least.
func (k *keys) secrets() [][]byte { return *k.now.Load() }

// SetGossipKeys changes the cluster's keys while the node runs: the first one encrypts
// gossip and is what links prove, any is good. To replace a key without a gap do each step
// on all nodes before the next: {old, new}, {new, old}, {new}. Links that stand stay. It
// fails with ErrInvalidArgument if a key has another length than 16, 24 or 32 bytes, or if
// there was no key before, or none is to be; and with ErrUnavailable before Ready.
func (n *Node) SetGossipKeys(list [][]byte) error {
	p, ok := n.now()
	if !ok {
		return fmt.Errorf("this node starts: %w", eventnode.ErrUnavailable)
	}
	n.keys.mu.Lock()
	defer n.keys.mu.Unlock()
	if err := p.members.SetKeys(list); err != nil {
		return fmt.Errorf("%w: %w", eventnode.ErrInvalidArgument, err)
	}
	n.keys.set(list)
	return nil
}
