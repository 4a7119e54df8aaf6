package client_test

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
	"github.com/eventnode/eventnode/client"
)

// metas lists the metadata of memberships, sorted.
func metas(list []eventnode.Membership) string {
	var out []string
	for _, m := range list {
		out = append(out, m.Meta)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// N1: join at run time, leave, monitor; what a client held is left at its end.
func TestN1JoinLeaveMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		watcher := w.client([]string{"b"})
		mon := must[eventnode.Monitor](t)(watcher.Scope("s").Monitor(t.Context(), "g"))
		if len(mon.Snapshot()) != 0 {
			t.Errorf("snapshot of an empty group: %v", mon.Snapshot())
		}
		c := w.client([]string{"a"})
		m := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		scope := c.Scope("s")
		if r, err := scope.Join(t.Context(), "g", []eventnode.Member{m}, eventnode.WithMeta("one")); err != nil || r.Joined != 1 {
			t.Fatalf("Join = %+v, %v", r, err)
		}
		if r, err := scope.Leave(t.Context(), "g", m, m); err != nil || r.Left != 1 || r.NotJoined != 1 {
			t.Errorf("Leave = %+v, %v, want one left and one not joined", r, err)
		}
		if _, err := scope.Leave(t.Context(), "g", m); !errors.Is(err, eventnode.ErrNotJoined) {
			t.Errorf("second Leave = %v, want ErrNotJoined", err)
		}
		if _, err := scope.JoinMany(t.Context(), []string{"g", "h"}, m, eventnode.WithMeta("two")); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		var got []string
		for range 4 {
			ch, err := mon.Next(shortly(t))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("+%s -%s", metas(ch.Joined), metas(ch.Left)))
		}
		if want := []string{"+one -", "+ -one", "+two -", "+ -two"}; !slices.Equal(got, want) {
			t.Errorf("changes %q, want %q", got, want)
		}
		if !mon.Close() || mon.Close() {
			t.Error("Close of the monitor: want true, then false")
		}
		if _, err := mon.Next(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Next after Close = %v, want ErrClosed", err)
		}
	})
}

// N2: every member receives every event, in order; joined twice, it receives
// twice.
func TestN2JoinedTwiceReceivesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		a, b := w.client([]string{"a"}), w.client([]string{"b"})
		once := must[eventnode.Member](t)(a.NewMember(t.Context(), 0))
		twice := must[eventnode.Member](t)(b.NewMember(t.Context(), 0))
		if _, err := a.Scope("").Join(t.Context(), "g", []eventnode.Member{once}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Scope("").Join(t.Context(), "g", []eventnode.Member{twice, twice}); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			r, err := a.Scope("").Broadcast(t.Context(), "g", numberedEvent(i))
			if err != nil || r.Delivered != 3 || !slices.Equal(r.Missing, []eventnode.NodeID{"elsewhere"}) {
				t.Errorf("Broadcast = %+v, %v", r, err)
			}
		}
		if got := received(t, once, 3); !slices.Equal(got, []string{"g/0", "g/1", "g/2"}) {
			t.Errorf("joined once: %v", got)
		}
		if got := received(t, twice, 6); !slices.Equal(got, []string{"g/0", "g/0", "g/1", "g/1", "g/2", "g/2"}) {
			t.Errorf("joined twice: %v", got)
		}
		ref, err := b.Scope("").SendOne(t.Context(), "g", numberedEvent(9), eventnode.Pick{Strategy: eventnode.PickHash, Key: "k"})
		if err != nil || ref != once.Ref() {
			t.Errorf("SendOne = %v, %v, want %v", ref, err, once.Ref())
		}
		if got := received(t, once, 1); got[0] != "g/9" {
			t.Errorf("sent to one: %v", got)
		}
		if _, err := b.Scope("").SendOne(t.Context(), "empty", numberedEvent(9), eventnode.Pick{}); !errors.Is(err, eventnode.ErrNoMembers) {
			t.Errorf("SendOne to an empty group = %v, want ErrNoMembers", err)
		}
		if r, err := b.Scope("").BroadcastLocal(t.Context(), "g", numberedEvent(9)); err != nil || r.Delivered != 2 {
			t.Errorf("BroadcastLocal = %+v, %v", r, err)
		}
	})
}

