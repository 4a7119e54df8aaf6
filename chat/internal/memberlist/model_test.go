package memberlist

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/sessions"
)

// spec is the dumb list: it is sorted anew each time that somebody asks.
type spec struct {
	roles   []Role
	members map[sessions.Snowflake]Member
}

func (s *spec) groupOf(m Member) string {
	if m.Status == sessions.Offline || m.Status == sessions.Invisible {
		return "offline"
	}
	for _, r := range s.sortedRoles() {
		if slices.Contains(m.Roles, r.ID) {
			return r.ID.String()
		}
	}
	return "online"
}

func (s *spec) sortedRoles() []Role {
	return slices.SortedFunc(slices.Values(s.roles), func(a, b Role) int {
		return cmp.Or(b.Position-a.Position, cmp.Compare(a.ID, b.ID))
	})
}

// state is all items, as JSON; and the groups with their counts.
func (s *spec) state() (items []string, groups []Group, users []sessions.Snowflake) {
	var ids []string
	for _, r := range s.sortedRoles() {
		ids = append(ids, r.ID.String())
	}
	for _, id := range append(ids, "online", "offline") {
		var in []Member
		for _, m := range s.members {
			if s.groupOf(m) == id {
				in = append(in, m)
			}
		}
		if len(in) == 0 {
			continue
		}
		slices.SortFunc(in, func(a, b Member) int {
			return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.User, b.User))
		})
		groups = append(groups, Group{id, len(in)})
		items, users = append(items, fmt.Sprintf(`{"group":{"id":"%s","count":%d}}`, id, len(in))), append(users, 0)
		for _, m := range in {
			items, users = append(items, fmt.Sprintf(`{"member":%s}`, m.Payload)), append(users, m.User)
		}
	}
	return items, groups, users
}

func (s *spec) online() (n int) {
	for _, m := range s.members {
		if s.groupOf(m) != "offline" {
			n++
		}
	}
	return n
}

// payload is the JSON of a Change as a client reads it, which knows nothing of this package.
type payload struct {
	GuildID string `json:"guild_id"`
	ID      string
	Ops     []struct {
		Op    string
		Range []int
		Items []json.RawMessage
		Index *int
		Item  json.RawMessage
	}
	Groups      []Group
	MemberCount int `json:"member_count"`
	OnlineCount int `json:"online_count"`
}

// A client does with the ops what a kind of client does.
type client interface {
	sync(first, last int, items []string)
	invalidate(first, last int)
	insert(i int, item string)
	update(i int, item string)
	delete(i int)
	end(length int)
	at(i int) string
}

// array is the client of doc.go. A hole is "".
type array struct{ rows []string }

func (a *array) fit(n int) {
	if n > len(a.rows) {
		a.rows = append(a.rows, make([]string, n-len(a.rows))...)
	}
}
func (a *array) sync(first, last int, items []string) {
	a.invalidate(first, last)
	copy(a.rows[first:], items)
}
func (a *array) invalidate(first, last int) { a.fit(last + 1); clear(a.rows[first : last+1]) }
func (a *array) insert(i int, item string)  { a.fit(i); a.rows = slices.Insert(a.rows, i, item) }
func (a *array) update(i int, item string)  { a.fit(i + 1); a.rows[i] = item }
func (a *array) delete(i int)               { a.fit(i + 1); a.rows = slices.Delete(a.rows, i, i+1) }
func (a *array) end(length int)             { a.fit(length); a.rows = a.rows[:length] }
func (a *array) at(i int) string {
	if i < len(a.rows) {
		return a.rows[i]
	}
	return ""
}

// careless is how a well-known client does it: it does not delete a hole, inserts at the
// end what is to come behind it, leaves what a SYNC has no item for, and stops at the
// first hole when it invalidates.
type careless struct{ array }

func (c *careless) sync(first, _ int, items []string) {
	for i, item := range items {
		c.update(first+i, item)
	}
}
func (c *careless) insert(i int, item string) { c.array.insert(min(i, len(c.rows)), item) }
func (c *careless) delete(i int) {
	if c.at(i) != "" {
		c.array.delete(i)
	}
}
func (c *careless) invalidate(first, last int) {
	for i := first; i <= last && c.at(i) != ""; i++ {
		c.rows[i] = ""
	}
}

// narrow is a client that has nothing but the runs of its ranges, each by itself.
type narrow struct {
	runs []Range
	rows map[int]string
}

