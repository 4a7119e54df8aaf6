package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// member subscribes as a member of group g.
func (n *testNode) member(topics []string, opts ...eventnode.SubscribeOption) *Subscription {
	n.c.t.Helper()
	return n.subscribe(topics, append(opts, eventnode.WithQueueGroup("g"))...)
}

// frameOf is n events to a topic, named from 0 on.
func frameOf(n int, topic string) (frame []byte, all []string) {
	for i := range n {
		ev := event.New(fmt.Sprint(i), nil)
		frame = wire.AppendEnvelope(frame, []string{topic}, &ev)
		all = append(all, ev.Name)
	}
	return frame, all
}

// forward forwards a frame or fails the test.
func forward(t *testing.T, p *Publisher, frame []byte) {
	t.Helper()
	if _, refused, err := p.Forward(t.Context(), wire.Piece{Data: frame}); err != nil || len(refused) > 0 {
		t.Fatal(refused, err)
	}
}

// Of a queue group one member gets each event, those on the publisher's node before others;
// subscriptions without a group get all.
func TestQueueGroupPrefersItsNode(t *testing.T) {
	c := newCluster(t, 3, Config{})
	here := []*Subscription{c.nodes[0].member([]string{"topic:a"}), c.nodes[0].member([]string{"topic:*"})}
	there := c.nodes[1].member([]string{"topic:a"})
	plain := []*Subscription{c.nodes[0].subscribe([]string{"topic:a"}), c.nodes[2].subscribe([]string{"topic:a"})}
	frame, all := frameOf(1000, "topic:a")
	forward(t, c.nodes[0].publisher(), frame)
	a, b := names(t, here[0]), names(t, here[1])
	if len(a) == 0 || len(b) == 0 || !slices.Equal(sorted(a, b), slices.Sorted(slices.Values(all))) {
		t.Errorf("%d and %d here", len(a), len(b))
	}
	if got := names(t, there); len(got) != 0 || c.sends["n1>n2"] != 0 {
		t.Errorf("elsewhere %v", got)
	}
	for _, s := range plain {
		if got := names(t, s); !slices.Equal(got, all) {
			t.Errorf("a plain subscription got %d", len(got))
		}
	}
}

// sorted joins what members got.
func sorted(of ...[]string) []string {
	all := slices.Concat(of...)
	slices.Sort(all)
	return all
}

// Without a member on the publisher's node a node is chosen at random, for each piece of a
// burst; an event crosses a link once, also where a plain subscription gets it too.
func TestQueueGroupElsewhere(t *testing.T) {
	c := newCluster(t, 3, Config{})
	m2, m3 := c.nodes[1].member([]string{"topic:a"}), c.nodes[2].member([]string{"topic:a"})
	other := c.nodes[1].subscribe([]string{"topic:a"}, eventnode.WithQueueGroup("h"))
	plain := c.nodes[1].subscribe([]string{"topic:a"})
	frame, all := frameOf(64*40, "topic:a")
	forward(t, c.nodes[0].publisher(), frame)
	a, b := names(t, m2), names(t, m3)
	if len(a) < 64 || len(b) < 64 || !slices.Equal(sorted(a, b), slices.Sorted(slices.Values(all))) {
		t.Errorf("%d and %d", len(a), len(b))
	}
	for _, s := range []*Subscription{plain, other} {
		if got := names(t, s); !slices.Equal(got, all) {
			t.Errorf("%q got %d", s.group, len(got))
		}
	}
	if c.sends["n1>n2"] != 40 || c.sends["n2>n3"]+c.sends["n3>n2"] != 0 {
		t.Errorf("crossed: %v", c.sends)
	}
}

