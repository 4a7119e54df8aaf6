package groups

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/exchange"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// scope is a name and the table it stands for.
type scope struct {
	g    *Groups
	name string
	err  error // why every call fails; nil if the name is good
}

var _ eventnode.Scope = (*scope)(nil)

// Scope returns a namespace of groups. Names that start with "eventnode." are
// reserved: every call on such a scope fails with ErrInvalidArgument. A scope
// whose name starts with "local:" never leaves this node.
func (g *Groups) Scope(name string) eventnode.Scope {
	s := &scope{g: g, name: name, err: g.checkName("scope", name)}
	if s.err == nil && strings.HasPrefix(name, ReservedPrefix) {
		s.err = invalid("scope %q is reserved", name)
	}
	return s
}

// ReservedScope is Scope for this project's own planes: name must start with
// "eventnode.".
func (g *Groups) ReservedScope(name string) eventnode.Scope {
	s := &scope{g: g, name: name, err: g.checkName("scope", name)}
	if s.err == nil && !strings.HasPrefix(name, ReservedPrefix) {
		s.err = invalid("scope %q is not reserved", name)
	}
	return s
}

func isLocal(scope string) bool { return exchange.Local(scope) }

// invalid makes an ErrInvalidArgument that says what is invalid.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", eventnode.ErrInvalidArgument, fmt.Sprintf(format, args...))
}

func (g *Groups) checkName(what, name string) error {
	if len(name) > g.cfg.Limits.MaxNameBytes {
		return &eventnode.LimitError{Limit: "max_name_bytes", Max: g.cfg.Limits.MaxNameBytes, Got: len(name)}
	}
	if !utf8.ValidString(name) {
		return invalid("%s name %.80q is not UTF-8", what, name)
	}
	return nil
}

// check checks the scope and a group's name.
func (s *scope) check(group string) error {
	if s.err != nil {
		return s.err
	}
	if group == "" {
		return invalid("a group needs a name")
	}
	return s.g.checkName("group", group)
}

func (s *scope) checkList(n int) error {
	if most := s.g.cfg.Limits.MaxListLen; n > most {
		return &eventnode.LimitError{Limit: "max_list_len", Max: most, Got: n}
	}
	return nil
}

func (s *scope) checkMeta(meta string) error {
	if most := s.g.cfg.Limits.MaxMetaBytes; len(meta) > most {
		return &eventnode.LimitError{Limit: "max_meta_bytes", Max: most, Got: len(meta)}
	}
	return nil
}

// Name returns the scope's name.
func (s *scope) Name() string { return s.name }

// own returns the handles behind members, or ErrNotOwner if one is somebody
// else's.
func (g *Groups) own(members []eventnode.Member) ([]*member, error) {
	ms := make([]*member, len(members))
	for i, m := range members {
		h, ok := m.(*member)
		if !ok || h == nil || h.g != g {
			return nil, fmt.Errorf("member %d of the list: %w", i, eventnode.ErrNotOwner)
		}
		ms[i] = h
	}
	return ms, nil
}

// entry is a group and the members that a change lists for it.
type entry struct {
	group   string
	members []*member
}

// Join adds each member once for each time it is listed, as one change.
func (s *scope) Join(ctx context.Context, group string, members []eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	ms, err := s.g.own(members)
	if err != nil {
		return eventnode.JoinResult{}, err
	}
	return s.join(ctx, []entry{{group, ms}}, opts...)
}

// JoinMany joins one member to many groups, as one change; a group that is
// listed twice is joined twice.
func (s *scope) JoinMany(ctx context.Context, groups []string, m eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	entries, err := s.each(groups, m)
	if err != nil {
		return eventnode.JoinResult{}, err
	}
	return s.join(ctx, entries, opts...)
}

// Leave takes each member out once for each time it is listed, as one change.
func (s *scope) Leave(ctx context.Context, group string, members ...eventnode.Member) (eventnode.LeaveResult, error) {
	ms, err := s.g.own(members)
	if err != nil {
		return eventnode.LeaveResult{}, err
	}
	return s.leave(ctx, []entry{{group, ms}})
}

