package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// The table of routing, told again row by row on three nodes.

// sub subscribes by a node, and unsub ends that.
func (w *world) sub(node int, who []*eventnodev1.ChatSubscriber, flags Flags, topics ...string) error {
	req := &eventnodev1.ChatServiceSubscribeRequest{Subscribers: who}
	for _, t := range topics {
		req.Subscriptions = append(req.Subscriptions, subscription(t, flags))
	}
	_, err := w.nodes[node].hub.Subscribe(context.Background(), req)
	return err
}

func (w *world) unsub(node int, who []*eventnodev1.ChatSubscriber, topics ...string) {
	w.t.Helper()
	if _, err := w.nodes[node].hub.Unsubscribe(context.Background(), &eventnodev1.ChatServiceUnsubscribeRequest{Subscribers: who, Topics: topics}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(node int, keep bool, topics ...string) uint64 {
	w.t.Helper()
	resp, err := w.nodes[node].hub.Remove(context.Background(), &eventnodev1.ChatServiceRemoveRequest{Topics: topics, Keep: keep})
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.GetEnded()
}

// guild: those of a user's sessions whose shard has the guild, on whatever nodes they are,
// once each; the answer names them.
func TestGuildIsShardAware(t *testing.T) {
	w := peopled(t)
	all := []*client{
		w.open(0, whole(ann)), w.open(1, sharded(ann, 0, 2)), w.open(2, sharded(ann, 1, 2)),
		w.open(2, whole(ben)), w.open(0, whole(dan)),
	}
	reached(all...)
	for node := range 3 {
		got := w.dispatch(node, "GUILD_UPDATE", `{"id":"419430400"}`, Guild(one))
		wantReached(t, "guild one", []int{1, 1, 0, 1, 0}, all...)
		slices.Sort(got.SessionIds)
		if want := ids(all[0], all[1], all[3]); !slices.Equal(got.GetSessionIds(), want) || got.GetMissing() != nil {
			t.Errorf("said of guild one: %v, want %v", got, want)
		}
		w.dispatch(node, "GUILD_UPDATE", `{}`, Guild(two))
		wantReached(t, "guild two", []int{1, 0, 1, 1, 0}, all...)
	}
}

// guild: to subscribe is also to subscribe to the channels that the user may read, without
// the flag for presences, and to unsubscribe ends that.
func TestGuildCascades(t *testing.T) {
	w := peopled(t)
	a, b := w.open(0, whole(ann)), w.open(1, whole(ben))
	reached(a, b)
	for node, flags := range []Flags{0, NoPresence, NoTyping} {
		w.unsub(node, allOf(ann, ben), Guild(one))
		for _, topic := range []string{Guild(one), Channel(open1), Channel(staff1)} {
			w.dispatch(node, "X", `{}`, topic)
			wantReached(t, topic+" after unsub", []int{0, 0}, a, b)
		}
		if err := w.sub(node, allOf(ann, ben), flags, Guild(one)); err != nil {
			t.Fatal(err)
		}
		n := func(wanted bool, n int) int {
			if wanted {
				return n
			}
			return 0
		}
		presence, typing := flags&NoPresence == 0, flags&NoTyping == 0
		for _, c := range []struct {
			event, topic string
			want         []int
		}{
			{"X", Guild(one), []int{1, 1}},
			{"X", Channel(open1), []int{1, 1}},
			{"X", Channel(staff1), []int{1, 0}},
			{"PRESENCE_UPDATE", Guild(one), []int{n(presence, 1), n(presence, 1)}},
			{"PRESENCE_UPDATE", Channel(open1), []int{1, 1}},
			{"TYPING_START", Guild(one), []int{n(typing, 1), n(typing, 1)}},
			{"TYPING_START", Channel(open1), []int{n(typing, 1), n(typing, 1)}},
			{"TYPING_START", Channel(staff1), []int{n(typing, 1), 0}},
		} {
			w.dispatch(2-node, c.event, `{"guild_id":"1"}`, c.topic)
			wantReached(t, fmt.Sprint(c.event, " to ", c.topic, " with flags ", flags), c.want, a, b)
		}
	}
}

// channel: of a guild those whose shard has it; a direct one and a group all sessions of
// their users; in a group each is shown the others.
func TestChannel(t *testing.T) {
	w := peopled(t)
	a0, a1 := w.open(0, sharded(ann, 0, 2)), w.open(1, sharded(ann, 1, 2))
	b, c, d := w.open(1, whole(ben)), w.open(2, whole(cleo)), w.open(2, whole(dan))
	all := []*client{a0, a1, b, c, d}
	reached(all...)
	w.dispatch(2, "MESSAGE_CREATE", `{"guild_id":"1"}`, Channel(open2))
	wantReached(t, "guild's", []int{0, 1, 1, 1, 0}, all...)
	w.dispatch(2, "MESSAGE_CREATE", `{}`, Channel(direct))
	wantReached(t, "direct", []int{1, 1, 1, 0, 0}, all...)
	recipients := `[{"id":"1","n":"ann"},{"id":"2"},{"id":"3"}]`
	for _, event := range []string{"CHANNEL_CREATE", "CHANNEL_UPDATE"} {
		w.dispatch(0, event, `{"id":"1011","recipients":`+recipients+`,"x":7}`, Channel(group))
		for i, want := range []string{`[{"id":"2"},{"id":"3"}]`, `[{"id":"2"},{"id":"3"}]`, `[{"id":"1","n":"ann"},{"id":"3"}]`, `[{"id":"1","n":"ann"},{"id":"2"}]`} {
			got := all[i].events()
			if len(got) != 1 || field(t, got[0].Event, "recipients") != want || field(t, got[0].Event, "x") != "7" {
				t.Errorf("%s for %d: %v, want recipients %s", event, i, got, want)
			}
		}
	}
	w.dispatch(0, "MESSAGE_CREATE", `{"recipients":`+recipients+`}`, Channel(group))
	if got := a0.events(); len(got) != 1 || field(t, got[0].Event, "recipients") != recipients {
		t.Errorf("another event of the group: %v", got)
	}
	wantReached(t, "no recipient", []int{0}, d)
}

// member: the sessions of one user whose shard has the guild. user: all of them.
func TestMemberAndUser(t *testing.T) {
	w := peopled(t)
	all := []*client{w.open(0, whole(ann)), w.open(1, sharded(ann, 0, 2)), w.open(2, sharded(ann, 1, 2)), w.open(0, whole(ben))}
	reached(all...)
	for node := range 3 {
		w.dispatch(node, "X", `{}`, Member(one, ann))
		wantReached(t, "member of one", []int{1, 1, 0, 0}, all...)
		w.dispatch(node, "X", `{}`, Member(two, ann))
		wantReached(t, "member of two", []int{1, 0, 1, 0}, all...)
		w.dispatch(node, "X", `{}`, User(ann))
		wantReached(t, "user", []int{1, 1, 1, 0}, all...)
	}
}

// friend: all sessions of all friends of a user, and not his own; he and they are friends
// of each other, and those of others are not told.
func TestFriend(t *testing.T) {
	w := peopled(t)
	all := []*client{w.open(0, whole(ann)), w.open(0, sharded(ben, 0, 2)), w.open(1, sharded(ben, 1, 2)), w.open(2, whole(cleo))}
	reached(all...)
	w.dispatch(2, "X", `{}`, Friend(ann))
	wantReached(t, "ann's friends", []int{0, 1, 1, 1}, all...)
	w.dispatch(1, "X", `{}`, Friend(ben))
	wantReached(t, "ben's friends", []int{1, 0, 0, 0}, all...)
	w.change(directory.DeleteFriendship(ben, ann), directory.PutFriendship(ben, cleo))
	w.dispatch(0, "X", `{}`, Friend(ben))
	wantReached(t, "ben's friends later", []int{0, 0, 0, 1}, all...)
}

// A topic of no kind, with a bad key, too long, or not as it is written, is an error that
// names it; so is a subscription to a kind that has none.
func TestBadTopics(t *testing.T) {
	w := peopled(t)
	a := w.open(0, whole(ann))
	hub := w.nodes[1].hub
	for _, topic := range []string{
		"", "guild", ":1", "guild:", "nothing:1", "guild:x", "guild:-1", "guild:007", "guild:1,2", "channel: 1", "user:18446744073709551616",
		"member:1", "member:1,", "member:1,2,3", "member:01,2", "friend:1.0", "Guild:1", "guild:" + strings.Repeat("1", 300),
	} {
		_, err := hub.Dispatch(t.Context(), &eventnodev1.ChatServiceDispatchRequest{Topics: []string{User(ann), topic}, Type: "X", Data: []byte(`1`)})
		if bad, ok := errors.AsType[*eventnode.TopicError](err); !ok || bad.Topic != topic {
			t.Errorf("dispatch to %.30q: %v", topic, err)
		}
		if err := w.sub(1, allOf(ann), 0, topic); err == nil {
			t.Errorf("subscribed to %.30q", topic)
		}
		if _, err := hub.Remove(t.Context(), &eventnodev1.ChatServiceRemoveRequest{Topics: []string{topic}}); err == nil {
			t.Errorf("removed %.30q", topic)
		}
	}
	for _, topic := range []string{User(ann), Member(one, ann), LazyGuild(one)} {
		if _, ok := errors.AsType[*eventnode.TopicError](w.sub(2, allOf(ann), 0, topic)); !ok {
			t.Errorf("subscribed to %s", topic)
		}
	}
	wantReached(t, "bad topics", []int{0}, a)
}

// Requests that make no sense are refused, and what is too much names the limit.
func TestBadRequests(t *testing.T) {
	w := peopled(t, func(c *Config) { c.MaxEventBytes, c.MaxTopics, c.MaxFilter = 10, 3, 2 })
	hub := w.nodes[0].hub
	limit := func(name string, err error) {
		t.Helper()
		if l, ok := errors.AsType[*eventnode.LimitError](err); !ok || l.Limit != name {
			t.Errorf("%v, want the limit %s", err, name)
		}
	}
	invalid := func(err error) {
		t.Helper()
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%v, want an invalid argument", err)
		}
	}
	dispatch := func(req *eventnodev1.ChatServiceDispatchRequest) error {
		_, err := hub.Dispatch(t.Context(), req)
		return err
	}
	topics := []string{User(1), User(2), User(3), User(4)}
	invalid(dispatch(&eventnodev1.ChatServiceDispatchRequest{Type: "X", Data: []byte(`1`)}))
	invalid(dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics[:1], Data: []byte(`1`)}))
	invalid(dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics[:1], Type: strings.Repeat("X", 65), Data: []byte(`1`)}))
	invalid(dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics[:1], Type: "X"}))
	invalid(dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics[:1], Type: "X", Data: []byte(`{`)}))
	limit("max_topics", dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics, Type: "X", Data: []byte(`1`)}))
	limit("max_event_bytes", dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics[:1], Type: "X", Data: []byte(`"345678901"`)}))
	limit("max_filter", dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics[:1], Type: "X", Data: []byte(`1`), Only: &eventnodev1.ChatFilter{UserIds: []uint64{1, 2, 3}}}))
	limit("max_filter", dispatch(&eventnodev1.ChatServiceDispatchRequest{Topics: topics[:1], Type: "X", Data: []byte(`1`), Except: &eventnodev1.ChatFilter{SessionIds: []string{"1", "2", "3"}}}))
	invalid(w.sub(0, nil, 0, Guild(one)))
	invalid(w.sub(0, allOf(ann), 0))
	invalid(w.sub(0, allOf(0), 0, Guild(one)))
	limit("max_subscribers", w.sub(0, make([]*eventnodev1.ChatSubscriber, 1_001), 0, Guild(one)))
}