// An event that was dispatched to several topics and patterns of a group's members reaches one
// of them.
func TestQueueGroupOverTopics(t *testing.T) {
	c := newCluster(t, 3, Config{})
	subs := []*Subscription{
		c.nodes[1].member([]string{"topic:a", "topic:b"}), c.nodes[1].member([]string{"topic:b"}), c.nodes[2].member([]string{"topic:>"}),
	}
	p := c.nodes[0].publisher()
	for i := range 100 {
		dispatch(t, p, fmt.Sprint(i), "topic:a", "topic:b", "topic:c")
	}
	var got []string
	for _, s := range subs {
		got = append(got, names(t, s)...)
	}
	if slices.Sort(got); len(got) != 100 || len(slices.Compact(got)) != 100 {
		t.Errorf("%d deliveries", len(got))
	}
}

// Per publisher a member gets what it gets in order, here and on another node.
func TestQueueGroupOrder(t *testing.T) {
	c := newCluster(t, 2, Config{})
	subs := []*Subscription{c.nodes[1].member([]string{"topic:a"}), c.nodes[1].member([]string{"topic:a"})}
	p := c.nodes[0].publisher()
	for i := range 500 {
		dispatch(t, p, fmt.Sprintf("%03d", i), "topic:a")
	}
	for _, s := range subs {
		if got := names(t, s); !slices.IsSorted(got) || len(got) < 50 {
			t.Errorf("%d events: %v", len(got), got)
		}
	}
}

// A member whose filter does not want an event is not chosen for it: another one is, here or on
// another node, with or without a receipt, which counts one; nobody is if none wants it.
func TestQueueGroupFilters(t *testing.T) {
	c := newCluster(t, 4, Config{})
	subs := map[string]*Subscription{
		"x": c.nodes[0].member([]string{"topic:a"}, eventnode.WithNames("x")),
		"y": c.nodes[0].member([]string{"topic:a"}, eventnode.WithNames("y")),
		"z": c.nodes[1].member([]string{"topic:a"}, eventnode.WithNames("z")),
		"w": c.nodes[2].member([]string{"topic:a"}, eventnode.WithNames("w")),
	}
	for _, p := range []*Publisher{c.nodes[0].publisher(), c.nodes[3].publisher()} {
		var frame []byte
		for _, name := range []string{"x", "y", "z", "w", "nobody", "z", "x"} {
			ev := event.New(name, nil)
			frame = wire.AppendEnvelope(frame, []string{"topic:a"}, &ev)
		}
		forward(t, p, frame)
		for name, want := range map[string]int{"x": 2, "y": 1, "z": 2, "w": 1} {
			if got := names(t, subs[name]); len(got) != want || slices.ContainsFunc(got, func(s string) bool { return s != name }) {
				t.Errorf("%s got %v", name, got)
			}
		}
	}
	p := c.nodes[0].publisher()
	if r, err := p.Dispatch(t.Context(), "topic:a", event.New("x", nil), eventnode.WithReceipt(0)); err != nil || r.Reached != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A receipt counts a queue group as one, wherever its member is, beside the plain ones.
func TestQueueGroupReceipt(t *testing.T) {
	c := newCluster(t, 3, Config{})
	p := c.nodes[0].publisher()
	c.nodes[1].member([]string{"topic:a"})
	c.nodes[1].member([]string{"topic:a"})
	c.nodes[1].subscribe([]string{"topic:a"})
	c.nodes[2].subscribe([]string{"topic:a"})
	c.nodes[2].subscribe([]string{"topic:a"}, eventnode.WithQueueGroup("h"))
	for range 20 {
		if r, err := p.Dispatch(t.Context(), "topic:a", event.New("x", nil), eventnode.WithReceipt(0)); err != nil || r.Reached != 4 || len(r.Nodes) != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	c.nodes[0].member([]string{"topic:a"})
	if r, err := p.Dispatch(t.Context(), "topic:a", event.New("x", nil), eventnode.WithReceipt(0)); err != nil || r.Reached != 4 || len(r.Nodes) != 3 || r.Nodes[0].Reached != 1 {
		t.Errorf("with a member here %+v, %v", r, err)
	}
}

// A member that is full is passed over, whatever its policy, as long as another one has room,
// here or elsewhere; only if all are full does the policy say what happens.
func TestQueueGroupPassesOverTheFull(t *testing.T) {
	for policy := eventnode.PolicyDropOldest; policy <= eventnode.PolicyBlock; policy++ {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 2, Config{})
				opts := []eventnode.SubscribeOption{eventnode.WithPolicy(policy), eventnode.WithQueue(10, 0), eventnode.WithMaxBlock(time.Second)}
				here := []*Subscription{c.nodes[0].member([]string{"topic:a"}, opts...), c.nodes[0].member([]string{"topic:a"}, opts...)}
				there := c.nodes[1].member([]string{"topic:a"}, opts...)
				frame, all := frameOf(30, "topic:a")
				began := time.Now()
				forward(t, c.nodes[0].publisher(), frame)
				a, b, d := names(t, here[0]), names(t, here[1]), names(t, there)
				if len(a) != 10 || len(b) != 10 || len(d) != 10 || !slices.Equal(sorted(a, b, d), slices.Sorted(slices.Values(all))) || time.Since(began) != 0 {
					t.Errorf("%v, %v, %v after %v", a, b, d, time.Since(began))
				}
			})
		})
	}
}

