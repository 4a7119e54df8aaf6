package node_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// The rows of docs/features.md about topic backends and sessions, each told on three nodes
// with sessions of one user on all of them, by what programs have: gateways, and Chat. L17x
// needs nodes that are killed: see test/cluster.
func TestChatRows(t *testing.T) {
	r := startRows(t)
	for _, row := range []struct {
		name string
		test func(*rows)
	}{
		{"L1 kinds", (*rows).kinds}, {"L2 subscriptions", (*rows).subscriptions}, {"L3 flags and intents", (*rows).flags},
		{"L4 guilds", (*rows).guilds}, {"L5 channels", (*rows).channels}, {"L6 members, users, friends", (*rows).people},
		{"L7 who was reached", (*rows).reached}, {"L8 once", (*rows).once}, {"L9 indexes", (*rows).indexes},
		{"L10 records", (*rows).records}, {"L11 resume", (*rows).resumes}, {"L12x bounds", (*rows).bounds},
		{"L13 member lists", (*rows).lists}, {"L14 order", (*rows).order}, {"L16 limits", (*rows).limits},
		{"L15 a node goes down", (*rows).goesDown}, // the last: then there are two
	} {
		r.row(t, row.name, row.test)
	}
}

// L1: six kinds and one's own; an unknown kind, a key of another type and an operation that a
// kind has not are errors, and nobody is told anything.
func (r *rows) kinds() {
	a := r.spread("ann")
	b := r.open(2, "ben", nil)
	r.send(guildTopic, "GUILD_UPDATE", append(a, b)...)
	r.send(generalTopic, "MESSAGE_CREATE", append(a, b)...)
	r.send(fmt.Sprintf("member:%d,%d", guildID, ann), "X", a...)
	r.send(annTopic, "X", a...)
	r.send(fmt.Sprint("friend:", ann), "X", b)
	r.send(fmt.Sprint("lazy_guild:", guildID), "role_update")
	ctx, room := r.t.Context(), "room:5"
	if done, err := r.chats[1].Subscribe(ctx, []eventnode.ChatSubscriber{{User: ann}}, eventnode.ChatSubscription{Topic: room}); err != nil || done.Sessions != 3 {
		r.t.Errorf("%+v, %v", done, err)
	}
	r.send(room, "X", a...)
	for i, topic := range []string{"nokind:1", "guild:x", "channel:-1", "member:1", "user:", "friend:1,2", "room:kitchen"} {
		_, err := r.chats[i%3].Dispatch(ctx, topic, "X", 1)
		if bad, ok := errors.AsType[*eventnode.TopicError](err); !ok || bad.Topic != topic {
			r.t.Errorf("%s: %v", topic, err)
		}
	}
	for i, topic := range []string{annTopic, fmt.Sprintf("member:%d,%d", guildID, ann), fmt.Sprint("lazy_guild:", guildID)} {
		if _, err := r.chats[i%3].Subscribe(ctx, []eventnode.ChatSubscriber{{User: ann}}, eventnode.ChatSubscription{Topic: topic}); !errors.Is(err, eventnode.ErrBadTopic) {
			r.t.Errorf("subscribed to %s: %v", topic, err)
		}
	}
}

// L2: to subscribe twice is one delivery, to unsubscribe from nothing is success, many are
// subscribed to many; reset and remove end them all, on all nodes.
func (r *rows) subscriptions() {
	a, b := r.spread("ann"), r.spread("ben")
	all := append(slices.Clone(a), b...)
	ctx, both := r.t.Context(), []eventnode.ChatSubscriber{{User: ann}, {User: ben}}
	topics := []eventnode.ChatSubscription{{Topic: generalTopic}, {Topic: othersTopic}, {Topic: directTopic}}
	for i := range 4 {
		if done, err := r.chats[i%3].Subscribe(ctx, both, topics...); err != nil || done.Sessions != 6 {
			r.t.Fatalf("%+v, %v", done, err)
		}
	}
	for _, s := range topics {
		r.send(s.Topic, "MESSAGE_CREATE", all...)
	}
	for i := range 3 {
		if _, err := r.chats[i].Unsubscribe(ctx, []eventnode.ChatSubscriber{{User: ben}}, generalTopic); err != nil {
			r.t.Fatal(err)
		}
		r.send(generalTopic, "MESSAGE_CREATE", a...)
	}
	for i, end := range []func(...string) (eventnode.ChatRemoved, error){
		func(topics ...string) (eventnode.ChatRemoved, error) { return r.chats[0].Reset(ctx, topics...) },
		func(topics ...string) (eventnode.ChatRemoved, error) { return r.chats[1].Remove(ctx, topics...) },
	} {
		if ended, err := end(othersTopic); err != nil || ended.Ended != 6 {
			r.t.Errorf("%+v, %v", ended, err)
		}
		r.send(othersTopic, "MESSAGE_CREATE")
		if _, err := r.chats[2-i].Subscribe(ctx, both, topics...); err != nil {
			r.t.Fatal(err)
		}
		r.send(othersTopic, "MESSAGE_CREATE", all...)
	}
}

