package discord

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// strangers are Strangers that note whom they have told of.
func strangers() (s *Strangers, told *[]string) {
	told = &[]string{}
	return NewStrangers(func(who Stranger, last bool) {
		*told = append(*told, fmt.Sprint(who.Event, " ", who.Member, " ", last))
	}), told
}

// An event of a name that is not known, and a member that no type has, are told once, and
// counted each time; what is known is not, in whichever form the source says it.
func TestStrangers(t *testing.T) {
	s, told := strangers()
	for range 3 {
		for _, known := range []struct{ name, data string }{
			{"GUILD_ROLE_UPDATE", `{"guild_id":"1","role":{"id":"2"}}`}, {"GUILD_EMOJIS_UPDATE", `{"guild_id":"1","emojis":[]}`},
			{"GUILD_UPDATE", `{"id":"1","name":"g"}`}, {"MESSAGE_CREATE", `{"id":"1","conten\u0074":"c"}`}, {"CHANNEL_DELETE", `{"id":"1","topic":null}`},
			{"GUILD_MEMBER_UPDATE", `{"guild_id":"1","user":{"id":"2"},"nick":"n"}`}, {"READY", `{"session_id":"s"}`},
		} {
			if events, members := s.Look(known.name, json.RawMessage(known.data)); events+members != 0 {
				t.Errorf("%s %s: %d, %d; told %v", known.name, known.data, events, members, *told)
			}
		}
		if events, members := s.Look("NEW", json.RawMessage(`{"a":1}`)); events != 1 || members != 0 {
			t.Error("an event:", events, members)
		}
		if events, members := s.Look("MESSAGE_CREATE", json.RawMessage(`{"id":"1","b":1,"c":{"d":2}}`)); events != 0 || members != 2 {
			t.Error("members:", events, members)
		}
	}
	if want := []string{"NEW  false", "MESSAGE_CREATE b false", "MESSAGE_CREATE c false"}; !slices.Equal(*told, want) {
		t.Errorf("told %q, want %q", *told, want)
	}
}

// However many names a source makes up, so many are known and told of, and the last says so.
func TestStrangersAreBounded(t *testing.T) {
	s, told := strangers()
	for i := range 3 * MaxStrangers {
		s.Look(fmt.Sprint("NEW_", i), nil)
		s.Look("TYPING_START", fmt.Appendf(nil, `{"m%d":1}`, i))
	}
	s.Look(strings.Repeat("x", 1<<20), nil)
	if s.Len() != MaxStrangers || len(*told) != MaxStrangers {
		t.Errorf("%d known, %d told, want %d", s.Len(), len(*told), MaxStrangers)
	}
	for i, text := range *told {
		if strings.HasSuffix(text, "true") != (i == MaxStrangers-1) {
			t.Errorf("%d: %s", i, text)
		}
	}
}

// Whatever a source says, the table is within its bounds, in entries and in bytes, each entry
// is told once, and what is said twice is told once.
func FuzzStrangers(f *testing.F) {
	f.Add("NEW", []byte(`{"a":1}`))
	f.Add("MESSAGE_CREATE", []byte(`{"a":1,"\u0061":2,"id":"1"}`))
	f.Add("TYPING_START", []byte(`{"`+strings.Repeat("long", 100)+`":1}`))
	s, told := strangers()
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		s.Look(name, data)
		before := len(*told)
		s.Look(name, data)
		if len(*told) != before || s.Len() != before || s.Len() > MaxStrangers {
			t.Fatalf("%d told, then %d; %d known", before, len(*told), s.Len())
		}
		for who := range s.seen {
			if len(who.Event) > maxStranger || len(who.Member) > maxStranger {
				t.Fatalf("%q has %d and %d bytes", who, len(who.Event), len(who.Member))
			}
		}
	})
}
