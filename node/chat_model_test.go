package node_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// chatModel is three real nodes with their sockets, and what they should do: the table of
// routing, written down without thought for speed. Nodes and model are told the same at
// random, by the public API and by clients of the gateway. Package chat has the same for
// hubs, with more of what may happen; here it is shorter, and nothing is in memory.
type chatModel struct {
	t       *testing.T
	rnd     *rand.Rand
	network *splittable
	nodes   []*chatNode
	dir     *directory.State
	all     []*talker
	cut     [3][3]bool
	split   bool
	came    [3]time.Time // when a session has moved to a node last
	events  int
	history []string
}

// talker is a session as the model has it.
type talker struct {
	name      string
	user      uint64
	shard     uint64
	shards    uint64
	intents   uint64
	status    string
	node      int
	travelled bool // in this split
	gone      bool
	subs      map[string]talkFlags
	want      []talkEvent
	got       []string
	sees      map[string]string // presences, by "user" or "user guild"
	c         *gatewaytest.Client
}

type talkFlags struct{ noPresence, noTyping bool }

// talkEvent is an event that a session gets, or may get.
type talkEvent struct {
	line string
	may  bool
}

const (
	talkUsers    = 5
	talkGuilds   = 2
	talkChannels = 6 // of both guilds
	talkPrivates = 3
)

func talkGuild(n int) uint64   { return uint64(100+n) << 22 }
func talkChannel(n int) uint64 { return uint64(1001 + n) }
func talkPrivate(n int) uint64 { return uint64(1011 + n) }
func talkRole(n int) uint64    { return uint64(2001 + n) }

// TestChatModel: on three nodes, random directories, sessions, shards, intents, flags,
// subscriptions, events, presences and moves reach those whom the table names; in a split
// those on the nodes that the dispatching one reaches, and the others are named; after it
// everybody again.
func TestChatModel(t *testing.T) {
	steps := 240
	if testing.Short() {
		steps = 80
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := newChatModel(t, seed)
	for range 60 {
		m.change()
	}
	for range steps {
		m.step()
	}
	m.heal()
	for _, s := range m.living() {
		m.verify(s)
	}
	for end := time.Now().Add(30 * time.Second); m.wrongPresence() != ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			m.fatal("%s", m.wrongPresence())
		}
	}
}

func newChatModel(t *testing.T, seed uint64) *chatModel {
	m := &chatModel{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), network: newSplittable()}
	m.dir, _ = directory.New(directory.Limits{})
	tokens := filepath.Join(t.TempDir(), "tokens")
	var lines []byte
	for u := range talkUsers {
		lines = fmt.Appendf(lines, "token%d %d\n", u+1, u+1)
	}
	if err := os.WriteFile(tokens, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	var seeds []string
	for i := range 3 {
		auth, err := gateway.NewTokenFile(tokens)
		if err != nil {
			t.Fatal(err)
		}
		m.nodes = append(m.nodes, startChat(t, node.Config{
			ID: eventnode.NodeID(fmt.Sprint("n", i)), DataDir: t.TempDir(), Seeds: seeds, Storage: node.Storage{BootstrapExpect: 3}, Network: m.network.of(i),
			Chat: node.Chat{GatewayAddress: "127.0.0.1:0", Gateway: gateway.Config{
				Authenticator: auth, HeartbeatInterval: 10 * time.Minute, Limits: gateway.Limits{IdentifyInterval: -1, Messages: -1, Presences: -1, Sessions: -1},
			}},
		}))
		seeds = []string{m.nodes[0].GossipAddress()}
	}
	wellStored(t, m.nodes[0].Node, 3)
	for u := range talkUsers {
		m.apply(directory.PutUser(&eventnodev1.DirectoryUser{Id: uint64(u + 1), Username: fmt.Sprint("user", u+1)}))
	}
	return m
}

func (m *chatModel) note(format string, args ...any) {
	m.history = append(m.history, fmt.Sprintf(format, args...))
}

func (m *chatModel) fatal(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nhistory:\n  %s", fmt.Sprintf(format, args...), strings.Join(m.history, "\n  "))
}

