package groups

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	"github.com/eventnode/eventnode/internal/wire"
)

// defaultQueue is a member's queue, in events, if nothing is asked for.
const defaultQueue = 1024

// member is a handle on this node.
type member struct {
	g     *Groups
	ref   uint64
	queue queue

	// The writer's own.
	joined places
	gone   bool
}

var _ eventnode.Member = (*member)(nil)

// NewMember makes a member, owned by the caller, with a queue of that many
// events (0: 1,024; more than Limits.MaxQueue is a LimitError). It lives until
// Close; ctx is for the call only.
func (g *Groups) NewMember(ctx context.Context, queue int) (eventnode.Member, error) {
	m, err := g.newMember(ctx, queue, nil)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (g *Groups) newMember(ctx context.Context, size int, notify func(*member)) (*member, error) {
	switch {
	case size < 0:
		return nil, invalid("queue %d", size)
	case size > g.cfg.Limits.MaxQueue:
		return nil, &eventnode.LimitError{Limit: "max_queue", Max: g.cfg.Limits.MaxQueue, Got: size}
	case size == 0:
		size = min(defaultQueue, g.cfg.Limits.MaxQueue)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := &member{g: g, ref: g.nextRef.Add(1), queue: queue{limit: size}}
	if notify != nil {
		m.queue.notify = func() { notify(m) }
	}
	g.handles.Store(m.ref, m)
	g.handleNum.Add(1)
	select {
	case <-g.done: // Run has ended, and may have missed this one
		m.shut()
		return nil, eventnode.ErrClosed
	default:
		return m, nil
	}
}

// Ref names the member in the cluster.
func (m *member) Ref() eventnode.MemberRef {
	return eventnode.MemberRef{Node: m.g.cfg.Self, Ref: m.ref}
}

// Receive waits for the next event. Several goroutines may call it; each event
// goes to one of them.
func (m *member) Receive(ctx context.Context) (eventnode.Received, error) {
	it, dropped, err := m.queue.next(ctx)
	if err != nil {
		return eventnode.Received{}, err
	}
	if dropped > 0 {
		return eventnode.Received{Gap: &eventnode.Gap{Count: dropped, Known: true, Reason: eventnode.GapQueueFull}}, nil
	}
	ev, err := wire.DecodeEvent(it.event)
	if err != nil { // checked when it was put in: a defect, told as a gap
		m.g.cfg.Logger.Error("queued event cannot be decoded", "member", m.Ref().String(), "error", err)
		return eventnode.Received{Scope: it.scope, Group: it.group, Gap: &eventnode.Gap{Count: 1, Known: true}}, nil
	}
	return eventnode.Received{Scope: it.scope, Group: it.group, Event: ev}, nil
}

// All ranges over what Receive returns, until Close or the end of ctx.
func (m *member) All(ctx context.Context) iter.Seq2[eventnode.Received, error] {
	return func(yield func(eventnode.Received, error) bool) {
		for {
			r, err := m.Receive(ctx)
			if err != nil {
				if !errors.Is(err, eventnode.ErrClosed) && ctx.Err() == nil {
					yield(r, err)
				}
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Close leaves all groups, in one change a scope. What is queued is discarded.
// A join that is under way fails or is undone. Closing twice does nothing.
func (m *member) Close() error {
	m.shut()
	// A node that has ended holds nothing.
	_ = m.g.do(context.Background(), func() { m.g.closeMembers([]*member{m}) })
	return nil
}

// shut ends the queue and forgets the handle.
func (m *member) shut() {
	m.queue.close()
	if _, open := m.g.handles.LoadAndDelete(m.ref); open {
		m.g.handleNum.Add(-1)
	}
}

// closeMembers takes members out of all their groups. The writer calls it.
func (g *Groups) closeMembers(ms []*member) {
	leave := map[string][]table.Delta{}
	for _, m := range ms {
		m.gone = true
		for c := range m.joined.all {
			left := []table.Member{c.Standing(m.Ref())}
			leave[c.Scope()] = append(leave[c.Scope()], table.Delta{Group: c.Name(), Left: left})
		}
		m.joined = places{}
	}
	for scope, deltas := range leave {
		slices.SortFunc(deltas, byGroup)
		g.x.Change(scope, together(deltas))
	}
	g.publish()
}

// together makes one entry of those of one group, which are side by side.
func together(deltas []table.Delta) []table.Delta {
	out := deltas[:0]
	for _, d := range deltas {
		if last := len(out) - 1; last >= 0 && out[last].Group == d.Group {
			out[last].Left = append(out[last].Left, d.Left...)
		} else {
			out = append(out, d)
		}
	}
	return out
}
