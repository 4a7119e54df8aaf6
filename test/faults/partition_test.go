package faults_test

import (
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode/test/cluster"
)

// cutFor is how long a partition lasts.
func (w *world) cutFor() time.Duration {
	if long() {
		return time.Duration(2+w.rnd.IntN(10)) * time.Second
	}
	return 2 * time.Second
}

// Partitions of all shapes between five replicas, each on a machine of its own. The
// side with a majority serves; after it healed all do.
func TestPartitions(t *testing.T) {
	t.Parallel()
	cluster.NeedHosts(t)
	w := begin(t, cluster.Config{Nodes: 5, Hosts: true, Args: []string{"--replicas", "5"}})
	for range rounds() {
		for _, shape := range []struct {
			name string
			cut  func(leader string, others []string)
			// serves: a majority can reach each other and a leader.
			serves bool
		}{
			{"the leader in the majority", func(l string, o []string) { w.Partition([]string{l, o[0], o[1]}, o[2:]) }, true},
			{"the leader in the minority", func(l string, o []string) { w.Partition([]string{l, o[0]}, o[1:]) }, true},
			{"the leader alone", func(l string, o []string) { w.Partition([]string{l}, o) }, true},
			{"a follower alone", func(l string, o []string) { w.Partition([]string{o[0]}, append(o[1:], l)) }, true},
			{"the leader is the bridge", w.bridge, true},
			{"a follower is the bridge", func(l string, o []string) { w.bridge(o[0], append(o[1:], l)) }, false},
			{"a ring", w.ring, false},
		} {
			leader := w.Leader(stream).Name()
			shape.cut(leader, w.others(leader))
			if shape.serves {
				w.progress(shape.name)
			}
			w.waitFor(w.cutFor())
			w.Heal()
			w.progress(shape.name + ", healed")
		}
	}
	w.finish()
}

// others are the nodes but one, in random order.
func (w *world) others(but string) (list []string) {
	for _, n := range w.Running() {
		if n.Name() != but {
			list = append(list, n.Name())
		}
	}
	w.rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// bridge leaves two halves that do not hear each other, and one node that hears all.
func (w *world) bridge(middle string, others []string) {
	half := len(others) / 2
	w.between(func(a, b string) bool {
		return a != middle && b != middle && slices.Contains(others[:half], a) != slices.Contains(others[:half], b)
	})
}

// ring leaves each node its two neighbours.
func (w *world) ring(leader string, others []string) {
	circle := append([]string{leader}, others...)
	w.between(func(a, b string) bool {
		d := slices.Index(circle, a) - slices.Index(circle, b)
		return d != 1 && d != -1 && d != len(circle)-1 && d != 1-len(circle)
	})
}

// between cuts, both ways, all pairs that cut says.
func (w *world) between(cut func(a, b string) bool) {
	for _, a := range w.Running() {
		for _, b := range w.Running() {
			if a != b && cut(a.Name(), b.Name()) {
				w.Cut(a.Name(), b.Name())
			}
		}
	}
}

// What one node sends is lost, and what is sent to it arrives; and the other way
// round.
func TestOneWayCuts(t *testing.T) {
	t.Parallel()
	cluster.NeedHosts(t)
	w := begin(t, cluster.Config{Hosts: true})
	for range rounds() {
		for _, name := range []string{"nobody hears the leader", "the leader hears nobody", "nobody hears a follower", "a follower hears nobody"} {
			leader := w.Leader(stream).Name()
			others := w.others(leader)
			switch name {
			case "nobody hears the leader":
				w.Cut(leader, others[0])
				w.Cut(leader, others[1])
			case "the leader hears nobody":
				w.Cut(others[0], leader)
				w.Cut(others[1], leader)
			case "nobody hears a follower":
				w.Cut(others[0], leader)
				w.Cut(others[0], others[1])
			case "a follower hears nobody":
				w.Cut(leader, others[0])
				w.Cut(others[1], others[0])
			}
			w.progress(name)
			w.waitFor(w.cutFor() / 2)
			w.Heal()
			w.progress(name + ", healed")
		}
	}
	w.finish()
}