// With policy block a publisher waits when all are full, until one of them is read, and
// nothing is lost or out of order.
func TestQueueGroupBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{})
		opts := []eventnode.SubscribeOption{eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithQueue(8, 0), eventnode.WithMaxBlock(time.Minute)}
		subs := []*Subscription{c.nodes[0].member([]string{"topic:a"}, opts...), c.nodes[0].member([]string{"topic:a"}, opts...)}
		done := make(chan struct{})
		frame, _ := frameOf(300, "topic:a")
		go func() { defer close(done); forward(t, c.nodes[0].publisher(), frame) }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("it did not wait")
		default:
		}
		var got [2][]string
		for i, s := range subs {
			go func() {
				for d := range s.All(t.Context()) {
					got[i] = append(got[i], fmt.Sprintf("%03s", d.Event.Name))
					time.Sleep(time.Millisecond)
				}
			}()
		}
		<-done
		time.Sleep(time.Minute)
		subs[0].Close()
		subs[1].Close()
		synctest.Wait()
		if !slices.IsSorted(got[0]) || !slices.IsSorted(got[1]) || len(got[0])+len(got[1]) != 300 {
			t.Errorf("%d and %d", len(got[0]), len(got[1]))
		}
	})
}

// A node that has no member any more passes what comes on, to nodes that were not tried; it
// comes back to nobody, and an event that no node takes ends. A receipt counts what was passed on.
func TestQueueGroupPassesOn(t *testing.T) {
	c := newCluster(t, 4, Config{})
	members := []*Subscription{c.nodes[1].member([]string{"topic:a"}), c.nodes[2].member([]string{"topic:a"})}
	last := c.nodes[3].member([]string{"topic:a"})
	p := c.nodes[0].publisher()
	c.deaf = true // nobody hears of what ends
	for _, s := range members {
		s.Close()
	}
	for i := range 50 {
		dispatch(t, p, fmt.Sprintf("%03d", i), "topic:a")
	}
	if got := names(t, last); len(got) != 50 {
		t.Errorf("got %v", got)
	}
	for range 20 {
		if r, err := p.Dispatch(t.Context(), "topic:a", event.New("x", nil), eventnode.WithReceipt(0)); err != nil || r.Reached != 1 {
			t.Errorf("a receipt of %+v, %v", r, err)
		}
	}
	if got := names(t, last); len(got) != 20 {
		t.Errorf("got %d of those with receipts", len(got))
	}
	if c.sends["n2>n3"]+c.sends["n3>n2"] == 0 || c.sends["n2>n1"]+c.sends["n3>n1"]+c.sends["n4>n1"]+c.sends["n4>n2"]+c.sends["n4>n3"] != 0 {
		t.Errorf("crossed: %v", c.sends)
	}
	if c.eager["n1>n2"] == 0 || c.eager["n2>n3"]+c.eager["n2>n4"]+c.eager["n3>n4"] != 0 {
		t.Errorf("who waits for a link: %v", c.eager)
	}
	last.Close()
	dispatch(t, p, "lost", "topic:a")
	if _, err := p.Dispatch(t.Context(), "topic:a", event.New("lost", nil), eventnode.WithReceipt(0)); err != nil {
		t.Error(err)
	}
}

