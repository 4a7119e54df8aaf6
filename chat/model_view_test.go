package chat

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// What a client sees: the events that it got, presences, and a member list.

// modelWatch is a member list that a session looks at, of a channel, and where.
type modelWatch struct {
	guild, channel sessions.Snowflake
	ranges         [][2]int
}

func (w *modelWatch) covers(i int) bool {
	return slices.ContainsFunc(w.ranges, func(r [2]int) bool { return r[0] <= i && i <= r[1] })
}

// modelItem is an item of a member list; the zero value is a hole.
type modelItem struct {
	group  string // with its count
	user   string
	status string // and what he does
}

// look has a session look at a channel's member list, and at no other one any more.
func (m *model) look() {
	s := m.anySession()
	if s == nil {
		return
	}
	m.lookAt(s, nil)
	w := &modelWatch{guild: pick(m.rnd, modelGuilds...), channel: pick(m.rnd, modelChannels...)}
	if in := m.dir(s).Guilds(s.who.User); len(in) > 0 && m.rnd.IntN(6) > 0 {
		w.guild = pick(m.rnd, in...)
		if of := m.dir(s).Readable(s.who.User, w.guild); len(of) > 0 {
			w.channel = pick(m.rnd, of...)
		}
	}
	for from := 0; from < 12; from += 1 + m.rnd.IntN(6) {
		to := from + m.rnd.IntN(4)
		w.ranges = append(w.ranges, [2]int{from, to})
		if from = to + 1; len(w.ranges) == 3 {
			break
		}
	}
	m.lookAt(s, w)
}

// lookAt has a session look at a list, if its user may; nil: at none.
func (m *model) lookAt(s *modelSession, w *modelWatch) {
	req := sessions.WatchRequest{Channels: map[sessions.Snowflake][][2]int{}}
	switch {
	case w != nil:
		req.Guild, req.Channels[w.channel] = w.guild, w.ranges
	case s.watch != nil:
		req.Guild, req.Channels[s.watch.channel] = s.watch.guild, nil
	default:
		return
	}
	if m.rnd.IntN(3) == 0 {
		req.Typing, req.Activities = pick(m.rnd, nil, new(true), new(false)), pick(m.rnd, nil, new(true), new(false))
	}
	dir := m.dir(s)
	may := dir.Member(req.Guild, s.who.User) != nil && s.owns(req.Guild)
	for c := range req.Channels {
		may = may && id(dir.Channel(c).GetGuildId()) == req.Guild && dir.MayRead(s.who.User, c)
	}
	m.collect(s)
	if s.watch == nil {
		s.looked, s.items = w, nil
	}
	m.note("%s looks at %v", s.name, req)
	if err := m.w.nodes[s.node].hub.WatchMembers(m.t.Context(), s.c.s, req); (err == nil) != may {
		m.fatal("%s looks at %v: %v, may: %v", s.name, req, err, may)
	}
	if may {
		s.watch = w
		m.setFlags(s, req)
	}
	if s.watch == nil {
		s.until = s.c.s.Seq()
	}
	m.collect(s)
}

// setFlags is what a request for a guild's member list says of what comes from the guild.
func (m *model) setFlags(s *modelSession, req sessions.WatchRequest) {
	in := s.sub(Guild(req.Guild))
	if in == nil {
		return
	}
	change := func(f *Flags, one Flags, wanted *bool) {
		switch {
		case wanted == nil:
		case *wanted:
			*f &^= one
		default:
			*f |= one
		}
	}
	change(&in.flags, NoPresence, req.Activities)
	change(&in.flags, NoTyping, req.Typing)
	for _, c := range m.dir(s).Channels(req.Guild) {
		if sub := s.sub(Channel(id(c.GetId()))); sub != nil {
			change(&sub.flags, NoTyping, req.Typing)
		}
	}
}

