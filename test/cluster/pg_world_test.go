package cluster_test

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
	"github.com/eventnode/eventnode/test/cluster"
)

// world is a running cluster as the stories about groups see it. A story takes
// what it needs from n1, n2, ... and leaves no node dead.
type world struct {
	*cluster.Cluster
	t *testing.T
	// scope holds what the story joins. Stories in virtual time have a cluster
	// each and use the default one; those on processes share one.
	scope string
}

// settle is how long a change may take to be seen everywhere, also when a node
// has to be found dead first.
const settle = 15 * time.Second

// virtual tells a story to embedded nodes in virtual time.
func virtual(t *testing.T, nodes int, story func(w *world)) {
	t.Helper()
	virtualWith(t, cluster.Config{Nodes: nodes}, story)
}

func virtualWith(t *testing.T, cfg cluster.Config, story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		story(&world{Cluster: cluster.Start(t, cfg), t: t})
	})
}

// in is the story's scope on a node.
func (w *world) in(node string) eventnode.Scope { return w.Node(node).Live().Scope(w.scope) }

// must fails the test on an error.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// member makes a member that a node owns.
func (w *world) member(node string) eventnode.Member {
	w.t.Helper()
	return w.memberOf(w.Node(node).Live())
}

func (w *world) memberOf(live eventnode.Live) eventnode.Member {
	w.t.Helper()
	m, err := live.NewMember(w.t.Context(), 0)
	w.must(err)
	return m
}

// some makes several members.
func (w *world) some(node string, count int) []eventnode.Member {
	w.t.Helper()
	var list []eventnode.Member
	for range count {
		list = append(list, w.member(node))
	}
	return list
}

func (w *world) join(node, group string, ms ...eventnode.Member) {
	w.t.Helper()
	_, err := w.in(node).Join(w.t.Context(), group, ms)
	w.must(err)
}

func (w *world) leave(node, group string, ms ...eventnode.Member) eventnode.LeaveResult {
	w.t.Helper()
	res, err := w.in(node).Leave(w.t.Context(), group, ms...)
	w.must(err)
	return res
}

// notJoined checks that a leave is refused.
func (w *world) notJoined(node, group string, ms ...eventnode.Member) {
	w.t.Helper()
	if res, err := w.in(node).Leave(w.t.Context(), group, ms...); !errors.Is(err, eventnode.ErrNotJoined) {
		w.t.Fatalf("leave %s: %+v, %v; want not joined", group, res, err)
	}
}

// local lists a group's members on a node itself.
func (w *world) local(node, group string) []string {
	w.t.Helper()
	found, err := w.in(node).LocalMembers(w.t.Context(), group)
	w.must(err)
	return spelled(found)
}

// groups lists a scope's groups with their sizes.
func (w *world) groups(node string) map[string]int {
	w.t.Helper()
	found, err := w.in(node).Groups(w.t.Context())
	w.must(err)
	return sizes(found)
}

func (w *world) localGroups(node string) map[string]int {
	w.t.Helper()
	found, err := w.in(node).LocalGroups(w.t.Context())
	w.must(err)
	return sizes(found)
}

// sees waits until a node sees exactly these members.
func (w *world) sees(node, group string, ms ...eventnode.Member) {
	w.t.Helper()
	w.Eventually(settle, func() error { return holds(w.in(node), group, refs(ms...)) })
}

// allSee waits until every running node sees exactly these members.
func (w *world) allSee(group string, ms ...eventnode.Member) {
	w.t.Helper()
	for _, n := range w.Running() {
		w.sees(n.Name(), group, ms...)
	}
}

// noGroups waits until a node has no group left.
func (w *world) noGroups(node string) {
	w.t.Helper()
	w.Eventually(settle, func() error {
		if left := w.groups(node); len(left) > 0 {
			return fmt.Errorf("%s still has %v", node, left)
		}
		return nil
	})
}