// To subscribe twice is one delivery, with the flags that were said last; to unsubscribe
// from what is not subscribed to changes nothing.
func TestSubscribeTwice(t *testing.T) {
	w := peopled(t)
	a := w.open(1, whole(ann))
	reached(a)
	for range 3 {
		if err := w.sub(0, allOf(ann), NoTyping, Channel(open1)); err != nil {
			t.Fatal(err)
		}
	}
	w.dispatch(2, "X", `{}`, Channel(open1))
	wantReached(t, "thrice subscribed", []int{1}, a)
	w.dispatch(2, "TYPING_START", `{}`, Channel(open1))
	wantReached(t, "the last flags", []int{0}, a)
	w.unsub(0, allOf(ann, dan), Channel(open1), Channel(open1), Channel(77), Guild(77), User(ann))
	w.unsub(0, allOf(ann), Channel(open1))
	w.dispatch(2, "X", `{}`, Channel(open1))
	w.dispatch(2, "X", `{}`, Guild(one))
	wantReached(t, "unsubscribed from one of them", []int{1}, a)
}

// Who may not see something does not subscribe to it, and nothing is done then; a session
// that was named is refused what its shard does not have, all of a user are not.
func TestAdmission(t *testing.T) {
	w := peopled(t)
	a0, a1, d := w.open(0, sharded(ann, 0, 2)), w.open(1, sharded(ann, 1, 2)), w.open(2, whole(dan))
	b := w.open(2, whole(ben))
	reached(a0, a1, d, b)
	for _, topic := range []string{Guild(one), Channel(open1), Channel(direct), Friend(ann)} {
		if err := w.sub(0, allOf(dan), 0, topic); !errors.Is(err, eventnode.ErrPermissionDenied) {
			t.Errorf("dan and %s: %v", topic, err)
		}
	}
	if err := w.sub(0, allOf(ben), 0, Channel(open1), Channel(staff1)); !errors.Is(err, eventnode.ErrPermissionDenied) {
		t.Errorf("ben reads what the staff does: %v", err)
	}
	if err := w.sub(0, allOf(ann), 0, Channel(77)); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("a channel that is not there: %v", err)
	}
	for _, topic := range []string{Guild(one), Channel(open1)} {
		w.unsub(0, allOf(ann), topic)
		if err := w.sub(0, named(a1), 0, topic); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("the other shard was named for %s: %v", topic, err)
		}
		if err := w.sub(0, allOf(ann), 0, topic); err != nil {
			t.Error(err)
		}
		w.dispatch(1, "X", `{}`, topic)
		wantReached(t, topic, []int{1, 0, 0, 1}, a0, a1, d, b)
	}
}

