package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
)

// sixteen is as many real nodes as one test runs; what needs more origins is
// tested on the exchange alone.
const sixteen = 16

// Sixteen nodes with all their links. At rest a node says one hash a second to one
// of its fifteen peers, and nothing else. A join is known everywhere within two
// seconds, and a death within three, on every node and in every group.
func TestSixteenNodes(t *testing.T) {
	registries := map[string]*prometheus.Registry{}
	cfg := cluster.Config{Nodes: sixteen, Configure: func(name string, cfg *node.Config) {
		registries[name] = prometheus.NewRegistry()
		cfg.Registry = registries[name]
	}}
	virtualWith(t, cfg, func(w *world) {
		for _, n := range w.Running() {
			w.join(n.Name(), "all", w.member(n.Name()))
		}
		w.Eventually(2*time.Second, func() error { return w.everywhere("all", sixteen) })
		w.atRest(registries)
		last := w.member("n16")
		begin := time.Now()
		w.join("n16", "last", last)
		w.Eventually(2*time.Second, func() error { return w.everywhere("last", 1) })
		t.Logf("a join was known on %d nodes after %v", sixteen, time.Since(begin))

		views := []*view{w.follow(w.in("n1")), w.follow(w.in("n15"))}
		begin = time.Now()
		w.Kill("n16")
		w.Eventually(3*time.Second, func() error { return w.everywhere("last", 0) })
		w.Eventually(3*time.Second, func() error { return w.everywhere("all", sixteen-1) })
		t.Logf("a death was known on %d nodes after %v", sixteen-1, time.Since(begin))
		w.Restart("n16")
		w.Eventually(settle, w.Linked)
		w.Eventually(2*time.Second, func() error { return w.everywhere("all", sixteen-1) })
		for _, v := range views {
			w.Eventually(settle, v.equalsTable)
			v.close()
		}
	})
}

// everywhere says which running node does not see so many members.
func (w *world) everywhere(group string, want int) error {
	for _, n := range w.Running() {
		if got := w.groups(n.Name())[group]; got != want {
			return fmt.Errorf("%s sees %d members of %s, want %d", n.Name(), got, group, want)
		}
	}
	return nil
}

// atRest counts what nodes say to each other when there is nothing to say.
func (w *world) atRest(registries map[string]*prometheus.Registry) {
	w.t.Helper()
	time.Sleep(5 * time.Second) // the last reminders have gone
	const rest = 30
	before := w.tallies(registries)
	time.Sleep(rest * time.Second)
	after := w.tallies(registries)
	for name := range registries {
		for what, n := range after[name] {
			least, most := 0.0, 0.0
			if what == "eventnode_groups_exchange_sent_total hash" {
				least, most = rest-1, rest+1
			}
			if said := n - before[name][what]; said < least || said > most {
				w.t.Errorf("%s at rest for %d s: %s grew by %v", name, rest, what, said)
			}
		}
		if len(after[name]) < 6+sixteen-1 { // kinds of messages, and links
			w.t.Errorf("%s: counters are missing: %v", name, after[name])
		}
	}
}

// tallies reads the counters of what nodes send to each other.
func (w *world) tallies(registries map[string]*prometheus.Registry) map[string]map[string]float64 {
	w.t.Helper()
	all := map[string]map[string]float64{}
	for name, r := range registries {
		families, err := r.Gather()
		w.must(err)
		found := map[string]float64{}
		for _, f := range families {
			switch f.GetName() {
			case "eventnode_groups_exchange_sent_total", "eventnode_link_frames_total":
				for _, m := range f.GetMetric() {
					found[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
		all[name] = found
	}
	return all
}
