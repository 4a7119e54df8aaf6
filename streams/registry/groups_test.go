package registry

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// added is a cluster that notes which groups are added, after which streams.
type added struct {
	eventnode.Consumers
	streams *declared
	groups  []addedGroup
	fail    string
}

type addedGroup struct {
	stream string
	Group
	behind int // so many streams
}

func (a *added) AddGroup(_ context.Context, stream, group string, cfg eventnode.ConsumerGroupConfig, start eventnode.StartPlace) (bool, error) {
	if group == a.fail {
		return false, eventnode.ErrConsumerGroupDiffers
	}
	a.groups = append(a.groups, addedGroup{stream, Group{group, cfg, start}, len(a.streams.names)})
	return true, nil
}

const groupsYAML = `
default:
  streams:
    a:
    - plain
    - name: g
      keyed: true
      ack_wait: 45s
      max_deliver: never
      backoff: 1500ms
      backoff_max: 2m
      from: newest
    b:
    - {name: h, max_deliver: 5, from: oldest}
    c:
    - {name: bare}
`

// Groups with a configuration are declared with it, after all streams, and not with
// the streams, which would give them the defaults.
func TestGroups(t *testing.T) {
	r, err := Parse([]byte(groupsYAML))
	if err != nil {
		t.Fatal(err)
	}
	d := &declared{}
	a := &added{streams: d}
	if err := r.Declare(t.Context(), d, a); err != nil {
		t.Fatal(err)
	}
	if want := []string{"default/a plain", "default/b ", "default/c "}; !reflect.DeepEqual(d.names, want) {
		t.Errorf("%q, want %q", d.names, want)
	}
	g := Group{"g", eventnode.ConsumerGroupConfig{
		Keyed: true, AckWait: 45 * time.Second, MaxDeliver: eventnode.NoMaxDeliver,
		Backoff: 1500 * time.Millisecond, BackoffMax: 2 * time.Minute,
	}, eventnode.StartPlace{Newest: true}}
	want := []addedGroup{{"a", g, 3}, {"b", Group{Name: "h", Config: eventnode.ConsumerGroupConfig{MaxDeliver: 5}}, 3}, {"c", Group{Name: "bare"}, 3}}
	if !reflect.DeepEqual(a.groups, want) {
		t.Errorf("%+v, want %+v", a.groups, want)
	}
	if got := r.Groups(); !reflect.DeepEqual(got, map[string][]string{"plain": {"a"}, "g": {"a"}, "h": {"b"}, "bare": {"c"}}) {
		t.Errorf("%v", got)
	}
}

// One that differs does not keep the others from being declared; of a stream that
// failed no group is.
func TestGroupsThatFail(t *testing.T) {
	r, err := Parse([]byte(groupsYAML))
	if err != nil {
		t.Fatal(err)
	}
	d := &declared{fail: "b"}
	a := &added{streams: d, fail: "g"}
	err = r.Declare(t.Context(), d, a)
	if !errors.Is(err, eventnode.ErrConsumerGroupDiffers) || !errors.Is(err, eventnode.ErrStreamDiffers) || !strings.Contains(err.Error(), "group g of stream a") {
		t.Errorf("%v", err)
	}
	if len(a.groups) != 1 || a.groups[0].Name != "bare" {
		t.Errorf("%+v", a.groups)
	}
	d = &declared{}
	if err := r.Declare(t.Context(), d, nil); !errors.Is(err, eventnode.ErrInvalidArgument) || d.names != nil {
		t.Errorf("without consumers: %v, %v", err, d.names)
	}
}

func TestBadGroups(t *testing.T) {
	for want, g := range map[string]Group{
		"has the group plain twice": {Name: "plain"},
		"is empty":                  {},
		"ack_wait is 1µs":           {Name: "x", Config: eventnode.ConsumerGroupConfig{AckWait: time.Microsecond}},
		"backoff is -1s":            {Name: "x", Config: eventnode.ConsumerGroupConfig{Backoff: -time.Second}},
		"max_deliver is -2":         {Name: "x", Config: eventnode.ConsumerGroupConfig{MaxDeliver: -2}},
		"more than backoff_max":     {Name: "x", Config: eventnode.ConsumerGroupConfig{Backoff: 2 * time.Second, BackoffMax: time.Second}},
	} {
		r := New()
		r.Register("a", "", []string{"plain"})
		r.RegisterGroup("a", g)
		if err := r.Validate(); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	r := New()
	r.RegisterGroup("a", Group{Name: "g"})
	if err := r.Validate(); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), "register the stream first") {
		t.Errorf("%v", err)
	}
}

// What is wrong with a group is told with its line.
func TestParseGroupErrors(t *testing.T) {
	for _, tt := range []struct{ group, want string }{
		{"{}", `line 4: stream "s": a group has no name`},
		{"{keyed: true}", "a group has no name"},
		{"{name: }", "line 4: the name of a group is a word, not nothing"},
		{"{name: [g]}", "not a list"},
		{"{name: g, name: h}", `"name" is there already, in line 4`},
		{"{name: a b}", "has the character ' '"},
		{"{name: plain}", "line 4: stream s has the group plain twice"},
		{"{name: g, keyed: perhaps}", `line 4: keyed: write true or false, not "perhaps"`},
		{"{name: g, ack_wait: 30}", `ack_wait: write a time in whole milliseconds, such as 30s, not "30"`},
		{"{name: g, ack_wait: 0s}", `not "0s"`},
		{"{name: g, backoff: 1us}", `backoff: write a time in whole milliseconds`},
		{"{name: g, backoff_max: [1s]}", "backoff_max: write a time in whole milliseconds, such as 30s, not a list"},
		{"{name: g, backoff: 2s, backoff_max: 1s}", "line 4: group g of stream s: backoff is 2s, more than backoff_max, 1s"},
		{"{name: g, max_deliver: 0}", `max_deliver: write 1 or more, or never, not "0"`},
		{"{name: g, from: yesterday}", `from: write oldest or newest, not "yesterday"`},
		{"{name: g, retries: 3}", `a group has the key "retries"; those that are known are "name"`},
		{"\n      name: g\n      ack_wait: x", "line 6: ack_wait"},
	} {
		r, err := Parse([]byte("a:\n  streams:\n    s:\n    - " + tt.group + "\n    - plain\n"))
		var e *ParseError
		if r != nil || !errors.As(err, &e) || !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.group, err, tt.want)
		}
	}
}
