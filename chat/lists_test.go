package chat

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// shown is a member list as a client has it: what each place shows, "" where it does not
// know.
type shown struct {
	list  string
	ops   []string // of the newest change
	items []string
	count int
}

// listUpdateObject is GUILD_MEMBER_LIST_UPDATE, as a client reads it.
type listUpdateObject struct {
	ID          string `json:"id"`
	MemberCount int    `json:"member_count"`
	Groups      []struct {
		ID    string `json:"id"`
		Count int    `json:"count"`
	} `json:"groups"`
	Ops []struct {
		Op    string     `json:"op"`
		Range [2]int     `json:"range"`
		Index int        `json:"index"`
		Item  listItem   `json:"item"`
		Items []listItem `json:"items"`
	} `json:"ops"`
}

type listItem struct {
	Group *struct {
		ID    string `json:"id"`
		Count int    `json:"count"`
	} `json:"group"`
	Member *struct {
		User struct {
			ID string `json:"id"`
		} `json:"user"`
		Presence struct {
			Status string `json:"status"`
		} `json:"presence"`
	} `json:"member"`
}

func (i listItem) String() string {
	switch {
	case i.Group != nil:
		return fmt.Sprintf("%s=%d", i.Group.ID, i.Group.Count)
	case i.Member != nil:
		return i.Member.User.ID + " " + i.Member.Presence.Status
	default:
		return "?"
	}
}

// apply applies the member list updates among events, and returns how many there were.
func (v *shown) apply(t testing.TB, events []sessions.Sent) (n int) {
	t.Helper()
	for _, e := range events {
		if e.Event.Type != listUpdate {
			continue
		}
		n++
		var u listUpdateObject
		if err := json.Unmarshal(e.Event.Data, &u); err != nil {
			t.Fatal(err)
		}
		v.ops, v.list = nil, u.ID
		for _, op := range u.Ops {
			v.ops = append(v.ops, op.Op)
			switch op.Op {
			case "SYNC":
				for i := op.Range[0]; i <= op.Range[1]; i++ {
					item := ""
					if at := i - op.Range[0]; at < len(op.Items) {
						item = op.Items[at].String()
					}
					v.grow(i + 1)
					v.items[i] = item
				}
			case "INSERT":
				v.grow(op.Index)
				v.items = slices.Insert(v.items, op.Index, op.Item.String())
			case "UPDATE":
				v.grow(op.Index + 1)
				v.items[op.Index] = op.Item.String()
			case "DELETE":
				v.grow(op.Index + 1)
				v.items = slices.Delete(v.items, op.Index, op.Index+1)
			case "INVALIDATE":
				for i := op.Range[0]; i <= op.Range[1]; i++ {
					v.grow(i + 1)
					v.items[i] = ""
				}
			}
		}
		size := len(u.Groups) + u.MemberCount
		v.grow(size)
		v.items, v.count = v.items[:size], u.MemberCount
	}
	return n
}

func (v *shown) grow(n int) {
	for len(v.items) < n {
		v.items = append(v.items, "")
	}
}

// wantList is the member list of a channel, made from a directory and what users are.
func wantList(state *directory.State, guild, channel sessions.Snowflake, status map[sessions.Snowflake]sessions.Status) (items []string) {
	type group struct {
		id    string
		role  sessions.Snowflake
		users []sessions.Snowflake
	}
	var groups []*group
	for _, r := range state.Roles(guild) {
		if r.GetHoist() && state.RoleMayRead(id(r.GetId()), channel) {
			groups = append(groups, &group{id: fmt.Sprint(r.GetId()), role: id(r.GetId())})
		}
	}
	groups = append(groups, &group{id: "online"}, &group{id: "offline"})
	for m := range state.Members(guild) {
		user := id(m.GetUserId())
		if !state.MayRead(user, channel) {
			continue
		}
		in := groups[len(groups)-1]
		if status[user] > sessions.Invisible {
			in = groups[slices.IndexFunc(groups, func(g *group) bool {
				return g.id == "online" || g.role != 0 && slices.Contains(m.GetRoles(), uint64(g.role))
			})]
		}
		in.users = append(in.users, user)
	}
	for _, g := range groups {
		if len(g.users) == 0 {
			continue
		}
		slices.SortFunc(g.users, func(a, b sessions.Snowflake) int {
			return cmp.Or(cmp.Compare(nameOf(state, guild, a), nameOf(state, guild, b)), cmp.Compare(a, b))
		})
		items = append(items, fmt.Sprintf("%s=%d", g.id, len(g.users)))
		for _, u := range g.users {
			s := status[u]
			if s <= sessions.Invisible {
				s = sessions.Offline
			}
			items = append(items, fmt.Sprintf("%d %s", u, s))
		}
	}
	return items
}

