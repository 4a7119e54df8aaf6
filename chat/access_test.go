package chat

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// What a user may not read any more his sessions lose, on every node, before anything else
// is sent to them; what he may read now they get. Nothing else changes.
func TestAccessFollowsTheDirectory(t *testing.T) {
	w := peopled(t)
	a0, a1, b := w.open(0, whole(ann)), w.open(1, sharded(ann, 0, 2)), w.open(2, whole(ben))
	other := w.open(2, sharded(ann, 1, 2)) // has not got the guild
	all := []*client{a0, a1, b, other}
	check := func(what string, staff, open []int) {
		t.Helper()
		reached(all...)
		w.dispatch(1, "X", `{}`, Channel(staff1))
		wantReached(t, what+", the staff's", staff, all...)
		w.dispatch(1, "X", `{}`, Channel(open1))
		wantReached(t, what+", everybody's", open, all...)
	}
	every := []int{1, 1, 1, 0}
	check("at first", []int{1, 1, 0, 0}, every)
	for _, c := range []struct {
		what        string
		change      *eventnodev1.DirectoryChange
		staff, open []int
	}{
		{"ann has no role", member(one, ann), []int{0, 0, 0, 0}, every},
		{"ben has", member(one, ben, mods), []int{0, 0, 1, 0}, every},
		{"an overwrite for ann", channel(staff1, one, denied(one), allowed(mods), of(ann, directory.ViewChannel, 0)), []int{1, 1, 1, 0}, every},
		{"an overwrite against ben", channel(staff1, one, denied(one), allowed(mods), of(ben, 0, directory.ViewChannel)), []int{0, 0, 0, 0}, every},
		{"it is everybody's", channel(staff1, one), every, every},
		{"and nobody's", channel(staff1, one, denied(one)), []int{0, 0, 0, 0}, every},
		{"mods are administrators", role(mods, one, directory.Administrator), []int{0, 0, 1, 0}, every},
		{"everybody sees nothing", role(one, one, 0), []int{0, 0, 1, 0}, []int{0, 0, 1, 0}},
		{"ann owns the guild", directory.PutGuild(&eventnodev1.DirectoryGuild{Id: uint64(one), OwnerId: uint64(ann), Name: "x"}), []int{1, 1, 1, 0}, []int{1, 1, 1, 0}},
		{"the role is gone", directory.DeleteRole(mods), []int{1, 1, 0, 0}, []int{1, 1, 0, 0}},
		{"everybody sees again", role(one, one, directory.ViewChannel), []int{1, 1, 0, 0}, every},
		{"ben has left", directory.DeleteMember(one, ben), []int{1, 1, 0, 0}, []int{1, 1, 0, 0}},
		{"and is back", member(one, ben), []int{1, 1, 0, 0}, every},
	} {
		w.change(c.change)
		check(c.what, c.staff, c.open)
	}
	w.settle()
	checkSaid(t, w)
}

// of is an overwrite about a member.
func of(user sessions.Snowflake, allow, deny uint64) *eventnodev1.DirectoryOverwrite {
	return &eventnodev1.DirectoryOverwrite{Id: uint64(user), Kind: eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER, Allow: allow, Deny: deny}
}

// A node whose directory is behind that of the node which dispatches waits until it is not:
// who lost a channel does not get its next event, on whatever node he is. If it stands still
// the event does not come there, and the answer says so.
func TestNodeThatIsBehindWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t)
		a, b := w.open(1, whole(ann)), w.open(1, whole(ben))
		reached(a, b)
		w.nodes[1].hold(true)
		w.change(channel(open1, one, denied(one), allowed(mods)))
		done := make(chan *eventnodev1.ChatServiceDispatchResponse)
		go func() { done <- w.dispatch(0, "X", `{}`, Channel(open1)) }()
		synctest.Wait()
		wantReached(t, "it waits", []int{0, 0}, a, b)
		time.Sleep(behindTimeout / 2)
		w.nodes[1].hold(false)
		if got := <-done; len(got.GetMissing()) > 0 || got.GetReached() != 1 {
			t.Errorf("said: %v", got)
		}
		wantReached(t, "it is up to date", []int{1, 0}, a, b)
		w.nodes[1].hold(true)
		w.change(channel(open1, one))
		if got := w.dispatch(0, "X", `{}`, Channel(open1)); len(got.GetMissing()) != 1 || got.GetMissing()[0] != "n1" {
			t.Errorf("said of a node that stands still: %v", got)
		}
		wantReached(t, "it stands still", []int{0, 0}, a, b)
		w.nodes[1].hold(false)
	})
}

// A barrier is over when all nodes have what this one has, and know what all want; it names
// those that do not.
func TestBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t)
		w.slow = true
		b := w.open(1, whole(dan))
		w.nodes[1].hold(true)
		w.change(member(one, dan))
		if missing := w.nodes[0].hub.Barrier(t.Context()); len(missing) != 1 || missing[0] != "n1" {
			t.Errorf("missing: %v", missing)
		}
		w.nodes[1].hold(false)
		if missing := w.nodes[0].hub.Barrier(t.Context()); len(missing) != 0 {
			t.Errorf("missing: %v", missing)
		}
		reached(b)
		w.dispatch(2, "X", `{}`, Guild(one))
		wantReached(t, "the new member", []int{1}, b)
		w.set(0, 2, cut)
		if missing := w.nodes[0].hub.Barrier(t.Context()); len(missing) == 0 {
			t.Error("nobody misses without a link")
		}
	})
}

