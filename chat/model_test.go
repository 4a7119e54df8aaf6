package chat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// The model is the table of routing, written down without thought for speed: a list of
// sessions, each with a list of subscriptions, and for each node a directory and what it
// knows of the others. It shares nothing with the hubs but package directory, which has a
// model of its own. Three hubs and the model are told the same at random. Nodes lose their
// links and forget each other, fall behind with the directory, and die; sessions move between
// them while events are dispatched and the directory changes. Each session must get what the
// model says, in order; see what it says of others, and of the member list that it looks at;
// and each call must name the nodes that it did not reach, and no others. When a run fails it
// prints its history.

// modelSession is a session as the model has it.
type modelSession struct {
	name  string
	who   sessions.Identity
	node  int
	gone  bool
	subs  []modelSub
	want  []string // what it is to be sent, in order
	got   []string
	sees  map[string]string // what it was told of presences: "user" or "user guild"
	stale map[string]uint64 // up to which event that says nothing any more

	watch  *modelWatch // nil: it looks at no member list
	looked *modelWatch // the last one
	items  []modelItem // of that one, as far as the client knows
	until  uint64      // the last event that may be about it, without watch

	c *client
}

type modelSub struct {
	topic string
	flags Flags
}

func (s *modelSession) sub(topic string) *modelSub {
	for i := range s.subs {
		if s.subs[i].topic == topic {
			return &s.subs[i]
		}
	}
	return nil
}

func (s *modelSession) set(topic string, f Flags) {
	if sub := s.sub(topic); sub != nil {
		sub.flags = f
	} else {
		s.subs = append(s.subs, modelSub{topic, f})
	}
}

func (s *modelSession) unset(topic string) {
	s.subs = slices.DeleteFunc(s.subs, func(o modelSub) bool { return o.topic == topic })
}

// owns: the shard of a guild is the time in its id, modulo how many there are.
func (s *modelSession) owns(guild sessions.Snowflake) bool {
	n := max(1, uint64(s.who.Shard.Count))
	return (uint64(guild)>>22)%n == uint64(s.who.Shard.Index)
}

// model is the world and what it should do.
type model struct {
	t       *testing.T
	w       *world
	rnd     *rand.Rand
	truth   *directory.State // with all changes
	changes []*eventnodev1.DirectoryChange
	nodes   [3]modelNode
	all     []*modelSession
	state   [3][3]viewState // how two nodes see each other
	moving  bool            // a session is between two nodes
	events  int
	history []string
}

// modelNode is a node as the model has it.
type modelNode struct {
	dir     *directory.State
	applied int             // changes
	held    bool            // no more of them
	kept    map[string]bool // topics that it wants though nobody subscribes
	knows   [3]modelView    // what it knows of those to which it has no link
}

// modelView is what a node can know of another one.
type modelView struct {
	rows   []modelRow
	topics map[string]bool
}

type modelRow struct {
	user     sessions.Snowflake
	shard    sessions.Shard
	presence sessions.Presence
}

func (m *model) note(format string, args ...any) {
	m.history = append(m.history, fmt.Sprintf(format, args...))
}

func (m *model) fatal(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nhistory:\n  %s", fmt.Sprintf(format, args...), strings.Join(m.history, "\n  "))
}

func pick[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

var (
	modelUsers    = []sessions.Snowflake{1, 2, 3, 4, 5, 6}
	modelGuilds   = []sessions.Snowflake{100 << 22, 101 << 22, 102 << 22}
	modelRoles    = []sessions.Snowflake{2001, 2002, 2003} // one of each guild
	modelChannels = []sessions.Snowflake{1001, 1002, 1003, 1004, 1005, 1006}
	modelPrivates = []sessions.Snowflake{1010, 1011, 1012, 1013}
)

// guildOf is the guild of a role or a channel of the model.
func guildOf(n sessions.Snowflake) sessions.Snowflake { return modelGuilds[int(n)%len(modelGuilds)] }

// TestModel: random directories, sessions, flags, intents, subscriptions, events, presences,
// member lists, changes, splits, heals, nodes that are behind or die, and moves: each session
// gets what the table says.
func TestModel(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 30
	}
	for range runs {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) { testModel(t, seed) }) // who is behind is waited for
	}
}

func testModel(t *testing.T, seed uint64) {
	m := &model{t: t, w: newWorld(t, 3), rnd: rand.New(rand.NewPCG(seed, 0))}
	m.note("seed %d", seed)
	m.truth, _ = directory.New(directory.Limits{})
	for i := range m.nodes {
		m.begin(i)
	}
	for _, u := range modelUsers {
		m.change(user(u))
	}
	for range 80 {
		m.change(m.anyChange())
	}
	for range 180 {
		m.step()
	}
	m.check()
}