// step does one thing at random. In a split the directory and subscriptions stand still: what
// the others are told of them is not promised then.
func (m *chatModel) step() {
	n := m.rnd.IntN(100)
	if m.split {
		n = 40 + m.rnd.IntN(60)
	}
	switch {
	case n < 12:
		m.open()
	case n < 15:
		m.end()
	case n < 22:
		m.subscribe()
	case n < 26:
		m.unsubscribe()
	case n < 29:
		m.remove()
	case n < 40:
		m.change()
	case n < 48:
		m.resume()
	case n < 53:
		m.present()
	case n < 57 && m.split:
		m.heal()
	case n < 55:
		m.part()
	default:
		m.dispatch()
	}
	if n >= 15 && n < 40 { // of subscribe, unsubscribe, remove and change
		m.forget()
	}
}

func (m *chatModel) living() (out []*talker) {
	for _, s := range m.all {
		if !s.gone {
			out = append(out, s)
		}
	}
	return out
}

func (m *chatModel) anybody() *talker {
	if all := m.living(); len(all) > 0 {
		return all[m.rnd.IntN(len(all))]
	}
	return nil
}

func (m *chatModel) anyUser() uint64  { return uint64(1 + m.rnd.IntN(talkUsers)) }
func (m *chatModel) anyNode() int     { return m.rnd.IntN(3) }
func (m *chatModel) anyGuild() uint64 { return talkGuild(m.rnd.IntN(talkGuilds)) }

// reaches reports whether two nodes have a link.
func (m *chatModel) reaches(a, b int) bool { return a == b || !m.cut[a][b] }

var talkStatus = []string{"online", "idle", "dnd", "invisible"}

func (m *chatModel) open() {
	s := &talker{
		name: fmt.Sprint("s", len(m.all)), user: m.anyUser(), shards: 1, node: m.anyNode(), intents: 1<<26 - 1,
		status: talkStatus[m.rnd.IntN(4)], subs: map[string]talkFlags{}, sees: map[string]string{},
	}
	if m.rnd.IntN(3) == 0 {
		s.shards = 2
		s.shard = uint64(m.rnd.IntN(2))
	}
	if m.rnd.IntN(3) == 0 {
		s.intents = m.rnd.Uint64N(1 << 26)
	}
	m.note("%s opens for user %d at n%d, shard %d/%d, intents %b, %s", s.name, s.user, s.node, s.shard, s.shards, s.intents, s.status)
	s.c = m.nodes[s.node].connect(m.t)
	ready, err := s.c.Identify(waiting(m.t), fmt.Sprint("token", s.user), map[string]any{
		"intents": s.intents, "shard": []uint64{s.shard, s.shards}, "presence": map[string]any{"status": s.status, "activities": []any{}, "since": nil, "afk": false},
	})
	if err != nil {
		m.fatal("%s: %v", s.name, err)
	}
	m.all = append(m.all, s)
	for _, g := range m.dir.Guilds(snowflake(s.user)) {
		if s.owns(uint64(g)) {
			m.join(s, uint64(g), talkFlags{})
		}
	}
	for _, c := range m.dir.PrivateChannels(snowflake(s.user)) {
		s.subs[fmt.Sprint("channel:", c)] = talkFlags{}
	}
	for _, f := range m.dir.Friends(snowflake(s.user)) {
		s.subs[fmt.Sprint("friend:", f)] = talkFlags{}
	}
	m.ready(s, ready)
}

// ready takes the presences that READY has: who is not among them is offline.
func (m *chatModel) ready(s *talker, ready json.RawMessage) {
	var d struct {
		Presences json.RawMessage
		Guilds    []struct {
			ID        string
			Members   []struct{ User struct{ ID string } }
			Presences []struct {
				User   struct{ ID string }
				Status string
			}
		}
	}
	if err := json.Unmarshal(ready, &d); err != nil {
		m.fatal("%s is ready: %v", s.name, err)
	}
	for _, f := range m.dir.Friends(snowflake(s.user)) {
		s.sees[f.String()] = "offline"
	}
	m.see(s, string(d.Presences))
	for _, g := range d.Guilds {
		for _, u := range g.Members {
			s.sees[u.User.ID+" "+g.ID] = "offline"
		}
		for _, p := range g.Presences {
			s.sees[p.User.ID+" "+g.ID] = p.Status
		}
		delete(s.sees, fmt.Sprint(s.user, " ", g.ID))
	}
	if s.intents&(1<<8) == 0 { // then he is not told of those in guilds
		maps.DeleteFunc(s.sees, func(key, _ string) bool { return strings.Contains(key, " ") })
	}
}