// An event that no member wants is passed on at most eight times, to a different node each time.
func TestQueueGroupPassesOnABoundedWay(t *testing.T) {
	c := newCluster(t, 14, Config{})
	for _, n := range c.nodes[1:] {
		n.member([]string{"topic:a"}, eventnode.WithNames("x"))
	}
	dispatch(t, c.nodes[0].publisher(), "y", "topic:a")
	to := map[string]bool{}
	for way, n := range c.sends {
		_, node, _ := strings.Cut(way, ">")
		if to[node] || n != 1 || node == "n1" {
			t.Errorf("%s had it before: %v", node, c.sends)
		}
		to[node] = true
	}
	if len(to) != 9 {
		t.Errorf("it went to %d nodes: %v", len(to), c.sends)
	}
}

// What a link does not take goes to another node, also if it wants a receipt, and if there is none
// to a member here that is full.
func TestQueueGroupAvoidsLinksThatAreDown(t *testing.T) {
	c := newCluster(t, 3, Config{})
	c.nodes[1].member([]string{"topic:a"})
	s := c.nodes[2].member([]string{"topic:a"})
	p := c.nodes[0].publisher()
	c.down["n2"] = true
	for i := range 50 {
		dispatch(t, p, fmt.Sprint(i), "topic:a")
	}
	if got := names(t, s); len(got) != 50 {
		t.Errorf("got %d", len(got))
	}
	c.drop = func(_, to eventnode.NodeID, _ string, _ int) bool { return to == "n2" }
	for range 20 {
		if r, err := p.Dispatch(t.Context(), "topic:a", event.New("x", nil), eventnode.WithReceipt(0)); err != nil || r.Reached != 1 {
			t.Errorf("a receipt of %+v, %v", r, err)
		}
	}
	c.drop = nil
	if got := names(t, s); len(got) != 20 {
		t.Errorf("got %d of those with receipts", len(got))
	}
	full := c.nodes[0].member([]string{"topic:a"}, eventnode.WithQueue(1, 0))
	c.down["n3"] = true
	dispatch(t, p, "first", "topic:a")
	dispatch(t, p, "second", "topic:a")
	if got := names(t, full); !slices.Equal(got, []string{"[queue_full 1]", "second"}) {
		t.Errorf("got %v", got)
	}
}

// The interest of a queue group ends with its last member, without linger, and leaves nothing
// behind; that of plain subscriptions to the same topic stays.
func TestQueueGroupInterest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{Linger: time.Hour})
		n := c.nodes[0]
		a, b := n.member([]string{"topic:a", "topic:b.*"}), n.member([]string{"topic:a"})
		plain := n.subscribe([]string{"topic:a"})
		if n.wants("topic:a g") != 1 || n.wants("topic:b.* g") != 1 || n.wants("topic:a") != 1 || c.nodes[1].Stats().Topics != 2 {
			t.Errorf("announced %v", n.announced)
		}
		a.Close()
		synctest.Wait()
		if n.wants("topic:a g") != 1 || n.wants("topic:b.* g") != 0 || c.nodes[1].table.patterns.Len() != 0 {
			t.Errorf("announced %v", n.announced)
		}
		b.Close()
		synctest.Wait()
		if n.wants("topic:a g") != 0 || n.wants("topic:a") != 1 {
			t.Errorf("announced %v", n.announced)
		}
		plain.Close()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		for i, node := range c.nodes {
			for j := range node.table.shards {
				if k := len(node.table.shards[j].routes); k != 0 {
					t.Errorf("n%d keeps %d routes", i+1, k)
				}
			}
		}
		again := n.member([]string{"topic:a"})
		dispatch(t, c.nodes[1].publisher(), "one", "topic:a")
		if got := names(t, again); !slices.Equal(got, []string{"one"}) {
			t.Errorf("got %v", got)
		}
	})
}