// step does one thing at random.
func (m *model) step() {
	switch n := m.rnd.IntN(125); {
	case n < 12:
		m.open()
	case n < 15:
		m.end()
	case n < 21:
		m.resume()
	case n < 27:
		m.subscribe()
	case n < 31:
		m.unsubscribe()
	case n < 33:
		m.remove()
	case n < 50:
		m.change(m.anyChange())
	case n < 55:
		m.part()
	case n < 58:
		m.hold()
	case n < 59:
		m.kill()
	case n < 70:
		m.present()
	case n < 84:
		m.look()
	case n < 86:
		m.lookAway()
	case n < 90:
		m.refresh()
	default:
		m.dispatch()
	}
	if m.t.Failed() {
		m.fatal("failed")
	}
	m.forget()
	m.agree()
}

// agree fails as soon as hubs and the model differ in what sessions subscribe to: when an
// event shows it the history is longer.
func (m *model) agree() {
	for _, s := range m.living() {
		want, got := slices.Clone(s.subs), []modelSub{}
		table := m.w.nodes[s.node].hub.table
		for _, in := range table.of[s.c.s] {
			if f, _ := in.flags(s.c.s); kindOf(in.topic) != KindLazyGuild {
				got = append(got, modelSub{in.topic, f})
			}
		}
		byTopic := func(a, b modelSub) int { return strings.Compare(a.topic, b.topic) }
		slices.SortFunc(want, byTopic)
		slices.SortFunc(got, byTopic)
		if !slices.Equal(want, got) {
			m.fatal("%s of user %d at n%d subscribes to\n  %v, want\n  %v", s.name, s.who.User, s.node, got, want)
		}
	}
}

// reaches reports whether there is a link between two nodes.
func (m *model) reaches(a, b int) bool { return a == b || m.state[a][b] == up }

// answers reports whether a node does what another one asks: it is not behind that one.
func (m *model) answers(from, at int) bool {
	return from == at || m.reaches(from, at) && m.nodes[at].applied >= m.nodes[from].applied
}

// calm reports whether everybody reaches everybody, and nobody is behind.
func (m *model) calm() bool {
	for i := range m.nodes {
		if m.nodes[i].held || m.state[i] != [3]viewState{} {
			return false
		}
	}
	return true
}

// dir is the directory of the node where a session is.
func (m *model) dir(s *modelSession) *directory.State { return m.nodes[s.node].dir }

// view is what there is to be known of a node.
func (m *model) view(of int) modelView {
	v := modelView{topics: map[string]bool{}}
	for topic := range m.nodes[of].kept {
		v.topics[topic] = true
	}
	for _, s := range m.living() {
		if s.node != of {
			continue
		}
		v.rows = append(v.rows, modelRow{s.who.User, s.who.Shard, s.c.s.Presence()})
		for _, sub := range s.subs {
			v.topics[sub.topic] = true
		}
		if s.watch != nil {
			v.topics[LazyGuild(s.watch.guild)] = true
		}
	}
	return v
}

// known is what a node knows of another one, or of itself: without a link what it knew last.
func (m *model) known(at, of int) modelView {
	if m.reaches(at, of) {
		return m.view(of)
	}
	return m.nodes[at].knows[of]
}

func (m *model) living() (out []*modelSession) {
	for _, s := range m.all {
		if !s.gone {
			out = append(out, s)
		}
	}
	return out
}

// anySession is a living one; nil: there is none.
func (m *model) anySession() *modelSession {
	if all := m.living(); len(all) > 0 {
		return pick(m.rnd, all...)
	}
	return nil
}

func (m *model) open() {
	who := sessions.Identity{User: pick(m.rnd, modelUsers...), Intents: AllIntents}
	if n := uint32(m.rnd.IntN(4)); n > 1 {
		who.Shard = sessions.Shard{Index: uint32(m.rnd.IntN(int(n))), Count: n}
	}
	if m.rnd.IntN(3) == 0 {
		who.Intents = m.rnd.Uint64() | 1<<50
	}
	s := &modelSession{name: fmt.Sprint("s", len(m.all)), who: who, node: m.rnd.IntN(3), sees: map[string]string{}, stale: map[string]uint64{}}
	dir := m.dir(s)
	if dir.User(who.User) == nil {
		return
	}
	p := m.anyPresence()
	m.note("%s opens for user %d at n%d, shard %v, intents %b, %v %s", s.name, who.User, s.node, who.Shard, who.Intents, p.Status, p.Activities)
	s.c = m.w.identify(s.node, who, p)
	m.all = append(m.all, s)
	for _, g := range dir.Guilds(who.User) {
		if s.owns(g) {
			m.join(s, g, 0)
		}
	}
	for _, c := range dir.PrivateChannels(who.User) {
		s.set(Channel(c), 0)
	}
	for _, f := range dir.Friends(who.User) {
		s.set(Friend(f), 0)
	}
	m.collect(s) // READY is what is so now
}

// join is to subscribe to a guild.
func (m *model) join(s *modelSession, guild sessions.Snowflake, f Flags) {
	s.set(Guild(guild), f)
	for _, c := range m.dir(s).Channels(guild) {
		if m.dir(s).MayRead(s.who.User, id(c.GetId())) {
			s.set(Channel(id(c.GetId())), f&^NoPresence)
		}
	}
}