// L3: a subscription's flags leave presences or typing out, and a session's intents what it
// did not ask for; each session has its own.
func (r *rows) flags() {
	a := r.spread("ann")
	few := r.open(1, "ann", map[string]any{"intents": 1 << 0}) // guilds
	ctx := r.t.Context()
	for i, s := range []eventnode.ChatSubscription{{Topic: guildTopic, NoPresence: true}, {Topic: guildTopic, NoTyping: true}} {
		if _, err := r.chats[2].Subscribe(ctx, []eventnode.ChatSubscriber{{User: ann, Session: a[i].Session}}, s); err != nil {
			r.t.Fatal(err)
		}
	}
	r.send(guildTopic, "PRESENCE_UPDATE", a[1], a[2])
	r.send(generalTopic, "PRESENCE_UPDATE", a...) // flags about presences are the guild's
	r.send(guildTopic, "TYPING_START", a[0], a[2])
	r.send(generalTopic, "TYPING_START", a[0], a[2])
	r.send(generalTopic, "MESSAGE_CREATE", a...)
	r.send(guildTopic, "GUILD_UPDATE", append(a, few)...)
	r.send(guildTopic, "EVENT_OF_NO_INTENT", append(a, few)...)
}

// L4: a guild's events reach those sessions whose shard has it; to leave and to join a guild
// is to leave and to join the channels that the user may read, without the flag for presences.
func (r *rows) guilds() {
	first, second := r.open(0, "ann", shardOf(0, 2)), r.open(1, "ann", shardOf(1, 2))
	whole, b := r.open(2, "ann", nil), r.open(0, "ben", nil)
	ctx, both := r.t.Context(), []eventnode.ChatSubscriber{{User: ann}, {User: ben}}
	for range 3 {
		r.send(guildTopic, "GUILD_UPDATE", second, whole, b)
		r.send(generalTopic, "MESSAGE_CREATE", second, whole, b)
		r.send(secretTopic, "MESSAGE_CREATE", second, whole)
		r.send(otherTopic, "GUILD_UPDATE", first, whole, b)
		r.send(othersTopic, "MESSAGE_CREATE", first, whole, b)
	}
	if _, err := r.chats[0].Unsubscribe(ctx, both, guildTopic); err != nil {
		r.t.Fatal(err)
	}
	for _, topic := range []string{guildTopic, generalTopic, secretTopic} {
		r.send(topic, "X")
	}
	if _, err := r.chats[1].Subscribe(ctx, both, eventnode.ChatSubscription{Topic: guildTopic, NoPresence: true}); err != nil {
		r.t.Fatal(err)
	}
	r.send(secretTopic, "MESSAGE_CREATE", second, whole)
	r.send(guildTopic, "PRESENCE_UPDATE")
	r.send(generalTopic, "PRESENCE_UPDATE", second, whole, b)
}

// L5: private channels reach all sessions, whatever their shard; of a group each recipient
// sees the others.
func (r *rows) channels() {
	a0, a1, a2 := r.open(0, "ann", shardOf(0, 2)), r.open(1, "ann", shardOf(1, 2)), r.open(2, "ann", nil)
	b, c := r.open(1, "ben", nil), r.open(0, "cleo", nil)
	all := []*rowClient{a0, a1, a2, b, c}
	r.send(directTopic, "MESSAGE_CREATE", a0, a1, a2, b)
	r.send(generalTopic, "MESSAGE_CREATE", a1, a2, b, c)
	for _, eventType := range []string{"CHANNEL_CREATE", "CHANNEL_UPDATE"} {
		recipients := []map[string]string{{"id": fmt.Sprint(ann)}, {"id": fmt.Sprint(ben)}, {"id": fmt.Sprint(cleo)}}
		r.sendWith([]string{groupTopic}, eventType, map[string]any{"recipients": recipients}, nil, all...)
		r.settle()
		for i, self := range []uint64{ann, ann, ann, ben, cleo} {
			if text := string(all[i].last[eventType].Data); strings.Contains(text, fmt.Sprint(self)) || strings.Count(text, `{"id":`) != 2 {
				r.t.Errorf("%s is shown %s", all[i].name, text)
			}
		}
	}
}