// What a member that is closed has not read is discarded; what comes then goes to the others.
func TestQueueGroupMemberCloses(t *testing.T) {
	c := newCluster(t, 1, Config{})
	a := c.nodes[0].member([]string{"topic:a"})
	p := c.nodes[0].publisher()
	dispatch(t, p, "one", "topic:a")
	b := c.nodes[0].member([]string{"topic:a"})
	a.Close()
	dispatch(t, p, "two", "topic:a")
	if got := names(t, b); !slices.Equal(got, []string{"two"}) {
		t.Errorf("got %v", got)
	}
}

// What is lost on the way to a group's node is told to its members there, without a count: it
// may have been for another one. Who was not meant hears nothing, and plain subscriptions of the
// topic, if it was for them too, hear the count.
func TestGapOfAQueueGroup(t *testing.T) {
	c := newCluster(t, 2, Config{})
	s := c.nodes[1].member([]string{"topic:a"})
	other := c.nodes[1].subscribe([]string{"topic:else"})
	var account string
	c.drop = func(_, _ eventnode.NodeID, topic string, _ int) bool { account = topic; return true }
	p := c.nodes[0].publisher()
	dispatch(t, p, "one", "topic:a")
	if got := names(t, s); !slices.Equal(got, []string{"[n1sender_dropped ?]"}) || account != "topic:a g" {
		t.Errorf("got %v", got)
	}
	plain := c.nodes[1].subscribe([]string{"topic:a"})
	dispatch(t, p, "two", "topic:a")
	if got := names(t, s); !slices.Equal(got, []string{"[n1sender_dropped ?]"}) {
		t.Errorf("got %v", got)
	}
	if got := names(t, plain); !slices.Equal(got, []string{"[n1sender_dropped 1]"}) {
		t.Errorf("the plain one got %v", got)
	}
	if got := names(t, other); len(got) != 0 {
		t.Errorf("another topic's got %v", got)
	}
}

