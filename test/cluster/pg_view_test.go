package cluster_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/eventnode/eventnode"
)

// view is what the reader of a scope's monitor knows: the snapshot, with all
// changes folded in.
type view struct {
	scope eventnode.Scope
	mon   eventnode.Monitor
	done  chan struct{} // closed when nothing more comes

	mu     sync.Mutex
	groups map[string][]string
	err    error // of the first change that did not fit
}

// follow opens a monitor and folds its changes until close.
func (w *world) follow(s eventnode.Scope) *view {
	w.t.Helper()
	mon, err := s.MonitorScope(w.t.Context())
	w.must(err)
	v := &view{scope: s, mon: mon, groups: folded(mon.Snapshot()), done: make(chan struct{})}
	go func() {
		defer close(v.done)
		for ch, err := range mon.All(context.Background()) {
			v.take(ch, err)
		}
	}()
	return v
}

func (v *view) take(ch eventnode.Change, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		err = fold(v.groups, ch)
	}
	if v.err == nil {
		v.err = err
	}
}

func (v *view) close() {
	v.mon.Close()
	<-v.done
}

// equalsTable says how what the monitor told differs from what the node holds.
func (v *view) equalsTable() error {
	now, err := table(v.scope)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		return v.err
	}
	if d := differ(v.groups, now); d != "" {
		return fmt.Errorf("the monitor's view differs from the table: %s", d)
	}
	return nil
}

// table is all that a node holds of a scope.
func table(s eventnode.Scope) (map[string][]string, error) {
	groups, err := s.Groups(context.Background())
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, g := range groups {
		ms, err := s.Members(context.Background(), g.Group)
		if err != nil {
			return nil, err
		}
		if len(ms) > 0 { // it may have emptied since
			found[g.Group] = spelled(ms)
		}
	}
	return found, nil
}

// sameGroups says how the tables of two nodes differ.
func sameGroups(a, b eventnode.Scope) error {
	ta, err := table(a)
	if err != nil {
		return err
	}
	tb, err := table(b)
	if err != nil {
		return err
	}
	if d := differ(ta, tb); d != "" {
		return fmt.Errorf("the tables differ: %s", d)
	}
	return nil
}

// differ names the first difference, in the order of the groups.
func differ(a, b map[string][]string) string {
	groups := slices.Sorted(maps.Keys(a))
	for g := range b {
		if _, ok := a[g]; !ok {
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		if !slices.Equal(a[g], b[g]) {
			return fmt.Sprintf("%s: %v and %v", g, a[g], b[g])
		}
	}
	return ""
}

// fold applies a change to a view, as a reader of a monitor does. A difference
// that does not fit is an error: it would have to be a resync.
func fold(view map[string][]string, ch eventnode.Change) error {
	if ch.Resync != nil {
		clear(view)
		maps.Copy(view, folded(ch.Resync))
		return nil
	}
	for _, m := range ch.Left {
		i := slices.Index(view[ch.Group], spell(m))
		if i < 0 {
			return fmt.Errorf("%s left %s, where it was not: %v", spell(m), ch.Group, view[ch.Group])
		}
		view[ch.Group] = slices.Delete(view[ch.Group], i, i+1)
	}
	for _, m := range ch.Updated {
		if err := update(view[ch.Group], m); err != nil {
			return fmt.Errorf("%s: %w", ch.Group, err)
		}
	}
	for _, m := range ch.Joined {
		view[ch.Group] = append(view[ch.Group], spell(m))
	}
	slices.Sort(view[ch.Group])
	if len(view[ch.Group]) == 0 {
		delete(view, ch.Group)
	}
	return nil
}

// update gives new metadata to each membership of a member in a group.
func update(group []string, m eventnode.Membership) error {
	for i, was := range group {
		if name, _, _ := strings.Cut(was, "="); name == m.Member.String() {
			group[i] = spell(m)
		}
	}
	if !slices.Contains(group, spell(m)) {
		return fmt.Errorf("%s was updated and is not there: %v", spell(m), group)
	}
	return nil
}

// failed returns the first thing told that did not fit.
func (v *view) failed() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.err
}