// What a session subscribes to by itself, beside what its user is in, is bounded. A
// session in many guilds is not refused one more topic.
func TestTopicsOfASessionAreBounded(t *testing.T) {
	w := peopled(t, func(c *Config) {
		c.MaxTopics = 4
		c.Kinds = []Backend{Stateful[string]{Stateless[string]{"room", func(key string) (string, error) { return key, nil }}}}
	})
	w.open(0, whole(ann)) // has eight topics
	if err := w.sub(1, allOf(ann), 0, "room:1", "room:2", "room:3"); err != nil {
		t.Error(err)
	}
	if err := w.sub(1, allOf(ann), 0, Channel(open1), Guild(one)); err != nil {
		t.Error(err)
	}
	if err := w.sub(1, allOf(ann), 0, "room:3", "room:4"); err != nil {
		t.Error(err)
	}
	err := w.sub(1, allOf(ann), 0, "room:5")
	if l, ok := errors.AsType[*eventnode.LimitError](err); !ok || l.Limit != "max_topics" {
		t.Errorf("a fifth room: %v", err)
	}
}

// reset ends the subscriptions to a key and keeps it, remove drops it: nodes stay
// interested, or not.
func TestResetAndRemove(t *testing.T) {
	w := peopled(t)
	a, b := w.open(0, whole(ann)), w.open(1, whole(ben))
	reached(a, b)
	interested := func() int { return len(w.nodes[2].hub.nodesOf([]string{Channel(open1)})) }
	for _, keep := range []bool{true, false} {
		if err := w.sub(2, allOf(ann, ben), 0, Channel(open1)); err != nil {
			t.Fatal(err)
		}
		if ended := w.remove(2, keep, Channel(open1)); ended != 2 {
			t.Errorf("%d subscriptions ended, want 2", ended)
		}
		w.dispatch(2, "X", `{}`, Channel(open1))
		wantReached(t, "after reset or remove", []int{0, 0}, a, b)
		if n, want := interested(), map[bool]int{true: 2, false: 0}[keep]; n != want {
			t.Errorf("keep %v: %d nodes are interested, want %d", keep, n, want)
		}
	}
}