func nameOf(state *directory.State, guild, user sessions.Snowflake) string {
	return cmp.Or(state.Member(guild, user).GetNick(), state.User(user).GetGlobalName(), state.User(user).GetUsername())
}

func (w *world) watch(node int, c *client, guild, channel sessions.Snowflake, ranges ...[2]int) error {
	return w.nodes[node].hub.WatchMembers(w.t.Context(), c.s, sessions.WatchRequest{Guild: guild, Channels: map[sessions.Snowflake][][2]int{channel: ranges}})
}

// Who looks at a list is sent its range, and then what changes: somebody goes offline, comes,
// is called otherwise, gets a role, leaves. Whether it is of this node or another is the same.
func TestMemberList(t *testing.T) {
	w := peopled(t)
	a := w.open(0, whole(ann))
	status := map[sessions.Snowflake]sessions.Status{ann: sessions.Online}
	var v shown
	check := func(what string, ops ...string) {
		t.Helper()
		if n := v.apply(t, a.events()); n != 1 && len(ops) > 0 {
			t.Errorf("%s: told %d times", what, n)
		}
		if want := wantList(w.nodes[0].state, one, open1, status); !slices.Equal(v.items, want) {
			t.Errorf("%s: the client has %v, want %v", what, v.items, want)
		}
		if len(ops) > 0 && !slices.Equal(v.ops, ops) {
			t.Errorf("%s: the ops are %v, want %v", what, v.ops, ops)
		}
	}
	if err := w.watch(0, a, one, open1, [2]int{0, 99}); err != nil {
		t.Fatal(err)
	}
	check("at first", "SYNC")
	b := w.open(2, whole(ben))
	status[ben] = sessions.Online
	check("ben comes") // a group comes as well
	if err := w.nodes[2].hub.SetPresence(t.Context(), b.s, sessions.Presence{Status: sessions.Idle}); err != nil {
		t.Fatal(err)
	}
	status[ben] = sessions.Idle
	check("ben is idle", "UPDATE")
	w.change(directory.PutMember(&eventnodev1.DirectoryMember{GuildId: uint64(one), UserId: uint64(cleo), Nick: "aaa"}))
	check("cleo has a nick")
	w.change(member(one, cleo, mods))
	check("cleo has a role, and is offline")
	w.change(member(one, ben, mods))
	check("ben has a role")
	w.nodes[2].hub.End(b.s)
	w.settle()
	delete(status, ben)
	check("ben has gone")
	w.change(directory.DeleteMember(one, cleo))
	check("cleo has left")
	w.change(role(2002, one, 0), member(one, ann, 2002))
	check("a role above")
	w.change(directory.DeleteRole(2002))
	check("it is gone")
	if err := w.watch(0, a, one, open1); err != nil {
		t.Fatal(err)
	}
	v.apply(t, a.events())
	w.change(member(one, cleo))
	if n := v.apply(t, a.events()); n != 0 || len(w.nodes[0].hub.lists.byGuild) != 0 {
		t.Errorf("told %d times after nobody looks, lists: %v", n, w.nodes[0].hub.lists.byGuild)
	}
	checkSaid(t, w)
}

// Channels that everybody reads share one list, and others have their own; when overwrites
// change whoever looks at a channel gets the list that it has then, or none if he may not
// read it any more. The last one who looks away takes the list with him.
func TestListsAreShared(t *testing.T) {
	w := peopled(t)
	w.change(channel(1004, one))
	a, b := w.open(0, whole(ann)), w.open(0, whole(ben))
	lists := func() int { return len(w.nodes[0].hub.lists.byGuild[one]) }
	var va, vb shown
	for _, o := range []struct {
		c       *client
		v       *shown
		channel sessions.Snowflake
		lists   int
	}{{a, &va, open1, 1}, {b, &vb, 1004, 1}, {a, &va, staff1, 2}} {
		if err := w.watch(0, o.c, one, o.channel, [2]int{0, 99}); err != nil || lists() != o.lists {
			t.Fatalf("%d lists, want %d: %v", lists(), o.lists, err)
		}
		o.v.apply(t, o.c.events())
	}
	if va.list == "everyone" || vb.list != "everyone" {
		t.Errorf("the lists are %q and %q", va.list, vb.list)
	}
	if err := w.watch(0, b, one, staff1, [2]int{0, 99}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("ben looks at the staff's list: %v", err)
	}
	w.change(channel(1004, one, denied(one), allowed(mods))) // ben may not read it any more
	if b.events(); lists() != 2 || len(w.nodes[0].hub.lists.watching[b.s]) != 0 {
		t.Errorf("%d lists, ben looks at %v", lists(), w.nodes[0].hub.lists.watching[b.s])
	}
	w.change(channel(staff1, one)) // everybody's from now on
	if va.apply(t, a.events()); va.list != "everyone" || lists() != 1 {
		t.Errorf("ann looks at %q, %d lists", va.list, lists())
	}
	w.unsub(0, allOf(ann), LazyGuild(one))
	if lists() != 0 || len(w.nodes[0].hub.lists.watching) != 0 {
		t.Errorf("%d lists are left", lists())
	}
	if err := w.watch(0, a, one, open1, [2]int{0, 9}); err != nil {
		t.Fatal(err)
	}
	w.remove(1, false, LazyGuild(one))
	if lists() != 0 {
		t.Errorf("%d lists are left after remove", lists())
	}
	checkSaid(t, w)
}