// LeaveMany takes one member out of many groups, as one change.
func (s *scope) LeaveMany(ctx context.Context, groups []string, m eventnode.Member) (eventnode.LeaveResult, error) {
	entries, err := s.each(groups, m)
	if err != nil {
		return eventnode.LeaveResult{}, err
	}
	return s.leave(ctx, entries)
}

func (s *scope) each(groups []string, m eventnode.Member) ([]entry, error) {
	ms, err := s.g.own([]eventnode.Member{m})
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(groups))
	for i, group := range groups {
		entries[i] = entry{group, ms}
	}
	return entries, nil
}

// gather checks entries and adds them up: one entry a group, one count a
// member. It returns how many occurrences there are.
func (s *scope) gather(entries []entry, meta string) (deltas []table.Delta, total int, err error) {
	for _, e := range entries {
		if total += len(e.members); s.checkList(total) != nil {
			return nil, total, s.checkList(total)
		}
	}
	deltas = make([]table.Delta, 0, len(entries))
	var index map[string]int // of several
	if len(entries) > 1 {
		index = make(map[string]int, len(entries))
	}
	for _, e := range entries {
		if err := s.check(e.group); err != nil {
			return nil, total, err
		}
		i, ok := index[e.group]
		if !ok {
			i = len(deltas)
			deltas = append(deltas, table.Delta{Group: e.group, Joined: make([]table.Member, 0, len(e.members))})
		}
		if index != nil {
			index[e.group] = i
		}
		for _, m := range e.members {
			deltas[i].Joined = append(deltas[i].Joined, table.Member{Ref: m.ref, Times: 1, Meta: meta})
		}
	}
	for i := range deltas {
		deltas[i].Joined = sum(deltas[i].Joined)
	}
	slices.SortFunc(deltas, byGroup)
	return deltas, total, nil
}

func byGroup(a, b table.Delta) int { return cmp.Compare(a.Group, b.Group) }

// sum adds up the occurrences of each member; ms may be changed.
func sum(ms []table.Member) []table.Member {
	slices.SortFunc(ms, func(a, b table.Member) int { return cmp.Compare(a.Ref, b.Ref) })
	out := ms[:0]
	for _, m := range ms {
		if last := len(out) - 1; last >= 0 && out[last].Ref == m.Ref {
			out[last].Times += m.Times
		} else {
			out = append(out, m)
		}
	}
	return out
}

func (s *scope) join(ctx context.Context, entries []entry, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	o := eventnode.NewJoinOptions(opts...)
	if s.err != nil {
		return eventnode.JoinResult{}, s.err
	}
	if err := s.checkMeta(o.Meta); err != nil {
		return eventnode.JoinResult{}, err
	}
	deltas, total, err := s.gather(entries, o.Meta)
	if err != nil || total == 0 {
		return eventnode.JoinResult{}, err
	}
	var res eventnode.JoinResult
	if s.g.enter(ctx) {
		res.Joined, err = s.admitted(entries, deltas)
		s.g.leaveTurn()
	} else {
		res.Joined, err = s.queueJoin(ctx, entries, deltas)
	}
	if err != nil {
		return eventnode.JoinResult{}, err
	}
	if o.Wait > 0 {
		_, res.Missing, err = s.g.waitVisible(ctx, s.name, o.Wait)
	}
	return res, err
}

// queueJoin has whoever is the writer next join. It is a function of its own, so
// that only a join that waits costs the memory of one that waits.
func (s *scope) queueJoin(ctx context.Context, entries []entry, deltas []table.Delta) (joined int, err error) {
	if e := s.g.queue(ctx, func() { joined, err = s.admitted(entries, deltas) }); e != nil {
		return 0, e
	}
	return joined, err
}

// admitted joins if it may. The writer calls it.
func (s *scope) admitted(entries []entry, deltas []table.Delta) (joined int, err error) {
	if err := s.admit(entries, deltas); err != nil {
		return 0, err
	}
	return s.g.join(s.name, entries, deltas), nil
}

