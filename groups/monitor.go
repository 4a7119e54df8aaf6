package groups

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// watchers are the monitors of one scope. The writer's.
type watchers struct {
	all     []*monitor
	byGroup map[string][]*monitor
}

// add tells one difference to whoever watches the group.
func (w *watchers) add(origin eventnode.NodeRef, d *table.Diff) {
	few := w.byGroup[d.Group]
	if len(w.all)+len(few) == 0 {
		return
	}
	c := eventnode.Change{
		Group:   d.Group,
		Joined:  spell(nil, origin, d.Joined),
		Left:    spell(nil, origin, d.Left),
		Updated: spell(nil, origin, d.Updated),
	}
	for _, m := range w.all {
		m.put(c)
	}
	for _, m := range few {
		m.put(c)
	}
}

func (w *watchers) insert(m *monitor) {
	if m.group == nil {
		w.all = append(w.all, m)
		return
	}
	w.byGroup[*m.group] = append(w.byGroup[*m.group], m)
}

func (w *watchers) remove(m *monitor) {
	is := func(o *monitor) bool { return o == m }
	if m.group == nil {
		w.all = slices.DeleteFunc(w.all, is)
		return
	}
	rest := slices.DeleteFunc(w.byGroup[*m.group], is)
	if len(rest) == 0 {
		delete(w.byGroup, *m.group)
		return
	}
	w.byGroup[*m.group] = rest
}

func (w *watchers) empty() bool { return len(w.all)+len(w.byGroup) == 0 }

func (w *watchers) closeAll() {
	for _, m := range w.all {
		m.shut()
	}
	for _, ms := range w.byGroup {
		for _, m := range ms {
			m.shut()
		}
	}
}

// monitor is a snapshot and a bounded list of the changes since: at most limit
// memberships. A change that finds no room drops the list; the reader then gets
// one resync, made at that moment.
type monitor struct {
	scope    *scope
	group    *string // nil: all
	snapshot map[string][]eventnode.Membership
	wake     chan struct{}
	limit    int

	mu      sync.Mutex
	changes []eventnode.Change
	weight  int // memberships in changes, a change counting at least one
	behind  bool
	closed  bool
}

var _ eventnode.Monitor = (*monitor)(nil)

// Monitor watches one group, which may be empty. It lives until Close; ctx is
// for the call only.
func (s *scope) Monitor(ctx context.Context, group string) (eventnode.Monitor, error) {
	if err := s.check(group); err != nil {
		return nil, err
	}
	return s.monitor(ctx, &group)
}

// MonitorScope watches all groups.
func (s *scope) MonitorScope(ctx context.Context) (eventnode.Monitor, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.monitor(ctx, nil)
}

func (s *scope) monitor(ctx context.Context, group *string) (eventnode.Monitor, error) {
	m := &monitor{scope: s, group: group, wake: make(chan struct{}, 1), limit: s.g.cfg.MonitorBuffer}
	if err := s.g.do(ctx, func() {
		m.snapshot = m.look()
		w := s.g.monitors[s.name]
		if w == nil {
			w = &watchers{byGroup: map[string][]*monitor{}}
			s.g.monitors[s.name] = w
		}
		w.insert(m)
	}); err != nil {
		return nil, err
	}
	return m, nil
}

// look returns what is monitored as it is now. The writer calls it, so nothing
// changes meanwhile. What has changed earlier in the same burst is told first, to
// those who watch already: it must not come again after this snapshot.
func (m *monitor) look() map[string][]eventnode.Membership {
	m.scope.g.publish()
	now := map[string][]eventnode.Membership{}
	t := m.scope.g.x.Table(m.scope.name)
	if t == nil {
		return now
	}
	if m.group != nil {
		if v := t.View(*m.group); v.Total > 0 {
			now[*m.group] = memberships(v)
		}
		return now
	}
	t.Sizes(nil, func(group string, _ int) bool {
		now[group] = memberships(t.View(group))
		return true
	})
	return now
}

// Snapshot is what the monitored groups held when the monitor was made.
func (m *monitor) Snapshot() map[string][]eventnode.Membership { return m.snapshot }

// put adds a change. The writer calls it.
func (m *monitor) put(c eventnode.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.behind {
		return
	}
	weight := max(1, len(c.Joined)+len(c.Left)+len(c.Updated))
	if m.weight+weight > m.limit && m.weight > 0 {
		m.behind, m.changes, m.weight = true, nil, 0
	} else {
		m.changes = append(m.changes, c)
		m.weight += weight
	}
	m.signal()
}

// signal wakes the reader. Sending to a channel with room does not block.
func (m *monitor) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Next waits for the next change.
func (m *monitor) Next(ctx context.Context) (eventnode.Change, error) {
	for {
		c, ok, behind, err := m.take()
		if ok || err != nil {
			return c, err
		}
		if behind {
			if c, ok, err = m.resync(ctx); ok || err != nil {
				return c, err
			}
			continue
		}
		select {
		case <-m.wake:
		case <-ctx.Done():
			return eventnode.Change{}, ctx.Err()
		}
	}
}

func (m *monitor) take() (c eventnode.Change, ok, behind bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return c, false, false, eventnode.ErrClosed
	case m.behind:
		return c, false, true, nil
	case len(m.changes) == 0:
		return c, false, false, nil
	}
	c = m.changes[0]
	m.changes[0] = eventnode.Change{}
	m.changes = m.changes[1:]
	m.weight -= max(1, len(c.Joined)+len(c.Left)+len(c.Updated))
	return c, true, false, nil
}

// resync takes a new snapshot, after which differences are kept again.
func (m *monitor) resync(ctx context.Context) (c eventnode.Change, ok bool, err error) {
	err = m.scope.g.do(ctx, func() {
		c.Resync = m.look()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.behind, ok = false, !m.closed
		m.scope.g.metrics.resyncs.Add(1)
	})
	return c, ok, err
}

// All ranges over changes until Close or the end of ctx.
func (m *monitor) All(ctx context.Context) iter.Seq2[eventnode.Change, error] {
	return func(yield func(eventnode.Change, error) bool) {
		for {
			c, err := m.Next(ctx)
			if err != nil {
				if !errors.Is(err, eventnode.ErrClosed) && ctx.Err() == nil {
					yield(c, err)
				}
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Close ends the monitor: no change is returned afterwards. It reports false if
// it was closed already.
func (m *monitor) Close() bool {
	if !m.shut() {
		return false
	}
	g, name := m.scope.g, m.scope.name
	g.tell(func() {
		if w := g.monitors[name]; w != nil {
			if w.remove(m); w.empty() {
				delete(g.monitors, name)
			}
		}
	})
	return true
}

// shut makes the monitor return nothing more.
func (m *monitor) shut() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.closed, m.changes = true, nil
	m.signal()
	return true
}
