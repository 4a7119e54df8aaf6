package memberlist

import (
	"fmt"
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// viewers is who sees what. Most clients ask for the same ranges: what they are told is
// made once.
type viewers struct {
	all       []*view
	byRanges  map[string]*view
	bySession map[sessions.ID]seat

	noted  []*view        // who is told of the change that is being made
	traced map[string]int // by trace: which Change has it
}

// view is a set of ranges, and the sessions that have it.
type view struct {
	name     string
	at       int     // in viewers.all
	ranges   []Range // as they were asked for, sorted
	runs     []Range // those that touch joined
	sessions []sessions.ID

	ops   []Op
	trace []byte
}

// seat is where a session is in its view.
type seat struct {
	view *view
	at   int
}

func newViewers() viewers {
	return viewers{byRanges: map[string]*view{}, bySession: map[sessions.ID]seat{}, traced: map[string]int{}}
}

// has reports whether an index is in one of the runs.
func (v *view) has(i int) bool {
	return slices.ContainsFunc(v.runs, func(r Range) bool { return r.has(i) })
}

// of is the view with these ranges, which may be a new one.
func (w *viewers) of(ranges []Range) *view {
	name := fmt.Sprint(ranges)
	v := w.byRanges[name]
	if v == nil {
		v = &view{name: name, at: len(w.all), ranges: ranges, runs: runs(ranges)}
		w.all, w.byRanges[name] = append(w.all, v), v
	}
	return v
}

func (w *viewers) seat(s sessions.ID, v *view) {
	w.bySession[s] = seat{v, len(v.sessions)}
	v.sessions = append(v.sessions, s)
}

// leave takes a session from its seat; the last one of the view takes that.
func (w *viewers) leave(s sessions.ID) {
	is, ok := w.bySession[s]
	if !ok {
		return
	}
	delete(w.bySession, s)
	v, last := is.view, len(is.view.sessions)-1
	if is.at < last {
		moved := v.sessions[last]
		v.sessions[is.at], w.bySession[moved] = moved, is
	}
	if v.sessions[last] = ""; last > 0 {
		v.sessions = v.sessions[:last]
		return
	}
	delete(w.byRanges, v.name)
	moved := w.all[len(w.all)-1]
	w.all[v.at], moved.at = moved, v.at
	w.all[len(w.all)-1] = nil
	w.all = w.all[:len(w.all)-1]
}

// Subscribe replaces the ranges of a session: clients send all that they want each time.
// Negative and reversed ones are ignored; none that is left means none at all, and the
// session is no longer there. The change, if there is one, is for this session: what it
// has no more is invalid, and each range that it asked for is sent.
//
// It fails with a *eventnode.LimitError, and changes nothing then.
func (l *List) Subscribe(session sessions.ID, ranges []Range) ([]Change, error) {
	ranges, err := l.cfg.sound(ranges)
	if err != nil {
		return nil, err
	}
	w := &l.viewers
	was, there := w.bySession[session]
	if !there && len(ranges) > 0 && len(w.bySession) >= l.cfg.MaxSessions {
		return nil, &eventnode.LimitError{Limit: "max_list_sessions", Max: l.cfg.MaxSessions}
	}
	var ops []Op
	if there {
		for _, r := range without(was.view.runs, runs(ranges)) {
			ops = append(ops, Op{Kind: Invalidate, Range: r})
		}
	}
	w.leave(session)
	if len(ranges) > 0 {
		w.seat(session, w.of(ranges))
	}
	if ops = l.syncs(ops, ranges); len(ops) == 0 {
		return nil, nil
	}
	return []Change{l.change(ops, []sessions.ID{session})}, nil
}

// Unsubscribe takes out a session that has ended: it is told nothing.
func (l *List) Unsubscribe(session sessions.ID) { l.viewers.leave(session) }

// Sessions is how many subscribe.
func (l *List) Sessions() int { return len(l.viewers.bySession) }

// Empty reports whether nobody subscribes: the list need not be kept, and can be made
// again when somebody does.
func (l *List) Empty() bool { return l.Sessions() == 0 }

// Covered is the sessions that have a member in their ranges. After Put it is those that
// know of his new presence by the list, and need no other event for it. It holds until
// the list is called again.
func (l *List) Covered(user sessions.Snowflake) iter.Seq[sessions.ID] {
	return func(yield func(sessions.ID) bool) {
		n := l.members[user]
		if n == nil {
			return
		}
		i := n.index()
		for _, v := range l.viewers.all {
			if !v.has(i) {
				continue
			}
			for _, s := range v.sessions {
				if !yield(s) {
					return
				}
			}
		}
	}
}
