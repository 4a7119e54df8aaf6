package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// PG-T26: a random model test of whole nodes. Members join, leave, change their
// metadata and end while nodes are killed, stopped, restarted and paused, and the
// network is split, cut, slow and lossy. Two properties hold once it is mended:
//
//   - a group holds all members that living owners hold in it, and no others, on
//     every node;
//   - what a monitor told adds up to what its node holds.
//
// EVENTNODE_MODEL_SEEDS is how many seeds to run, EVENTNODE_MODEL_FIRST the first
// of them: a failure is run again alone with its seed and 1.

// defaultSeeds take a few seconds.
const defaultSeeds = 8

func TestPGT26_model(t *testing.T) {
	seeds := uint64(defaultSeeds)
	if testing.Short() {
		seeds = 2
	}
	first, count := setting(t, "EVENTNODE_MODEL_FIRST", 1), setting(t, "EVENTNODE_MODEL_SEEDS", seeds)
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			virtualWith(t, cluster.Config{Nodes: 4, Seed: seed}, func(w *world) { newModel(w, seed).run() })
		})
	}
}

func setting(t *testing.T, name string, def uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// model is what should be: the owners' truth, kept by the test.
type model struct {
	*world
	rnd    *rand.Rand
	owners map[string]*owner // by node, only those that run
	views  []*view           // of this and of earlier lives of nodes
	story  []string
}

// owner is one life of a node.
type owner struct {
	members []*holding
	view    *view
}

// holding is a member and what it has joined.
type holding struct {
	eventnode.Member
	times map[string]int
	meta  map[string]string
}

var (
	modelNodes  = []string{"n1", "n2", "n3", "n4"}
	modelGroups = []string{"a", "b", "c"}
)

func newModel(w *world, seed uint64) *model {
	m := &model{world: w, rnd: rand.New(rand.NewPCG(seed, 26)), owners: map[string]*owner{}}
	for _, name := range modelNodes {
		m.born(name)
	}
	return m
}

// born begins a life of a node: a monitor from the start.
func (m *model) born(name string) {
	o := &owner{view: m.follow(m.in(name))}
	m.owners[name] = o
	m.views = append(m.views, o.view)
}

func (m *model) run() {
	defer func() {
		if m.t.Failed() {
			m.t.Logf("the story:\n%s", strings.Join(m.story, "\n"))
		}
		for _, v := range m.views {
			v.close()
		}
	}()
	for range 4 {
		for range 25 {
			m.step()
			time.Sleep(time.Duration(m.rnd.IntN(2000)) * time.Millisecond)
		}
		m.mend()
		m.check()
	}
}

func (m *model) tells(format string, args ...any) {
	m.story = append(m.story, fmt.Sprintf("%8s ", time.Since(epoch).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// epoch is when time begins in a bubble.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// step does one thing, mostly to members.
func (m *model) step() {
	name := modelNodes[m.rnd.IntN(len(modelNodes))]
	o := m.owners[name]
	switch n := m.rnd.IntN(100); {
	case o == nil:
		m.tells("restart %s", name)
		m.Restart(name)
		m.born(name)
	case n < 60:
		m.change(name, o)
	case n < 72:
		m.die(name)
	default:
		m.disturb(name, modelNodes[m.rnd.IntN(len(modelNodes))])
	}
}

// change does one thing to a member of a node. Each call's own answer must be
// right at once, whatever the network is like.
func (m *model) change(node string, o *owner) {
	if len(o.members) == 0 || m.rnd.IntN(5) == 0 {
		o.members = append(o.members, &holding{Member: m.member(node), times: map[string]int{}, meta: map[string]string{}})
	}
	i := m.rnd.IntN(len(o.members))
	h, group := o.members[i], modelGroups[m.rnd.IntN(len(modelGroups))]
	times := 1 + m.rnd.IntN(3)
	list := slices.Repeat([]eventnode.Member{h.Member}, times)
	switch n := m.rnd.IntN(10); {
	case n < 4:
		meta := []string{"", "red", "blue"}[m.rnd.IntN(3)]
		m.tells("%s: %v joins %s %d times %s", node, h.Ref(), group, times, meta)
		_, err := m.in(node).Join(m.t.Context(), group, list, eventnode.WithMeta(meta))
		m.must(err)
		h.times[group] += times
		if meta != "" {
			h.meta[group] = meta
		}
	case n < 7:
		left := min(times, h.times[group])
		m.tells("%s: %v leaves %s %d times", node, h.Ref(), group, times)
		if left == 0 {
			m.notJoined(node, group, list...)
			return
		}
		m.equal("left", m.leave(node, group, list...), eventnode.LeaveResult{Left: left, NotJoined: times - left})
		if h.times[group] -= left; h.times[group] == 0 {
			delete(h.meta, group)
		}
	case n < 9:
		if h.times[group] > 0 {
			h.meta[group] = fmt.Sprintf("m%d", m.rnd.IntN(100))
			m.tells("%s: %v in %s is %s", node, h.Ref(), group, h.meta[group])
			m.must(m.in(node).SetMeta(m.t.Context(), group, h.Member, h.meta[group]))
		}
	default:
		m.tells("%s: %v ends", node, h.Ref())
		m.must(h.Close())
		o.members = slices.Delete(o.members, i, i+1)
	}
	m.must(holds(localOf{m.in(node)}, group, m.truth(group, node)))
}

// localOf reads a scope's local members: read your own join.
type localOf struct{ eventnode.Scope }

func (l localOf) Members(ctx context.Context, group string) ([]eventnode.Membership, error) {
	return l.LocalMembers(ctx, group)
}

// die ends a life, for a while or to begin the next one at once.
func (m *model) die(name string) {
	delete(m.owners, name)
	if m.rnd.IntN(3) == 0 {
		m.tells("stop %s", name)
		m.Stop(name)
	} else {
		m.tells("kill %s", name)
		m.Kill(name)
	}
	if m.rnd.IntN(3) == 0 {
		m.tells("restart %s", name)
		m.Restart(name)
		m.born(name)
	}
}

// disturb does something to the network, from a flap to a split that outlasts
// the patience of the gossip.
func (m *model) disturb(a, b string) {
	switch m.rnd.IntN(8) {
	case 0:
		m.tells("partition %s", a)
		m.Partition([]string{a})
	case 1:
		m.tells("partition %s %s", a, b)
		m.Partition([]string{a, b})
	case 2, 3:
		m.tells("cut %s to %s", a, b)
		m.Cut(a, b)
	case 4:
		m.tells("delay %s to %s", a, b)
		m.Delay(a, b, 0, time.Duration(m.rnd.IntN(400))*time.Millisecond)
	case 5:
		m.tells("loss")
		m.Loss(0.1)
	case 6:
		m.tells("wait")
		time.Sleep(time.Duration(m.rnd.IntN(40)) * time.Second)
	case 7:
		m.tells("heal")
		m.Heal()
	}
}

// mend makes the network whole, and waits until all nodes that run know it.
func (m *model) mend() {
	m.tells("mend")
	m.Heal()
	m.Loss(0)
	for _, a := range modelNodes {
		for _, b := range modelNodes {
			m.Delay(a, b, 0, 0)
		}
	}
	m.Eventually(time.Minute, m.Linked)
}

// check waits until both properties hold.
func (m *model) check() {
	want := map[string][]string{}
	for _, g := range modelGroups {
		if all := m.truth(g, modelNodes...); len(all) > 0 {
			want[g] = all
		}
	}
	for name, o := range m.owners {
		m.Eventually(settle, func() error {
			got, err := table(m.in(name))
			if err != nil {
				return err
			}
			if d := differ(got, want); d != "" {
				return fmt.Errorf("%s is not as its owners say: %s", name, d)
			}
			return o.view.equalsTable()
		})
	}
	for _, v := range m.views {
		m.must(v.failed())
	}
}

// truth is what the owners on some nodes hold in a group.
func (m *model) truth(group string, nodes ...string) []string {
	var all []string
	for _, name := range nodes {
		if o := m.owners[name]; o != nil {
			for _, h := range o.members {
				word := spell(eventnode.Membership{Member: h.Ref(), Meta: h.meta[group]})
				all = append(all, slices.Repeat([]string{word}, h.times[group])...)
			}
		}
	}
	slices.Sort(all)
	return all
}
