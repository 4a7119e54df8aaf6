package directory

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

func example(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// parsed is a state made of a file.
func parsed(t testing.TB, text []byte) *State {
	t.Helper()
	changes, err := ParseFile(text)
	if err != nil {
		t.Fatal(err)
	}
	s := newState(t, Limits{})
	for _, c := range changes {
		if _, err := s.Apply(c); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
	}
	return s
}

// The example says what its comments say: names stand for ids, permissions for bits, and
// who may read what follows from it.
func TestParseExample(t *testing.T) {
	s := parsed(t, example(t))
	const ada, grace, alan, clock = 100, 101, 102, 103
	if r := s.Rows(); r.Guilds != 1 || r.Roles != 3 || r.Channels != 6 || r.Private != 2 || r.Members != 4 || r.Users != 4 || r.Friendships != 2 {
		t.Errorf("%+v", r)
	}
	for user, want := range map[flake]bool{ada: true, grace: true, alan: true, clock: true, 104: false} {
		if got := s.MayRead(user, 1103); got != want {
			t.Errorf("user %d may read the moderators: %t", user, got)
		}
	}
	if s.EveryoneMayRead(1103) || !s.RoleMayRead(1001, 1103) || !s.EveryoneMayRead(1101) {
		t.Error("the moderators' channel is not theirs, or the general one not everybody's")
	}
	if p := s.Permissions(alan, 1103); p != 1<<6|1<<10|1<<16 {
		t.Errorf("permissions %b", p)
	}
	if c := s.Channel(1102); c.GetType() != Voice || c.GetParentId() != 1100 {
		t.Error(c)
	}
	if m := s.Member(1000, ada); m.GetNick() != "countess" || m.GetJoinedAt().AsTime().Year() != 2024 {
		t.Error(m)
	}
	if c := s.Channel(2001); c.GetType() != Group || c.GetOwnerId() != ada || len(c.GetRecipients()) != 3 {
		t.Error(c)
	}
}

// What is wrong in a file is said with its line, in words that help.
func TestParseErrors(t *testing.T) {
	const users = "users:\n- {id: 1, name: a}\n- {id: 2, name: b}\n- {id: 3, name: b}\n"
	for _, tt := range []struct {
		text string
		line int
		says string
		is   error
	}{
		{"users:\n- {id: 1, nam: a}", 2, `unknown key "nam"`, eventnode.ErrInvalidArgument},
		{"people: []", 1, `unknown key "people"`, eventnode.ErrInvalidArgument},
		{"users: [", 0, "did not find", eventnode.ErrInvalidArgument},
		{"users:\n- {id: x, name: a}", 2, "decimal digits", eventnode.ErrInvalidArgument},
		{"users:\n- {name: a}", 2, `has the id ""`, eventnode.ErrInvalidArgument},
		{"users:\n- {id: 1, name: a, bot: 7}", 2, "cannot unmarshal", eventnode.ErrInvalidArgument},
		{"users:\n- {id: 1, name: a}\n- {id: 1, name: b}", 3, "new user 1 is a user", ErrIDTaken},
		{"users:\n- {id: 0, name: a}", 2, "2^63", eventnode.ErrInvalidArgument},
		{"users:\n- {id: 1, name: " + strings.Repeat("a", 33) + "}", 2, "max_username_characters", eventnode.ErrLimit},
		{"users: []\n---\nusers: []", 2, "second document", eventnode.ErrInvalidArgument},
		{users + "friends:\n- [a]", 6, "write two", eventnode.ErrInvalidArgument},
		{users + "friends:\n- [a, c]", 6, `no user has the name "c"`, eventnode.ErrInvalidArgument},
		{users + "friends:\n- [a, b]", 6, `several have the name "b"`, eventnode.ErrInvalidArgument},
		{users + "friends:\n- [1, 9]", 6, "user 9", ErrUnknownUser},
		{users + "guilds:\n- {id: 10, name: g}", 6, "owner is missing", eventnode.ErrInvalidArgument},
		{users + "guilds:\n- {id: 2, name: g, owner: a}", 6, "new guild 2 is a user", ErrIDTaken},
		{users + "guilds:\n- id: 10\n  name: g\n  owner: a\n  roles:\n  - {id: 11, name: r, permissions: [VIEW]}", 10, `permission "VIEW"`, eventnode.ErrInvalidArgument},
		{users + "guilds:\n- id: 10\n  name: g\n  owner: a\n  members:\n  - {user: a}\n  - {user: 1}", 11, "member already", eventnode.ErrInvalidArgument},
		{users + "guilds:\n- id: 10\n  name: g\n  owner: a\n  channels:\n  - {id: 12, name: c, type: round}", 10, "channel type", eventnode.ErrInvalidArgument},
		{users + "guilds:\n- id: 10\n  name: g\n  owner: a\n  channels:\n  - {id: 12, name: c, parent: p}", 10, `no category has the name "p"`, eventnode.ErrInvalidArgument},
		{users + "guilds:\n- id: 10\n  name: g\n  owner: a\n  channels:\n  - {id: 12, name: c, overwrites: [{allow: 1}]}", 10, "of a role or of a member", eventnode.ErrInvalidArgument},
		{users + "guilds:\n- id: 10\n  name: g\n  owner: a\n  channels:\n  - {id: 12, name: c, overwrites: [{member: 2}]}", 10, "user 2", ErrUnknownMember},
		{users + "direct:\n- {id: 20, users: []}", 6, "no recipients", eventnode.ErrInvalidArgument},
		{strings.Repeat("#", MaxFileBytes+1), 0, "max_file_bytes", eventnode.ErrLimit},
	} {
		_, err := ParseFile([]byte(tt.text))
		p, ok := errors.AsType[*ParseError](err)
		if !ok || p.Line != tt.line && tt.line > 0 || !strings.Contains(err.Error(), tt.says) || !errors.Is(err, tt.is) || strings.Contains(err.Error(), "directory.") {
			t.Errorf("%.200s\n%v, want line %d, %s", tt.text, err, tt.line, tt.says)
		}
	}
	if changes, err := ParseFile(nil); err != nil || len(changes) > 0 {
		t.Errorf("an empty file: %v, %v", changes, err)
	}
}

// Whatever the file, there is an error with words, or changes that fit and make a state
// that can be made anew.
func FuzzParseFile(f *testing.F) {
	f.Add(example(f))
	f.Add([]byte("users:\n- &a {id: 1, name: a}\n- *a\ndirect:\n- {id: 2, users: [a]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		changes, err := ParseFile(text)
		if err != nil {
			if _, ok := errors.AsType[*ParseError](err); !ok || err.Error() == "" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		s := newState(t, Limits{})
		for _, c := range changes {
			if _, err := s.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		if s.Len() > 0 {
			checkRebuilt(t, s, 0)
		}
	})
}
