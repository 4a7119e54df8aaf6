package node_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// chatSDK is what an embedded node and a client have.
type chatSDK interface {
	eventnode.Chat
	Change(ctx context.Context, changes ...*eventnodev1.DirectoryChange) (eventnode.ChatChanged, error)
	Export(ctx context.Context) iter.Seq2[*eventnodev1.DirectoryChange, error]
}

var (
	_ chatSDK = (*node.ChatHandle)(nil)
	_ chatSDK = (*client.Chat)(nil)
)

var (
	generalTopic = fmt.Sprint("channel:", generalID)
	guildTopic   = fmt.Sprint("guild:", guildID)
	annTopic     = fmt.Sprint("user:", ann)
	benTopic     = fmt.Sprint("user:", ben)
)

// chatWorld is three nodes, the words of one of them, and a session on each of the others.
type chatWorld struct {
	chatSDK
	t    *testing.T
	a, b *gatewaytest.Client // ann's and ben's
}

// All that the words of a chat service say holds of an embedded node, and of a client.
func TestChatSDK(t *testing.T) {
	nodes := chatNodes(t, 3)
	embedded, err := nodes[2].Chat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(t.Context(), []string{nodes[2].RPCAddress()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for name, sdk := range map[string]chatSDK{"embedded": embedded, "client": c.Chat()} {
		t.Run(name, func(t *testing.T) {
			w := &chatWorld{chatSDK: sdk, t: t}
			w.a, _ = nodes[0].login(t, "ann")
			w.b, _ = nodes[1].login(t, "ben")
			t.Run("dispatch", func(t *testing.T) { w.t = t; w.dispatch() })
			t.Run("once", func(t *testing.T) { w.t = t; w.once() })
			t.Run("subscribe", func(t *testing.T) { w.t = t; w.subscribe() })
			t.Run("remove", func(t *testing.T) { w.t = t; w.remove() })
			t.Run("directory", func(t *testing.T) { w.t = t; w.directory() })
			t.Run("refusals", func(t *testing.T) { w.t = t; w.refusals() })
			t.Run("sessions", func(t *testing.T) { w.t = t; w.sessions() })
		})
	}
}

// reach dispatches to topics and expects these sessions to be reached.
func (w *chatWorld) reach(topics []string, opts []eventnode.ChatOption, want ...*gatewaytest.Client) {
	w.t.Helper()
	r, err := w.DispatchMany(w.t.Context(), topics, "MESSAGE_CREATE", map[string]string{"id": "1"}, append(opts, eventnode.WithSessions())...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.same(r, want)
}

func (w *chatWorld) same(r eventnode.Reached, want []*gatewaytest.Client) {
	w.t.Helper()
	ids := []string{}
	for _, c := range want {
		ids = append(ids, c.Session)
	}
	slices.Sort(ids)
	slices.Sort(r.Sessions)
	if !slices.Equal(r.Sessions, ids) || r.Count != len(ids) || len(r.Missing) > 0 {
		w.t.Errorf("reached %+v, want %q", r, ids)
	}
}

// An event reaches the sessions of its topics, each once, as far as the filters let it.
func (w *chatWorld) dispatch() {
	type opts = []eventnode.ChatOption
	a, b := w.a, w.b
	w.reach([]string{generalTopic}, nil, a, b)
	w.reach([]string{generalTopic, guildTopic, annTopic}, nil, a, b)
	w.reach([]string{generalTopic}, opts{eventnode.WithOnly(a.Session)}, a)
	w.reach([]string{generalTopic}, opts{eventnode.WithOnlyUsers(ben)}, b)
	w.reach([]string{generalTopic}, opts{eventnode.WithOnly()})
	w.reach([]string{generalTopic}, opts{eventnode.WithExcept(a.Session)}, b)
	w.reach([]string{generalTopic}, opts{eventnode.WithExceptUsers(ann, ben)})
	r, err := w.Dispatch(w.t.Context(), benTopic, "NOTE", []byte(`{"what":"as it is"}`))
	if err != nil || r.Count != 1 || r.Sessions != nil {
		w.t.Errorf("%+v, %v", r, err)
	}
	if p := expect(w.t, b, "NOTE", ""); string(p.Data) != `{"what":"as it is"}` {
		w.t.Errorf("%s", p.Data)
	}
}

// A user is told more of himself than others, and nobody is told twice.
func (w *chatWorld) once() {
	ctx, all := w.t.Context(), eventnode.NewChatOnce(w)
	own, err1 := all.Dispatch(ctx, annTopic, "USER_UPDATE", "private")
	guild, err2 := all.Dispatch(ctx, guildTopic, "USER_UPDATE", "public")
	friends, err3 := all.Dispatch(ctx, "friend:1001", "USER_UPDATE", "public")
	if err := errors.Join(err1, err2, err3); err != nil {
		w.t.Fatal(err)
	}
	w.same(own, []*gatewaytest.Client{w.a})
	w.same(guild, []*gatewaytest.Client{w.b})
	w.same(friends, nil)
	if p := expect(w.t, w.a, "USER_UPDATE", ""); string(p.Data) != `"private"` {
		w.t.Errorf("ann was told %s", p.Data)
	}
}

// A subscription ends and begins for one session or for all of a user, with its flags.
func (w *chatWorld) subscribe() {
	ctx, only := w.t.Context(), []eventnode.ChatSubscriber{{User: ben, Session: w.b.Session}}
	done, err := w.Unsubscribe(ctx, only, generalTopic)
	if err != nil || done.Sessions != 1 || len(done.Missing) > 0 {
		w.t.Fatalf("%+v, %v", done, err)
	}
	w.reach([]string{generalTopic}, nil, w.a)
	for range 2 {
		done, err = w.Subscribe(ctx, []eventnode.ChatSubscriber{{User: ben}}, eventnode.ChatSubscription{Topic: generalTopic, NoTyping: true})
		if err != nil || done.Sessions != 1 || len(done.Missing) > 0 {
			w.t.Fatalf("%+v, %v", done, err)
		}
	}
	w.reach([]string{generalTopic}, nil, w.a, w.b)
	r, err := w.Dispatch(ctx, generalTopic, "TYPING_START", struct{}{}, eventnode.WithSessions())
	if err != nil {
		w.t.Fatal(err)
	}
	w.same(r, []*gatewaytest.Client{w.a})
}

// A reset ends all subscriptions to a topic, on all nodes, and so does a removal.
func (w *chatWorld) remove() {
	ctx, both := w.t.Context(), []eventnode.ChatSubscriber{{User: ann}, {User: ben}}
	for _, end := range []func(context.Context, ...string) (eventnode.ChatRemoved, error){w.Reset, w.Remove} {
		r, err := end(ctx, generalTopic)
		if err != nil || r.Ended != 2 || len(r.Missing) > 0 {
			w.t.Fatalf("%+v, %v", r, err)
		}
		w.reach([]string{generalTopic}, nil)
		if _, err := w.Subscribe(ctx, both, eventnode.ChatSubscription{Topic: generalTopic}); err != nil {
			w.t.Fatal(err)
		}
		w.reach([]string{generalTopic}, nil, w.a, w.b)
	}
}

// The directory says what was put into it; a change that does not fit is named, and the
// others are made.
func (w *chatWorld) directory() {
	changed, err := w.Change(w.t.Context(),
		directory.PutUser(&eventnodev1.DirectoryUser{Id: 5, Username: "eve"}),
		directory.PutMember(&eventnodev1.DirectoryMember{GuildId: guildID, UserId: 6}),
		directory.PutFriendship(5, ben))
	if err != nil || changed.Position.IsZero() || len(changed.Refused) != 1 || len(changed.Missing) > 0 {
		w.t.Fatalf("%+v, %v", changed, err)
	}
	if r := changed.Refused[0]; r.Index != 1 || !errors.Is(r.Err, eventnode.ErrUnknownUser) {
		w.t.Errorf("%+v", r)
	}
	copied, err := directory.New(directory.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	for change, err := range w.Export(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := copied.Apply(change); err != nil {
			w.t.Fatalf("%v: %v", change, err)
		}
	}
	if u := copied.User(5); u.GetUsername() != "eve" || copied.Member(guildID, ben) == nil || !copied.MayRead(ann, secretID) || copied.MayRead(ben, secretID) {
		w.t.Errorf("%v", u)
	}
	if _, err := w.Change(w.t.Context(), directory.DeleteUser(5)); err != nil {
		w.t.Fatal(err)
	}
}

// What cannot be is refused, in words that programs tell apart.
func (w *chatWorld) refusals() {
	ctx, t := w.t.Context(), w.t
	_, noTopic := w.DispatchMany(ctx, nil, "T", 1)
	_, noKind := w.Dispatch(ctx, "nokind:1", "T", 1)
	_, badKey := w.Dispatch(ctx, "guild:x", "T", 1)
	_, noType := w.Dispatch(ctx, guildTopic, "", 1)
	_, large := w.Dispatch(ctx, guildTopic, "T", make([]int, 1<<20))
	_, secret := w.Subscribe(ctx, []eventnode.ChatSubscriber{{User: ben}}, eventnode.ChatSubscription{Topic: fmt.Sprint("channel:", secretID)})
	_, nobody := w.Subscribe(ctx, nil, eventnode.ChatSubscription{Topic: guildTopic})
	_, stateless := w.Subscribe(ctx, []eventnode.ChatSubscriber{{User: ben}}, eventnode.ChatSubscription{Topic: benTopic})
	_, noChange := w.Change(ctx)
	for name, tt := range map[string]struct{ err, want error }{
		"no topic": {noTopic, eventnode.ErrInvalidArgument}, "unknown kind": {noKind, eventnode.ErrBadTopic}, "key of another type": {badKey, eventnode.ErrBadTopic},
		"no type": {noType, eventnode.ErrInvalidArgument}, "too large": {large, eventnode.ErrLimit}, "not to be read": {secret, eventnode.ErrPermissionDenied},
		"nobody": {nobody, eventnode.ErrInvalidArgument}, "no subscribers": {stateless, eventnode.ErrBadTopic}, "no change": {noChange, eventnode.ErrInvalidArgument},
		"no session": {w.CloseSession(ctx, "nobody's"), eventnode.ErrSessionNotFound}, "no session's name": {w.CloseSession(ctx, ""), eventnode.ErrInvalidArgument},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v", name, tt.err)
		}
	}
}

// list lists sessions by user.
func (w *chatWorld) list(f eventnode.ChatSessionFilter) (list []eventnode.ChatSession) {
	w.t.Helper()
	for s, err := range w.Sessions(w.t.Context(), f) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// Sessions of all nodes are listed, by user, by guild or alone, until they are closed.
func (w *chatWorld) sessions() {
	t := w.t
	all := w.list(eventnode.ChatSessionFilter{})
	if len(all) != 2 || all[0].User != ann || all[0].Node != "n1" || all[1].ID != w.b.Session || !all[1].Attached || all[1].Sequence == 0 || all[1].Topics == 0 || all[1].Subscriptions != nil {
		t.Errorf("%+v", all)
	}
	if of := w.list(eventnode.ChatSessionFilter{User: ben}); len(of) != 1 || of[0].User != ben || of[0].Node != "n2" {
		t.Errorf("%+v", of)
	}
	if in := w.list(eventnode.ChatSessionFilter{Guild: guildID}); len(in) != 2 {
		t.Errorf("%+v", in)
	}
	one := w.list(eventnode.ChatSessionFilter{Session: w.b.Session})
	if len(one) != 1 || len(one[0].Subscriptions) != one[0].Topics || !slices.ContainsFunc(one[0].Subscriptions, func(s eventnode.ChatSubscription) bool { return s.Topic == guildTopic }) {
		t.Errorf("%+v", one)
	}
	for _, c := range []*gatewaytest.Client{w.a, w.b} {
		if err := w.CloseSession(t.Context(), c.Session); err != nil {
			t.Error(err)
		}
	}
	if left := w.list(eventnode.ChatSessionFilter{}); len(left) != 0 {
		t.Errorf("%+v", left)
	}
	if err := w.CloseSession(t.Context(), w.b.Session); !errors.Is(err, eventnode.ErrSessionNotFound) {
		t.Errorf("%v", err)
	}
}

// A node without a chat service says so, and what to do.
func TestChatSDKOff(t *testing.T) {
	n := startStoppable(t, node.Config{ID: "n1"})
	if _, err := n.Chat(t.Context()); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	c, err := client.Dial(t.Context(), []string{n.RPCAddress()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Chat().Dispatch(t.Context(), guildTopic, "T", 1); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}