// lookAway ends what sessions look at, by the topic.
func (m *model) lookAway() {
	node, s, g := m.rnd.IntN(3), m.anySession(), pick(m.rnd, modelGuilds...)
	if s == nil {
		return
	}
	mine := func(o *modelSession) bool {
		return o.watch != nil && o.watch.guild == g && m.answers(node, o.node)
	}
	if m.rnd.IntN(2) == 0 {
		m.note("n%d unsubscribes user %d from lists of %d", node, s.who.User, g)
		m.w.unsub(node, allOf(s.who.User), LazyGuild(g))
		all := mine
		mine = func(o *modelSession) bool { return all(o) && o.who.User == s.who.User }
	} else {
		m.note("n%d removes lists of %d", node, g)
		m.w.remove(node, false, LazyGuild(g))
	}
	for _, o := range m.living() {
		if mine(o) {
			o.watch, o.until = nil, o.c.s.Seq()
		}
	}
}

// loseSight has a session look at nothing that its user may not see any more. While it moves
// that may be forgotten: who may see the list again when it arrives, looks again.
func (m *model) loseSight(s *modelSession) {
	if s.watch == nil || m.dir(s).MayRead(s.who.User, s.watch.channel) {
		return
	}
	if s.watch, s.until = nil, s.c.s.Seq(); m.moving {
		s.until = math.MaxUint64
	}
}

// refresh dispatches what member lists are to take note of. They have.
func (m *model) refresh() {
	node, g := m.rnd.IntN(3), pick(m.rnd, modelGuilds...)
	req := &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{LazyGuild(g)}, Type: pick(m.rnd, "new_role", "role_pos_upd", "role_update", "role_delete", "pres_update", "new_member", "remove_member", "update_user"),
		Data: fmt.Appendf(nil, `{"user_id":"%d"}`, pick(m.rnd, modelUsers...)), List: true,
	}
	if m.rnd.IntN(6) == 0 {
		req.Type = "unknown"
	}
	m.note("n%d dispatches %s %s to %v", node, req.GetType(), req.GetData(), req.GetTopics())
	var reached []string
	for _, s := range m.living() {
		if s.watch != nil && s.watch.guild == g && m.answers(node, s.node) && req.GetType() != "unknown" {
			reached = append(reached, string(s.c.s.ID()))
		}
	}
	missing := m.missing(node, req.GetTopics())
	m.compare(req.GetType(), m.w.send(node, req), reached, missing)
}

// collect takes what has come to a session.
func (m *model) collect(s *modelSession) {
	for _, sent := range s.c.events() {
		switch sent.Event.Type {
		case "READY":
			m.ready(s, sent)
		case presenceUpdate:
			m.presence(s, sent)
		case listUpdate:
			m.listed(s, sent)
		default:
			var e modelEvent
			if err := json.Unmarshal(sent.Event.Data, &e); err != nil {
				m.fatal("%s: %v", s.name, err)
			}
			s.got = append(s.got, e.line())
		}
	}
}

// modelPresence is a presence as clients are told it.
type modelPresence struct {
	User       who             `json:"user"`
	GuildID    string          `json:"guild_id"`
	Status     string          `json:"status"`
	Activities json.RawMessage `json:"activities"`
}

func (p *modelPresence) says() string { return p.Status + " " + string(p.Activities) }

const modelOffline = "offline []"

// note takes down what a session was told of a presence.
func (s *modelSession) told(key, says string, seq uint64) {
	if user, _, _ := strings.Cut(key, " "); user != s.who.User.String() && seq > s.stale[key] {
		s.sees[key] = says
	}
}

// ready takes what READY says: who is not in it is offline.
func (m *model) ready(s *modelSession, sent sessions.Sent) {
	var d struct {
		Presences []modelPresence
		Guilds    []struct {
			ID        string
			Presences []modelPresence
		}
	}
	if err := json.Unmarshal(sent.Event.Data, &d); err != nil {
		m.fatal("%s: %v", s.name, err)
	}
	for _, f := range m.dir(s).Friends(s.who.User) {
		s.told(f.String(), modelOffline, sent.Seq)
	}
	for _, p := range d.Presences {
		s.told(p.User.ID, p.says(), sent.Seq)
	}
	for _, g := range d.Guilds {
		for _, u := range modelUsers {
			s.told(u.String()+" "+g.ID, modelOffline, sent.Seq)
		}
		for _, p := range g.Presences {
			s.told(p.User.ID+" "+g.ID, p.says(), sent.Seq)
		}
	}
}