func (n *narrow) run(i int) Range {
	for _, r := range n.runs {
		if r.has(i) {
			return r
		}
	}
	return Range{i, i}
}
func (n *narrow) sync(first, last int, items []string) {
	n.invalidate(first, last)
	for i, item := range items {
		n.rows[first+i] = item
	}
}
func (n *narrow) invalidate(first, last int) {
	maps.DeleteFunc(n.rows, func(i int, _ string) bool { return first <= i && i <= last })
}
func (n *narrow) insert(i int, item string) {
	for j := n.run(i).Last; j > i; j-- {
		n.update(j, n.rows[j-1])
	}
	n.rows[i] = item
}
func (n *narrow) update(i int, item string) { n.rows[i] = item }
func (n *narrow) delete(i int) {
	last := n.run(i).Last
	for j := i; j < last; j++ {
		n.update(j, n.rows[j+1])
	}
	delete(n.rows, last)
}
func (n *narrow) end(int)         {}
func (n *narrow) at(i int) string { return n.rows[i] }

// watcher is one session with all kinds of clients.
type watcher struct {
	ranges []Range // sound ones
	narrow *narrow
	all    map[string]client
}

func newWatcher() *watcher {
	n := &narrow{rows: map[int]string{}}
	return &watcher{narrow: n, all: map[string]client{"array": &array{}, "careless": &careless{}, "narrow": n}}
}

func (w *watcher) has(i int) bool {
	return slices.ContainsFunc(w.ranges, func(r Range) bool { return r.has(i) })
}

func (w *watcher) apply(p *payload) {
	for _, c := range w.all {
		for _, o := range p.Ops {
			var items []string
			for _, item := range o.Items {
				items = append(items, string(item))
			}
			switch o.Op {
			case "SYNC":
				c.sync(o.Range[0], o.Range[1], items)
			case "INVALIDATE":
				c.invalidate(o.Range[0], o.Range[1])
			case "INSERT":
				c.insert(*o.Index, string(o.Item))
			case "UPDATE":
				c.update(*o.Index, string(o.Item))
			case "DELETE":
				c.delete(*o.Index)
			}
		}
		length := 0
		for _, g := range p.Groups {
			length += g.Count + 1
		}
		c.end(length)
	}
}

// seen is what is in the ranges of a list.
func seen(items []string, ranges []Range) (out []string) {
	for _, r := range ranges {
		for i := r.First; i <= r.Last && i < len(items); i++ {
			out = append(out, fmt.Sprint(i, items[i]))
		}
	}
	return out
}

// model is a list, its specification, and those who watch.
type model struct {
	t        *testing.T
	rnd      *rand.Rand
	spec     spec
	list     *List
	watchers map[sessions.ID]*watcher
	version  int
}

// Clients of every kind that apply what their sessions are told have exactly the items of
// the dumb list in their ranges, after each step of random changes and subscriptions.
func TestModel(t *testing.T) {
	n, steps := 60, 400
	if testing.Short() {
		n, steps = 20, 200
	}
	for range n {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { testModel(t, seed, steps) })
	}
}

func testModel(t *testing.T, seed uint64, steps int) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	l, err := New(Config{Guild: 7, ID: "everyone", MaxWidth: 12, MaxRanges: 4})
	if err != nil {
		t.Fatal(err)
	}
	m := &model{t: t, rnd: rnd, list: l, spec: spec{members: map[sessions.Snowflake]Member{}}, watchers: map[sessions.ID]*watcher{}}
	users := 1 + rnd.IntN(60)
	for step := range steps {
		before, _, _ := m.spec.state()
		var changes []Change
		about := sessions.Snowflake(0) // who is told sees him, or a difference
		var what string
		switch k := rnd.IntN(100); {
		case k < 2:
			what = "rebuild"
			changes = m.rebuild(users)
		case k < 20:
			what, changes = m.subscribe()
		case k < 35:
			user := sessions.Snowflake(1 + rnd.IntN(users))
			what, about = fmt.Sprint("remove ", user), user
			delete(m.spec.members, user)
			changes = l.Remove(user)
		default:
			member := m.member(users)
			what, about = fmt.Sprintf("put %+v", member), member.User
			m.spec.members[member.User] = member
			changes = l.Put(member)
		}
		m.deliver(changes, before, about, fmt.Sprint("step ", step, ": ", what))
	}
}

// member is a random one; half of the time it is as one that is there, but for something.
func (m *model) member(users int) Member {
	user := sessions.Snowflake(1 + m.rnd.IntN(users))
	was, ok := m.spec.members[user]
	if !ok || m.rnd.IntN(4) == 0 {
		was = Member{User: user, Name: []string{"a", "B", "b", "Ä", "ä"}[m.rnd.IntN(5)] + []string{"x", "X", "y"}[m.rnd.IntN(3)]}
		for id := range sessions.Snowflake(4) {
			if m.rnd.IntN(4) == 0 {
				was.Roles = append(was.Roles, 100+id)
			}
		}
	}
	if m.rnd.IntN(3) > 0 {
		was.Status = sessions.Status(m.rnd.IntN(5))
	}
	m.version++
	was.Payload = fmt.Appendf(nil, `{"user":%d,"n":%d}`, user, m.version/(1+m.rnd.IntN(2)))
	return was
}

