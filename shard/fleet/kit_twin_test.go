package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// twin is the durable plane and the groups of a cluster, in memory: what a fleet needs of
// them. Nodes can be cut off: what they ask waits, and is unavailable after a while, and
// others see their members no more after a grace, as they do not see others'.
type twin struct {
	mu      sync.Mutex
	moved   chan struct{} // closed at the next change
	streams map[string]*twinStream
	locks   map[string]*twinLock
	token   uint64
	nodes   []*twinNode
}

type twinStream struct {
	keep   uint64
	events []eventnode.StreamEvent
	number uint64
	last   eventnode.Position
}

type twinLock struct {
	token uint64
	until time.Time
	queue []*int // who waits, in turn
}

// twinNode is one life of a node: its Groups, Streams and Locks.
type twinNode struct {
	t       *twin
	ref     eventnode.NodeRef
	cut     bool
	cutAt   time.Time
	lag     map[string]time.Duration // by which it is behind when it follows a stream
	members map[uint64]*twinMember
	refs    uint64
	mons    map[*twinMonitor]bool
	sees    map[string]map[eventnode.MemberRef]string // by group
}

const (
	twinPatience = 5 * time.Second
	twinGrace    = 3 * time.Second
	twinHop      = time.Millisecond
)

func newTwin() *twin {
	return &twin{moved: make(chan struct{}), streams: map[string]*twinStream{}, locks: map[string]*twinLock{}}
}

func (t *twin) node(id string, epoch uint64) *twinNode {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := &twinNode{
		t: t, ref: eventnode.NodeRef{ID: eventnode.NodeID(id), Epoch: epoch}, members: map[uint64]*twinMember{}, mons: map[*twinMonitor]bool{},
		sees: map[string]map[eventnode.MemberRef]string{},
	}
	t.nodes = append(t.nodes, n)
	t.change()
	return n
}

// change tells who waits, and has nodes see what they can. The caller holds mu.
func (t *twin) change() {
	close(t.moved)
	t.moved = make(chan struct{})
	for _, n := range t.nodes {
		n.look()
	}
}

// setCut cuts a node off, or heals that.
func (n *twinNode) setCut(cut bool) {
	n.t.mu.Lock()
	n.cut, n.cutAt = cut, time.Now()
	n.t.change()
	n.t.mu.Unlock()
	if cut {
		time.AfterFunc(twinGrace, func() {
			n.t.mu.Lock()
			defer n.t.mu.Unlock()
			n.t.change()
		})
	}
}

// lost reports whether two nodes have lost each other. The caller holds mu.
func lost(a, b *twinNode) bool {
	gone := func(n *twinNode) bool { return n.cut && time.Since(n.cutAt) >= twinGrace }
	return a != b && (gone(a) || gone(b))
}

// look has a node see the members that it can, and tells its monitors. Of one that is cut
// off, and not lost yet, it sees what it saw. The caller holds mu.
func (n *twinNode) look() {
	now := map[string]map[eventnode.MemberRef]string{}
	put := func(group string, m eventnode.MemberRef, meta string) {
		if now[group] == nil {
			now[group] = map[eventnode.MemberRef]string{}
		}
		now[group][m] = meta
	}
	for _, o := range n.t.nodes {
		if lost(n, o) {
			continue
		}
		if o != n && (o.cut || n.cut) {
			for group, ms := range n.sees {
				for m, meta := range ms {
					if m.Node == o.ref {
						put(group, m, meta)
					}
				}
			}
			continue
		}
		for _, m := range o.members {
			for group, meta := range m.in {
				put(group, m.Ref(), meta)
			}
		}
	}
	for _, group := range slices.Sorted(maps.Keys(union(n.sees, now))) {
		c := eventnode.Change{Group: group}
		for m, meta := range now[group] {
			old, there := n.sees[group][m]
			switch {
			case !there:
				c.Joined = append(c.Joined, eventnode.Membership{Member: m, Meta: meta})
			case old != meta:
				c.Updated = append(c.Updated, eventnode.Membership{Member: m, Meta: meta})
			}
		}
		for m, meta := range n.sees[group] {
			if _, there := now[group][m]; !there {
				c.Left = append(c.Left, eventnode.Membership{Member: m, Meta: meta})
			}
		}
		if len(c.Joined)+len(c.Updated)+len(c.Left) > 0 {
			for mon := range n.mons {
				mon.changes = append(mon.changes, c)
			}
		}
	}
	n.sees = now
}