// presence takes an event, which is not about the user himself, nor of what he sees anyway.
func (m *model) presence(s *modelSession, sent sessions.Sent) {
	var p modelPresence
	if err := json.Unmarshal(sent.Event.Data, &p); err != nil || p.User.ID == s.who.User.String() {
		m.fatal("%s was sent %s: %v", s.name, sent.Event.Data, err)
	}
	seen := slices.ContainsFunc(s.items, func(o modelItem) bool { return o.user == p.User.ID })
	if s.watch != nil && s.watch.guild.String() == p.GuildID && seen {
		m.fatal("%s was sent %s, who is in his list %v", s.name, sent.Event.Data, s.items)
	}
	s.told(strings.TrimSpace(p.User.ID+" "+p.GuildID), p.says(), sent.Seq)
}

// listed takes a change of a member list as a client does, which has an array with holes, and
// forgets what is not in its ranges.
func (m *model) listed(s *modelSession, sent sessions.Sent) {
	var u struct {
		GuildID string `json:"guild_id"`
		Ops     []modelOp
	}
	if err := json.Unmarshal(sent.Event.Data, &u); err != nil {
		m.fatal("%s: %v", s.name, err)
	}
	if s.watch == nil && sent.Seq > s.until {
		m.fatal("%s was sent %s, and looks at no list", s.name, sent.Event.Data)
	}
	for _, op := range u.Ops {
		s.items = op.apply(s.items)
	}
	for i := range s.items {
		if !s.looked.covers(i) {
			s.items[i] = modelItem{}
		} else if o := s.items[i]; o.user != "" {
			s.told(o.user+" "+u.GuildID, o.status, sent.Seq)
		}
	}
}

// modelOp is one op of a member list.
type modelOp struct {
	Op    string
	Range [2]int
	Items []modelObject
	Index int
	Item  modelObject
}

type modelObject struct {
	Group *struct {
		ID    string
		Count int
	}
	Member *struct {
		User     who
		Presence modelPresence
	}
}

func (o modelObject) item() modelItem {
	if o.Group != nil {
		return modelItem{group: fmt.Sprint(o.Group.ID, " ", o.Group.Count)}
	}
	return modelItem{user: o.Member.User.ID, status: o.Member.Presence.says()}
}

// apply changes an array with holes, which is as long as it must be.
func (op modelOp) apply(items []modelItem) []modelItem {
	last := max(op.Index, op.Range[1])
	for len(items) <= last {
		items = append(items, modelItem{})
	}
	switch op.Op {
	case "SYNC", "INVALIDATE":
		for i := op.Range[0]; i <= op.Range[1]; i++ {
			if items[i] = (modelItem{}); i-op.Range[0] < len(op.Items) {
				items[i] = op.Items[i-op.Range[0]].item()
			}
		}
	case "INSERT":
		items = slices.Insert(items, op.Index, op.Item.item())
	case "UPDATE":
		items[op.Index] = op.Item.item()
	case "DELETE":
		items = slices.Delete(items, op.Index, op.Index+1)
	}
	return items
}

// forget has sessions know nothing of presences that they are not told any more.
func (m *model) forget() {
	for _, s := range m.living() {
		for _, u := range modelUsers {
			m.forgetUser(s, u, 0, Friend(u))
			for _, g := range modelGuilds {
				m.forgetUser(s, u, g, Guild(g))
			}
		}
	}
}

func (m *model) forgetUser(s *modelSession, u, guild sessions.Snowflake, topic string) {
	sub, key := s.sub(topic), u.String()
	told := sub != nil && sub.flags&NoPresence == 0
	if guild != 0 {
		key += " " + guild.String()
		told = told && m.dir(s).Member(guild, u) != nil && s.who.Intents&(1<<8) != 0
	}
	if !told {
		delete(s.sees, key)
		s.stale[key] = s.c.s.Seq()
	}
}

// verify compares what a session got with what it should have got.
func (m *model) verify(s *modelSession) {
	m.collect(s)
	if !slices.Equal(s.got, s.want) {
		m.fatal("%s got\n  %v\nwant\n  %v", s.name, s.got, s.want)
	}
}