// Ranges that there cannot be are ignored, and do no harm to others who look at the list;
// how many lists a session looks at is bounded, and at the bound it can still look elsewhere.
func TestOddRanges(t *testing.T) {
	w := peopled(t)
	for i := range maxWatches + 1 {
		extra := sessions.Snowflake(3000 + i)
		w.change(role(extra, one, 0), channel(4000+extra, one, allowed(extra), denied(one), allowed(mods)))
	}
	a, b := w.open(0, whole(ann)), w.open(0, whole(ben))
	for range 2 {
		if err := w.watch(0, a, one, open1, [2]int{-1, 5}, [2]int{7, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.watch(0, b, one, open1, [2]int{0, 9}); err != nil {
		t.Fatal(err)
	}
	b.events()
	w.nodes[0].hub.End(a.s)
	w.open(1, whole(cleo))
	var v shown
	if v.apply(t, b.events()) == 0 {
		t.Error("who looks was not told")
	}
	a = w.open(0, whole(ann))
	for i := range maxWatches {
		if err := w.watch(0, a, one, sessions.Snowflake(7000+i), [2]int{0, 9}); err != nil {
			t.Fatal(i, err)
		}
	}
	err := w.watch(0, a, one, 7000+maxWatches, [2]int{0, 9})
	if l, ok := errors.AsType[*eventnode.LimitError](err); !ok || l.Limit != "max_member_lists" {
		t.Errorf("one too many: %v", err)
	}
	for _, ranges := range [][][2]int{{{0, 20}}, nil} {
		if err := w.watch(0, a, one, 7000, ranges...); err != nil {
			t.Errorf("ranges %v at the bound: %v", ranges, err)
		}
	}
}

// The list of a session that moves goes on exactly where it is then, and where it was nobody
// looks any more.
func TestMemberListMoves(t *testing.T) {
	for range 30 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { testMemberListMoves(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func testMemberListMoves(t *testing.T, rnd *rand.Rand) {
	w := peopled(t)
	a := w.open(0, whole(ann))
	at := 0
	status := map[sessions.Snowflake]sessions.Status{ann: sessions.Online}
	var v shown
	if err := w.watch(0, a, one, open1, [2]int{0, 99}); err != nil {
		t.Fatal(err)
	}
	others := map[sessions.Snowflake]*client{}
	for step := range 60 {
		switch user := ben + sessions.Snowflake(rnd.IntN(2)); rnd.IntN(5) {
		case 0:
			at = rnd.IntN(3)
			if err := w.resume(a, at); err != nil {
				t.Fatal(err)
			}
		case 1:
			if others[user] == nil {
				others[user] = w.open(rnd.IntN(3), whole(user))
				status[user] = sessions.Online
			}
		case 2:
			if c := others[user]; c != nil {
				for _, n := range w.nodes {
					n.hub.End(c.s)
				}
				delete(others, user)
				delete(status, user)
			}
		case 3:
			w.change([]*eventnodev1.DirectoryChange{member(one, user), member(one, user, mods)}[rnd.IntN(2)])
		default:
			v.apply(t, a.events())
		}
		w.settle()
		if step%7 == 0 {
			v.apply(t, a.events())
			if want := wantList(w.nodes[0].state, one, open1, status); !slices.Equal(v.items, want) {
				t.Fatalf("step %d: the client has %v, want %v", step, v.items, want)
			}
		}
		for i, n := range w.nodes {
			if watched := len(n.hub.lists.byGuild) > 0; watched != (i == at) {
				t.Fatalf("step %d: node %d has lists: %v, the session is at %d", step, i, watched, at)
			}
		}
	}
}
