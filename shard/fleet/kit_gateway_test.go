package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/shard/fleet"
)

// fakeGateway has sessions whose events are numbered, and go on when their shard resumes.
// Two connections of one shard are a defect, which it notes by its own clock; it ends the
// older one. What its shards have handled is told to it, too.
type fakeGateway struct {
	t *testing.T

	mu       sync.Mutex
	moved    chan struct{} // closed at the next change
	sessions int
	shards   map[fleet.ShardID]*fakeState
	opened   []opening // sessions that were opened
	barred   map[eventnode.NodeRef]bool
	broken   map[int]error // what connecting a shard fails with
	panics   map[int]bool
	runs     map[int]int
	most     map[int]int // connections at once
	slow     time.Duration
	identify func(fleet.ShardID, eventnode.NodeRef) // hears of each session that is opened
}

// opening is an IDENTIFY.
type opening struct {
	shard fleet.ShardID
	at    time.Time
}

// fakeState is a shard as the gateway has it.
type fakeState struct {
	id      fleet.ShardID
	n       uint64 // events that ever happened
	session string
	events  []fakeEvent // of the session
	conn    *fakeConn
	forget  bool // the next resume is refused
	gaps    []string
	handled []fakeEvent
	by      []eventnode.NodeID // who has handled each
}

// fakeEvent is the n-th of a shard.
type fakeEvent struct {
	session string
	seq     uint64
	n       uint64
}

// fakeConn is a connection.
type fakeConn struct {
	node   eventnode.NodeRef
	closed bool
	next   uint64 // seq
}

func newGateway(t *testing.T) *fakeGateway {
	return &fakeGateway{
		t: t, moved: make(chan struct{}), shards: map[fleet.ShardID]*fakeState{}, barred: map[eventnode.NodeRef]bool{}, broken: map[int]error{},
		panics: map[int]bool{}, runs: map[int]int{}, most: map[int]int{}, identify: func(fleet.ShardID, eventnode.NodeRef) {},
	}
}

func (g *fakeGateway) change() {
	close(g.moved)
	g.moved = make(chan struct{})
}

func (g *fakeGateway) state(id fleet.ShardID) *fakeState {
	if g.shards[id] == nil {
		g.shards[id] = &fakeState{id: id}
	}
	return g.shards[id]
}

// happen has an event happen in every shard that has a session.
func (g *fakeGateway) happen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.shards {
		if s.session != "" {
			s.n++
			s.events = append(s.events, fakeEvent{s.session, uint64(len(s.events) + 1), s.n})
		}
	}
	g.change()
}

// bar ends all connections of a node's life, which gets no more, as if it were dead.
func (g *fakeGateway) bar(node eventnode.NodeRef) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.barred[node] = true
	for _, s := range g.shards {
		if s.conn != nil && s.conn.node == node {
			s.conn.closed, s.conn = true, nil
		}
	}
	g.change()
}

// connect connects a shard, which goes on behind seq of a session, or opens one.
func (g *fakeGateway) connect(id fleet.ShardID, node eventnode.NodeRef, session string, seq uint64, unknown bool) (c *fakeConn, gap bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.barred[node] {
		return nil, false, errors.New("connection refused")
	}
	if err := g.broken[id.Index]; err != nil {
		return nil, false, err
	}
	s := g.state(id)
	if s.conn != nil {
		g.t.Errorf("at %v shard %v is connected by %s, and by %s, too", time.Now(), id, s.conn.node, node)
		s.conn.closed = true
	}
	if session == "" || session != s.session || s.forget {
		if gap = session != "" || unknown; gap {
			s.gaps = append(s.gaps, fmt.Sprintf("%s behind %d", session, seq))
		}
		g.sessions++
		s.forget, s.session, s.events, seq = false, fmt.Sprint("s", g.sessions), nil, 0
		g.opened = append(g.opened, opening{id, time.Now()})
		g.identify(id, node)
	}
	if g.barred[node] {
		return nil, false, errors.New("dead")
	}
	s.conn = &fakeConn{node: node, next: seq + 1}
	g.change()
	return s.conn, gap, nil
}

// receive waits for the next event.
func (g *fakeGateway) receive(ctx context.Context, s *fakeState, c *fakeConn, stop <-chan struct{}) (e fakeEvent, err error) {
	for {
		g.mu.Lock()
		moved, closed := g.moved, c.closed
		if !closed && int(c.next) <= len(s.events) {
			e = s.events[c.next-1]
			c.next++
			g.mu.Unlock()
			return e, nil
		}
		g.mu.Unlock()
		if closed {
			return e, errors.New("connection reset")
		}
		select {
		case <-moved:
		case <-stop:
			return e, nil
		case <-ctx.Done():
			return e, context.Cause(ctx)
		}
	}
}

func (g *fakeGateway) hangUp(s *fakeState, c *fakeConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.conn == c {
		s.conn = nil
	}
	c.closed = true
	g.change()
}

