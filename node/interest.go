package node

import (
	"context"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/groups"
)

// interestScope holds, for each topic, the nodes that want it.
const interestScope = "eventnode.topics"

// interestWait is how long a subscriber waits for every node to know.
const interestWait = time.Second

// interest makes this node a member of the group of each topic that it wants.
type interest struct {
	table  *groups.Groups
	scope  eventnode.Scope
	member eventnode.Member

	mu     sync.Mutex
	wanted map[string]bool // the groups joined: never more than once each
}

var _ dispatch.Interest = (*interest)(nil)

func newInterest() *interest { return &interest{wanted: map[string]bool{}} }

// open makes the membership handle; it is called before the first subscriber
// can come.
func (i *interest) open(ctx context.Context, table *groups.Groups) (err error) {
	i.table = table
	i.scope = table.ReservedScope(interestScope)
	i.member, err = table.NewMember(ctx, 1)
	return err
}

// Announce implements dispatch.Interest.
func (i *interest) Announce(ctx context.Context, topic string) error {
	if !i.set(topic, true) {
		return nil
	}
	_, err := i.scope.Join(ctx, topic, []eventnode.Member{i.member})
	if err != nil {
		i.set(topic, false)
	}
	return err
}

// Withdraw implements dispatch.Interest. A leave fails only if the table has
// ended, and then nobody is interested any more.
func (i *interest) Withdraw(topic string) {
	if i.set(topic, false) {
		_, _ = i.scope.Leave(context.Background(), topic, i.member)
	}
}

// Wait implements dispatch.Interest.
func (i *interest) Wait(ctx context.Context) (nodes int, missing []eventnode.NodeID) {
	known, missing := i.table.WaitVisible(ctx, interestScope, interestWait)
	return len(known), missing
}

// set notes whether topic is wanted, and reports whether that is news.
func (i *interest) set(topic string, wanted bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.wanted[topic] == wanted {
		return false
	}
	if wanted {
		i.wanted[topic] = true
	} else {
		delete(i.wanted, topic)
	}
	return true
}