// holds says how a group differs from what is wanted.
func holds(s eventnode.Scope, group string, want []string) error {
	found, err := s.Members(context.Background(), group)
	if err != nil {
		return err
	}
	if got := spelled(found); !slices.Equal(got, want) {
		return fmt.Errorf("%s holds %v, want %v", group, got, want)
	}
	return nil
}

// equal fails the test unless two values print the same.
func (w *world) equal(what string, got, want any) {
	w.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// refs spells out members for comparison, sorted.
func refs(ms ...eventnode.Member) []string {
	var list []string
	for _, m := range ms {
		list = append(list, m.Ref().String())
	}
	slices.Sort(list)
	return list
}

// spelled is the same for memberships, with their metadata.
func spelled(ms []eventnode.Membership) []string {
	var list []string
	for _, m := range ms {
		list = append(list, spell(m))
	}
	slices.Sort(list)
	return list
}

func spell(m eventnode.Membership) string {
	if m.Meta == "" {
		return m.Member.String()
	}
	return m.Member.String() + "=" + m.Meta
}

func sizes(list []eventnode.GroupSize) map[string]int {
	found := map[string]int{}
	for _, g := range list {
		found[g.Group] = g.Members
	}
	return found
}

// monitor is a monitor under test.
type monitor struct {
	eventnode.Monitor
	w *world
}

func (w *world) monitor(node, group string) *monitor {
	w.t.Helper()
	m, err := w.in(node).Monitor(w.t.Context(), group)
	w.must(err)
	return &monitor{m, w}
}

func (w *world) monitorScope(node string) *monitor {
	w.t.Helper()
	m, err := w.in(node).MonitorScope(w.t.Context())
	w.must(err)
	return &monitor{m, w}
}

// next spells out the next change of a monitor.
func (m *monitor) next() string {
	m.w.t.Helper()
	ctx, cancel := context.WithTimeout(m.w.t.Context(), settle)
	defer cancel()
	ch, err := m.Next(ctx)
	if err != nil {
		m.w.t.Fatalf("waiting for a change: %v", err)
	}
	return change(ch)
}

// tells checks the next change of a monitor.
func (m *monitor) tells(want string) {
	m.w.t.Helper()
	if got := m.next(); got != want {
		m.w.t.Fatalf("got the change %q, want %q", got, want)
	}
}

// quiet checks that a monitor has nothing to tell for a while.
func (m *monitor) quiet(d time.Duration) {
	m.w.t.Helper()
	ctx, cancel := context.WithTimeout(m.w.t.Context(), d)
	defer cancel()
	if ch, err := m.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		m.w.t.Fatalf("got the change %q, %v; want nothing", change(ch), err)
	}
}

// snapshot spells out what a monitor began with.
func (m *monitor) snapshot() map[string][]string { return folded(m.Snapshot()) }

func folded(snapshot map[string][]eventnode.Membership) map[string][]string {
	found := map[string][]string{}
	for group, ms := range snapshot {
		found[group] = spelled(ms)
	}
	return found
}

// change spells out a change: "g +joined -left ~updated".
func change(ch eventnode.Change) string {
	if ch.Resync != nil {
		return fmt.Sprint("resync ", folded(ch.Resync))
	}
	words := []string{ch.Group}
	words = append(words, signed("+", spelled(ch.Joined))...)
	words = append(words, signed("-", spelled(ch.Left))...)
	words = append(words, signed("~", spelled(ch.Updated))...)
	return strings.Join(words, " ")
}

// joined and left are the changes that a monitor should tell.
func joined(group string, ms ...eventnode.Member) string { return spellChange(group, "+", ms) }
func left(group string, ms ...eventnode.Member) string   { return spellChange(group, "-", ms) }

func spellChange(group, sign string, ms []eventnode.Member) string {
	return strings.Join(append([]string{group}, signed(sign, refs(ms...))...), " ")
}

func signed(sign string, words []string) []string {
	var list []string
	for _, word := range words {
		list = append(list, sign+word)
	}
	return list
}