func (m *model) rebuild(users int) []Change {
	m.spec.roles, m.spec.members = nil, map[sessions.Snowflake]Member{}
	for id := range sessions.Snowflake(4) {
		if m.rnd.IntN(4) > 0 {
			m.spec.roles = append(m.spec.roles, Role{100 + id, m.rnd.IntN(3)})
		}
	}
	var said []Member
	for range m.rnd.IntN(2 * users) {
		said = append(said, m.member(users))
		m.spec.members[said[len(said)-1].User] = said[len(said)-1]
	}
	return m.list.Rebuild(m.spec.roles, slices.Values(said))
}

func (m *model) subscribe() (string, []Change) {
	id := sessions.ID(fmt.Sprint("s", m.rnd.IntN(8)))
	if m.rnd.IntN(10) == 0 {
		delete(m.watchers, id)
		m.list.Unsubscribe(id)
		return fmt.Sprint("unsubscribe ", id), nil
	}
	var asked, sound []Range
	for range m.rnd.IntN(4) {
		first := m.rnd.IntN(40) - 3
		r := Range{first, first + m.rnd.IntN(13) - 1}
		if m.rnd.IntN(2) == 0 { // some have the same
			r.First = first / 10 * 10
			r.Last = r.First + 9
		}
		asked = append(asked, r)
		if r.First >= 0 && r.Last >= r.First {
			sound = append(sound, r)
		}
	}
	changes, err := m.list.Subscribe(id, asked)
	if err != nil {
		m.t.Fatal(err)
	}
	w := m.watchers[id]
	if w == nil {
		w = newWatcher()
		m.watchers[id] = w
	}
	slices.SortFunc(sound, Range.compare)
	w.ranges, w.narrow.runs = sound, runs(sound)
	for _, c := range changes {
		if got := slices.Collect(c.Sessions()); !slices.Equal(got, []sessions.ID{id}) {
			m.t.Fatalf("an answer for %v", got)
		}
	}
	return fmt.Sprint("subscribe ", id, asked), changes
}

func (m *model) deliver(changes []Change, before []string, about sessions.Snowflake, what string) {
	items, groups, users := m.spec.state()
	told := map[sessions.ID]bool{}
	encoded := map[string]bool{}
	for _, c := range changes {
		b, err := json.Marshal(c)
		var p payload
		if err != nil || json.Unmarshal(b, &p) != nil {
			m.t.Fatalf("%s: %s, %v", what, b, err)
		}
		if encoded[string(b)] {
			m.t.Errorf("%s: twice %s", what, b)
		}
		encoded[string(b)] = true
		if !slices.Equal(p.Groups, groups) || p.Groups == nil || p.MemberCount != len(m.spec.members) || p.OnlineCount != m.spec.online() || p.GuildID != "7" || p.ID != "everyone" {
			m.t.Fatalf("%s: %s, want groups %v", what, b, groups)
		}
		for id := range c.Sessions() {
			w := m.watchers[id]
			if w == nil || told[id] {
				m.t.Fatalf("%s: %s is told, %v, and %v before", what, id, w, told[id])
			}
			told[id] = true
			if about > 0 && !w.has(slices.Index(users, about)) && slices.Equal(seen(before, w.ranges), seen(items, w.ranges)) {
				m.t.Errorf("%s: %s with %v sees no difference, and is told %s", what, id, w.ranges, b)
			}
			w.apply(&p)
		}
	}
	for id, w := range m.watchers {
		for kind, c := range w.all {
			m.compare(items, w, c, fmt.Sprint(what, ": ", id, ", ", kind))
		}
	}
	m.covered(users, what)
	if m.t.Failed() {
		m.t.FailNow()
	}
}

func (m *model) compare(items []string, w *watcher, c client, what string) {
	for _, r := range w.ranges {
		for i := r.First; i <= r.Last; i++ {
			want := ""
			if i < len(items) {
				want = items[i]
			}
			if got := c.at(i); got != want {
				m.t.Fatalf("%s with %v has %s at %d, want %s\nlist: %s", what, w.ranges, got, i, want, strings.Join(items, "\n"))
			}
		}
	}
}

