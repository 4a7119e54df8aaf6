package groups

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/groups/internal/exchange"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// cluster is nodes in one bubble, joined by links in memory. Links take 1 ms.
type cluster struct {
	t     *testing.T
	nodes []*tnode
	mu    sync.Mutex
	cut   map[[2]int]bool
	epoch uint64
	wg    sync.WaitGroup
	tweak func(*Config)
	calls []string // Deliver calls, "from>to group ref"
	fail  map[int]error
}

type tnode struct {
	*Groups
	c      *cluster
	i      int
	ref    eventnode.NodeRef
	cancel context.CancelFunc
	links  map[int]chan []byte
	stop   context.Context
}

var _ Peers = (*tnode)(nil)

// bubble runs fn in virtual time with n nodes that all see each other.
func bubble(t *testing.T, n int, fn func(t *testing.T, c *cluster), tweaks ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, cut: map[[2]int]bool{}, fail: map[int]error{}, epoch: 100, tweak: func(cfg *Config) {
			for _, f := range tweaks {
				f(cfg)
			}
		}}
		defer func() { // also when the test has failed
			for _, n := range c.nodes {
				if n != nil {
					n.cancel()
				}
			}
			c.wg.Wait()
		}()
		for range n {
			c.nodes = append(c.nodes, nil)
		}
		for i := range n {
			c.start(i)
		}
		fn(t, c)
	})
}