// check compares what sessions got with what they should have got; what they see of others
// with how these are; and what nodes know of each other with what is so.
func (m *model) check() {
	for round := range 2 { // as it is, and when all have found each other
		for _, s := range m.living() {
			m.verify(s)
			m.checkPresences(s)
			m.checkList(s)
		}
		if round > 0 {
			break
		}
		for i := range m.nodes {
			if m.nodes[i].held {
				m.nodes[i].held = false
				m.w.nodes[i].hold(false)
				m.catchUp(i)
			}
			for j := range i {
				m.see(i, j, up)
			}
		}
		m.w.settle()
		m.forget()
	}
	checkSaid(m.t, m.w)
	for _, n := range m.w.nodes {
		if len(n.hub.ended) > 0 {
			m.fatal("%s has not said %v", n.ref.ID, n.hub.ended)
		}
	}
	if m.t.Failed() {
		m.fatal("failed")
	}
}

// checkPresences checks what a session was told last of each user.
func (m *model) checkPresences(s *modelSession) {
	for key, saw := range s.sees {
		u, g, _ := strings.Cut(key, " ")
		var user, guild sessions.Snowflake
		fmt.Sscan(u, &user)
		fmt.Sscan(g, &guild)
		if right := m.appears(s.node, user, guild); !slices.Contains(right, saw) {
			m.fatal("%s saw last that %s is %s, he is %v", s.name, key, saw, right)
		}
	}
}

// appears is how a node may show a user: the best status of the sessions that it knows, and
// what is played in one of them. In a guild those count whose shard has it, for friends those
// of the first shard.
func (m *model) appears(at int, user, guild sessions.Snowflake) []string {
	best, games := sessions.Offline, []string{}
	for of := range 3 {
		for _, r := range m.known(at, of).rows {
			counts := r.shard.Index == 0
			if guild != 0 {
				counts = (uint64(guild)>>22)%max(1, uint64(r.shard.Count)) == uint64(r.shard.Index)
			}
			if r.user != user || !counts || r.presence.Status <= sessions.Invisible {
				continue
			}
			if best = max(best, r.presence.Status); len(r.presence.Activities) > 0 {
				games = append(games, string(r.presence.Activities))
			}
		}
	}
	if len(games) == 0 {
		games = []string{"[]"}
	}
	for i, g := range games {
		games[i] = best.String() + " " + g
	}
	slices.Sort(games)
	return games
}

// checkList checks the items that a session sees of its member list.
func (m *model) checkList(s *modelSession) {
	if s.watch == nil {
		return
	}
	want := m.list(s.node, s.watch)
	for i := range max(len(want), len(s.items)) {
		var got, right modelItem
		if i < len(s.items) {
			got = s.items[i]
		}
		if i < len(want) {
			right = want[i]
		}
		same := got.group == right.group && got.user == right.user
		if got.user != "" && same {
			var user sessions.Snowflake
			fmt.Sscan(got.user, &user)
			same = slices.Contains(m.appears(s.node, user, s.watch.guild), got.status)
		}
		if s.watch.covers(i) && !same {
			m.fatal("%s sees %v at %d, want %v\n  %v\n  %v", s.name, got, i, right, s.items, want)
		}
	}
}

// list is the member list of a channel, as a node has it: those who may read the channel, by
// the first of the hoisted roles that may, then who is online, then who is not; by name.
func (m *model) list(at int, w *modelWatch) (items []modelItem) {
	dir := m.nodes[at].dir
	var groups []string
	members := map[string][]modelItem{}
	for _, r := range dir.Roles(w.guild) { // the highest first
		if r.GetHoist() && dir.RoleMayRead(id(r.GetId()), w.channel) {
			groups = append(groups, fmt.Sprint(r.GetId()))
		}
	}
	groups = append(groups, "online", "offline")
	for _, u := range modelUsers { // their names are in this order
		if !dir.MayRead(u, w.channel) {
			continue
		}
		in, roles := "online", dir.Member(w.guild, u).GetRoles()
		if i := slices.IndexFunc(groups, func(g string) bool {
			return slices.ContainsFunc(roles, func(r uint64) bool { return fmt.Sprint(r) == g })
		}); i >= 0 {
			in = groups[i]
		}
		if strings.HasPrefix(m.appears(at, u, w.guild)[0], "offline") {
			in = "offline"
		}
		members[in] = append(members[in], modelItem{user: u.String()})
	}
	for _, g := range groups {
		if n := len(members[g]); n > 0 {
			items = append(append(items, modelItem{group: fmt.Sprint(g, " ", n)}), members[g]...)
		}
	}
	return items
}