// L6: member is the sessions of one user whose shard has the guild, user all of his, friend
// all of all his friends.
func (r *rows) people() {
	first, second := r.open(0, "ann", shardOf(0, 2)), r.open(1, "ann", shardOf(1, 2))
	b0, b1, b2 := r.open(0, "ben", shardOf(0, 2)), r.open(1, "ben", shardOf(1, 2)), r.open(2, "ben", nil)
	d := r.open(2, "dan", nil)
	r.send(fmt.Sprintf("member:%d,%d", guildID, ann), "X", second)
	r.send(fmt.Sprintf("member:%d,%d", otherID, ann), "X", first)
	r.send(fmt.Sprintf("member:%d,%d", guildID, cleo), "X")
	r.send(annTopic, "X", first, second)
	r.send(fmt.Sprint("friend:", ann), "X", b0, b1, b2)
	r.send(fmt.Sprint("friend:", ben), "X", first, second)
	r.send(fmt.Sprint("user:", dan), "X", d)
}

// L7: a dispatch says whom it reached; a session that has ended is not reached, is on no list,
// and disturbs nobody.
func (r *rows) reached() {
	a, b := r.spread("ann"), r.spread("ben")
	r.send(generalTopic, "MESSAGE_CREATE", append(slices.Clone(a), b...)...)
	r.settle()
	if err := r.chats[2].CloseSession(r.t.Context(), a[0].Session); err != nil {
		r.t.Fatal(err)
	}
	r.clients = slices.DeleteFunc(r.clients, func(c *rowClient) bool { return c == a[0] })
	for range 3 {
		r.send(generalTopic, "MESSAGE_CREATE", append(slices.Clone(a[1:]), b...)...)
		r.send(annTopic, "X", a[1:]...)
	}
}

// L8: of many topics and many dispatches a session gets one event; filters choose sessions
// and users on all nodes.
func (r *rows) once() {
	a, b := r.spread("ann"), r.spread("ben")
	c := r.open(1, "cleo", nil)
	all := append(append(slices.Clone(a), b...), c)
	many := []string{guildTopic, generalTopic, generalTopic, otherTopic, annTopic, directTopic, fmt.Sprint("friend:", ann)}
	r.sendWith(many, "X", nil, nil, all...)
	type opts = []eventnode.ChatOption
	r.sendWith(many, "X", nil, opts{eventnode.WithOnly(a[0].Session, b[2].Session)}, a[0], b[2])
	r.sendWith(many, "X", nil, opts{eventnode.WithOnlyUsers(ben)}, b...)
	r.sendWith(many, "X", nil, opts{eventnode.WithExcept(a[1].Session), eventnode.WithExceptUsers(ben)}, a[0], a[2], c)
	change := eventnode.NewChatOnce(r.chats[1])
	for i, topics := range [][]string{{annTopic}, {guildTopic, otherTopic}, {fmt.Sprint("friend:", ann)}} {
		r.said++
		got, err := change.DispatchMany(r.t.Context(), topics, "USER_UPDATE", map[string]any{"n": r.said, "private": i == 0})
		want := [][]*rowClient{a, append(slices.Clone(b), c), nil}[i]
		if slices.Sort(got.Sessions); err != nil || !slices.Equal(got.Sessions, ids(want)) {
			r.t.Errorf("%v reached %+v, want %v: %v", topics, got, ids(want), err)
		}
		for _, s := range want {
			s.want = append(s.want, fmt.Sprint("USER_UPDATE ", r.said))
		}
	}
}