// The sessions of a user who is deleted end, on all nodes.
func TestDeletedUser(t *testing.T) {
	w := peopled(t)
	a, b := w.open(1, whole(ann)), w.open(2, whole(ben))
	w.change(directory.DeleteUser(ann))
	if _, err := a.socket.Take(nil, 99); !errors.Is(err, sessions.ErrClosed) {
		t.Errorf("ann's session: %v", err)
	}
	if err := w.resume(b, 0); err != nil {
		t.Error(err)
	}
	w.settle()
	checkSaid(t, w)
	if _, err := w.nodes[0].hub.Identify(t.Context(), whole(ann), sessions.Presence{}, sessions.Hello{}); !errors.Is(err, eventnode.ErrPermissionDenied) {
		t.Errorf("ann identifies: %v", err)
	}
}

// A change that the directory refuses changes nothing, and Apply says why.
func TestRefusedChange(t *testing.T) {
	w := peopled(t)
	a := w.open(0, whole(ann))
	reached(a)
	n := w.nodes[0]
	err := n.hub.Apply(context.Background(), func() (directory.Effect, error) { return n.state.Apply(directory.DeleteUser(dan)) })
	if !errors.Is(err, directory.ErrOwnsGuild) {
		t.Errorf("dan owns the guilds: %v", err)
	}
	w.dispatch(1, "X", `{}`, Guild(one))
	wantReached(t, "afterwards", []int{1}, a)
	checkSaid(t, w)
}

// order is the types of events that a client got, without presences.
func order(c *client) (types []string) {
	c.t.Helper()
	for _, s := range c.types() {
		if s != presenceUpdate {
			types = append(types, s)
		}
	}
	return types
}

func wantOrder(t *testing.T, what string, c *client, want ...string) {
	t.Helper()
	got := order(c)
	if len(got) != len(want) {
		t.Errorf("%s got %v, want %v", what, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s got %v, want %v", what, got, want)
			return
		}
	}
}

// Member removed: he is told that the guild is gone, and not that a member left; the others
// are told that. Member added: the others are told of him, and he of the guild, not of
// himself; only where his shard has it.
func TestMemberOrder(t *testing.T) {
	w := peopled(t)
	a, b := w.open(0, whole(ann)), w.open(1, whole(ben))
	d0, d1 := w.open(2, sharded(dan, 0, 2)), w.open(2, sharded(dan, 1, 2))
	all := []*client{a, b, d0, d1}
	reached(all...)
	w.dispatch(1, "GUILD_DELETE", `{"id":"419430400"}`, Member(one, ben))
	w.change(directory.DeleteMember(one, ben))
	w.dispatch(1, "remove_member", `{"user_id":"2"}`, LazyGuild(one))
	w.dispatch(1, "GUILD_MEMBER_REMOVE", `{"guild_id":"419430400"}`, Guild(one))
	w.dispatch(1, "MESSAGE_CREATE", `{"guild_id":"419430400"}`, Channel(open1))
	wantOrder(t, "ann", a, "GUILD_MEMBER_REMOVE", "MESSAGE_CREATE")
	wantOrder(t, "ben", b, "GUILD_DELETE")
	w.dispatch(0, "GUILD_MEMBER_ADD", `{"guild_id":"419430400"}`, Guild(one))
	w.change(member(one, dan))
	w.nodes[0].hub.Barrier(t.Context())
	w.dispatch(0, "new_member", `{"user_id":"4"}`, LazyGuild(one))
	w.dispatch(0, "GUILD_CREATE", `{"id":"419430400"}`, Member(one, dan))
	w.dispatch(0, "MESSAGE_CREATE", `{"guild_id":"419430400"}`, Channel(open1))
	wantOrder(t, "ann", a, "GUILD_MEMBER_ADD", "MESSAGE_CREATE")
	wantOrder(t, "ben", b)
	wantOrder(t, "dan", d0, "GUILD_CREATE", "MESSAGE_CREATE")
	wantOrder(t, "dan's other shard", d1)
}

// Guild or channel deleted: everybody is told, and then the key is gone on all nodes. DM
// opened: both are subscribed before they are told.
func TestDeletedAndOpenedOrder(t *testing.T) {
	w := peopled(t)
	a, b, d := w.open(0, whole(ann)), w.open(1, whole(ben)), w.open(2, whole(dan))
	reached(a, b, d)
	w.dispatch(2, "CHANNEL_DELETE", `{"guild_id":"1"}`, Channel(open1))
	w.change(directory.DeleteChannel(open1))
	w.dispatch(2, "X", `{}`, Channel(open1))
	w.dispatch(2, "GUILD_DELETE", `{}`, Guild(one))
	w.change(directory.DeleteGuild(one))
	for _, topic := range []string{Guild(one), Channel(staff1)} {
		w.dispatch(2, "X", `{}`, topic)
	}
	for _, c := range []*client{a, b} {
		wantOrder(t, "a member", c, "CHANNEL_DELETE", "GUILD_DELETE")
	}
	w.change(private(1012, directory.Direct, ben, dan))
	w.nodes[0].hub.Barrier(t.Context())
	w.dispatch(0, "CHANNEL_CREATE", `{}`, Channel(1012))
	w.dispatch(0, "MESSAGE_CREATE", `{}`, Channel(1012))
	wantOrder(t, "ben", b, "CHANNEL_CREATE", "MESSAGE_CREATE")
	wantOrder(t, "dan", d, "CHANNEL_CREATE", "MESSAGE_CREATE")
	wantOrder(t, "ann", a)
	w.settle()
	checkSaid(t, w)
	for _, n := range w.nodes {
		if n.hub.table.topics[Guild(one)] != nil || n.hub.wants[Channel(staff1)] != nil {
			t.Errorf("%s still has the guild", n.ref.ID)
		}
	}
}