// join makes an admitted change. The writer calls it.
func (g *Groups) join(scope string, entries []entry, deltas []table.Delta) int {
	joined := 0
	for _, d := range g.x.Change(scope, deltas) {
		joined += times(d.Joined)
	}
	t := g.x.Table(scope)
	for _, e := range entries {
		if len(e.members) == 0 {
			continue
		}
		c := t.Cell(e.group)
		for _, m := range e.members {
			m.joined.add(c)
		}
	}
	g.publish()
	return joined
}

// admit checks what may have changed until the writer came to it: closed
// members and limits. The writer calls it.
func (s *scope) admit(entries []entry, deltas []table.Delta) error {
	for _, e := range entries {
		if slices.ContainsFunc(e.members, func(m *member) bool { return m.gone }) {
			return eventnode.ErrClosed
		}
	}
	limits, t := s.g.cfg.Limits, s.g.x.Table(s.name)
	if s.g.x.Version(s.name) == 0 && s.g.x.OwnScopes() >= limits.MaxScopes {
		return &eventnode.LimitError{Limit: "max_scopes", Max: limits.MaxScopes}
	}
	var fresh int
	for _, d := range deltas {
		all, own := 0, 0
		if t != nil {
			all, own = t.Size(d.Group, s.g.cfg.Self)
		}
		if own == 0 {
			fresh++
		}
		if all += times(d.Joined); all > min(limits.MaxMembersPerGroup, table.MaxTimes) {
			return &eventnode.LimitError{Limit: "max_members_per_group", Max: limits.MaxMembersPerGroup, Got: all}
		}
	}
	if groups := fresh + s.ownGroups(t); fresh > 0 && groups > limits.MaxGroups {
		return &eventnode.LimitError{Limit: "max_groups", Max: limits.MaxGroups, Got: groups}
	}
	return nil
}

func (s *scope) ownGroups(t *table.Table) int {
	if t == nil {
		return 0
	}
	own, _ := t.Part(s.g.cfg.Self.ID)
	return own.Groups
}

func (s *scope) leave(ctx context.Context, entries []entry) (eventnode.LeaveResult, error) {
	if s.err != nil {
		return eventnode.LeaveResult{}, s.err
	}
	deltas, total, err := s.gather(entries, "")
	if err != nil || total == 0 {
		return eventnode.LeaveResult{}, err
	}
	for i := range deltas {
		deltas[i].Joined, deltas[i].Left = nil, deltas[i].Joined
	}
	var left int
	if err := s.g.do(ctx, func() { left = s.g.leave(s.name, entries, deltas) }); err != nil {
		return eventnode.LeaveResult{}, err
	}
	res := eventnode.LeaveResult{Left: left, NotJoined: total - left}
	if left == 0 {
		return res, eventnode.ErrNotJoined
	}
	return res, nil
}

// leave makes a change. The writer calls it.
func (g *Groups) leave(scope string, entries []entry, deltas []table.Delta) int {
	t := g.x.Table(scope)
	if t == nil {
		return 0
	}
	cells := make([]*table.Cell, len(entries)) // now: the change may be the end of some
	for i, e := range entries {
		cells[i] = t.Cell(e.group)
	}
	left := 0
	for _, d := range g.x.Change(scope, deltas) {
		left += times(d.Left)
	}
	for i, e := range entries {
		for _, m := range e.members {
			if cells[i] != nil && cells[i].Standing(m.Ref()).Times == 0 {
				m.joined.remove(cells[i])
			}
		}
	}
	g.publish()
	return left
}

// SetMeta replaces the metadata of a member in a group: of all its memberships
// there.
func (s *scope) SetMeta(ctx context.Context, group string, m eventnode.Member, meta string) error {
	ms, err := s.g.own([]eventnode.Member{m})
	if err == nil {
		err = cmp.Or(s.check(group), s.checkMeta(meta))
	}
	if err != nil {
		return err
	}
	if e := s.g.do(ctx, func() {
		t := s.g.x.Table(s.name)
		if t == nil || t.Standing(ms[0].Ref(), group).Times == 0 {
			err = eventnode.ErrNotJoined
			return
		}
		s.g.x.Change(s.name, []table.Delta{{Group: group, Updated: []table.Member{{Ref: ms[0].ref, Meta: meta}}}})
		s.g.publish()
	}); e != nil {
		return e
	}
	return err
}
