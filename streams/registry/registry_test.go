package registry

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

// declared is a cluster that notes what is declared.
type declared struct {
	eventnode.Streams
	names []string
	pools []eventnode.Pool
	fail  string
}

func (d *declared) DeclarePool(_ context.Context, p eventnode.Pool) (bool, error) {
	if p.Name == d.fail {
		return false, eventnode.ErrPoolDiffers
	}
	d.pools = append(d.pools, p)
	return true, nil
}

func (d *declared) Declare(_ context.Context, stream string, cfg eventnode.StreamConfig) (bool, error) {
	if stream == d.fail {
		return false, eventnode.ErrStreamDiffers
	}
	d.names = append(d.names, cfg.Pool+"/"+stream+" "+strings.Join(cfg.Groups, ","))
	return true, nil
}

func example() *Registry {
	r := New()
	r.Register("stream-a", "default", []string{"read-group-a", "read-group-ab"})
	r.Register("stream-b", "", []string{"read-group-ab"})
	r.Register("stream-c", "second", nil)
	return r
}

func TestDeclare(t *testing.T) {
	r, d := example(), &declared{}
	if err := r.Declare(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"default/stream-a read-group-a,read-group-ab", "default/stream-b read-group-ab", "second/stream-c "}
	if !reflect.DeepEqual(d.names, want) {
		t.Errorf("%q, want %q", d.names, want)
	}
	if g := r.Groups()["read-group-ab"]; !reflect.DeepEqual(g, []string{"stream-a", "stream-b"}) {
		t.Errorf("streams of a group: %v", g)
	}
	d = &declared{fail: "stream-b"}
	if err := r.Declare(t.Context(), d, nil); !errors.Is(err, eventnode.ErrStreamDiffers) || len(d.names) != 2 {
		t.Errorf("with one that differs: %v, %v", err, d.names)
	}
}

// A name is there once over all pools (the source's words), and nothing is declared
// of a registry that is not valid.
func TestDuplicate(t *testing.T) {
	r, d := example(), &declared{}
	r.Register("stream-a", "second", []string{"read-group-c"})
	err := r.Validate()
	if err == nil || err.Error() != "stream with name stream-a already exists" || !errors.Is(err, eventnode.ErrStreamExists) {
		t.Errorf("validate: %v", err)
	}
	if err := r.Declare(t.Context(), d, nil); !errors.Is(err, eventnode.ErrStreamExists) || d.names != nil {
		t.Errorf("declare: %v, %v", err, d.names)
	}
}