// L9: sessions are found by user, by id and by guild, on all nodes by any; a guild's are those
// whose shard has it.
func (r *rows) indexes() {
	first, second := r.open(0, "ann", shardOf(0, 2)), r.open(1, "ann", shardOf(1, 2))
	whole, b, d := r.open(2, "ann", nil), r.open(1, "ben", nil), r.open(2, "dan", nil)
	for at := range 3 {
		for what, c := range map[string]struct {
			filter eventnode.ChatSessionFilter
			want   []*rowClient
		}{
			"user":       {eventnode.ChatSessionFilter{User: ann}, []*rowClient{first, second, whole}},
			"guild":      {eventnode.ChatSessionFilter{Guild: guildID}, []*rowClient{second, whole, b}},
			"other":      {eventnode.ChatSessionFilter{Guild: otherID}, []*rowClient{first, whole, b}},
			"guild's":    {eventnode.ChatSessionFilter{Guild: guildID, User: ann}, []*rowClient{second, whole}},
			"id":         {eventnode.ChatSessionFilter{Session: d.Session}, []*rowClient{d}},
			"nobody's":   {eventnode.ChatSessionFilter{Session: d.Session, User: ann}, nil},
			"everything": {eventnode.ChatSessionFilter{}, []*rowClient{first, second, whole, b, d}},
		} {
			got := []string{}
			for _, s := range r.list(at, c.filter) {
				got = append(got, s.ID)
			}
			if !slices.Equal(got, ids(c.want)) {
				r.t.Errorf("n%d lists by %s %v, want %v", at+1, what, got, ids(c.want))
			}
		}
	}
}

// L10: each event has the session's next number, and is kept; what a session is is known to
// all nodes.
func (r *rows) records() {
	a := r.spread("ann")
	for i, c := range a {
		before := r.info(c)
		for range 10 {
			r.send(fmt.Sprint("user:", ann), "X", a...)
		}
		after := r.info(c)
		if after.Sequence != before.Sequence+10 || after.KeptEvents != before.KeptEvents+10 || after.KeptBytes <= before.KeptBytes {
			r.t.Errorf("%s: from %+v to %+v", c.name, before, after)
		}
		if after.User != ann || after.Node != r.nodes[i].cfg.ID || !after.Attached || after.Status != "online" || after.Topics == 0 {
			r.t.Errorf("%s: %+v", c.name, after)
		}
	}
	seq := a[0].Seq
	mark := r.mark()
	for n := seq + 1; ; n++ {
		p, err := a[0].Next(waiting(r.t))
		if err != nil || p.Seq != n {
			r.t.Fatalf("number %d is %+v: %v", n, p, err)
		}
		if a[0].note(p); p.Type == "MARK" && number(p) == mark {
			return
		}
	}
}

// L11: a resume on another node is exact, also after 251 events: all that the client has not
// seen, once and in order, with the presences as one. It is refused to who is somebody else,
// names no session, one that is in use, or a number that was not sent. A client that said
// 1000 resumes like any other.
func (r *rows) resumes() {
	a, b := r.spread("ann"), r.open(2, "ben", nil)
	cut := a[0]
	r.settle()
	r.drop(cut)
	for i, status := range []string{"idle", "dnd"} {
		if err := b.Send(3, map[string]any{"status": status, "activities": []any{}, "since": nil, "afk": false}); err != nil {
			r.t.Fatal(err)
		}
		eventually(r.t, "two presences of each", func() bool { return r.info(cut).Sequence >= cut.Seq+uint64(2*i+2) })
	}
	for range 251 {
		r.send(generalTopic, "MESSAGE_CREATE", append(slices.Clone(a), b)...)
	}
	r.refused(1, "ben", cut.Session, cut.Seq, "op 9")
	r.refused(2, "ann", "nobody's", 1, "op 9")
	r.refused(1, "ann", cut.Session, 1<<40, "closed with 4007")
	missed := r.resume(cut, 1)
	replaced := missed[len(missed)-1]
	var presences []struct{ Status string }
	if err := json.Unmarshal(replaced.Data, &presences); err != nil || replaced.Type != "PRESENCES_REPLACE" || len(missed) != 252 || len(presences) < 2 {
		r.t.Errorf("%d events, and then %s %s: %v", len(missed), replaced.Type, replaced.Data, err)
	}
	for _, p := range presences {
		if p.Status != "dnd" {
			r.t.Errorf("%s", replaced.Data)
		}
	}
	r.settle()

	said := make(chan error, 1)
	used := a[1]
	go func() { // it reads, and so it answers
		p, err := used.Next(waiting(r.t))
		used.note(p)
		said <- err
	}()
	r.refused(0, "ann", used.Session, used.Seq, "op 9")
	r.send(generalTopic, "MESSAGE_CREATE", append(slices.Clone(a), b)...)
	if err := <-said; err != nil {
		r.t.Error(err)
	}
	if err := used.Close(1000); err != nil {
		r.t.Fatal(err)
	}
	r.drop(used)
	r.send(generalTopic, "MESSAGE_CREATE", append(slices.Clone(a), b)...)
	if missed := r.resume(used, 2); len(missed) != 1 {
		r.t.Errorf("behind 1000: %v", missed)
	}
}