func union[K comparable, V any](a, b map[K]V) map[K]bool {
	out := map[K]bool{}
	for k := range a {
		out[k] = true
	}
	for k := range b {
		out[k] = true
	}
	return out
}

// until waits until is says so, with mu held, which it holds when it returns nil.
func (n *twinNode) until(ctx context.Context, is func() (bool, time.Time)) error {
	for {
		ok, at := is()
		if ok {
			return nil
		}
		moved := n.t.moved
		n.t.mu.Unlock()
		var timer <-chan time.Time
		if !at.IsZero() {
			t := time.NewTimer(time.Until(at))
			defer t.Stop()
			timer = t.C
		}
		select {
		case <-moved:
		case <-timer:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		n.t.mu.Lock()
	}
}

// reach waits until the durable plane can be reached, and locks it. Everything takes a hop
// there.
func (n *twinNode) reach(ctx context.Context) error {
	select {
	case <-time.After(twinHop):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	n.t.mu.Lock()
	patience := time.Now().Add(twinPatience)
	if err := n.until(ctx, func() (bool, time.Time) { return !n.cut || !time.Now().Before(patience), patience }); err != nil {
		return err
	}
	if n.cut {
		n.t.mu.Unlock()
		return eventnode.ErrUnavailable
	}
	return nil
}

// --- streams

func (n *twinNode) Declare(ctx context.Context, stream string, cfg eventnode.StreamConfig) (bool, error) {
	if err := n.reach(ctx); err != nil {
		return false, err
	}
	defer n.t.mu.Unlock()
	if n.t.streams[stream] != nil {
		return false, nil
	}
	n.t.streams[stream] = &twinStream{keep: cfg.MaxCount}
	return true, nil
}

func (n *twinNode) Info(ctx context.Context, stream string) (eventnode.StreamInfo, error) {
	if err := n.reach(ctx); err != nil {
		return eventnode.StreamInfo{}, err
	}
	defer n.t.mu.Unlock()
	s := n.t.streams[stream]
	if s == nil {
		return eventnode.StreamInfo{}, eventnode.StreamNotFound(stream)
	}
	return eventnode.StreamInfo{Name: stream, Count: uint64(len(s.events)), Last: s.last}, nil
}

func (n *twinNode) Publish(ctx context.Context, stream string, ev event.Event, opts ...eventnode.PublishOption) (eventnode.Position, error) {
	if err := n.reach(ctx); err != nil {
		return eventnode.Position{}, err
	}
	defer n.t.mu.Unlock()
	s := n.t.streams[stream]
	if s == nil {
		return eventnode.Position{}, eventnode.StreamNotFound(stream)
	}
	if o := eventnode.NewPublishOptions(opts...); o.ExpectLast != nil && *o.ExpectLast != s.last {
		return eventnode.Position{}, eventnode.ErrWrongLast
	}
	at := eventnode.Position{MS: time.Now().UnixMilli()}
	if at.Compare(s.last) <= 0 {
		at = eventnode.Position{MS: s.last.MS, Seq: s.last.Seq + 1}
	}
	s.number++
	s.last = at
	s.events = append(s.events, eventnode.StreamEvent{Stream: stream, Position: at, Number: s.number, Event: ev})
	if over := len(s.events) - int(s.keep); over > 0 {
		s.events = slices.Delete(s.events, 0, over)
	}
	n.t.change()
	return at, nil
}

func (n *twinNode) Read(ctx context.Context, stream string, opts ...eventnode.ReadOption) iter.Seq2[eventnode.StreamEvent, error] {
	o := eventnode.NewReadOptions(opts...)
	return func(yield func(eventnode.StreamEvent, error) bool) {
		var after eventnode.Position
		if o.After != nil {
			after = *o.After
		}
		for {
			some, err := n.page(ctx, stream, after, o.Follow)
			if err != nil {
				yield(eventnode.StreamEvent{}, err)
				return
			}
			n.t.mu.Lock()
			lag := n.lag[stream]
			n.t.mu.Unlock()
			if o.Follow && lag > 0 {
				select {
				case <-time.After(lag):
				case <-ctx.Done():
					yield(eventnode.StreamEvent{}, context.Cause(ctx))
					return
				}
			}
			for _, ev := range some {
				after = ev.Position
				if !yield(ev, nil) {
					return
				}
			}
			if !o.Follow {
				return
			}
		}
	}
}

// page is what there is behind a position; when following there is something.
func (n *twinNode) page(ctx context.Context, stream string, after eventnode.Position, follow bool) ([]eventnode.StreamEvent, error) {
	for {
		err := n.reach(ctx)
		if errors.Is(err, eventnode.ErrUnavailable) && follow {
			continue // as the SDK does
		}
		if err != nil {
			return nil, err
		}
		var some []eventnode.StreamEvent
		err = n.until(ctx, func() (bool, time.Time) {
			if s := n.t.streams[stream]; s != nil && !n.cut {
				at := len(s.events)
				for at > 0 && s.events[at-1].Position.Compare(after) > 0 {
					at--
				}
				some = slices.Clone(s.events[at:])
			}
			return len(some) > 0 || !follow || n.t.streams[stream] == nil || n.cut, time.Time{}
		})
		if err != nil {
			return nil, err
		}
		missing, cut := n.t.streams[stream] == nil, n.cut
		n.t.mu.Unlock()
		switch {
		case missing:
			return nil, eventnode.StreamNotFound(stream)
		case cut:
			continue
		}
		return some, nil
	}
}

// --- locks

// locksOf is a node's locks: its Info would be that of streams.
type locksOf struct{ n *twinNode }

type heldLock struct {
	n     *twinNode
	name  string
	token uint64
	mu    sync.Mutex
	until time.Time
}

func (l locksOf) Obtain(ctx context.Context, name string, ttl, wait time.Duration) (eventnode.Lock, error) {
	n, asked := l.n, time.Now()
	end := asked.Add(wait)
	if err := n.reach(ctx); err != nil {
		return nil, err
	}
	k := n.t.locks[name]
	if k == nil {
		k = &twinLock{}
		n.t.locks[name] = k
	}
	me := new(int)
	k.queue = append(k.queue, me)
	leave := func() { k.queue = slices.DeleteFunc(k.queue, func(p *int) bool { return p == me }) }
	free := func() bool { return !n.cut && k.queue[0] == me && !time.Now().Before(k.until) }
	err := n.until(ctx, func() (bool, time.Time) {
		at := end
		if k.until.After(time.Now()) && k.until.Before(end) {
			at = k.until
		}
		return free() || !time.Now().Before(end), at
	})
	if err != nil {
		n.t.mu.Lock()
		leave()
		n.t.change()
		n.t.mu.Unlock()
		return nil, err
	}
	defer n.t.mu.Unlock()
	got := free()
	leave()
	defer n.t.change()
	if !got {
		return nil, eventnode.ErrLockTaken
	}
	n.t.token++
	k.token, k.until = n.t.token, time.Now().Add(ttl)
	h := &heldLock{n: n, name: name, token: k.token, until: asked.Add(ttl)}
	if time.Since(asked) > ttl/10 { // as the SDK does: to know from when to count
		h.until = time.Now().Add(ttl)
	}
	return h, nil
}

func (l locksOf) Info(ctx context.Context, name string) (eventnode.LockInfo, error) {
	if err := l.n.reach(ctx); err != nil {
		return eventnode.LockInfo{}, err
	}
	defer l.n.t.mu.Unlock()
	k := l.n.t.locks[name]
	if k == nil || !time.Now().Before(k.until) {
		return eventnode.LockInfo{}, nil
	}
	return eventnode.LockInfo{Held: true, Token: k.token, TTL: time.Until(k.until), Until: k.until}, nil
}

func (h *heldLock) Name() string  { return h.name }
func (h *heldLock) Token() uint64 { return h.token }
func (h *heldLock) TTL() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(time.Until(h.until), 0)
}

func (h *heldLock) Refresh(ctx context.Context, ttl time.Duration) error {
	asked := time.Now()
	if err := h.n.reach(ctx); err != nil {
		return err
	}
	defer h.n.t.mu.Unlock()
	k := h.n.t.locks[h.name]
	if k.token != h.token || !time.Now().Before(k.until) {
		return eventnode.ErrLockLost
	}
	k.until = time.Now().Add(ttl)
	h.mu.Lock()
	h.until = asked.Add(ttl)
	h.mu.Unlock()
	return nil
}

func (h *heldLock) Release(ctx context.Context) error {
	if err := h.n.reach(ctx); err != nil {
		return err
	}
	defer h.n.t.mu.Unlock()
	if k := h.n.t.locks[h.name]; k.token == h.token {
		k.until = time.Time{}
		h.n.t.change()
	}
	return nil
}

// --- groups

// twinMember is a member; what a fleet does not use is not there.
type twinMember struct {
	eventnode.Member
	n  *twinNode
	nr uint64
	in map[string]string
}

func (n *twinNode) NewMember(context.Context, int) (eventnode.Member, error) {
	n.t.mu.Lock()
	defer n.t.mu.Unlock()
	n.refs++
	m := &twinMember{n: n, nr: n.refs, in: map[string]string{}}
	n.members[m.nr] = m
	return m, nil
}

func (m *twinMember) Ref() eventnode.MemberRef {
	return eventnode.MemberRef{Node: m.n.ref, Ref: m.nr}
}

func (m *twinMember) Close() error {
	m.n.t.mu.Lock()
	defer m.n.t.mu.Unlock()
	delete(m.n.members, m.nr)
	m.n.t.change()
	return nil
}

func (n *twinNode) Scope(string) eventnode.Scope { return twinScope{n: n} }

type twinScope struct {
	eventnode.Scope
	n *twinNode
}

func (s twinScope) Join(_ context.Context, group string, members []eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	return eventnode.JoinResult{}, s.SetMeta(context.Background(), group, members[0], eventnode.NewJoinOptions(opts...).Meta)
}

func (s twinScope) SetMeta(_ context.Context, group string, member eventnode.Member, meta string) error {
	if len(meta) > 1024 {
		return fmt.Errorf("%d bytes of metadata: %w", len(meta), eventnode.ErrLimit)
	}
	s.n.t.mu.Lock()
	defer s.n.t.mu.Unlock()
	member.(*twinMember).in[group] = meta
	s.n.t.change()
	return nil
}

type twinMonitor struct {
	eventnode.Monitor
	n       *twinNode
	first   map[string][]eventnode.Membership
	changes []eventnode.Change
}

func (s twinScope) MonitorScope(context.Context) (eventnode.Monitor, error) {
	s.n.t.mu.Lock()
	defer s.n.t.mu.Unlock()
	m := &twinMonitor{n: s.n, first: map[string][]eventnode.Membership{}}
	for group, ms := range s.n.sees {
		for r, meta := range ms {
			m.first[group] = append(m.first[group], eventnode.Membership{Member: r, Meta: meta})
		}
	}
	s.n.mons[m] = true
	return m, nil
}

func (m *twinMonitor) Snapshot() map[string][]eventnode.Membership { return m.first }

func (m *twinMonitor) Next(ctx context.Context) (eventnode.Change, error) {
	m.n.t.mu.Lock()
	if err := m.n.until(ctx, func() (bool, time.Time) { return len(m.changes) > 0, time.Time{} }); err != nil {
		return eventnode.Change{}, err
	}
	defer m.n.t.mu.Unlock()
	c := m.changes[0]
	m.changes = m.changes[1:]
	return c, nil
}

func (m *twinMonitor) Close() bool {
	m.n.t.mu.Lock()
	defer m.n.t.mu.Unlock()
	delete(m.n.mons, m)
	return true
}