func (m *chatModel) end() {
	s := m.anybody()
	if s == nil {
		return
	}
	m.note("%s ends", s.name)
	m.verify(s)
	if _, err := m.nodes[m.anyNode()].api.CloseSession(m.t.Context(), &eventnodev1.ChatServiceCloseSessionRequest{SessionId: s.c.Session}); err != nil {
		m.fatal("%s is closed: %v", s.name, err)
	}
	s.gone = true
}

// resume cuts a client off, which resumes at another node: that works if there is a link.
func (m *chatModel) resume() {
	s, to := m.anybody(), m.anyNode()
	if s == nil {
		return
	}
	m.note("%s resumes at n%d", s.name, to)
	s.c.Cut()
	err := m.resumeAt(s, to)
	if (err == nil) != m.reaches(s.node, to) {
		m.fatal("%s resumes at n%d: %v", s.name, to, err)
	}
	if err != nil {
		if err := m.resumeAt(s, s.node); err != nil {
			m.fatal("%s resumes where it was: %v", s.name, err)
		}
		return
	}
	if to != s.node {
		s.travelled, m.came[to] = s.travelled || m.split, time.Now()
		clear(s.sees) // the other node may not have told him what this one knows
	}
	s.node = to
}

func (m *chatModel) resumeAt(s *talker, to int) error {
	c := m.nodes[to].connect(m.t)
	missed, err := c.Resume(waiting(m.t), s.c)
	if err != nil {
		c.Cut()
		return err
	}
	s.c = c
	for _, p := range missed {
		m.take(s, p)
	}
	return nil
}

// present has a client say how its user is. The gateway answers what comes behind it when it
// has done that.
func (m *chatModel) present() {
	s := m.anybody()
	if s == nil {
		return
	}
	s.status = talkStatus[m.rnd.IntN(4)]
	m.note("%s is %s", s.name, s.status)
	if err := s.c.Send(3, map[string]any{"status": s.status, "activities": []any{}, "since": nil, "afk": false}); err != nil {
		m.fatal("%s: %v", s.name, err)
	}
	if err := s.c.Send(1, s.c.Seq); err != nil {
		m.fatal("%s: %v", s.name, err)
	}
	m.until(s, func(p gatewaytest.Payload) bool { return p.Op == 11 })
}

// part cuts one link, or all of a node.
func (m *chatModel) part() {
	a := m.anyNode()
	b := (a + 1) % 3
	m.note("n%d and n%d are cut off", a, b)
	m.cutOff(a, b)
	if m.rnd.IntN(2) == 0 {
		m.note("n%d and n%d are cut off", a, (a+2)%3)
		m.cutOff(a, (a+2)%3)
	}
	m.split = true
}

func (m *chatModel) cutOff(a, b int) {
	m.cut[a][b], m.cut[b][a] = true, true
	m.network.Cut(a, b)
}

// heal mends all links, and waits until every node says that all know what it knows.
func (m *chatModel) heal() {
	m.note("all links are mended")
	m.network.Mend()
	m.split, m.cut = false, [3][3]bool{}
	for _, n := range m.nodes {
		n.change(m.t, directory.PutUser(&eventnodev1.DirectoryUser{Id: 1, Username: "user1"}))
	}
	for _, s := range m.all {
		s.travelled = false
	}
}

// until takes what comes to a session until something has come.
func (m *chatModel) until(s *talker, done func(gatewaytest.Payload) bool) {
	for {
		p, err := s.c.Next(waiting(m.t))
		if err != nil {
			m.fatal("%s: %v", s.name, err)
		}
		if done(p) {
			return
		}
		m.take(s, p)
	}
}

