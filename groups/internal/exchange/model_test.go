package exchange

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventnode/eventnode/groups/internal/table"
)

var scopesUsed = []string{"", "s2", "local:s3"}

// seedOf returns EVENTNODE_SEED or a new seed, and prints it.
func seedOf(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano())
	if v, err := strconv.ParseUint(os.Getenv("EVENTNODE_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("EVENTNODE_SEED=%d", seed)
	return seed
}

// TestP17_RandomSchedules and PG-T26: after any story of crashes, restarts,
// splits, one-way cuts, delays and losses every node's table is the union of
// what the nodes that it can reach hold, and so is what its differences add up
// to.
func TestP17_RandomSchedules(t *testing.T) {
	seed := seedOf(t)
	schedules := 2500
	if testing.Short() {
		schedules = 300
	}
	for i := range schedules {
		if err := schedule(seed + uint64(i)); err != nil {
			t.Fatalf("EVENTNODE_SEED=%d: %v", seed+uint64(i), err)
		}
	}
}

// TestPGT26_Model is the same model with larger clusters and fewer runs.
func TestPGT26_Model(t *testing.T) {
	seed := seedOf(t)
	for i := range 10 {
		s := newSim(seed+uint64(i), 17)
		if err := play(s, 60); err != nil {
			t.Fatalf("EVENTNODE_SEED=%d: %v", seed+uint64(i), err)
		}
	}
}

func schedule(seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	s := newSim(seed, 2+rng.IntN(4))
	s.config.LogLength = 1 + rng.IntN(8)
	for i := range s.nodes {
		s.boot(i)
	}
	return play(s, 10+rng.IntN(30))
}

// play runs random steps, heals everything and checks the two properties.
func play(s *sim, steps int) error {
	s.delay = 1 + s.rng.Int64N(200)
	s.loss = []float64{0, 0.05, 0.3}[s.rng.IntN(3)]
	for range steps {
		step(s)
		s.run(s.rng.Int64N(1200))
	}
	if s.rng.IntN(4) > 0 { // else the cuts stay
		clear(s.cut)
	}
	s.loss = 0
	s.run(memberNotice + linkNotice + 6000)
	if err := s.check(); err != nil {
		return err
	}
	return s.rest()
}

// check compares every node with the model.
func (s *sim) check() error {
	if s.err != nil {
		return s.err
	}
	for i, n := range s.nodes {
		if n.x == nil {
			continue
		}
		for _, scope := range scopesUsed {
			want := s.want(i, scope)
			if Local(scope) {
				want = view{}
				maps.Copy(want, n.truth[scope])
			}
			if d := cmp.Diff(want, has(n.x, scope)); d != "" {
				return fmt.Errorf("%s in scope %q (-want +has):\n%s", n.ref, scope, d)
			}
			folded := n.folded[scope]
			if folded == nil {
				folded = view{}
			}
			if d := cmp.Diff(want, folded); d != "" {
				return fmt.Errorf("%s's differences in scope %q (-want +folded):\n%s", n.ref, scope, d)
			}
			if tab := n.x.Table(scope); tab != nil && tab.Groups() != len(want) {
				return fmt.Errorf("%s counts %d groups in %q, want %d", n.ref, tab.Groups(), scope, len(want))
			}
		}
	}
	return nil
}

// rest checks that a cluster at rest says one hash a second a node, and nothing
// else. (With cuts left nodes may hold different parts, so digests go on.)
func (s *sim) rest() error {
	if len(s.cut) > 0 {
		return nil
	}
	s.run(3000) // reminders end
	s.sent = [Kinds]int{}
	s.run(4000)
	nodes := 0
	for _, n := range s.nodes {
		if n.x != nil {
			nodes++
		}
	}
	if nodes == 1 {
		nodes = 0
	}
	if want := [Kinds]int{KindHash: 4 * nodes}; s.sent != want {
		return fmt.Errorf("at rest for 4 s: sent %v, want %v", s.sent, want)
	}
	return nil
}

func step(s *sim) {
	i, j := s.rng.IntN(len(s.nodes)), s.rng.IntN(len(s.nodes))
	switch p := s.rng.IntN(100); {
	case p < 5 && s.nodes[i].x != nil:
		s.crash(i)
	case p < 15:
		s.boot(i)
	case p < 22:
		s.cut[[2]int{i, j}] = true // one way
	case p < 28:
		split(s, 2+s.rng.IntN(3))
	case p < 36:
		clear(s.cut)
	case p < 40:
		delete(s.cut, [2]int{i, j})
	case s.nodes[i].x != nil:
		s.change(i, scopesUsed[s.rng.IntN(len(scopesUsed))], randomDeltas(s.rng)...)
	}
}

// split cuts the nodes into sides.
func split(s *sim, sides int) {
	side := make([]int, len(s.nodes))
	for i := range side {
		side[i] = s.rng.IntN(sides)
	}
	for i := range side {
		for j := range side {
			if side[i] != side[j] {
				s.cut[[2]int{i, j}] = true
			}
		}
	}
}

func randomDeltas(rng *rand.Rand) []table.Delta {
	var deltas []table.Delta
	for range 1 + rng.IntN(3) {
		d := table.Delta{Group: fmt.Sprintf("g%d", rng.IntN(4))}
		for range 1 + rng.IntN(3) {
			m := table.Member{Ref: 1 + rng.Uint64N(4), Times: 1 + uint32(rng.IntN(2))}
			switch rng.IntN(5) {
			case 0, 1:
				if rng.IntN(3) == 0 {
					m.Meta = fmt.Sprint("m", rng.IntN(3))
				}
				d.Joined = append(d.Joined, m)
			case 2, 3:
				d.Left = append(d.Left, m)
			case 4:
				m.Meta = fmt.Sprint("m", rng.IntN(3))
				d.Updated = append(d.Updated, m)
			}
		}
		deltas = append(deltas, d)
	}
	return deltas
}
