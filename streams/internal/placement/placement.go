// Package placement decides who takes part in a partition, one step at a time.
//
// Gossip proposes and Raft decides: a leader asks for the Next step, has Raft agree
// on it, and asks again. The rules, in their order:
//
//   - A replica whose node came back with another data directory is gone for good: it
//     is removed.
//   - A non-voter that has caught up becomes a voter if there are too few, or if a
//     voter has been away for longer than the timeout, or goes for good: then it is
//     its stand-in.
//   - A replica that goes for good, and never comes back, is removed: a voter that is
//     there only after its stand-in votes, if there is one to be had. It loses its
//     vote first, so that it knows and asks for none; and if it leads, another one
//     leads first.
//   - A voter that has been away for longer than the timeout is removed when there are
//     enough without it. Dead is not removed: only replaced.
//   - A voter whose node lacks what it is to have goes as one that goes for good, but
//     only after its stand-in votes. So does one too many, if all leaders agree on how
//     many there are to be.
//   - A node with storage that is no member becomes a non-voter if there are too few
//     voters, or one is to be replaced; not one that is gone for good, nor one that
//     does not know the commands that are used, nor one that lacks what it is to
//     have.
//   - A non-voter that has been away for longer than the timeout is removed, and so
//     is one that lacks what it is to have, or that is one too many.
//
// Nothing is removed, and nobody loses its vote, if the voters that are there would
// not be a majority after it.
//
// It is pure, but for a Memory, which belongs to one goroutine.
package placement

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Node is a node with storage that gossip holds alive.
type Node struct {
	Name    string
	Replica uuid.UUID
	// Level is the highest level of commands that it knows.
	Level uint32
	// Retired says that its replica went for good.
	Retired bool
	// Unfit says that it lacks what nodes with replicas are to have.
	Unfit bool
}

// Member is a replica that takes part.
type Member struct {
	ID       uuid.UUID
	Voter    bool
	CaughtUp bool // a non-voter that lacks next to nothing
	// Away is how long its node has not been there; 0 if it is.
	Away time.Duration
	// Replaced says that its node has another data directory now.
	Replaced bool
	// Retired says that it goes for good: its node leaves, or was removed.
	Retired bool
	// Unfit says that its node is there, and lacks what nodes with replicas are to
	// have. One that is away may come back with it.
	Unfit bool
}

// View is what is decided on.
type View struct {
	Self   uuid.UUID // the leader's replica
	Voters int       // how many there are to be
	// Exact says that more are to be let go, too: all leaders agree on Voters. Else
	// each has it of its own configuration, and what one adds another would remove.
	Exact   bool
	Timeout time.Duration
	Level   uint32 // of the commands that are used
	Living  []Node
	Members []Member
}

// Action is what a step does.
type Action uint8

// The actions.
const (
	AddNonvoter Action = iota
	Promote
	Demote
	Remove
	HandOver // another one is to lead, which then goes on
)

// String returns the action in words.
func (a Action) String() string {
	return [...]string{"add as non-voter", "make a voter", "take the vote of", "remove", "hand over from"}[a]
}

// Step is one change.
type Step struct {
	Action  Action
	Replica uuid.UUID
}

// String returns the step in words.
func (s Step) String() string { return fmt.Sprintf("%v: %v", s.Action, s.Replica) }

// Next returns the next step; false if all is as it should be, or nothing can be
// done.
func Next(v View) (Step, bool) {
	for _, rule := range []func(View) (Step, bool){replaced, promote, retire, retireSelf, removeDead, removeUnfit, removeSpare, displace, displaceSelf, add, removeAway} {
		if s, ok := rule(v); ok {
			return s, true
		}
	}
	return Step{}, false
}

func replaced(v View) (Step, bool) {
	for _, m := range v.Members {
		if m.Replaced && v.mayRemove(m) {
			return Step{Remove, m.ID}, true
		}
	}
	return Step{}, false
}

func promote(v View) (Step, bool) {
	if v.voters() >= v.Voters && !v.lacks() {
		return Step{}, false
	}
	if v.voters() > v.Voters {
		return Step{}, false // the stand-in votes already
	}
	for _, m := range v.Members {
		if m.mayStandIn() && m.CaughtUp {
			return Step{Promote, m.ID}, true
		}
	}
	return Step{}, false
}

// retire lets go of those that go for good, but for the leader.
func retire(v View) (Step, bool) {
	for _, m := range v.Members {
		switch {
		case !m.Retired || !v.mayRemove(m):
		case !m.Voter || m.Away > 0:
			return Step{Remove, m.ID}, true
		case !v.waitsForStandIn():
			return Step{Demote, m.ID}, true
		}
	}
	return Step{}, false
}

func retireSelf(v View) (Step, bool) {
	for _, m := range v.Members {
		if m.ID == v.Self && m.Retired && m.Voter && v.canDoWithout(m) && !v.waitsForStandIn() {
			return Step{HandOver, m.ID}, true
		}
	}
	return Step{}, false
}

