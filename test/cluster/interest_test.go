package cluster_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
)

// meters are the metrics of each node of a cluster in memory.
type meters map[string]*prometheus.Registry

// configure gives each node a registry that the test can read.
func (m meters) configure(name string, cfg *node.Config) {
	m[name] = prometheus.NewRegistry()
	cfg.Registry = m[name]
}

// sum adds up a metric of one node over its labels.
func (m meters) sum(t *testing.T, name, metric string) uint64 {
	t.Helper()
	var total float64
	for _, v := range m.labelled(t, name, metric) {
		total += v
	}
	return uint64(total)
}

// labelled returns a metric of one node for each value of its label.
func (m meters) labelled(t *testing.T, name, metric string) map[string]float64 {
	t.Helper()
	families, err := m[name].Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, v := range f.GetMetric() {
			if f.GetName() != "eventnode_"+metric {
				continue
			}
			label := ""
			if l := v.GetLabel(); len(l) > 0 {
				label = l[0].GetValue()
			}
			found[label] = v.GetCounter().GetValue() + v.GetGauge().GetValue()
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no metric eventnode_%s", name, metric)
	}
	return found
}

// crossed is how many events each node has put on links so far.
func (m meters) crossed(t *testing.T) map[string]float64 {
	t.Helper()
	links := map[string]float64{}
	for name := range m {
		for peer, n := range m.labelled(t, name, "link_events_total") {
			links[name+">"+peer] = n
		}
	}
	return links
}

// An event for a topic with subscribers on one of five nodes crosses exactly one
// link, once, however many subscribe there; one for a topic that nobody wants
// crosses none.
func TestAnEventCrossesExactlyOneLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meters{}
		c := cluster.Start(t, cluster.Config{Nodes: 5, Configure: m.configure})
		first := follow(t, "first", c.Node("n4").Live(), "topic:wanted")
		second := follow(t, "second", c.Node("n4").Live(), "topic:wanted")
		before := m.crossed(t)
		const events = 100
		for n := range uint64(events) {
			dispatchTo(t, c.Node("n1").Live(), "topic:wanted", n+1)
			dispatchTo(t, c.Node("n1").Live(), "topic:unwanted", n+1)
		}
		c.Eventually(time.Second, func() error { return atLeast(events, first, second) })
		after := m.crossed(t)
		if len(after) != 5*4 {
			t.Fatalf("events are counted on %d links: %v", len(after), after)
		}
		for way, n := range after {
			want := 0.0
			if way == "n1>n4" {
				want = events
			}
			if n-before[way] != want {
				t.Errorf("%v events on the link %s, want %v", n-before[way], way, want)
			}
		}
	})
}

// 10,000 subscribers of one topic on one node are one receiver elsewhere: an
// event for them crosses the link once, and when all have left none does.
func TestTenThousandSubscribersAreOneReceiver(t *testing.T) {
	const subscribers = 10_000
	synctest.Test(t, func(t *testing.T) {
		m := meters{}
		c := cluster.Start(t, cluster.Config{Nodes: 5, Configure: m.configure})
		topics := m.sum(t, "n1", "dispatch_topics")
		var subs []eventnode.Subscription
		for range subscribers {
			sub, err := c.Node("n3").Live().Subscribe(t.Context(), []string{"topic:crowd"}, eventnode.WithQueue(16, 1<<16))
			if err != nil {
				t.Fatal(err)
			}
			subs = append(subs, sub)
		}
		for name := range m {
			if got := m.sum(t, name, "dispatch_topics"); got != topics+1 {
				t.Errorf("%s knows %d topics, %d before anybody subscribed", name, got, topics)
			}
		}
		before := m.crossed(t)["n1>n3"]
		receipt, err := c.Node("n1").Live().Dispatch(t.Context(), "topic:crowd", counted(1, 0), eventnode.WithReceipt(0))
		if err != nil || receipt.Reached != subscribers || len(receipt.Nodes) != 1 {
			t.Errorf("reached %d, want %d: %+v, %v", receipt.Reached, subscribers, receipt.Nodes, err)
		}
		if got := m.crossed(t)["n1>n3"] - before; got != 1 {
			t.Errorf("%v events crossed the link, want 1", got)
		}
		var wg sync.WaitGroup
		for _, sub := range subs {
			wg.Go(func() {
				if d, err := sub.Receive(t.Context()); err != nil || d.Gap != nil {
					t.Errorf("got %+v, %v", d, err)
				}
				if err := sub.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// The interest lingers for a second, then it is withdrawn everywhere.
		c.Eventually(3*time.Second, func() error {
			for name := range m {
				if got := m.sum(t, name, "dispatch_topics"); got != topics {
					return fmt.Errorf("%s knows %d topics, want %d", name, got, topics)
				}
			}
			return nil
		})
		before = m.crossed(t)["n1>n3"]
		dispatchTo(t, c.Node("n1").Live(), "topic:crowd", 2)
		if got := m.crossed(t)["n1>n3"] - before; got != 0 {
			t.Errorf("%v events crossed the link after everybody had left", got)
		}
	})
}

func dispatchTo(t *testing.T, p eventnode.Publisher, topic string, n uint64) {
	t.Helper()
	if _, err := p.Dispatch(t.Context(), topic, counted(n, 0)); err != nil {
		t.Fatalf("dispatch %d to %s: %v", n, topic, err)
	}
}

// atLeast says which tallies have not got n events yet.
func atLeast(n uint64, all ...*tally) error {
	var short []string
	for _, y := range all {
		if s := y.now(); s.got < n {
			short = append(short, fmt.Sprintf("%s: %d of %d", y.name, s.got, n))
		}
	}
	if len(short) > 0 {
		return fmt.Errorf("%w: %s", errShort, strings.Join(short, ", "))
	}
	return nil
}