// L12x: as many events as are kept can be missed, and one more is a gap that is said, here and
// elsewhere; so are more bytes. What comes while a client catches up on another node comes
// behind it.
func (r *rows) bounds() {
	a := r.spread("ann")
	toAnn := func(n, bytes int) {
		for range n {
			r.sendWith([]string{annTopic}, "X", map[string]any{"x": strings.Repeat("x", bytes)}, nil, a...)
		}
	}
	whole, gap, large := a[0], a[1], a[2]
	r.settle()
	r.drop(whole)
	toAnn(rowsLog, 1)
	if missed := r.resume(whole, 1); len(missed) != rowsLog {
		r.t.Errorf("%d events", len(missed))
	}
	r.settle()
	for _, c := range []struct {
		of     *rowClient
		events int
		bytes  int
	}{{gap, rowsLog + 1, 1}, {large, 3, 500_000}} {
		seen := c.of.Seq
		r.drop(c.of)
		toAnn(c.events, c.bytes)
		r.refused(0, "ann", c.of.Session, seen, "op 9")
		a = slices.DeleteFunc(slices.Clone(a), func(other *rowClient) bool { return other == c.of })
		r.clients = slices.DeleteFunc(r.clients, func(other *rowClient) bool { return other == c.of })
		if err := r.chats[2].CloseSession(r.t.Context(), c.of.Session); err != nil {
			r.t.Error(err)
		}
		r.settle()
	}
	r.drop(whole)
	toAnn(500, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 500 {
			r.tell([]string{annTopic}, "X", nil, nil, a...)
		}
	}()
	r.resume(whole, 2)
	<-done
}

// L13: a member list is shown to who looks at it, wherever he is, and follows what becomes of
// a member on any node; who sees him there is sent no other presence of him.
func (r *rows) lists() {
	a, b := r.spread("ann"), r.open(1, "ben", nil)
	for _, c := range a {
		if err := c.Send(14, map[string]any{"guild_id": fmt.Sprint(guildID), "channels": map[string]any{fmt.Sprint(generalID): [][]int{{0, 99}}}}); err != nil {
			r.t.Fatal(err)
		}
		p := expect(r.t, c.Client, "GUILD_MEMBER_LIST_UPDATE", `"SYNC"`)
		if text := string(p.Data); !strings.Contains(text, `"id":"online","count":2`) || !strings.Contains(text, `"id":"offline","count":2`) || !strings.Contains(text, `"id":"everyone"`) {
			r.t.Errorf("%s is shown %s", c.name, text)
		}
	}
	before := map[*rowClient]uint64{}
	for _, c := range append(slices.Clone(a), b) {
		before[c] = c.Seq
	}
	r.open(2, "cleo", nil)
	for _, c := range a {
		p := expect(r.t, c.Client, "GUILD_MEMBER_LIST_UPDATE", fmt.Sprint(cleo))
		if text := string(p.Data); !strings.Contains(text, `"id":"online","count":3`) || !strings.Contains(text, "DELETE") || !strings.Contains(text, "INSERT") {
			r.t.Errorf("%s is shown %s", c.name, text)
		}
	}
	expect(r.t, b.Client, "PRESENCE_UPDATE", fmt.Sprint(cleo))
	r.settle()
	for _, c := range a {
		if p := c.last["PRESENCE_UPDATE"]; p.Seq > before[c] {
			var of struct {
				Guild string `json:"guild_id"`
			}
			if _ = json.Unmarshal(p.Data, &of); of.Guild == fmt.Sprint(guildID) {
				r.t.Errorf("%s was told %s, too", c.name, p.Data)
			}
		}
	}
}

