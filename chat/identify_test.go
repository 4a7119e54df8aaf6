package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// readyObject is READY as a client reads it.
type readyObject struct {
	Version   int                           `json:"v"`
	User      struct{ ID, Username string } `json:"user"`
	SessionID string                        `json:"session_id"`
	ResumeURL string                        `json:"resume_gateway_url"`
	Shard     [2]int                        `json:"shard"`
	Guilds    []guildObject                 `json:"guilds"`
	Private   []struct {
		ID         string
		Recipients []struct{ ID string }
	} `json:"private_channels"`
	Relationships []struct {
		ID   string
		Type int
		User struct{ Username string }
	} `json:"relationships"`
	Presences   []presenceWire      `json:"presences"`
	Application struct{ ID string } `json:"application"`
}

type guildObject struct {
	ID          string
	Unavailable bool
	MemberCount int `json:"member_count"`
	Large       bool
	Channels    []struct{ ID string }
	Members     []struct{ User struct{ ID string } }
	Presences   []presenceWire
	Roles       []struct{ ID string }
}

type presenceWire struct {
	User   struct{ ID string }
	Status string
}

func read[T any](t *testing.T, e *sessions.Event) (v T) {
	t.Helper()
	if err := json.Unmarshal(e.Data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (g guildObject) String() string {
	var channels, members, present []string
	for _, c := range g.Channels {
		channels = append(channels, c.ID)
	}
	for _, m := range g.Members {
		members = append(members, m.User.ID)
	}
	for _, p := range g.Presences {
		present = append(present, p.User.ID+"="+p.Status)
	}
	slices.Sort(present)
	return fmt.Sprint(g.MemberCount, channels, members, present)
}

// READY is the first event: it says who the user is, and all that he is in, as he sees it.
func TestReady(t *testing.T) {
	w := peopled(t)
	w.open(1, whole(ann), sessions.Presence{Status: sessions.Idle})
	b := w.identify(0, whole(ben))
	got := b.events()
	if len(got) != 1 || got[0].Event.Type != "READY" {
		t.Fatalf("ben got %v", got)
	}
	r := read[readyObject](t, got[0].Event)
	if r.Version != 10 || r.User.ID != "2" || r.User.Username != "user02" || r.SessionID != string(b.s.ID()) || r.ResumeURL != "ws://here" || r.Shard != [2]int{0, 1} || r.Application.ID != "2" {
		t.Errorf("he is told %+v", r)
	}
	if len(r.Guilds) != 2 || r.Guilds[0].String() != "3 [1001] [1 2 3] [1=idle]" || r.Guilds[1].String() != "3 [1003] [1 2 3] [1=idle]" {
		t.Errorf("guilds: %v", r.Guilds)
	}
	if len(r.Private) != 2 || r.Private[0].ID != "1010" || len(r.Private[0].Recipients) != 1 || len(r.Private[1].Recipients) != 2 {
		t.Errorf("private channels: %v", r.Private)
	}
	if len(r.Relationships) != 1 || r.Relationships[0].Type != 1 || r.Relationships[0].User.Username != "user01" || fmt.Sprint(r.Presences) != "[{{1} idle}]" {
		t.Errorf("friends: %v, %v", r.Relationships, r.Presences)
	}
}

// LC-T6: a client of version 9 for a person gets READY_SUPPLEMENTAL right behind READY, with
// lists in the order of READY's guilds, and with his friends; nobody else gets it.
func TestReadySupplemental(t *testing.T) {
	w := peopled(t)
	w.open(1, whole(ann), sessions.Presence{Status: sessions.Idle})
	told := func(version int, bot bool) (types []string, last *sessions.Event) {
		who := whole(ben)
		who.Bot, who.Intents = bot, AllIntents
		s, err := w.nodes[0].hub.Identify(t.Context(), who, sessions.Presence{Status: sessions.Online}, sessions.Hello{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		k, err := s.Attach(0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Take(nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			types, last = append(types, e.Event.Type), e.Event
		}
		return types, last
	}
	for _, c := range []struct {
		version int
		bot     bool
		want    string
	}{{10, false, "[READY]"}, {9, true, "[READY GUILD_CREATE GUILD_CREATE]"}, {9, false, "[READY READY_SUPPLEMENTAL]"}} {
		if types, _ := told(c.version, c.bot); fmt.Sprint(types) != c.want {
			t.Errorf("version %d, bot %v: %v, want %s", c.version, c.bot, types, c.want)
		}
	}
	_, e := told(9, false)
	type seen struct {
		ID     string `json:"user_id"`
		Status string
	}
	got := read[struct {
		Guilds []struct {
			ID    string
			Voice *[]struct{} `json:"voice_states"`
		}
		Members   [][]struct{} `json:"merged_members"`
		Presences struct {
			Guilds  [][]seen
			Friends []seen
		} `json:"merged_presences"`
		Private *[]struct{} `json:"lazy_private_channels"`
	}](t, e)
	if len(got.Guilds) != 2 || got.Guilds[0].ID != one.String() || got.Guilds[1].ID != two.String() || got.Guilds[0].Voice == nil || got.Private == nil {
		t.Errorf("%s", e.Data)
	}
	if len(got.Members) != 2 || len(got.Presences.Guilds) != 2 || !slices.Contains(got.Presences.Guilds[1], seen{"1", "idle"}) || fmt.Sprint(got.Presences.Friends) != "[{1 idle}]" {
		t.Errorf("%s", e.Data)
	}
}

// An application is told of guilds one by one after READY, those of its shard; without the
// intent of none, and without that of presences of nobody's.
func TestReadyOfAnApplication(t *testing.T) {
	w := peopled(t)
	w.open(1, whole(ann))
	who := sharded(ben, 1, 2)
	who.Bot = true
	got := w.identify(0, who).events()
	if len(got) != 2 || got[1].Event.Type != "GUILD_CREATE" {
		t.Fatalf("got %v", got)
	}
	if r := read[readyObject](t, got[0].Event); len(r.Guilds) != 1 || !r.Guilds[0].Unavailable || r.Guilds[0].ID != two.String() || r.Shard != [2]int{1, 2} {
		t.Errorf("ready: %+v", r)
	}
	if g := read[guildObject](t, got[1].Event); g.ID != two.String() || g.Unavailable || g.String() != "3 [1003] [1 2 3] [1=online]" {
		t.Errorf("guild: %v", g)
	}
	who.Intents = AllIntents &^ IntentPresences
	if g := read[guildObject](t, w.identify(0, who).events()[1].Event); len(g.Presences) != 0 {
		t.Errorf("guild without presences: %v", g)
	}
	who.Intents = AllIntents &^ IntentGuilds
	if got := w.identify(0, who).events(); len(got) != 1 {
		t.Errorf("without the intent: %v", got)
	}
}

// Of a large guild only those are shown who are there, and the user himself.
func TestLargeGuild(t *testing.T) {
	w := peopled(t)
	for i := range 100 {
		w.change(user(sessions.Snowflake(5000+i)), member(one, sessions.Snowflake(5000+i)))
	}
	w.open(1, whole(5007))
	who := whole(ben)
	who.LargeThreshold = 60
	r := read[readyObject](t, w.identify(0, who).events()[0].Event)
	if g := r.Guilds[0]; !g.Large || g.String() != "103 [1001] [2 5007] [5007=online]" {
		t.Errorf("guild: %v", g)
	}
}

// Who is not in the directory, or in too many guilds for one session, is refused.
func TestIdentifyIsRefused(t *testing.T) {
	w := peopled(t)
	hub := w.nodes[0].hub
	identify := func(who sessions.Identity) error {
		_, err := hub.Identify(t.Context(), who, sessions.Presence{}, sessions.Hello{})
		return err
	}
	if err := identify(whole(77)); !errors.Is(err, eventnode.ErrPermissionDenied) {
		t.Errorf("nobody: %v", err)
	}
	if err := identify(sharded(ann, 2, 2)); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("a shard that cannot be: %v", err)
	}
	for i := range maxGuilds {
		g := sessions.Snowflake(1000+i) << 22
		w.change(guild(g), member(g, ann))
	}
	if err := identify(whole(ann)); !errors.Is(err, sessions.ErrShardingRequired) {
		t.Errorf("too many guilds: %v", err)
	}
	if err := identify(sharded(ann, 0, 2)); err != nil {
		t.Errorf("half of them: %v", err)
	}
	checkSaid(t, w)
}

// What a session is told first does not count for what is kept for it: a program in many
// guilds is told of all, whatever the bounds. Once it has that, the bounds hold.
func TestGreetingIsNotCut(t *testing.T) {
	w := peopled(t, func(c *Config) { c.Sessions.ReplayEvents, c.Sessions.ReplayBytes = 10, 5_000 })
	for i := range 50 {
		g := sessions.Snowflake(1000+i) << 22
		w.change(guild(g), member(g, ann), channel(sessions.Snowflake(9000+i), g))
	}
	who := whole(ann)
	who.Bot = true
	a := w.identify(0, who)
	for range 5 {
		w.dispatch(1, "X", `{}`, User(ann))
	}
	if got := a.types(); len(got) != 1+52+5 || got[0] != "READY" || got[57] != "X" {
		t.Fatalf("%d events: %v", len(got), got)
	}
	w.dispatch(1, "X", `{}`, User(ann))
	if n, _ := a.s.Kept(); n > 10 {
		t.Errorf("%d events are kept", n)
	}
	reached(a)
	slow := w.identify(0, who)
	for range 11 {
		w.dispatch(1, "X", `{}`, User(ann))
	}
	if _, err := slow.socket.Take(nil, 1); err == nil {
		t.Error("who does not read is told of no gap")
	}
}

func (c *client) chunks(t *testing.T) (out []chunkObject) {
	t.Helper()
	for _, s := range c.events() {
		if s.Event.Type == "GUILD_MEMBERS_CHUNK" {
			out = append(out, read[chunkObject](t, s.Event))
		}
	}
	return out
}

type chunkObject struct {
	GuildID   string `json:"guild_id"`
	Members   []struct{ User struct{ ID string } }
	Index     int      `json:"chunk_index"`
	Count     int      `json:"chunk_count"`
	NotFound  []string `json:"not_found"`
	Presences []presenceWire
	Nonce     string
}

func (c chunkObject) String() string {
	var users []string
	for _, m := range c.Members {
		users = append(users, m.User.ID)
	}
	return fmt.Sprintf("%v %v %d %s", users, c.NotFound, len(c.Presences), c.Nonce)
}

// Members are asked for by name, by nick or username without regard to capitals, or by id;
// those who are none are said; presences come if they are wanted, and the intent is there.
func TestRequestMembers(t *testing.T) {
	w := peopled(t)
	w.change(directory.PutMember(&eventnodev1.DirectoryMember{GuildId: uint64(one), UserId: uint64(cleo), Nick: "Benny"}))
	w.change(directory.PutUser(&eventnodev1.DirectoryUser{Id: uint64(ben), Username: "BENJAMIN"}))
	a := w.open(0, whole(ann))
	w.open(1, whole(ben))
	a.events()
	name := func(s string) *string { return &s }
	for _, c := range []struct {
		req  sessions.MembersRequest
		want string
	}{
		{sessions.MembersRequest{Query: name("ben"), Nonce: "n"}, "[[2 3] [] 0 n]"},
		{sessions.MembersRequest{Query: name("ben"), Limit: 1}, "[[2] [] 0 ]"},
		{sessions.MembersRequest{Query: name("ben"), Limit: -1}, "[[2 3] [] 0 ]"},
		{sessions.MembersRequest{Query: name("")}, "[[1 2 3] [] 0 ]"},
		{sessions.MembersRequest{Query: name(""), Limit: 2, Presences: true}, "[[1 2] [] 2 ]"},
		{sessions.MembersRequest{Query: name("zz"), Nonce: "x"}, "[[] [] 0 x]"},
		{sessions.MembersRequest{Users: []sessions.Snowflake{cleo, dan, ben, 99}, Presences: true}, "[[3 2] [4 99] 1 ]"},
		{sessions.MembersRequest{}, "[[] [] 0 ]"},
	} {
		c.req.Guilds = []sessions.Snowflake{one}
		if err := w.nodes[0].hub.RequestMembers(t.Context(), a.s, c.req); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(a.chunks(t)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.req, got, c.want)
		}
	}
	hub := w.nodes[0].hub
	if err := hub.RequestMembers(t.Context(), a.s, sessions.MembersRequest{Guilds: []sessions.Snowflake{one, 77}, Query: name("")}); !errors.Is(err, eventnode.ErrInvalidArgument) || len(a.chunks(t)) > 0 {
		t.Errorf("a guild that is not his: %v", err)
	}
	err := hub.RequestMembers(t.Context(), a.s, sessions.MembersRequest{Guilds: []sessions.Snowflake{one}, Users: make([]sessions.Snowflake, 101)})
	if l, ok := errors.AsType[*eventnode.LimitError](err); !ok || l.Limit != "max_requested_users" {
		t.Errorf("too many: %v", err)
	}
	blind := w.open(0, with(ann, AllIntents&^IntentPresences))
	if err := hub.RequestMembers(t.Context(), blind.s, sessions.MembersRequest{Guilds: []sessions.Snowflake{one}, Query: name(""), Presences: true}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(blind.chunks(t)); got != "[[1 2 3] [] 0 ]" {
		t.Errorf("without the intent: %s", got)
	}
}

// Many members come a thousand at a time, as fast as the client reads: what is kept for a
// session is not pushed out by that, and a client that does not read does not get them all.
func TestManyMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t, func(c *Config) { c.Sessions.ReplayBytes = 700_000 })
		for i := range 4_500 {
			u := sessions.Snowflake(1<<20 + i)
			w.change(user(u), member(one, u))
		}
		a := w.open(0, whole(ann))
		a.events()
		all := ""
		req := sessions.MembersRequest{Guilds: []sessions.Snowflake{one}, Query: &all}
		done := make(chan error, 1)
		go func() { done <- w.nodes[0].hub.RequestMembers(t.Context(), a.s, req) }()
		var sizes, places []string
		for len(sizes) < 5 {
			synctest.Wait()
			for _, c := range a.chunks(t) {
				sizes = append(sizes, fmt.Sprint(len(c.Members)))
				places = append(places, fmt.Sprint(c.Index, c.Count))
			}
			time.Sleep(time.Second)
		}
		if err := <-done; err != nil || strings.Join(sizes, " ") != "1000 1000 1000 1000 503" || strings.Join(places, ",") != "0 5,1 5,2 5,3 5,4 5" {
			t.Errorf("%v, %v: %v", sizes, places, err)
		}
	})
}
