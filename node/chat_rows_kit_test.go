package node_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// What the rows have besides ann, ben and the bot, who are in the guild. Of two shards the
// guild is the second one's, the other one is the first one's.
const (
	cleo = 1004 // in the guild
	dan  = 1005 // in no guild

	otherID   = 8 << 22 // a guild of ann, ben and cleo
	othersID  = otherID + 1
	directID  = 9 << 22 // ann and ben
	groupID   = 10 << 22
	modRoleID = guildID + 9 // reads the secret: ann

	// rowsLog is how many events a session of the rows keeps.
	rowsLog = 1_000
)

var (
	otherTopic  = fmt.Sprint("guild:", otherID)
	othersTopic = fmt.Sprint("channel:", othersID)
	secretTopic = fmt.Sprint("channel:", secretID)
	directTopic = fmt.Sprint("channel:", directID)
	groupTopic  = fmt.Sprint("channel:", groupID)
)

// rooms is a kind of the rows' own.
type rooms struct {
	chat.Stateful[sessions.Snowflake]
}

// Dispatch implements chat.Backend.
func (rooms) Dispatch(d *chat.Delivery, _ string) {
	for s := range d.Subscribers() {
		d.Send(s)
	}
}

// rows is three nodes, and who is connected to them.
type rows struct {
	t       *testing.T
	nodes   []*chatNode
	chats   []*node.ChatHandle // of each
	clients []*rowClient
	said    int
	down    eventnode.NodeID // a node that has gone down
}

// rowClient is a session, what it is to be told, and what it was told.
type rowClient struct {
	*gatewaytest.Client
	name string
	want []string // type and number
	got  []string
	last map[string]gatewaytest.Payload // the newest of each type
}

func startRows(t *testing.T) *rows {
	t.Helper()
	cfg := node.Chat{Sessions: sessions.Config{ReplayEvents: rowsLog}}
	cfg.Kinds = []chat.Backend{rooms{chat.Stateful[sessions.Snowflake]{Stateless: chat.Stateless[sessions.Snowflake]{Name: "room", Parse: sessions.ParseSnowflake}}}}
	r := &rows{t: t, nodes: chatNodesWith(t, 3, cfg)}
	user := func(id uint64, name string) *eventnodev1.DirectoryChange {
		return directory.PutUser(&eventnodev1.DirectoryUser{Id: id, Username: name})
	}
	member := func(guild, id uint64) *eventnodev1.DirectoryChange {
		return directory.PutMember(&eventnodev1.DirectoryMember{GuildId: guild, UserId: id})
	}
	r.change(user(cleo, "cleo"), user(dan, "dan"), member(guildID, cleo),
		directory.PutGuild(&eventnodev1.DirectoryGuild{Id: otherID, OwnerId: ann, Name: "the other one"}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: othersID, GuildId: otherID, Name: "general"}),
		member(otherID, ann), member(otherID, ben), member(otherID, cleo),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: directID, Type: directory.Direct, Recipients: []uint64{ann, ben}}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: groupID, Type: directory.Group, Recipients: []uint64{ann, ben, cleo}}))
	for _, n := range r.nodes {
		h, err := n.Chat(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.chats = append(r.chats, h)
	}
	return r
}

func (r *rows) change(changes ...*eventnodev1.DirectoryChange) {
	r.t.Helper()
	r.nodes[0].change(r.t, changes...)
}

// row runs a row's test, whose sessions end with it.
func (r *rows) row(t *testing.T, name string, test func(*rows)) {
	t.Run(name, func(t *testing.T) {
		one := &rows{t: t, nodes: r.nodes, chats: r.chats, said: r.said}
		defer func() {
			r.said = one.said
			for _, s := range r.list(0, eventnode.ChatSessionFilter{}) {
				if err := r.chats[0].CloseSession(r.t.Context(), s.ID); err != nil {
					t.Error(err)
				}
			}
		}()
		test(one)
		one.settle()
	})
}

// open opens a session on a node, from 0, and passes over what it is told first.
func (r *rows) open(at int, token string, fields map[string]any) *rowClient {
	r.t.Helper()
	c := r.nodes[at].connect(r.t)
	if _, err := c.Identify(waiting(r.t), token, fields); err != nil {
		r.t.Fatal(err)
	}
	one := &rowClient{Client: c, name: fmt.Sprintf("%s on n%d", token, at+1), last: map[string]gatewaytest.Payload{}}
	r.clients = append(r.clients, one)
	r.read(one, r.mark())
	one.got = nil
	return one
}

// spread is a session of a user on each node.
func (r *rows) spread(token string) []*rowClient {
	r.t.Helper()
	return []*rowClient{r.open(0, token, nil), r.open(1, token, nil), r.open(2, token, nil)}
}

func shardOf(i, n int) map[string]any { return map[string]any{"shard": []int{i, n}} }

// ids are the sessions of clients, sorted.
func ids(clients []*rowClient) []string {
	list := []string{}
	for _, c := range clients {
		list = append(list, c.Session)
	}
	slices.Sort(list)
	return list
}

// send dispatches an event with a number of its own, from one node after the other, and
// expects these to be reached, each once: it says so, and they get it.
func (r *rows) send(topic, eventType string, want ...*rowClient) {
	r.t.Helper()
	r.sendWith([]string{topic}, eventType, nil, nil, want...)
}