func TestBadNames(t *testing.T) {
	for name, register := range map[string]func(*Registry){
		"is empty":              func(r *Registry) { r.Register("", "", nil) },
		"has 256 bytes":         func(r *Registry) { r.Register(strings.Repeat("n", 256), "", nil) },
		"is not UTF-8":          func(r *Registry) { r.Register("\xff", "", nil) },
		`the character '/'`:     func(r *Registry) { r.Register("a/b", "", nil) },
		"a group is empty":      func(r *Registry) { r.Register("a", "", []string{""}) },
		"the group g twice":     func(r *Registry) { r.Register("a", "", []string{"g", "g"}) },
		`of a pool has the cha`: func(r *Registry) { r.Register("a", "a b", nil) },
	} {
		r := New()
		register(r)
		if err := r.Validate(); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

func TestParse(t *testing.T) {
	r, err := Parse([]byte(`
default:
    streams:
        stream-a:
          - read-group-a
          - read-group-ab
        stream-b: [read-group-ab]
second:
    streams:
        stream-c:
third:
    streams:
`))
	if err != nil || !reflect.DeepEqual(r.Streams(), example().Streams()) {
		t.Errorf("%+v, %v", r, err)
	}
	if pools := r.Pools(); len(pools) != 3 || pools[2].Name != "third" {
		t.Errorf("%+v", pools)
	}
	for _, nothing := range []string{"", "# nothing\n", "---\n", "null"} {
		if r, err := Parse([]byte(nothing)); err != nil || len(r.Streams()) != 0 {
			t.Errorf("%q: %+v, %v", nothing, r, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ yaml, want string }{
		{"a: [", "line 1: not YAML: did not find expected node content"},
		{"default: {\n  streams: }\n  ]", "not YAML"},
		{"a: 7", `line 1: pool a: write key: ..., not "7"`},
		{"a:\n  streams: {}\n  redis: localhost:6379", `line 3: pool a has the key "redis"; those that are known are "streams", "replicas" and "labels"`},
		{"a:\n  streams: 'x'", `line 2: streams of pool a: write stream: ..., not "x"`},
		{"a:\n  streams:\n    s: g", `line 3: stream "s": write a list of groups, not "g"`},
		{"a:\n  streams:\n    s: {g: 1}", `line 3: stream "s": write a list of groups, not a mapping`},
		{"a:\n  streams:\n    s:\n    - [g]", `line 4: stream "s": write the name of a group, not a list`},
		{"a:\n  streams:\n    s:\n    -", `line 4: stream "s": write the name of a group, not nothing`},
		{"a:\n  streams:\n    s: [g, g]", "line 3: stream s has the group g twice"},
		{"a:\n  streams:\n    s s: [g]", "has the character ' '"},
		{"a:\n  streams:\n    s: []\n    s: []", "line 4: stream with name s already exists"},
		{"a:\n  streams:\n    s: []\nb:\n  streams:\n    s: []", "line 6: stream with name s already exists"},
		{"a:\n  streams:\na:\n  streams:", `line 3: the document: "a" is there already, in line 1`},
		{"a:\n  replicas: 6", `line 2: replicas of pool a: write 1 to 5, not "6"`},
		{"a:\n  replicas: [3]", "line 2: replicas of pool a: write 1 to 5, not a list"},
		{"a:\n  labels: ssd", `line 2: labels of pool a: write key: ..., not "ssd"`},
		{"a:\n  labels: {disk: [ssd]}", "line 2: labels of pool a: write a word, not a list"},
		{"a:\n  labels: {disk: a b}", "has the character ' '"},
		{"a: &x\n  streams:\nb: *x", "line 3: pool b: write key: ..., not the alias *x"},
		{"a: &x {streams: {s: []}}\nb:\n  <<: *x", "line 3: pool b: the name of a key is a word"},
		{"- a", "line 1: the document: write pool: ..., not a list"},
		{"[1]: {}", "line 1: the document: the name of a pool is a word, not a list"},
		{"a b:\n  streams:", "the name \"a b\" of a pool has the character ' '"},
		{"a: {}\n---\nb: {}", "a second document"},
	} {
		r, err := Parse([]byte(tt.yaml))
		var e *ParseError
		if r != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.yaml, err, tt.want)
			continue
		}
		if exists := strings.Contains(tt.want, "already exists"); errors.Is(err, eventnode.ErrStreamExists) != exists || errors.Is(err, eventnode.ErrInvalidArgument) == exists {
			t.Errorf("%q: sentinel of %v", tt.yaml, err)
		}
	}
}

// Whatever comes, it is a registry that could be declared, or an error with a
// reason.
func FuzzParseStreams(f *testing.F) {
	f.Add("default:\n  streams:\n    a: [g]\n    b:\n")
	f.Add("a: &x {streams: {s: []}}\nb: *x")
	f.Add("a: [\n")
	f.Add("a:\n  streams:\n    s:\n    - g\n    - {name: h, keyed: true, ack_wait: 3s, max_deliver: never, backoff: 1s, backoff_max: 1m, from: newest}")
	f.Add("\xff: {}")
	f.Add("a:\n  streams:\n    ? [x]\n    : y")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse([]byte(text))
		if err != nil {
			var e *ParseError
			if r != nil || !errors.As(err, &e) || e.Reason == "" || e.Err == nil {
				t.Fatalf("%v", err)
			}
			return
		}
		again := New()
		for _, s := range r.Streams() {
			again.RegisterConfig(s.Name, s.Config)
			for _, g := range s.Groups {
				again.RegisterGroup(s.Name, g)
			}
		}
		if err := again.Validate(); err != nil || !reflect.DeepEqual(again.Streams(), r.Streams()) {
			t.Fatalf("%v: %+v", err, r)
		}
	})
}

// Pools are declared before the streams that are in them, with what they say of
// their placement.
func TestPools(t *testing.T) {
	r, err := Parse([]byte("ssd:\n  replicas: 3\n  labels:\n    disk: ssd\n    rack: 7\n  streams:\n    a:\n"))
	if err != nil {
		t.Fatal(err)
	}
	r.Register("b", "other", nil)
	d := &declared{}
	if err := r.Declare(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	want := []eventnode.Pool{{Name: "ssd", Replicas: 3, Labels: map[string]string{"disk": "ssd", "rack": "7"}}, {Name: "other"}}
	if !reflect.DeepEqual(d.pools, want) || len(d.names) != 2 {
		t.Errorf("%+v, want %+v; streams %v", d.pools, want, d.names)
	}
	d = &declared{fail: "ssd"}
	if err := r.Declare(t.Context(), d, nil); !errors.Is(err, eventnode.ErrPoolDiffers) || !strings.Contains(err.Error(), "pool ssd") {
		t.Errorf("%v", err)
	}
	for name, p := range map[string]eventnode.Pool{
		"twice":       {Name: "ssd"},
		"6 replicas":  {Name: "x", Replicas: 6},
		"is empty":    {},
		"a character": {Name: "x", Labels: map[string]string{"a": "b c"}},
	} {
		again := New()
		again.RegisterPool(eventnode.Pool{Name: "ssd"})
		again.RegisterPool(p)
		if err := again.Validate(); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
