package chat

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/eventnode/eventnode/chat/directory"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// saw is what a client saw of presences since the last time: "user status", in a guild
// "user status guild"; and with activities these.
func saw(c *client) (out []string) {
	c.t.Helper()
	for _, s := range c.events() {
		if s.Event.Type != presenceUpdate {
			continue
		}
		var p struct {
			User       struct{ ID string } `json:"user"`
			GuildID    string              `json:"guild_id"`
			Status     string              `json:"status"`
			Activities json.RawMessage     `json:"activities"`
		}
		if err := json.Unmarshal(s.Event.Data, &p); err != nil {
			c.t.Fatal(err)
		}
		line := p.User.ID + " " + p.Status
		if p.GuildID != "" {
			line += map[string]string{one.String(): " one", two.String(): " two"}[p.GuildID]
		}
		if string(p.Activities) != "[]" {
			line += " " + string(p.Activities)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func wantSaw(t *testing.T, what string, c *client, want ...string) {
	t.Helper()
	if got := saw(c); !slices.Equal(got, want) {
		t.Errorf("%s: saw %q, want %q", what, got, want)
	}
}

func (w *world) present(node int, c *client, p sessions.Presence) {
	w.t.Helper()
	if err := w.nodes[node].hub.SetPresence(w.t.Context(), c.s, p); err != nil {
		w.t.Fatal(err)
	}
}

// A user's presence is the best of his sessions, on all nodes, with what is played in any;
// his guilds and his friends are told, he is not; nobody is told what he sees already. Who is
// invisible is offline; so is he whose last session has ended.
func TestPresence(t *testing.T) {
	w := peopled(t)
	w.change(directory.DeleteMember(two, ben), directory.DeleteFriendship(ann, cleo))
	friend, member := w.open(0, whole(ben)), w.open(1, whole(cleo)) // ben: guild one and friend; cleo: both guilds
	own := w.open(2, whole(ann), sessions.Presence{Status: sessions.Invisible})
	for _, c := range []*client{friend, member, own} {
		saw(c)
	}
	second := w.open(1, whole(ann), sessions.Presence{Status: sessions.Idle})
	check := func(what, status string) {
		t.Helper()
		wantSaw(t, what, friend, "1 "+status, "1 "+status+" one")
		wantSaw(t, what, member, "1 "+status+" one", "1 "+status+" two")
		wantSaw(t, what, own)
	}
	check("idle elsewhere", "idle")
	w.present(2, own, sessions.Presence{Status: sessions.Online})
	check("the best counts", "online")
	w.present(1, second, sessions.Presence{Status: sessions.DoNotDisturb})
	wantSaw(t, "nothing new", member)
	w.present(2, own, sessions.Presence{Status: sessions.Invisible, Activities: json.RawMessage(`[{"name":"secret"}]`)})
	check("what is left", "dnd")
	w.present(1, second, sessions.Presence{Status: sessions.DoNotDisturb, Activities: json.RawMessage(`[{"name":"chess"}]`)})
	wantSaw(t, "a game", member, `1 dnd one [{"name":"chess"}]`, `1 dnd two [{"name":"chess"}]`)
	saw(friend)
	w.nodes[1].hub.End(second.s)
	w.settle()
	check("the last visible one has ended", "offline")
	w.nodes[2].hub.End(own.s)
	w.settle()
	wantSaw(t, "nobody was seen", member)
}

// Of a user with shards his friends see the first one's presence, and a guild that of the
// shard which has it.
func TestPresenceOfShards(t *testing.T) {
	w := peopled(t)
	w.change(directory.DeleteFriendship(ann, cleo))
	friend, member := w.open(0, sharded(ben, 0, 1)), w.open(1, whole(cleo))
	saw(friend)
	saw(member)
	w.open(2, sharded(ann, 1, 2), sessions.Presence{Status: sessions.Idle})
	wantSaw(t, "the second shard", friend, "1 idle two")
	wantSaw(t, "the second shard", member, "1 idle two")
	first := w.open(0, sharded(ann, 0, 2))
	wantSaw(t, "the first shard", friend, "1 online", "1 online one")
	wantSaw(t, "the first shard", member, "1 online one")
	w.nodes[0].hub.End(first.s)
	w.settle()
	wantSaw(t, "the first shard has ended", friend, "1 offline", "1 offline one")
	wantSaw(t, "the first shard has ended", member, "1 offline one")
}

// A node that is gone takes its users offline at all others, and they are back when it is;
// who has a session elsewhere, too, stays.
func TestPresenceInASplit(t *testing.T) {
	w := peopled(t)
	here, there := w.open(0, whole(cleo)), w.open(2, whole(ann))
	w.open(2, whole(ben))
	w.open(0, whole(ben))
	saw(here)
	saw(there)
	w.set(0, 2, gone)
	wantSaw(t, "split", here, "1 offline", "1 offline one", "1 offline two")
	wantSaw(t, "split, from there", there, "3 offline", "3 offline one", "3 offline two")
	w.set(0, 2, up)
	wantSaw(t, "healed", here, "1 online", "1 online one", "1 online two")
	wantSaw(t, "healed, from there", there, "3 online", "3 online one", "3 online two")
}

// Who has a user before his eyes in a member list sees him change there, and is sent no other
// event for that guild; who looks elsewhere is.
func TestPresenceIsCovered(t *testing.T) {
	w := peopled(t)
	w.change(directory.DeleteFriendship(ann, cleo), directory.DeleteFriendship(ann, ben))
	looks, elsewhere, not := w.open(0, whole(ben)), w.open(0, whole(ben)), w.open(1, whole(ben))
	for c, ranges := range map[*client][2]int{looks: {0, 9}, elsewhere: {50, 60}} {
		if err := w.watch(0, c, one, open1, ranges); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*client{looks, elsewhere, not} {
		saw(c)
	}
	w.open(2, whole(ann))
	wantSaw(t, "who looks", looks, "1 online two")
	wantSaw(t, "who looks elsewhere", elsewhere, "1 online one", "1 online two")
	wantSaw(t, "who does not", not, "1 online one", "1 online two")
}

// The intent, and the flag of a subscription, leave presences out.
func TestPresenceIsNotWanted(t *testing.T) {
	w := peopled(t)
	w.change(directory.DeleteFriendship(ann, cleo), directory.DeleteFriendship(ann, ben))
	a, b := w.open(0, with(ben, AllIntents&^IntentPresences)), w.open(1, whole(ben))
	if err := w.sub(2, named(b), NoPresence, Guild(one), Guild(two)); err != nil {
		t.Fatal(err)
	}
	saw(a)
	saw(b)
	w.open(2, whole(ann))
	wantSaw(t, "without the intent", a)
	wantSaw(t, "with the flag", b)
}

// A session that moves changes nobody's presence.
func TestPresenceOfASessionThatMoves(t *testing.T) {
	w := peopled(t)
	b := w.open(0, whole(ben))
	a := w.open(1, whole(ann), sessions.Presence{Status: sessions.Idle})
	saw(b)
	for _, node := range []int{2, 0, 1} {
		if err := w.resume(a, node); err != nil {
			t.Fatal(err)
		}
		w.settle()
		wantSaw(t, fmt.Sprint("moved to ", node), b)
	}
}

// The roster holds nothing of sessions that are gone, whatever is said of them and however
// often; what a node says that makes no sense does no harm.
func TestRosterIsEmptied(t *testing.T) {
	w := peopled(t)
	hub := w.nodes[0].hub
	for range 2 {
		hub.SetSession("x", "s", nil)
		for _, user := range []uint64{1, 2, 2} { // a session does not change its user: this one does
			hub.SetSession("x", "s", &clusterv1.ChatSessionMeta{UserId: user, Presence: &clusterv1.ChatPresence{Status: 99, Activities: []byte(`{`)}})
		}
		hub.SetSession("x", "s", &clusterv1.ChatSessionMeta{})
		hub.SetSession("x", "s", nil)
	}
	if n := len(hub.roster.at) + len(hub.roster.of); n != 0 {
		t.Errorf("%d are left", n)
	}
}
