package cluster

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/eventnode/eventnode"
)

// feed gathers what comes by itself between two commands.
type feed[T any] struct {
	mu  sync.Mutex
	got []T
}

// follow gathers until the sequence ends.
func follow[T any](s *scenario, from iter.Seq2[T, error]) *feed[T] {
	f := &feed[T]{}
	go func() {
		for v, err := range from {
			if err != nil {
				s.t.Error(err)
				return
			}
			f.mu.Lock()
			f.got = append(f.got, v)
			f.mu.Unlock()
		}
	}()
	return f
}

// take returns what has come since the last take.
func (f *feed[T]) take() []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.got
	f.got = nil
	return got
}

// member returns the member that a command is about, and makes it if needed. Its
// name is WHO.AS, or WHO alone.
func (s *scenario) member(a args) (eventnode.Member, error) {
	name := memberName(a)
	if m := s.members[name]; m != nil {
		return m, nil
	}
	m, err := s.who(a).NewMember(s.t.Context(), 0)
	if err != nil {
		return nil, err
	}
	s.members[name] = m
	s.learn()
	return m, nil
}

func memberName(a args) string { return strings.TrimSuffix(a.first()+"."+a.get("as", ""), ".") }

// learn notes the members' present refs: a client's change with its node.
func (s *scenario) learn() {
	for name, m := range s.members {
		s.names[m.Ref()] = name
	}
}

// several repeats a member as often as the command says.
func several(a args, m eventnode.Member) ([]eventnode.Member, error) {
	times, err := strconv.Atoi(a.get("times", "1"))
	if err != nil {
		return nil, err
	}
	return slices.Repeat([]eventnode.Member{m}, times), nil
}

func (s *scenario) join(a args) (string, error) {
	m, err := s.member(a)
	if err != nil {
		return "", err
	}
	list, err := several(a, m)
	if err != nil {
		return "", err
	}
	_, err = s.who(a).Scope("").Join(s.t.Context(), a.named["group"], list, eventnode.WithMeta(a.get("meta", "")))
	return "", err
}

func (s *scenario) leave(a args) (string, error) {
	m, err := s.member(a)
	if err != nil {
		return "", err
	}
	list, err := several(a, m)
	if err != nil {
		return "", err
	}
	res, err := s.who(a).Scope("").Leave(s.t.Context(), a.named["group"], list...)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("left %d, not joined %d", res.Left, res.NotJoined), nil
}

func (s *scenario) end(a args) (string, error) {
	m, err := s.member(a)
	if err != nil {
		return "", err
	}
	delete(s.members, memberName(a))
	return "", m.Close()
}

func (s *scenario) list(a args) (string, error) {
	found, err := s.who(a).Scope("").Members(s.t.Context(), a.named["group"])
	if err != nil {
		return "", err
	}
	return cmp.Or(s.spell("", found), "nobody"), nil
}

func (s *scenario) groups(a args) (string, error) {
	found, err := s.who(a).Scope("").Groups(s.t.Context())
	if err != nil {
		return "", err
	}
	var lines []string
	for _, g := range found {
		lines = append(lines, fmt.Sprintf("%s %d", g.Group, g.Members))
	}
	slices.Sort(lines)
	return cmp.Or(strings.Join(lines, "\n"), "none"), nil
}

// spell names memberships, sorted, each with a sign: name*times=metadata.
func (s *scenario) spell(sign string, ms []eventnode.Membership) string {
	times := map[string]int{}
	for _, m := range ms {
		word := cmp.Or(s.names[m.Member], "?")
		if m.Meta != "" {
			word += "=" + m.Meta
		}
		times[word]++
	}
	var words []string
	for word, n := range times {
		if n > 1 {
			name, meta, found := strings.Cut(word, "=")
			word = fmt.Sprintf("%s*%d", name, n)
			if found {
				word += "=" + meta
			}
		}
		words = append(words, sign+word)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func (s *scenario) monitor(a args) (string, error) {
	var mon eventnode.Monitor
	var err error
	scope := s.who(a).Scope("")
	if group, ok := a.named["group"]; ok {
		mon, err = scope.Monitor(s.t.Context(), group)
	} else {
		mon, err = scope.MonitorScope(s.t.Context())
	}
	if err != nil {
		return "", err
	}
	s.t.Cleanup(func() { mon.Close() })
	s.watches[a.first()] = follow(s, mon.All(context.WithoutCancel(s.t.Context())))
	return cmp.Or(s.spellGroups(mon.Snapshot()), "nothing yet"), nil
}

func (s *scenario) spellGroups(groups map[string][]eventnode.Membership) string {
	var lines []string
	for group, ms := range groups {
		lines = append(lines, group+" "+s.spell("", ms))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// changes prints what a monitor told: one line a change, those of one origin in
// their order, the origins sorted, as their order among each other is open.
func (s *scenario) changes(a args) (string, error) {
	f := s.watches[a.first()]
	if f == nil {
		return "", fmt.Errorf("%s has no monitor", a.first())
	}
	told := f.take()
	slices.SortStableFunc(told, func(a, b eventnode.Change) int { return cmp.Compare(originOf(a), originOf(b)) })
	var lines []string
	for _, ch := range told {
		if ch.Resync != nil {
			lines = append(lines, "resync", s.spellGroups(ch.Resync))
			continue
		}
		words := []string{ch.Group, s.spell("+", ch.Joined), s.spell("-", ch.Left), s.spell("~", ch.Updated)}
		lines = append(lines, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
	}
	return cmp.Or(strings.Join(lines, "\n"), "none"), nil
}

// originOf is the node whose members changed: a change is about one.
func originOf(ch eventnode.Change) eventnode.NodeID {
	for _, m := range slices.Concat(ch.Joined, ch.Left, ch.Updated) {
		return m.Member.Node.ID
	}
	return ""
}