func (m *model) anyPresence() sessions.Presence {
	p := sessions.Presence{Status: sessions.Status(m.rnd.IntN(5))}
	if m.rnd.IntN(3) == 0 {
		p.Activities = fmt.Appendf(nil, `[{"name":"game %d"}]`, m.rnd.IntN(3))
	}
	return p
}

func (m *model) present() {
	if s := m.anySession(); s != nil {
		p := m.anyPresence()
		m.note("%s is %v %s", s.name, p.Status, p.Activities)
		m.w.present(s.node, s.c, p)
	}
}

func (m *model) end() {
	s := m.anySession()
	if s == nil {
		return
	}
	m.note("%s ends", s.name)
	m.verify(s)
	s.gone = true
	m.w.nodes[s.node].hub.End(s.c.s)
	m.w.settle()
}

// resume has a session come back at another node, which works if its own one answers. Where
// nothing else is in the way, others go on while it moves.
func (m *model) resume() {
	s := m.anySession()
	if s == nil {
		return
	}
	to := m.rnd.IntN(3)
	m.note("%s resumes at n%d", s.name, to)
	if m.rnd.IntN(2) == 0 {
		m.collect(s)
	}
	if m.calm() {
		m.w.pause = m.meanwhile
	}
	err := m.w.resume(s.c, to)
	m.w.pause = func() {}
	if (err == nil) != m.answers(to, s.node) {
		m.fatal("%s resumes at n%d: %v", s.name, to, err)
	} else if err == nil {
		m.moved(s, to)
	} else if err := m.w.resume(s.c, s.node); err != nil {
		m.fatal("%s is not where it was: %v", s.name, err)
	}
	m.w.settle()
	for _, n := range m.w.nodes { // what is sent on in a split the model does not know
		n.hub.mu.Lock()
		n.hub.departed.expire(time.Now().Add(time.Hour))
		n.hub.mu.Unlock()
	}
}

// moved is a session at another node: it has what its user may have by what that one knows.
func (m *model) moved(s *modelSession, to int) {
	if !m.calm() {
		m.collect(s)
		clear(s.sees) // the two nodes may know different things: what he was told is out of date
	}
	s.node = to
	s.subs = slices.DeleteFunc(s.subs, func(o modelSub) bool {
		ok, _ := m.admits(s, o.topic)
		return !ok
	})
	m.loseSight(s)
	m.disagree(s)
}

// disagree has a session that has moved know nothing of who plays several games at once: of
// these each node shows the one that it heard of first.
func (m *model) disagree(s *modelSession) {
	for _, u := range modelUsers {
		for _, g := range append(slices.Clone(modelGuilds), 0) {
			if len(slices.Compact(m.appears(s.node, u, g))) > 1 {
				key := strings.TrimSuffix(u.String()+" "+g.String(), " 0")
				delete(s.sees, key)
				s.stale[key] = s.c.s.Seq()
			}
		}
	}
}

// meanwhile is what happens between two steps of a move.
func (m *model) meanwhile() {
	if m.moving {
		return
	}
	m.moving = true
	defer func() { m.moving = false }()
	switch c := m.anyChange(); {
	case m.rnd.IntN(3) > 0:
		m.dispatch()
	case c.GetDeleteUser() == 0: // it would end the session
		m.change(c)
		m.forget()
	}
}

// part has two nodes lose their link, or forget each other, or find each other again.
func (m *model) part() {
	a := m.rnd.IntN(3)
	b := (a + 1 + m.rnd.IntN(2)) % 3
	m.see(a, b, viewState(m.rnd.IntN(3)))
}

// see has two nodes see each other in some way from now on.
func (m *model) see(a, b int, now viewState) {
	for _, p := range [][2]int{{a, b}, {b, a}} {
		switch v := &m.nodes[p[0]].knows[p[1]]; {
		case now == gone:
			*v = modelView{}
		case now == cut && m.reaches(a, b):
			*v = m.view(p[1])
		}
	}
	m.state[a][b], m.state[b][a] = now, now
	m.note("n%d and n%d: %v", a, b, now)
	m.w.set(a, b, now)
}

// hold has a node fall behind with the directory, or catch up.
func (m *model) hold() {
	i := m.rnd.IntN(3)
	n := &m.nodes[i]
	n.held = !n.held
	m.note("n%d is behind: %v", i, n.held)
	m.w.nodes[i].hold(n.held)
	m.w.settle()
	m.catchUp(i)
}

// kill has a node die, with its sessions, and come again.
func (m *model) kill() {
	i := m.rnd.IntN(3)
	m.note("n%d dies", i)
	for _, s := range m.living() {
		if s.node == i {
			m.verify(s)
			s.gone = true
		}
	}
	m.w.kill(i)
	m.begin(i)
	for j := range m.nodes {
		if m.state[i][j] != up {
			m.see(i, j, up)
		}
	}
}

// begin is a node's beginning: it knows what has changed so far.
func (m *model) begin(i int) {
	m.nodes[i] = modelNode{kept: map[string]bool{}}
	m.nodes[i].dir, _ = directory.New(directory.Limits{})
	m.catchUp(i)
}