// start boots a node under a new epoch and links it with all it can reach.
func (c *cluster) start(i int) *tnode {
	c.t.Helper()
	c.epoch++
	ctx, cancel := context.WithCancel(context.Background())
	n := &tnode{
		c: c, i: i, cancel: cancel, stop: ctx, links: map[int]chan []byte{},
		ref: eventnode.NodeRef{ID: eventnode.NodeID(fmt.Sprint("n", i+1)), Epoch: c.epoch},
	}
	cfg := Config{Self: n.ref, Peers: n, Seed: 1}
	c.tweak(&cfg)
	g, err := New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	n.Groups = g
	c.mu.Lock()
	c.nodes[i] = n
	c.mu.Unlock()
	c.wg.Go(func() {
		if err := g.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	<-g.Ready()
	for j := range c.nodes {
		if j != i && c.nodes[j] != nil && !c.cut[[2]int{i, j}] {
			c.alive(i, j)
			c.link(i, j)
		}
	}
	return n
}

func (c *cluster) alive(i, j int) {
	c.nodes[i].NodeAlive(c.nodes[j].ref)
	c.nodes[j].NodeAlive(c.nodes[i].ref)
}

// link makes the two links between two nodes.
func (c *cluster) link(i, j int) {
	for _, p := range [][2]int{{i, j}, {j, i}} {
		a, b := c.nodes[p[0]], c.nodes[p[1]]
		ch := make(chan []byte, 1024)
		c.mu.Lock()
		a.links[b.i] = ch
		c.mu.Unlock()
		c.wg.Go(func() { c.carry(a, b, ch) })
		a.PeerUp(b.ref)
	}
}

// carry is one link: what is in it when it is closed is lost.
func (c *cluster) carry(a, b *tnode, ch chan []byte) {
	for {
		select {
		case m, ok := <-ch:
			if !ok {
				return
			}
			time.Sleep(time.Millisecond)
			if c.linked(a, b) == ch {
				b.Receive(a.ref, [][]byte{m})
			}
		case <-a.stop.Done():
			return
		case <-b.stop.Done():
			return
		}
	}
}

func (c *cluster) linked(a, b *tnode) chan []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes[b.i] != b || c.nodes[a.i] != a {
		return nil
	}
	return a.links[b.i]
}

// unlink breaks the links between two nodes.
func (c *cluster) unlink(i, j int) {
	for _, p := range [][2]int{{i, j}, {j, i}} {
		a, b := c.nodes[p[0]], c.nodes[p[1]]
		if a == nil || b == nil {
			continue
		}
		c.mu.Lock()
		if ch := a.links[b.i]; ch != nil {
			delete(a.links, b.i)
			close(ch)
		}
		c.mu.Unlock()
		a.PeerDown(b.ref)
	}
}

// split separates two nodes so that membership notices.
func (c *cluster) split(i, j int) {
	c.cut[[2]int{i, j}], c.cut[[2]int{j, i}] = true, true
	c.unlink(i, j)
	c.nodes[i].NodeGone(c.nodes[j].ref)
	c.nodes[j].NodeGone(c.nodes[i].ref)
}

func (c *cluster) heal(i, j int) {
	delete(c.cut, [2]int{i, j})
	delete(c.cut, [2]int{j, i})
	c.alive(i, j)
	c.link(i, j)
}

// kill ends a node; the others notice at once.
func (c *cluster) kill(i int) {
	n := c.nodes[i]
	for j := range c.nodes {
		if j != i && c.nodes[j] != nil {
			c.unlink(i, j)
		}
	}
	n.cancel()
	c.mu.Lock()
	c.nodes[i] = nil
	c.mu.Unlock()
	for _, o := range c.nodes {
		if o != nil {
			o.NodeGone(n.ref)
		}
	}
}

func (n *tnode) SendExchange(to eventnode.NodeRef, m []byte) bool {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	for j, o := range n.c.nodes {
		if o != nil && o.ref == to && n.links[j] != nil {
			select {
			case n.links[j] <- m:
				return true
			default:
			}
		}
	}
	return false
}

func (n *tnode) Deliver(ctx context.Context, to eventnode.NodeRef, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	n.c.mu.Lock()
	n.c.calls = append(n.c.calls, fmt.Sprintf("%s>%s", n.ref.ID, to.ID))
	var target *tnode
	for j, o := range n.c.nodes {
		if o != nil && o.ref == to && n.links[j] != nil {
			target = o
		}
	}
	var err error
	if target != nil {
		err = n.c.fail[target.i]
	}
	n.c.mu.Unlock()
	if target == nil {
		return nil, eventnode.ErrUnavailable
	}
	if errors.Is(err, context.DeadlineExceeded) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return target.DeliverLocal(req)
}

// member makes a member or fails the test.
func (n *tnode) member(queue ...int) eventnode.Member {
	n.c.t.Helper()
	m, err := n.NewMember(n.c.t.Context(), append(queue, 0)[0])
	if err != nil {
		n.c.t.Fatal(err)
	}
	return m
}

func (n *tnode) join(group string, ms ...eventnode.Member) {
	n.c.t.Helper()
	if _, err := n.Scope("").Join(n.c.t.Context(), group, ms); err != nil {
		n.c.t.Fatal(err)
	}
}

func (n *tnode) leave(group string, ms ...eventnode.Member) eventnode.LeaveResult {
	n.c.t.Helper()
	res, err := n.Scope("").Leave(n.c.t.Context(), group, ms...)
	if err != nil {
		n.c.t.Fatal(err)
	}
	return res
}

// refs lists who is in a group, sorted, as text.
func refs(ms []eventnode.Membership) []string {
	var list []string
	for _, m := range ms {
		s := m.Member.String()
		if m.Meta != "" {
			s += "=" + m.Meta
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

func (n *tnode) members(group string) []string {
	ms, err := n.Scope("").Members(context.Background(), group)
	if err != nil {
		n.c.t.Fatal(err)
	}
	return refs(ms)
}

func (n *tnode) local(group string) []string {
	ms, err := n.Scope("").LocalMembers(context.Background(), group)
	if err != nil {
		n.c.t.Fatal(err)
	}
	return refs(ms)
}

func sizes(list []eventnode.GroupSize, err error) map[string]int {
	m := map[string]int{}
	for _, s := range list {
		m[s.Group] = s.Members
	}
	if err != nil {
		m[err.Error()] = -1
	}
	return m
}

func (n *tnode) groups() map[string]int { return sizes(n.Scope("").Groups(context.Background())) }
func (n *tnode) localGroups() map[string]int {
	return sizes(n.Scope("").LocalGroups(context.Background()))
}

// of spells out memberships for comparison.
func of(ms ...eventnode.Member) []string {
	var list []string
	for _, m := range ms {
		list = append(list, m.Ref().String())
	}
	slices.Sort(list)
	return list
}

// eventually waits, in virtual time, at most 10 s.
func (c *cluster) eventually(what string, cond func() bool) {
	c.t.Helper()
	for range 2000 {
		if cond() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.t.Fatalf("not within 10 s: %s", what)
}

// sees waits until a node sees exactly these members.
func (c *cluster) sees(i int, group string, ms ...eventnode.Member) {
	c.t.Helper()
	for range 2000 {
		if slices.Equal(c.nodes[i].members(group), of(ms...)) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.t.Fatalf("n%d sees %v in %s, want %v", i+1, c.nodes[i].members(group), group, of(ms...))
}

// same waits until all nodes have the same groups with the same members.
func (c *cluster) same() {
	c.t.Helper()
	all := func(n *tnode) map[string][]string {
		m := map[string][]string{}
		for g := range n.groups() {
			m[g] = n.members(g)
		}
		return m
	}
	c.eventually("all nodes are the same", func() bool {
		var first map[string][]string
		for _, n := range c.nodes {
			if n == nil {
				continue
			}
			if now := all(n); first == nil {
				first = now
			} else if !maps.EqualFunc(first, now, slices.Equal) {
				return false
			}
		}
		return true
	})
}

// equal fails the test unless two values print the same.
func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// next reads one change of a monitor and spells it out.
func (c *cluster) next(m eventnode.Monitor) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	ch, err := m.Next(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	if ch.Resync != nil {
		return "resync"
	}
	var s strings.Builder
	s.WriteString(ch.Group)
	for _, p := range []struct {
		sign string
		ms   []eventnode.Membership
	}{{"+", ch.Joined}, {"-", ch.Left}, {"~", ch.Updated}} {
		for _, r := range refs(p.ms) {
			s.WriteString(" " + p.sign + r)
		}
	}
	return s.String()
}

// quiet checks that a monitor has nothing to tell.
func (c *cluster) quiet(m eventnode.Monitor) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Second)
	defer cancel()
	if ch, err := m.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		c.t.Fatalf("got %+v, %v; want nothing", ch, err)
	}
}

// received reads the names of n deliveries; a gap reads as "gap N".
func received(t *testing.T, m eventnode.Member, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var list []string
	for range n {
		r, err := m.Receive(ctx)
		if err != nil {
			t.Fatalf("after %v: %v", list, err)
		}
		if r.Gap != nil {
			list = append(list, fmt.Sprint("gap ", r.Gap.Count))
			continue
		}
		list = append(list, r.Event.Name)
	}
	return list
}

func ev(name string) event.Event { return event.New(name, []byte("data")) }

func (n *tnode) counters() exchange.Counters {
	var c exchange.Counters
	_ = n.do(context.Background(), func() { c = *n.x.Counters() })
	return c
}