// fakeShard is a shard on a node.
type fakeShard struct {
	g    *fakeGateway
	node eventnode.NodeRef
	o    fleet.Opening
	stop chan struct{}
	once func()

	mu sync.Mutex
	p  fleet.Progress
}

// resumeInfo is a fake shard's Progress.Resume.
type resumeInfo struct {
	Session string
	Seq     uint64
}

// open is a Config.Open of a node.
func (g *fakeGateway) open(node eventnode.NodeRef) func(context.Context, fleet.Opening) (fleet.Shard, error) {
	return func(_ context.Context, o fleet.Opening) (fleet.Shard, error) {
		s := &fakeShard{g: g, node: node, o: o, stop: make(chan struct{})}
		s.once = sync.OnceFunc(func() { close(s.stop) })
		var r resumeInfo
		if o.Resume != nil {
			if err := json.Unmarshal(o.Resume, &r); err != nil {
				return nil, err
			}
		}
		s.p = fleet.Progress{State: fleet.StateStarting, Session: r.Session, Seq: r.Seq, Resume: o.Resume}
		return s, nil
	}
}

func (s *fakeShard) Progress() fleet.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p
}

func (s *fakeShard) Stop(context.Context) { s.once() }

func (s *fakeShard) set(state fleet.State, session string, seq uint64) {
	resume, _ := json.Marshal(resumeInfo{session, seq})
	s.mu.Lock()
	s.p = fleet.Progress{State: state, Session: session, Seq: seq, Resume: resume}
	s.mu.Unlock()
	s.o.Changed()
}

func (s *fakeShard) Run(ctx context.Context) error {
	s.g.mu.Lock()
	s.g.runs[s.o.ID.Index]++
	bad := s.g.panics[s.o.ID.Index]
	s.g.mu.Unlock()
	if bad {
		panic("a defect of the shard")
	}
	p := s.Progress()
	if p.Session == "" {
		if err := s.o.Permit(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c, gap, err := s.g.connect(s.o.ID, s.node, p.Session, p.Seq, s.o.Unknown)
	if err != nil {
		return err
	}
	s.g.mu.Lock()
	state := s.g.state(s.o.ID)
	session := state.session
	s.g.mu.Unlock()
	defer s.g.hangUp(state, c)
	seq := p.Seq
	if gap || p.Session == "" {
		seq = 0
	}
	s.set(fleet.StateConnected, session, seq)
	for {
		e, err := s.g.receive(ctx, state, c, s.stop)
		if err != nil || e.n == 0 {
			return err
		}
		if err := s.handle(ctx, state, e); err != nil {
			return err
		}
		s.set(fleet.StateConnected, session, e.seq)
		select {
		case <-s.stop:
			return nil
		default:
		}
	}
}

// handle is a handler, which may be slow.
func (s *fakeShard) handle(ctx context.Context, state *fakeState, e fakeEvent) error {
	s.g.mu.Lock()
	slow := s.g.slow
	s.g.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	if s.g.barred[s.node] { // what a dead node does nobody sees
		return errors.New("dead")
	}
	state.handled, state.by = append(state.handled, e), append(state.by, s.node.ID)
	return nil
}

// on is which node has a shard; "": none.
func (g *fakeGateway) on(id fleet.ShardID) eventnode.NodeID {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.state(id).conn; c != nil {
		return c.node.ID
	}
	return ""
}

// loads is how many shards each node has.
func (g *fakeGateway) loads() map[eventnode.NodeID]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[eventnode.NodeID]int{}
	for _, s := range g.shards {
		if s.conn != nil {
			out[s.conn.node.ID]++
		}
	}
	return out
}

// caughtUp reports whether everything that happened is handled, but for what a gap told.
func (g *fakeGateway) caughtUp() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.shards {
		if s.n > 0 && (len(s.handled) == 0 || s.handled[len(s.handled)-1].n != s.n) {
			return false
		}
	}
	return true
}

// check checks what was handled: everything, in order; what came again is told by its
// number, and there are at most so many of those. Where a gap was told nothing is checked.
func (g *fakeGateway) check(again int) (repeated int) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, s := range g.shards {
		next := uint64(1)
		seen := map[string]uint64{}
		for i, e := range s.handled {
			switch {
			case e.seq <= seen[e.session]: // told by its number
				repeated++
			case e.n != next && len(s.gaps) == 0:
				g.t.Errorf("shard %v: event %d (%v on %s), where %d was due", id, e.n, e, s.by[i], next)
			}
			seen[e.session] = max(seen[e.session], e.seq)
			next = max(next, e.n+1)
		}
		if next != s.n+1 && len(s.gaps) == 0 {
			g.t.Errorf("shard %v: %d of %d events were handled", id, next-1, s.n)
		}
	}
	if repeated > again {
		g.t.Errorf("%d events came again, %d may", repeated, again)
	}
	return repeated
}

// gaps counts the gaps that were told.
func (g *fakeGateway) gaps() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.shards {
		n += len(s.gaps)
	}
	return n
}

// identified is the sessions that were opened, in order.
func (g *fakeGateway) identified() []opening {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.opened)
}
