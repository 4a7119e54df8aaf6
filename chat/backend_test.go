package chat

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// pairs is a stateless kind: its key is two users.
type pairs struct {
	Stateless[[2]sessions.Snowflake]
}

func parsePair(key string) (p [2]sessions.Snowflake, err error) {
	if n, _ := fmt.Sscanf(key, "%d+%d", &p[0], &p[1]); n != 2 || p[0] == p[1] {
		return p, fmt.Errorf("%q is no pair", key)
	}
	return p, nil
}

func (b pairs) Users(key string) ([]sessions.Snowflake, bool) {
	pair := b.Key(key)
	return pair[:], true
}

func (b pairs) Dispatch(d *Delivery, key string) {
	for range 2 { // it is sent once all the same
		for _, u := range b.Key(key) {
			for _, s := range d.OfUser(u) {
				d.SendAs(s, func(data []byte) []byte { return fmt.Appendf(nil, `{"for":%d,%s`, u, data[1:]) })
			}
		}
	}
}

// room is a stateful kind as it comes.
func room() Backend {
	return Stateful[string]{Stateless[string]{Name: "room", Parse: func(key string) (string, error) {
		if strings.ToLower(key) != key {
			return "", errors.New("rooms are lower case")
		}
		return key, nil
	}}}
}

// A kind of one's own is served like the six: on all nodes, with filters, flags, intents,
// views of the payload and resuming; and a wrong key is refused with what the kind says.
func TestOwnKinds(t *testing.T) {
	w := peopled(t, func(c *Config) {
		c.Kinds = []Backend{pairs{Stateless[[2]sessions.Snowflake]{"pair", parsePair}}, room()}
	})
	a, b, c := w.open(0, whole(ann)), w.open(1, with(ben, AllIntents&^IntentMessageContent)), w.open(2, whole(cleo))
	all := []*client{a, b, c}
	reached(all...)
	resp := w.dispatch(2, "MESSAGE_CREATE", `{"content":"secret","guild_id":1}`, "pair:1+2")
	for i, want := range []string{`{"for":1,"content":"secret","guild_id":1}`, `{"content":"","for":2,"guild_id":1}`} {
		if got := all[i].events(); len(got) != 1 || string(got[0].Event.Data) != want || resp.GetReached() != 2 {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if _, err := w.nodes[0].hub.Dispatch(t.Context(), &eventnodev1.ChatServiceDispatchRequest{Topics: []string{"pair:1"}, Type: "X", Data: []byte(`1`)}); err == nil || !strings.Contains(err.Error(), "no pair") {
		t.Errorf("a wrong key: %v", err)
	}
	if err := w.sub(0, allOf(ann, ben), NoTyping, "room:a", "room:b"); err != nil {
		t.Fatal(err)
	}
	if err := w.sub(0, allOf(ann), 0, "room:A"); err == nil || !strings.Contains(err.Error(), "lower case") {
		t.Errorf("a wrong key: %v", err)
	}
	if err := w.resume(b, 2); err != nil {
		t.Fatal(err)
	}
	w.dispatch(1, "X", `{}`, "room:a", "room:b")
	w.dispatch(1, "TYPING_START", `{}`, "room:a")
	wantReached(t, "rooms", []int{1, 1, 0}, all...)
	w.unsub(1, allOf(ann), "room:a", "room:b")
	w.dispatch(1, "X", `{}`, "room:a", "room:b")
	wantReached(t, "rooms", []int{0, 1, 0}, all...)
}

// A node that knows other kinds says so, instead of doing half of what it is asked.
func TestNodesWithOtherKinds(t *testing.T) {
	n := 0
	w := peopled(t, func(c *Config) {
		if n++; n == 1 {
			c.Kinds = []Backend{room()}
		}
	})
	a := w.open(1, whole(ann))
	if err := w.sub(0, allOf(ann), 0, "room:a"); err == nil {
		t.Error("subscribed where there are no rooms")
	}
	if got := w.dispatch(0, "X", `{}`, "room:a", User(ann)); !slices.Equal(got.GetMissing(), []string{"n1"}) {
		t.Errorf("said: %v", got)
	}
	reached(a)
}

// A Config that cannot be is refused: two kinds of a name, no node, no directory, metrics
// that are there already. A hub without a cluster is alone, and its sessions are seen.
func TestConfig(t *testing.T) {
	state, _ := directory.New(directory.Limits{})
	node := eventnode.NodeRef{ID: "n", Epoch: 1}
	for _, cfg := range []Config{
		{Directory: state}, {Node: node},
		{Node: node, Directory: state, Kinds: []Backend{room(), room()}},
		{Node: node, Directory: state, Kinds: []Backend{Stateful[string]{Stateless[string]{Name: KindGuild}}}},
		{Node: node, Directory: state, Sessions: sessions.Config{TTL: -1}},
	} {
		if _, err := New(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	cfg := Config{Node: node, Directory: state, Registerer: prometheus.NewRegistry()}
	hub, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg); err == nil {
		t.Error("metrics were registered twice")
	}
	for _, c := range []*eventnodev1.DirectoryChange{user(ann), user(ben), directory.PutFriendship(ann, ben)} {
		if err := hub.Apply(t.Context(), func() (directory.Effect, error) { return state.Apply(c) }); err != nil {
			t.Fatal(err)
		}
	}
	identify := func(u sessions.Snowflake) *sessions.Session {
		s, err := hub.Identify(t.Context(), sessions.Identity{User: u, Intents: AllIntents}, sessions.Presence{Status: sessions.Online}, sessions.Hello{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := &client{t: t}
	a.attach(identify(ann).Attach(0))
	b := identify(ben)
	if got := a.types(); !slices.Equal(got, []string{"READY", presenceUpdate}) {
		t.Errorf("ann got %v", got)
	}
	hub.End(b)
	_ = hub.say(t.Context())
	if got := a.types(); !slices.Equal(got, []string{presenceUpdate}) {
		t.Errorf("ann got %v", got)
	}
	if missing := hub.Barrier(t.Context()); len(missing) > 0 {
		t.Errorf("missing: %v", missing)
	}
}

// The iterators of a Delivery stop when their caller does.
func TestSubscribersStop(t *testing.T) {
	w := peopled(t)
	w.open(0, whole(ann))
	w.open(0, whole(ben))
	d := w.nodes[0].hub.delivery(&sessions.Event{Type: "X"}, false)
	d.topic = Guild(one)
	next, stop := iter.Pull(d.Subscribers())
	if _, ok := next(); !ok {
		t.Error("nobody")
	}
	stop()
}
