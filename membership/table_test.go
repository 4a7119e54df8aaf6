package membership

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

func life(id string, epoch uint64) Node {
	return Node{Ref: eventnode.NodeRef{ID: eventnode.NodeID(id), Epoch: epoch}, GossipAddress: fmt.Sprintf("10.0.0.%d:7400", epoch)}
}

// Each step: at second, what gossip tells, and the events that follow.
func TestTable(t *testing.T) {
	type step struct {
		at    int
		epoch uint64
		state State
		want  string
	}
	const tentative State = 99
	for name, steps := range map[string][]step{
		"lost and back":           {{0, 1, Alive, "joined 1"}, {1, 1, Lost, "lost 1"}, {2, 1, Alive, "joined 1"}},
		"left for good":           {{0, 1, Alive, "joined 1"}, {1, 1, Left, "left 1"}, {2, 1, Lost, ""}, {3, 1, Alive, ""}, {999, 1, Alive, ""}},
		"lost, then known to":     {{0, 1, Alive, "joined 1"}, {1, 1, Lost, "lost 1"}, {2, 1, Left, ""}, {3, 1, Alive, ""}},
		"later life":              {{0, 1, Alive, "joined 1"}, {1, 2, Alive, "lost 1 joined 2"}, {2, 1, Lost, ""}},
		"echo of the former":      {{0, 1, Alive, "joined 1"}, {1, 2, Alive, "lost 1 joined 2"}, {2, 2, Lost, "lost 2"}, {3, 1, Alive, ""}},
		"former heard second":     {{0, 2, Alive, "joined 2"}, {1, 1, Alive, ""}, {2, 1, Lost, ""}},
		"lower after the hold":    {{0, 2, Alive, "joined 2"}, {1, 2, Lost, "lost 2"}, {60, 1, Alive, ""}, {122, 0, Lost, "joined 1"}},
		"left, then a later life": {{0, 1, Alive, "joined 1"}, {1, 1, Left, "left 1"}, {2, 2, Alive, "joined 2"}},
		"told twice":              {{0, 1, Alive, "joined 1"}, {1, 1, Alive, ""}, {2, 1, Lost, "lost 1"}, {3, 1, Lost, ""}},
		"tentative":               {{0, 1, Alive, "joined 1"}, {1, 2, tentative, ""}, {2, 2, Lost, ""}, {3, 3, tentative, ""}, {4, 3, Alive, "lost 1 joined 3"}},
		"withdrawn":               {{0, 1, Alive, "joined 1"}, {1, 2, Alive, "lost 1 joined 2"}, {2, 2, tentative, "lost 2 joined 1"}, {3, 2, Lost, ""}},
		"withdrawn, gone":         {{0, 2, Alive, "joined 2"}, {1, 2, Lost, "lost 2"}, {2, 2, tentative, ""}, {3, 1, Alive, "joined 1"}},
		"never heard of":          {{0, 1, Lost, ""}, {1, 1, Left, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			table, start := newTable(), time.Unix(1000, 0)
			for i, s := range steps {
				now := start.Add(time.Duration(s.at) * time.Second)
				var events []Event
				if s.epoch > 0 {
					o := observation{node: life("x", s.epoch), state: s.state}
					if s.state == tentative {
						o.state, o.node.Tentative = Alive, true
					}
					events = table.apply(o, now)
				}
				events = append(events, table.expire(now)...)
				if got := story(events); got != s.want {
					t.Fatalf("step %d: got %q, want %q", i+1, got, s.want)
				}
			}
		})
	}
}

func story(events []Event) string {
	s := ""
	for _, e := range events {
		s += fmt.Sprintf(" %s %d", e.Kind, e.Node.Ref.Epoch)
	}
	if s != "" {
		s = s[1:]
	}
	return s
}

func TestTableUpdates(t *testing.T) {
	table, now := newTable(), time.Unix(1000, 0)
	n := life("x", 1)
	table.apply(observation{node: n}, now)
	n.Zone = "b"
	if got := story(table.apply(observation{node: n}, now)); got != "updated 1" || table.living()[0].Zone != "b" {
		t.Fatal(got)
	}
}

// Whatever is told: the events, replayed, give what is shown; at most one life of
// a name is shown; without a long absence epochs do not go back; who left does
// not come back.
func TestTableProperties(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		table, now := newTable(), time.Unix(1000, 0)
		shown := make(map[eventnode.NodeID]Node)
		highest := make(map[eventnode.NodeID]uint64)
		left := make(map[eventnode.NodeRef]bool)
		for range 200 {
			now = now.Add(rand.N(200 * time.Millisecond))
			o := observation{node: life([]string{"a", "b", "c"}[rng.IntN(3)], 1+rng.Uint64N(5)), state: State(rng.IntN(3))}
			known := table.entries[o.node.Ref.ID] != nil
			for _, e := range append(table.apply(o, now), table.expire(now)...) {
				ref := e.Node.Ref
				switch e.Kind {
				case EventJoined:
					if _, twice := shown[ref.ID]; twice || left[ref] || ref.Epoch < highest[ref.ID] {
						t.Fatalf("joined %v: shown %v, left %v, highest %d", ref, shown, left, highest[ref.ID])
					}
					shown[ref.ID], highest[ref.ID] = e.Node, ref.Epoch
				case EventLost, EventLeft:
					if shown[ref.ID].Ref != ref {
						t.Fatalf("%v %v was not shown", e.Kind, ref)
					}
					delete(shown, ref.ID)
				case EventUpdated, EventSnapshot, EventResync:
					t.Fatalf("unexpected %v", e.Kind)
				}
			}
			if o.state == Left && known {
				left[o.node.Ref] = true
			}
		}
		want := slices.SortedFunc(maps.Values(shown), func(a, b Node) int { return int(a.Ref.ID[0]) - int(b.Ref.ID[0]) })
		if !slices.EqualFunc(table.living(), want, Node.equal) || table.gone != len(table.entries)-len(want) {
			t.Fatalf("shows %v, told %v", table.living(), want)
		}
	}
}

func TestTableForgets(t *testing.T) {
	table, now := newTable(), time.Unix(1000, 0)
	for i := range goneMax + 50 {
		now = now.Add(time.Millisecond)
		n := life(fmt.Sprint("n", i), 1)
		table.apply(observation{node: n}, now)
		table.apply(observation{node: n, state: Lost}, now)
	}
	table.expire(now)
	if len(table.entries) != goneMax || table.entries["n0"] != nil || len(table.lost(now)) != goneMax {
		t.Fatalf("%d remembered", len(table.entries))
	}
	table.expire(now.Add(goneKept + time.Second))
	if len(table.entries) != 0 || table.gone != 0 {
		t.Fatalf("%d remembered after an hour", len(table.entries))
	}
}