// Only and except choose sessions, by themselves or by their users, on all nodes.
func TestFilters(t *testing.T) {
	w := peopled(t)
	a0, a1, b, c := w.open(0, whole(ann)), w.open(1, whole(ann)), w.open(1, whole(ben)), w.open(2, whole(cleo))
	all := []*client{a0, a1, b, c}
	reached(all...)
	id := func(c *client) []string { return []string{string(c.s.ID())} }
	for _, f := range []struct {
		only, except *eventnodev1.ChatFilter
		want         []int
	}{
		{nil, nil, []int{1, 1, 1, 1}},
		{&eventnodev1.ChatFilter{UserIds: []uint64{uint64(ann)}}, nil, []int{1, 1, 0, 0}},
		{&eventnodev1.ChatFilter{SessionIds: id(a1), UserIds: []uint64{uint64(cleo)}}, nil, []int{0, 1, 0, 1}},
		{nil, &eventnodev1.ChatFilter{SessionIds: id(a1), UserIds: []uint64{uint64(cleo)}}, []int{1, 0, 1, 0}},
		{&eventnodev1.ChatFilter{UserIds: []uint64{uint64(ann)}}, &eventnodev1.ChatFilter{SessionIds: id(a0)}, []int{0, 1, 0, 0}},
		{&eventnodev1.ChatFilter{}, nil, []int{0, 0, 0, 0}},
		{nil, &eventnodev1.ChatFilter{}, []int{1, 1, 1, 1}},
	} {
		w.send(2, &eventnodev1.ChatServiceDispatchRequest{Topics: []string{Guild(one)}, Type: "X", Data: []byte(`{}`), Only: f.only, Except: f.except})
		wantReached(t, fmt.Sprint("only ", f.only, " except ", f.except), f.want, all...)
	}
}

