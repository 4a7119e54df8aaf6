package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/eventnode/eventnode"
)

// member is a member of process groups. What it has joined is remembered here,
// so that it can join again at another node.
type member struct {
	h     *holder
	queue *memberQueue
	ref   atomic.Pointer[eventnode.MemberRef]

	// Guarded by h.mu: what it has joined, and whether it was closed.
	joined joined
	closed bool
}

var _ eventnode.Member = (*member)(nil)

// Ref implements eventnode.Member.
func (m *member) Ref() eventnode.MemberRef { return *m.ref.Load() }

// Receive implements eventnode.Member.
func (m *member) Receive(ctx context.Context) (eventnode.Received, error) {
	return m.queue.receive(ctx)
}

// All implements eventnode.Member.
func (m *member) All(ctx context.Context) iter.Seq2[eventnode.Received, error] {
	return all(ctx, ctx, m.Receive)
}

// Close implements eventnode.Member. It waits for the node at most for the dial
// timeout; without a node there is nothing to leave.
func (m *member) Close() error {
	m.queue.close(fmt.Errorf("member: %w", eventnode.ErrClosed))
	ctx, cancel := context.WithTimeout(context.Background(), m.h.c.opts.dialTimeout)
	defer cancel()
	err := m.h.closeMember(ctx, m)
	if errors.Is(err, eventnode.ErrClosed) || errors.Is(err, eventnode.ErrUnavailable) {
		return nil
	}
	return err
}

// groupKey names a group.
type groupKey struct{ scope, group string }

// joined is a multiset of memberships: the metadata of each, in the order they
// were made. A leave ends the last one.
type joined map[groupKey][]string

// join adds a membership.
func (j joined) join(k groupKey, meta string) { j[k] = append(j[k], meta) }

// leave ends a membership and reports whether there was one.
func (j joined) leave(k groupKey) bool {
	metas := j[k]
	switch len(metas) {
	case 0:
		return false
	case 1:
		delete(j, k)
	default:
		j[k] = metas[:len(metas)-1]
	}
	return true
}

// setMeta replaces the metadata of all memberships in a group.
func (j joined) setMeta(k groupKey, meta string) {
	for i := range j[k] {
		j[k][i] = meta
	}
}

// count counts memberships.
func (j joined) count() int {
	n := 0
	for _, metas := range j {
		n += len(metas)
	}
	return n
}

// own returns members as this holder's; those of somebody else are ErrNotOwner.
func (h *holder) own(members []eventnode.Member) ([]*member, error) {
	list := make([]*member, len(members))
	for i, m := range members {
		own, ok := m.(*member)
		if !ok || own.h != h {
			return nil, fmt.Errorf("member %d of %d: %w", i+1, len(members), eventnode.ErrNotOwner)
		}
		list[i] = own
	}
	return list, nil
}