// take takes an event.
func (m *chatModel) take(s *talker, p gatewaytest.Payload) {
	switch p.Type {
	case "": // an answer that nobody waits for
	case "PRESENCE_UPDATE":
		m.see(s, "["+string(p.Data)+"]")
	case "PRESENCES_REPLACE": // what was missed of them, as one
		m.see(s, string(p.Data))
	default:
		var e talkPayload
		if err := json.Unmarshal(p.Data, &e); err != nil {
			m.fatal("%s was sent %s: %v", s.name, p.Data, err)
		}
		s.got = append(s.got, e.line())
	}
}

// see takes presences, which are of others.
func (m *chatModel) see(s *talker, list string) {
	var all []struct {
		User    struct{ ID string }
		GuildID string `json:"guild_id"`
		Status  string
	}
	if err := json.Unmarshal([]byte(list), &all); err != nil {
		m.fatal("%s was sent %s: %v", s.name, list, err)
	}
	for _, p := range all {
		if p.User.ID == fmt.Sprint(s.user) {
			m.fatal("%s was sent %s", s.name, list)
		}
		s.sees[strings.TrimSpace(p.User.ID+" "+p.GuildID)] = p.Status
	}
}

// collect takes all that was sent to a session so far: a mark is behind it.
func (m *chatModel) collect(s *talker) {
	m.events++
	mark := fmt.Sprintf(`{"n":%d}`, m.events)
	resp, err := m.nodes[s.node].api.Dispatch(m.t.Context(), &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{fmt.Sprint("user:", s.user)}, Type: "MARK", Data: []byte(mark), Only: &eventnodev1.ChatFilter{SessionIds: []string{s.c.Session}},
	})
	if err != nil || resp.GetReached() != 1 {
		m.fatal("%s is not marked: %v, %v", s.name, resp, err)
	}
	m.until(s, func(p gatewaytest.Payload) bool { return p.Type == "MARK" && string(p.Data) == mark })
}

// verify compares what a session got with what it should have got.
func (m *chatModel) verify(s *talker) {
	m.collect(s)
	got := s.got
	for _, e := range s.want {
		if len(got) > 0 && got[0] == e.line {
			got = got[1:]
		} else if !e.may {
			m.fatal("%s got\n  %v\nwant\n  %v\nand %s is missing", s.name, s.got, s.want, e.line)
		}
	}
	if len(got) > 0 {
		m.fatal("%s got\n  %v\nwant\n  %v", s.name, s.got, s.want)
	}
}

// wrongPresence says what a session was told last of somebody that is not so.
func (m *chatModel) wrongPresence() string {
	for _, s := range m.living() {
		m.collect(s)
		for key, saw := range s.sees {
			if right := m.appears(key); saw != right {
				return fmt.Sprintf("%s saw that %s is %s, he is %s", s.name, key, saw, right)
			}
		}
	}
	return ""
}

// appears is how a user is, of whom "user" or "user guild" is said: the best status of the
// sessions whose shard has the guild, for friends of those of the first shard.
func (m *chatModel) appears(key string) string {
	user, guild, _ := strings.Cut(key, " ")
	order, best := []string{"offline", "dnd", "idle", "online"}, 0
	for _, s := range m.living() {
		var g uint64
		_, _ = fmt.Sscan(guild, &g)
		counts := s.shard == 0
		if g != 0 {
			counts = s.owns(g)
		}
		if fmt.Sprint(s.user) == user && counts {
			best = max(best, slices.Index(order, s.status))
		}
	}
	return order[best]
}

// forget has sessions know nothing of presences that they are not told any more: what they
// were told before is taken first.
func (m *chatModel) forget() {
	for _, s := range m.living() {
		m.collect(s)
		maps.DeleteFunc(s.sees, func(key, _ string) bool {
			user, guild, in := strings.Cut(key, " ")
			topic := "friend:" + user
			if in {
				topic = "guild:" + guild
			}
			f, ok := s.subs[topic]
			return !ok || f.noPresence || in && m.dir.Member(parsed(guild), parsed(user)) == nil
		})
	}
}