// However many topics match, and however often one is said, a session gets an event once.
func TestManyTopics(t *testing.T) {
	w := peopled(t)
	all := []*client{w.open(0, whole(ann)), w.open(1, sharded(ann, 1, 2)), w.open(1, whole(ben)), w.open(2, whole(cleo)), w.open(2, whole(dan))}
	reached(all...)
	got := w.dispatch(1, "X", `{}`, Guild(one), Guild(two), Channel(open1), Channel(open1), Channel(direct), User(ann), Member(one, ann), Friend(ann), User(dan))
	wantReached(t, "everything", []int{1, 1, 1, 1, 1}, all...)
	if len(got.GetSessionIds()) != 5 {
		t.Errorf("said of it: %v", got)
	}
	w.dispatch(1, "X", `{}`, Channel(staff1), Friend(cleo))
	wantReached(t, "two that are one", []int{1, 1, 0, 0, 0}, all...)
}

// USER_UPDATE: a user's own sessions get the private payload, those in his guilds and his
// friends the public one, each session once.
func TestUserUpdate(t *testing.T) {
	w := peopled(t)
	w.change(user(5), directory.PutFriendship(ann, 5)) // a friend in no guild of hers
	all := []*client{w.open(0, whole(ann)), w.open(1, sharded(ann, 1, 2)), w.open(1, whole(ben)), w.open(2, whole(cleo)), w.open(2, whole(5)), w.open(0, whole(dan))}
	reached(all...)
	w.dispatch(0, "USER_UPDATE", `{"email":"x"}`, User(ann))
	w.send(0, &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{Guild(one), Guild(two), Friend(ann)}, Type: "USER_UPDATE", Data: []byte(`{"id":"1"}`),
		Except: &eventnodev1.ChatFilter{UserIds: []uint64{uint64(ann)}},
	})
	for i, want := range []string{`{"email":"x"}`, `{"email":"x"}`, `{"id":"1"}`, `{"id":"1"}`, `{"id":"1"}`} {
		if got := all[i].events(); len(got) != 1 || string(got[0].Event.Data) != want {
			t.Errorf("session %d got %v, want %s once", i, got, want)
		}
	}
	wantReached(t, "no friend", []int{0}, all[5])
}

// A session that has ended, in the middle of a guild, is not reached and disturbs nobody.
func TestEndedSessionDisturbsNobody(t *testing.T) {
	w := peopled(t)
	var all []*client
	for i := range 9 {
		all = append(all, w.open(i%3, whole(ann)))
	}
	reached(all...)
	for i := range 8 {
		if err := w.nodes[0].hub.CloseSession(t.Context(), all[i].s.ID()); err != nil {
			t.Fatal(err)
		}
		if got := w.dispatch(i%3, "X", `{}`, Guild(one), User(ann)); int(got.GetReached()) != 8-i {
			t.Errorf("%d were reached after %d had ended", got.GetReached(), i+1)
		}
		wantReached(t, "the last", []int{1}, all[8])
	}
	if err := w.nodes[0].hub.CloseSession(t.Context(), all[0].s.ID()); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("closed twice: %v", err)
	}
}

// One event goes to hundreds of sessions on all nodes, each once.
func TestBigFanOut(t *testing.T) {
	w := peopled(t)
	const n = 900
	var all []*client
	for i := range n {
		all = append(all, w.open(i%3, whole([]sessions.Snowflake{ann, ben, cleo}[i%3])))
	}
	reached(all...)
	if got := w.dispatch(1, "X", `{}`, Guild(one)); got.GetReached() != n || len(got.GetMissing()) > 0 {
		t.Fatalf("%d were reached, %v missing", got.GetReached(), got.GetMissing())
	}
	if got := reached(all...); slices.ContainsFunc(got, func(n int) bool { return n != 1 }) {
		t.Error("not each has it once")
	}
}
