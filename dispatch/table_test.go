package dispatch

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// The table against a dumb one: random subscriptions and nodes come and go.
func TestTableRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	tab := newTable()
	classes := map[string]class{"topic:a": classTopic, "topic:b": classTopic, "topic:*": classPattern, "topic:a.>": classPattern, "other:c": classUnknown}
	topics := slices.Sorted(maps.Keys(classes))
	seats := map[string][]*seat{}
	peers := map[string]map[eventnode.NodeRef]bool{}
	for i := range 6000 {
		topic := topics[r.IntN(len(topics))]
		grow := (i/2000)%2 == 0 // then shrink
		switch n := len(seats[topic]); {
		case r.IntN(10) == 0:
			node := eventnode.NodeRef{ID: eventnode.NodeID(fmt.Sprint("n", r.IntN(5))), Epoch: uint64(r.IntN(2))}
			wants := r.IntN(2) == 0
			tab.setPeer(topic, classes[topic], node, wants)
			if peers[topic] == nil {
				peers[topic] = map[eventnode.NodeRef]bool{}
			}
			peers[topic][node] = wants
		case n > 0 && r.IntN(10) < map[bool]int{true: 2, false: 8}[grow]:
			k := r.IntN(n)
			tab.leave(seats[topic][k], time.Time{})
			seats[topic] = slices.Delete(seats[topic], k, k+1)
		default:
			seats[topic] = append(seats[topic], tab.sit(topic, classes[topic], &Subscription{topics: []string{topic}}))
		}
		if i%50 == 0 {
			compareTable(t, tab, topic, seats[topic], peers[topic])
		}
	}
	for topic, list := range seats {
		for _, s := range list {
			tab.leave(s, time.Time{})
		}
		for node := range peers[topic] {
			tab.setPeer(topic, classes[topic], node, false)
		}
	}
	if n := tab.topics(); n != 0 || tab.patterns.Len() != 0 {
		t.Errorf("%d topics and %d patterns left", n, tab.patterns.Len())
	}
}

func compareTable(t *testing.T, tab *table, topic string, seats []*seat, peers map[eventnode.NodeRef]bool) {
	t.Helper()
	v := tab.find(topic)
	if v == nil {
		v = &view{}
	}
	if inTree := slices.Contains(tab.patterns.Append(nil, "topic:a"), "topic:*"); topic == "topic:*" && inTree != (v.class == classPattern) {
		t.Fatalf("in the tree: %v, of a route: %v", inTree, v.class)
	}
	got := map[*Subscription]int{}
	for i, chunk := range v.chunks {
		if len(chunk) == 0 || len(chunk) > chunkSize || (i < len(v.chunks)-1 && len(chunk) != chunkSize) {
			t.Fatalf("chunk %d of %d has %d", i, len(v.chunks), len(chunk))
		}
		for _, s := range chunk {
			got[s]++
		}
	}
	for _, s := range seats {
		if got[s.sub] != 1 {
			t.Fatalf("a subscription is there %d times", got[s.sub])
		}
	}
	wants := 0
	for node, w := range peers {
		if w {
			wants++
		}
		if slices.Contains(v.peers, node) != w {
			t.Fatalf("node %v: %v", node, !w)
		}
	}
	if len(got) != len(seats) || len(v.peers) != wants {
		t.Fatalf("%d subscriptions and %d nodes, want %d and %d", len(got), len(v.peers), len(seats), wants)
	}
}

// A reader's view stands still while the table changes.
func TestViewStandsStill(t *testing.T) {
	tab := newTable()
	var seats []*seat
	for range 3*chunkSize + 10 {
		seats = append(seats, tab.sit("topic:a", classTopic, &Subscription{}))
	}
	v := tab.find("topic:a")
	before := slices.Concat(v.chunks...)
	for i := range 500 {
		tab.leave(seats[i], time.Time{})
		tab.sit("topic:a", classTopic, &Subscription{})
	}
	if !slices.Equal(before, slices.Concat(v.chunks...)) {
		t.Error("it moved")
	}
}

// The topics of an event are looked up one after the other. A pattern of two of them, or a
// topic that is named twice, is one place, also if subscriptions come and go in between: who
// has it alone does not look whether it had the event already.
func TestTableChangesDuringALookUp(t *testing.T) {
	tab := newTable()
	for _, interest := range []struct {
		topic string
		class class
	}{{"topic:a", classTopic}, {"topic:*", classPattern}} {
		tab.sit(interest.topic, interest.class, &Subscription{topics: []string{interest.topic}})
	}
	views := tab.views(nil, "topic:a")
	tab.sit("topic:a", classTopic, &Subscription{})
	tab.setPeer("topic:*", classPattern, eventnode.NodeRef{ID: "n2"}, true)
	for _, again := range []string{"topic:b", "topic:a"} {
		views = tab.views(views, again)
	}
	if len(views) != 2 {
		t.Errorf("%d places for a topic and a pattern", len(views))
	}
}

// 10,000 subscriptions to one topic: one row elsewhere, one send, and neither
// coming nor going takes the square of it.
func TestTenThousandSubscriptions(t *testing.T) {
	const n = 10000
	c := newCluster(t, 2, Config{})
	before := heap()
	var subs []*Subscription
	for range n {
		subs = append(subs, c.nodes[1].subscribe([]string{"topic:a"}))
	}
	if each := (heap() - before) / n; each > 1500 {
		t.Errorf("an idle subscription takes %d bytes", each)
	}
	v := c.nodes[0].table.find("topic:a")
	if len(v.peers) != 1 || len(v.chunks) != 0 || c.nodes[1].wants("topic:a") != 1 {
		t.Errorf("elsewhere: %+v", v)
	}
	dispatch(t, c.nodes[0].publisher(), "one", "topic:a")
	if c.sends["n1>n2"] != 1 {
		t.Errorf("%d runs crossed", c.sends["n1>n2"])
	}
	for _, s := range subs {
		if got := names(t, s); len(got) != 1 {
			t.Fatalf("got %v", got)
		}
	}
	for _, s := range subs {
		s.Close()
	}
	if s := c.nodes[1].Stats(); s.Subscriptions != 0 || s.Delivered != n {
		t.Errorf("stats %+v", s)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Interest of a node whose kinds this one does not know is kept, and publishers
// are told that the kind is unknown as long as it is.
func TestInterestInAnUnknownKind(t *testing.T) {
	kinds := NewRegistry()
	c := newCluster(t, 2, Config{Kinds: kinds})
	n := c.nodes[0]
	n.SetInterest("even:ab", c.nodes[1].ref, true)
	n.SetInterest("topic:a", n.ref, true) // itself: nothing
	if n.table.find("topic:a") != nil {
		t.Error("a node's own interest made a route")
	}
	p := n.publisher()
	if _, err := p.Dispatch(t.Context(), "even:ab", event.New("x", nil)); !errors.Is(err, eventnode.ErrBadTopic) {
		t.Errorf("unknown kind: %v", err)
	}
	if err := kinds.Register("even", evenKeys{}); err != nil {
		t.Fatal(err)
	}
	dispatch(t, p, "x", "even:ab")
	if c.sends["n1>n2"] != 1 {
		t.Errorf("crossed %v", c.sends)
	}
}