// received takes n from a member, in short.
func received(t *testing.T, m eventnode.Member, n int) []string {
	t.Helper()
	var out []string
	for range n {
		r, err := m.Receive(shortly(t))
		if err != nil {
			t.Fatalf("after %v: %v", out, err)
		}
		if r.Gap != nil {
			out = append(out, r.Gap.Reason.String())
			continue
		}
		out = append(out, r.Group+"/"+r.Event.Name)
	}
	return out
}

// P18x, for clients: when their node is lost members join again at the next one,
// with new refs, as often and with the metadata as before, and with a gap.
func TestJoinAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "o")
		other := w.client([]string{"o"})
		c := w.client([]string{"a", "b"})
		first := c.Addr()
		m1 := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		m2 := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		gone := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		for _, step := range []func() error{
			func() error { return join(c.Scope(""), "g", "x", m1, m2) },
			func() error { return join(c.Scope(""), "g", "y", m1) },
			func() error { return join(c.Scope(""), "g", "z", m1, gone) },
			func() error { _, err := c.Scope("").Leave(t.Context(), "g", m1); return err },
			func() error { return join(c.Scope("s"), "h", "", m2, m2) },
			func() error { return c.Scope("s").SetMeta(t.Context(), "h", m2, "set") },
			gone.Close,
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		state := func() string {
			g, err1 := other.Scope("").Members(t.Context(), "g")
			h, err2 := other.Scope("s").Members(t.Context(), "h")
			return fmt.Sprint(metas(g), "|", metas(h), errors.Join(err1, err2))
		}
		const want = "x x y|set set<nil>"
		if got := state(); got != want {
			t.Fatalf("members before %q, want %q", got, want)
		}
		old := m1.Ref()
		w.stop(first)
		if got := received(t, m1, 1); got[0] != "reconnected" {
			t.Errorf("m1 received %v, want a gap", got)
		}
		eventually(t, "joined again", func() bool { return state() == want })
		if m1.Ref() == old || string(m1.Ref().Node.ID) != c.Addr() {
			t.Errorf("ref %v after %v, on %s", m1.Ref(), old, c.Addr())
		}
		if _, err := other.Scope("").Broadcast(t.Context(), "g", numberedEvent(1)); err != nil {
			t.Error(err)
		}
		if got := received(t, m1, 2); !slices.Equal(got, []string{"g/1", "g/1"}) {
			t.Errorf("m1 received %v", got)
		}
		if got := received(t, m2, 2); !slices.Equal(got, []string{"reconnected", "g/1"}) {
			t.Errorf("m2 received %v", got)
		}
		if r, err := c.Scope("s").Leave(t.Context(), "h", m2, m2); err != nil || r.Left != 2 {
			t.Errorf("Leave on the new node = %+v, %v", r, err)
		}
		if local, err := c.Scope("").LocalMembers(t.Context(), "g"); err != nil || len(local) != 3 {
			t.Errorf("LocalMembers = %v, %v", local, err)
		}
		if groups, err := c.Scope("").Groups(t.Context()); err != nil || !slices.Equal(groups, []eventnode.GroupSize{{Group: "g", Members: 3}}) {
			t.Errorf("Groups = %v, %v", groups, err)
		}
		if groups, err := other.Scope("").LocalGroups(t.Context()); err != nil || len(groups) != 0 {
			t.Errorf("LocalGroups elsewhere = %v, %v", groups, err)
		}
	})
}

func join(s eventnode.Scope, group, meta string, members ...eventnode.Member) error {
	_, err := s.Join(context.Background(), group, members, eventnode.WithMeta(meta))
	return err
}

// An operation whose answer was lost with its connection has been undone with
// it; it is done again at the next node, once.
func TestOperationsUnderWaySurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "o")
		other := w.client([]string{"o"})
		c := w.client([]string{"a", "b"})
		first := c.Addr()
		m := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		if err := join(c.Scope(""), "g", "kept", m); err != nil {
			t.Fatal(err)
		}
		w.set(first, func(n *plainNode) { n.hold = true })
		done := make(chan error)
		go func() { done <- join(c.Scope(""), "g", "under way", m) }()
		synctest.Wait()
		go func() {
			_, err := c.NewMember(t.Context(), 0)
			done <- err
		}()
		synctest.Wait()
		w.stop(first)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		list, err := other.Scope("").Members(t.Context(), "g")
		if got := metas(list); got != "kept under way" || err != nil {
			t.Errorf("members %q, %v", got, err)
		}
	})
}

func TestOperationEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		m := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		w.set("a", func(n *plainNode) { n.hold = true })
		_, err := c.Scope("").Join(shortly(t), "g", []eventnode.Member{m})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Errorf("Join = %v, want DeadlineExceeded, ErrOutcomeUnknown", err)
		}
		_, err = c.NewMember(shortly(t), 0)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("NewMember = %v, want DeadlineExceeded", err)
		}
		if _, err := m.Receive(shortly(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive = %v, want DeadlineExceeded", err)
		}
	})
}

func TestMembersOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c, other := w.client([]string{"a"}, client.WithMaxMemberships(2)), w.client([]string{"a"})
		mine := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		theirs := must[eventnode.Member](t)(other.NewMember(t.Context(), 0))
		if err := join(c.Scope(""), "g", "", mine, theirs); !errors.Is(err, eventnode.ErrNotOwner) {
			t.Errorf("Join = %v, want ErrNotOwner", err)
		}
		if _, err := c.Scope("").Leave(t.Context(), "g", theirs); !errors.Is(err, eventnode.ErrNotOwner) {
			t.Errorf("Leave = %v, want ErrNotOwner", err)
		}
		if list, _ := c.Scope("").Members(t.Context(), "g"); len(list) != 0 {
			t.Errorf("%v joined", list)
		}
		if err := join(c.Scope(""), "g", "", mine, mine, mine); !errors.Is(err, eventnode.ErrLimit) {
			t.Errorf("Join = %v, want ErrLimit", err)
		}
		if err := errors.Join(join(c.Scope(""), "g", ""), join(c.Scope(""), "g", "", mine, mine)); err != nil {
			t.Error(err)
		}
		if err := join(c.Scope(""), "g", "", mine); !errors.Is(err, eventnode.ErrLimit) {
			t.Errorf("Join = %v, want ErrLimit", err)
		}
		if err := errors.Join(mine.Close(), mine.Close()); err != nil {
			t.Error(err)
		}
		if err := join(c.Scope(""), "g", "", mine); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Join of a closed member = %v, want ErrClosed", err)
		}
		if _, err := mine.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Receive of a closed member = %v, want ErrClosed", err)
		}
		eventually(t, "left by closing", func() bool {
			list, _ := c.Scope("").Members(t.Context(), "g")
			return len(list) == 0
		})
	})
}

// A monitor that lost its node goes on with a resync.
func TestMonitorAgainWithAResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "o")
		other := w.client([]string{"o"})
		m := must[eventnode.Member](t)(other.NewMember(t.Context(), 0))
		if err := join(other.Scope(""), "g", "before", m); err != nil {
			t.Fatal(err)
		}
		c := w.client([]string{"a", "b"})
		mon := must[eventnode.Monitor](t)(c.Scope("").MonitorScope(t.Context()))
		if got := metas(mon.Snapshot()["g"]); got != "before" {
			t.Errorf("snapshot %v", mon.Snapshot())
		}
		w.stop("a")
		w.stop("b")
		if err := join(other.Scope(""), "h", "meanwhile", m); err != nil {
			t.Fatal(err)
		}
		w.start("b")
		ch, err := mon.Next(t.Context())
		if err != nil || len(ch.Resync) != 2 || metas(ch.Resync["h"]) != "meanwhile" || ch.Group != "" {
			t.Errorf("Next = %+v, %v, want a resync with both groups", ch, err)
		}
		if err := join(other.Scope(""), "h", "after", m); err != nil {
			t.Fatal(err)
		}
		if ch, err := mon.Next(shortly(t)); err != nil || ch.Group != "h" || metas(ch.Joined) != "after" {
			t.Errorf("Next = %+v, %v, want the join after it", ch, err)
		}
		time.AfterFunc(time.Second, func() { mon.Close() })
		for ch, err := range mon.All(t.Context()) {
			t.Errorf("All: %v, %v", ch, err)
		}
	})
}