// L14: who is removed is told that the guild is gone, and not that a member left; who is added
// is told of the guild, and not of himself; who is deleted a channel or a guild is told so and
// then nothing of it; a private channel that is opened, or that somebody is added to, is
// subscribed to before it is told of.
func (r *rows) order() {
	a, b := r.spread("ann"), r.spread("ben")
	d := []*rowClient{r.open(0, "dan", nil), r.open(2, "dan", nil)}
	member := func(id uint64) string { return fmt.Sprintf("member:%d,%d", guildID, id) }
	in := &eventnodev1.DirectoryMember{GuildId: guildID, UserId: dan}

	r.send(guildTopic, "GUILD_MEMBER_ADD", append(slices.Clone(a), b...)...)
	r.change(directory.PutMember(in))
	r.send(member(dan), "GUILD_CREATE", d...)
	r.send(generalTopic, "MESSAGE_CREATE", append(append(slices.Clone(a), b...), d...)...)

	r.send(member(dan), "GUILD_DELETE", d...)
	r.change(directory.DeleteMember(guildID, dan))
	r.send(guildTopic, "GUILD_MEMBER_REMOVE", append(slices.Clone(a), b...)...)
	r.send(generalTopic, "MESSAGE_CREATE", append(slices.Clone(a), b...)...)

	const opened = 11 << 22
	dm := directory.PutChannel(&eventnodev1.DirectoryChannel{Id: opened, Type: directory.Direct, Recipients: []uint64{ben, dan}})
	r.change(dm)
	r.send(fmt.Sprint("channel:", opened), "CHANNEL_CREATE", append(slices.Clone(b), d...)...)
	group := &eventnodev1.DirectoryChannel{Id: groupID, Type: directory.Group, Recipients: []uint64{ann, ben, dan}}
	r.change(directory.PutChannel(group))
	r.send(groupTopic, "CHANNEL_RECIPIENT_ADD", append(append(slices.Clone(a), b...), d...)...)

	r.send(othersTopic, "CHANNEL_DELETE", append(slices.Clone(a), b...)...)
	r.change(directory.DeleteChannel(othersID))
	r.send(othersTopic, "MESSAGE_CREATE")
	r.send(otherTopic, "GUILD_DELETE", append(slices.Clone(a), b...)...)
	r.change(directory.DeleteGuild(otherID))
	r.send(otherTopic, "GUILD_UPDATE")
}

// L16: on each node what a client does wrong closes its connection with the code for it, and
// a user's other sessions, also those of that node, do not notice.
func (r *rows) limits() {
	a := r.spread("ann")
	for at := range 3 {
		for _, c := range []struct {
			op   int
			data any
			n    int
			code int
		}{
			{77, nil, 1, 4001}, {3, "x", 1, 4002}, {2, map[string]string{"token": "ann"}, 1, 4005}, {1, 1 << 40, 1, 4007},
			{1, nil, 121, 4008}, {3, strings.Repeat("x", 5_000), 1, 4009},
		} {
			victim := r.open(at, "ann", nil)
			r.clients = slices.DeleteFunc(r.clients, func(c *rowClient) bool { return c == victim })
			for range c.n {
				_ = victim.Send(c.op, c.data) // it may be closed by now
			}
			var err error
			for err == nil {
				_, err = victim.Next(waiting(r.t))
			}
			if end, ok := errors.AsType[*gatewaytest.ClosedError](err); !ok || end.Code != c.code {
				r.t.Errorf("n%d, op %d: %v, want %d", at+1, c.op, err, c.code)
			}
			if err := r.chats[0].CloseSession(r.t.Context(), victim.Session); err != nil {
				r.t.Errorf("its session is not kept: %v", err)
			}
		}
		if err := a[at].Send(1, a[at].Seq); err != nil {
			r.t.Error(err)
		}
	}
	r.send(annTopic, "X", a...)
}

// L15: a node that goes down sends RECONNECT and closes with 4000; its sessions resume on the
// others, with nothing lost, and a user's sessions there have all events all the time.
func (r *rows) goesDown() {
	a, b := r.spread("ann"), r.open(2, "ben", nil)
	all := append(slices.Clone(a), b)
	r.send(generalTopic, "MESSAGE_CREATE", all...)
	r.settle()
	gone := make(chan struct{})
	go func() { defer close(gone); r.nodes[2].stop() }()
	for _, c := range []*rowClient{a[2], b} {
		told := false
		for {
			p, err := c.Next(waiting(r.t))
			if end, ok := errors.AsType[*gatewaytest.ClosedError](err); ok && end.Code == 4000 && told {
				break
			}
			if err != nil || told {
				r.t.Fatalf("%s: %+v, %v", c.name, p, err)
			}
			told = p.Op == 7
		}
	}
	<-gone
	if c, err := gatewaytest.Dial(waiting(r.t), r.nodes[2].GatewayAddress()); err == nil {
		c.Cut()
		r.t.Error("it takes clients")
	}
	r.chats[2], r.down = r.chats[1], "n3"
	for range 30 {
		r.send(generalTopic, "MESSAGE_CREATE", all...)
	}
	r.resume(a[2], 0)
	r.resume(b, 1)
	r.send(generalTopic, "MESSAGE_CREATE", all...)
}