// A name that no queue group has is refused, with what is wrong with it, and leaves nothing.
func TestQueueGroupMistakes(t *testing.T) {
	c := newCluster(t, 1, Config{})
	for name, want := range map[string]string{
		"a b": "space", "a\u00a0b": "space", "a\tb": "space", "a\x00": "control character", "\xff": "UTF-8",
		strings.Repeat("x", 65): "max_queue_group_bytes",
	} {
		_, err := c.nodes[0].Subscribe(t.Context(), []string{"topic:a"}, eventnode.WithQueueGroup(name))
		if !errors.Is(err, eventnode.ErrInvalidArgument) && !errors.Is(err, eventnode.ErrLimit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	long := "topic:" + strings.Repeat("k", 200)
	if _, err := c.nodes[0].Subscribe(t.Context(), []string{long}, eventnode.WithQueueGroup(strings.Repeat("g", 64))); !errors.Is(err, eventnode.ErrBadTopic) || !strings.Contains(err.Error(), "max_topic_bytes") {
		t.Errorf("a topic that is too long with its group: %v", err)
	}
	if _, err := c.nodes[0].Subscribe(t.Context(), []string{"topic:a"}, eventnode.WithQueueGroup("g"), eventnode.WithCatchUp("log")); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("catching up: %v", err)
	}
	if st := c.nodes[0].Stats(); st.Subscriptions != 0 || st.Topics != 0 {
		t.Errorf("left: %+v", st)
	}
	if _, err := c.nodes[0].Subscribe(t.Context(), []string{"topic:a"}, eventnode.WithQueueGroup("größe>*."+strings.Repeat("x", 54))); err != nil {
		t.Error(err)
	}
}

// Members are listed with their group, by topic and by pattern.
func TestQueueGroupIsListed(t *testing.T) {
	c := newCluster(t, 1, Config{})
	c.nodes[0].member([]string{"topic:*", "topic:a"})
	c.nodes[0].subscribe([]string{"topic:a"})
	got := c.nodes[0].Subscriptions("topic:a")
	if len(got) != 2 || got[0].QueueGroup+got[1].QueueGroup != "g" || len(c.nodes[0].Subscriptions("topic:b")) != 1 {
		t.Errorf("%+v", got)
	}
}

// An interest that names a queue group is nothing to publishers that do not know of them, and a
// topic with a space is refused as ever, also where just that is announced.
func TestQueueGroupKeyIsNoTopic(t *testing.T) {
	c := newCluster(t, 2, Config{})
	c.nodes[1].member([]string{"topic:a"})
	for range 100 {
		if _, err := c.nodes[0].publisher().Dispatch(context.Background(), "topic:a g", event.New("x", nil)); !errors.Is(err, eventnode.ErrBadTopic) {
			t.Fatal(err)
		}
	}
}

// Of two members at random the one with the shorter queue gets an event.
func TestQueueGroupShorterQueue(t *testing.T) {
	c := newCluster(t, 1, Config{})
	n, calls := c.nodes[0], 0
	n.intN = func(n int) int { calls++; return (calls - 1) % n } // each of two in turn, the long one first
	long := n.member([]string{"topic:a"})
	frame, all := frameOf(100, "topic:a")
	forward(t, n.publisher(), frame)
	short := n.member([]string{"topic:a"})
	for _, name := range all {
		dispatch(t, n.publisher(), name, "topic:a")
	}
	if a, b := len(names(t, long)), len(names(t, short)); a != 100 || b != 100 {
		t.Errorf("%d and %d", a, b)
	}
}

// While something of a publisher waits for room at a member, what it says later is not put
// before it: it goes to another member, or behind.
func TestQueueGroupDoesNotOvertake(t *testing.T) {
	c := newCluster(t, 1, Config{})
	n := c.nodes[0]
	s := n.member([]string{"topic:a"}, eventnode.WithPolicy(eventnode.PolicyBlock))
	ev := event.New("x", nil)
	r := run{Piece: wire.Piece{Data: wire.AppendEnvelope(nil, []string{"topic:a"}, &ev)}, count: 1}
	f := fan{blocked: []blocked{{s, r}}}
	g := queueGroups(n.table.views(nil, "topic:a"))[0]
	if g.place(n.intN, r, &f); g.placed != 0 || !g.force(n.intN, r, &f) || len(f.blocked) != 2 || s.queueLen() != 0 {
		t.Errorf("placed %d, %d wait, %d queued", g.placed, len(f.blocked), s.queueLen())
	}
	other := n.member([]string{"topic:a"})
	g = queueGroups(n.table.views(nil, "topic:a"))[0]
	if g.place(n.intN, r, &f); g.placed != 1 || other.queueLen() != 1 {
		t.Errorf("placed %d, %d queued", g.placed, other.queueLen())
	}
}

// A group over several topics has each member and each node once: nobody is chosen more often
// for having more of the topics.
func TestQueueGroupsAreUnions(t *testing.T) {
	c := newCluster(t, 3, Config{})
	topics := []string{"topic:a", "topic:b", "topic:>"}
	c.nodes[0].member(topics)
	c.nodes[0].member(topics[1:2])
	c.nodes[1].member(topics)
	c.nodes[2].member(topics[:1])
	n := c.nodes[0]
	all := queueGroups(n.table.views(n.table.views(nil, "topic:a"), "topic:b"))
	if len(all) != 1 || len(all[0].members) != 2 || len(all[0].peers) != 2 {
		t.Errorf("%+v", all)
	}
}