// covered checks Covered of everybody, the number of sessions, and the whole list.
func (m *model) covered(users []sessions.Snowflake, what string) {
	for i, user := range users {
		if user == 0 {
			continue
		}
		var want []sessions.ID
		for id, w := range m.watchers {
			if w.has(i) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		if got := slices.Sorted(m.list.Covered(user)); !slices.Equal(got, want) {
			m.t.Fatalf("%s: %d at %d is covered by %v, want %v", what, user, i, got, want)
		}
	}
	n := 0
	for _, w := range m.watchers {
		n += min(1, len(w.ranges))
	}
	if m.list.Sessions() != n || m.list.Empty() != (n == 0) || m.list.Len() != len(m.spec.members) {
		m.t.Fatalf("%s: %d sessions, %d members", what, m.list.Sessions(), m.list.Len())
	}
}

// The tree is what a slice is, with indexes that are right both ways, and it is flat.
func TestTree(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var tr tree
	var all []*node
	g := &group{}
	for range 3_000 {
		if len(all) > 0 && rnd.IntN(3) == 0 {
			i := rnd.IntN(len(all))
			if got := tr.remove(all[i]); got != i {
				t.Fatalf("it was at %d, want %d", got, i)
			}
			all = slices.Delete(all, i, i+1)
		} else {
			user := sessions.Snowflake(rnd.Uint64())
			n := &node{group: g, user: user, priority: priority(user)}
			i, _ := slices.BinarySearchFunc(all, n, (*node).compare)
			if got := tr.insert(n); got != i {
				t.Fatalf("it is at %d, want %d", got, i)
			}
			all = slices.Insert(all, i, n)
		}
		if len(all) == 0 || tr.len() != len(all) {
			continue
		}
		i := rnd.IntN(len(all))
		if tr.at(i) != all[i] || all[i].index() != i {
			t.Fatalf("another one at %d", i)
		}
	}
	if got := slices.Collect(tr.within(Range{0, len(all) + 5})); !slices.Equal(got, all) {
		t.Error("not all, or not in order")
	}
}

// An index is found in O(log n), also if members come in the order of their ids.
func TestDepth(t *testing.T) {
	var tr tree
	g := &group{}
	for user := range sessions.Snowflake(100_000) {
		tr.insert(&node{group: g, user: user << 22, priority: priority(user << 22)})
	}
	var depth func(*node) int
	depth = func(n *node) int {
		if n == nil {
			return 0
		}
		return 1 + max(depth(n.left), depth(n.right))
	}
	if d := depth(tr.root); d > 60 {
		t.Errorf("%d deep", d)
	}
}

// Whatever is understood as ranges is sorted and within the limits, its runs are apart,
// and they are what was asked for: no index more, and none less.
func FuzzRanges(f *testing.F) {
	for _, s := range []string{`[[0,99]]`, `[[0,99],[100,199]]`, `[[5,4],[-1,3],[7,7]]`, `[[0]]`, `[null]`, `[[1,2,3]]`, `[[0,9223372036854775807]]`, `[[9223372036854775800,9223372036854775807],[0,0]]`, `[[0,1.5]]`} {
		f.Add([]byte(s), []byte(`[[3,50],[9223372036854775800,9223372036854775807]]`))
	}
	cfg, err := Config{}.withDefaults()
	if err != nil {
		f.Fatal(err)
	}
	parse := func(b []byte) (asked, sound []Range, ok bool) {
		if json.Unmarshal(b, &asked) != nil {
			return nil, nil, false
		}
		sound, err := cfg.sound(asked)
		return asked, sound, err == nil
	}
	f.Fuzz(func(t *testing.T, b, other []byte) {
		asked, sound, ok := parse(b)
		if !ok {
			return
		}
		has := func(rs []Range, i int) bool { return slices.ContainsFunc(rs, func(r Range) bool { return r.has(i) }) }
		joined := runs(sound)
		for i, r := range joined {
			if r.First < 0 || r.Last < r.First || i > 0 && r.First-1 <= joined[i-1].Last {
				t.Fatalf("%v became %v", asked, joined)
			}
		}
		_, second, _ := parse(other)
		rest := without(joined, runs(second))
		for _, r := range slices.Concat(asked, second) {
			for _, i := range []int{r.First - 1, r.First, r.Last, r.Last + 1} {
				if i < 0 {
					continue
				}
				want := slices.ContainsFunc(asked, func(r Range) bool { return r.First >= 0 && r.has(i) })
				if has(joined, i) != want || has(rest, i) != (want && !has(second, i)) {
					t.Fatalf("%d of %v: runs %v, without %v: %v", i, asked, joined, second, rest)
				}
			}
		}
		text, err := json.Marshal(sound)
		var again []Range
		if err != nil || json.Unmarshal(text, &again) != nil || !slices.Equal(again, sound) {
			t.Errorf("%v became %s, %v", sound, text, err)
		}
		if bytes.Contains(text, []byte("-")) {
			t.Errorf("%s", text)
		}
	})
}