// sendWith is send to several topics, with more fields, and with options.
func (r *rows) sendWith(topics []string, eventType string, fields map[string]any, opts []eventnode.ChatOption, want ...*rowClient) {
	r.t.Helper()
	got := r.tell(topics, eventType, fields, opts, want...)
	slices.Sort(got.Sessions)
	if !r.sure(got.Missing) || !slices.Equal(got.Sessions, ids(want)) {
		r.t.Fatalf("%s to %v reached %+v, want %v", eventType, topics, got, ids(want))
	}
}

// tell is sendWith, whatever the answer says: of a session that moves meanwhile both its nodes
// may say that it was reached. It gets the event once.
func (r *rows) tell(topics []string, eventType string, fields map[string]any, opts []eventnode.ChatOption, want ...*rowClient) eventnode.Reached {
	r.t.Helper()
	r.said++
	data := map[string]any{"n": r.said, "guild_id": fmt.Sprint(guildID)}
	maps.Copy(data, fields)
	got, err := r.chats[r.said%3].DispatchMany(r.t.Context(), topics, eventType, data, append(opts, eventnode.WithSessions())...)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range want {
		c.want = append(c.want, fmt.Sprint(eventType, " ", r.said))
	}
	return got
}

// sure reports whether no node is missing, but for one that has gone down: for some seconds
// others say so, to which sessions had just moved.
func (r *rows) sure(missing []eventnode.NodeID) bool {
	return len(missing) == 0 || len(missing) == 1 && missing[0] == r.down
}

// mark dispatches to everybody what settle reads up to.
func (r *rows) mark() int {
	r.t.Helper()
	r.said++
	var topics []string
	for _, user := range []uint64{ann, ben, bot, cleo, dan} {
		topics = append(topics, fmt.Sprint("user:", user))
	}
	got, err := r.chats[0].DispatchMany(r.t.Context(), topics, "MARK", map[string]int{"n": r.said})
	if err != nil || !r.sure(got.Missing) {
		r.t.Fatalf("%+v, %v", got, err)
	}
	return r.said
}

// settle reads what all have been told, which has to be what they were to be told, in order.
func (r *rows) settle() {
	r.t.Helper()
	mark := r.mark()
	for _, c := range r.clients {
		r.read(c, mark)
		if !slices.Equal(c.got, c.want) {
			r.t.Errorf("%s was told %q, want %q", c.name, c.got, c.want)
		}
		c.got, c.want = nil, nil
	}
}

// read reads what a client is told up to a mark.
func (r *rows) read(c *rowClient, mark int) {
	r.t.Helper()
	for {
		p, err := c.Next(waiting(r.t))
		if err != nil {
			r.t.Fatalf("%s: %v", c.name, err)
		}
		if c.last[p.Type] = p; p.Type == "MARK" && number(p) == mark {
			return
		}
		c.note(p)
	}
}

// note notes an event, but for marks, and what nodes tell by themselves.
func (c *rowClient) note(p gatewaytest.Payload) {
	if n := number(p); n > 0 && p.Type != "MARK" {
		c.got = append(c.got, fmt.Sprint(p.Type, " ", n))
	}
}

func number(p gatewaytest.Payload) int {
	var data struct{ N int }
	_ = json.Unmarshal(p.Data, &data) // a list, or none: it has no number
	return data.N
}

// drop ends a client's connection, and waits until its node has seen it.
func (r *rows) drop(c *rowClient) {
	r.t.Helper()
	c.Cut()
	eventually(r.t, "it has no connection", func() bool { return !r.info(c).Attached })
}

// info is what its node says of a session.
func (r *rows) info(c *rowClient) (one eventnode.ChatSession) {
	r.t.Helper()
	for s, err := range r.chats[2].Sessions(r.t.Context(), eventnode.ChatSessionFilter{Session: c.Session}) {
		if err != nil {
			r.t.Fatal(err)
		}
		one = s
	}
	return one
}

// resume has a client come back to a node, and be told what it has missed, which it returns.
func (r *rows) resume(c *rowClient, at int) []gatewaytest.Payload {
	r.t.Helper()
	next := r.nodes[at].connect(r.t)
	seen := c.Seq
	missed, err := next.Resume(waiting(r.t), c.Client)
	if err != nil {
		r.t.Fatalf("%s resumes on n%d: %v", c.name, at+1, err)
	}
	summed := slices.ContainsFunc(missed, func(p gatewaytest.Payload) bool { return p.Type == "PRESENCES_REPLACE" })
	for i, p := range missed {
		if c.note(p); p.Seq != seen+uint64(i)+1 && !summed {
			r.t.Errorf("%s: the event number %d behind %d is %d", c.name, i+1, seen, p.Seq)
		}
	}
	c.Client = next
	return missed
}

// refused expects that a node does not give a session to somebody who has this of it.
func (r *rows) refused(at int, token, session string, seq uint64, why string) {
	r.t.Helper()
	c := r.nodes[at].connect(r.t)
	defer c.Cut()
	missed, err := c.Resume(waiting(r.t), &gatewaytest.Client{Token: token, Session: session, Seq: seq})
	if err == nil || !strings.Contains(err.Error(), why) {
		r.t.Errorf("n%d: %v, %v, want %s", at+1, missed, err, why)
	}
}

// list is the sessions that fit a filter, as a node says, by their ids.
func (r *rows) list(at int, f eventnode.ChatSessionFilter) (list []eventnode.ChatSession) {
	r.t.Helper()
	for s, err := range r.chats[at].Sessions(r.t.Context(), f) {
		if err != nil {
			r.t.Fatal(err)
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b eventnode.ChatSession) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