func removeDead(v View) (Step, bool) {
	if v.voters() <= v.Voters {
		return Step{}, false
	}
	for _, m := range v.Members {
		if m.Voter && v.dead(m) && v.mayRemove(m) {
			return Step{Remove, m.ID}, true
		}
	}
	return Step{}, false
}

func add(v View) (Step, bool) {
	if n, ok := v.candidate(); ok {
		return Step{AddNonvoter, n.Replica}, true
	}
	return Step{}, false
}

// candidate is the node that becomes a member next, if one is wanted and there.
func (v View) candidate() (Node, bool) {
	want := v.Voters
	if v.lacks() {
		want++
	}
	if len(v.Members) >= want {
		return Node{}, false
	}
	living := slices.Clone(v.Living)
	slices.SortFunc(living, func(a, b Node) int { return slices.Compare(a.Replica[:], b.Replica[:]) })
	for _, n := range living {
		if !n.Retired && !n.Unfit && n.Level >= v.Level && !slices.ContainsFunc(v.Members, func(m Member) bool { return m.ID == n.Replica }) {
			return n, true
		}
	}
	return Node{}, false
}

func removeAway(v View) (Step, bool) {
	for _, m := range v.Members {
		if !m.Voter && v.dead(m) {
			return Step{Remove, m.ID}, true
		}
	}
	return Step{}, false
}

func (v View) voters() (n int) {
	for _, m := range v.Members {
		if m.Voter {
			n++
		}
	}
	return n
}

func (v View) dead(m Member) bool { return m.Away > v.Timeout }

// lacks reports whether a voter is to be replaced.
func (v View) lacks() bool {
	return slices.ContainsFunc(v.Members, func(m Member) bool { return m.Voter && (m.Retired || m.Unfit || v.dead(m)) })
}

// mayStandIn reports whether m is to become a voter when it has caught up.
func (m Member) mayStandIn() bool { return !m.Voter && !m.Retired && !m.Unfit && m.Away == 0 }

// hasStandIn reports whether there is one that will vote in another's place.
func (v View) hasStandIn() bool {
	_, ok := v.candidate()
	return ok || slices.ContainsFunc(v.Members, Member.mayStandIn)
}

// waitsForStandIn reports whether one is to vote before a voter goes.
func (v View) waitsForStandIn() bool { return v.voters() <= v.Voters && v.hasStandIn() }

// mayRemove reports whether the leader may take m's part away.
func (v View) mayRemove(m Member) bool { return !m.Voter || m.ID != v.Self && v.canDoWithout(m) }

// canDoWithout reports whether the voters that are there are a majority without m.
func (v View) canDoWithout(m Member) bool {
	rest, there := 0, 0
	for _, o := range v.Members {
		if !o.Voter || o.ID == m.ID {
			continue
		}
		rest++
		if o.Away == 0 {
			there++
		}
	}
	return there > rest/2
}

// Memory is what a leader remembers of who was there, of those that are there or
// take part.
type Memory struct {
	seen map[uuid.UUID]time.Time
	name map[uuid.UUID]string
}

// NewMemory returns one that remembers nothing: everybody counts as just seen.
func NewMemory() *Memory {
	return &Memory{seen: map[uuid.UUID]time.Time{}, name: map[uuid.UUID]string{}}
}

// Named says which node had a replica before this memory began.
func (m *Memory) Named(id uuid.UUID, node string) {
	if _, known := m.name[id]; !known && node != "" {
		m.name[id] = node
	}
}

// Note takes note of who is there now, and fills in Away and Replaced.
func (m *Memory) Note(v *View, now time.Time) {
	by := map[string]uuid.UUID{}
	for _, n := range v.Living {
		m.seen[n.Replica], m.name[n.Replica] = now, n.Name
		by[n.Name] = n.Replica
	}
	for i := range v.Members {
		member := &v.Members[i]
		since, known := m.seen[member.ID]
		if !known {
			m.seen[member.ID], since = now, now
		}
		if there := slices.ContainsFunc(v.Living, func(n Node) bool { return n.Replica == member.ID }); !there {
			member.Away = max(now.Sub(since), 1) // it is away, be it for no time
		}
		if name, named := m.name[member.ID]; named {
			other, there := by[name]
			member.Replaced = there && other != member.ID
		}
	}
	m.forget(*v)
}

// forget keeps what is remembered of those in the view.
func (m *Memory) forget(v View) {
	keep := make(map[uuid.UUID]bool, len(v.Living)+len(v.Members))
	for _, n := range v.Living {
		keep[n.Replica] = true
	}
	for _, member := range v.Members {
		keep[member.ID] = true
	}
	maps.DeleteFunc(m.seen, func(id uuid.UUID, _ time.Time) bool { return !keep[id] })
	maps.DeleteFunc(m.name, func(id uuid.UUID, _ string) bool { return !keep[id] })
}
