package settings

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// flags are some of each kind.
func flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	fs.String("zone", "", "")
	fs.Int("replicas", 3, "")
	fs.Bool("no-storage", false, "")
	fs.StringSlice("join", nil, "")
	fs.Duration("session-ttl", 2*time.Minute, "")
	fs.Uint64("intents", 0, "")
	fs.Bool("help", false, "")
	return fs
}

func apply(fs *pflag.FlagSet, text string, environ ...string) (Origins, error) {
	entries, err := Parse("node.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return Layers{Entries: entries, Environ: environ, Skip: []string{"help"}}.Apply(fs)
}

// Of each way to say a setting the first counts, for every kind of flag and every set of
// ways: flag, variable, file, default; and its origin is told.
func TestPrecedence(t *testing.T) {
	values := map[string][3]string{ // by flag, variable, file
		"zone": {"a", "b", "c"}, "replicas": {"1", "2", "4"}, "no-storage": {"true", "false", "true"},
		"join": {"a:1,b:1", "c:1", "d:1,e:1"}, "session-ttl": {"1s", "2s", "3s"}, "intents": {"1", "2", "3"},
	}
	for name, v := range values {
		for ways := range 8 {
			fs := flags()
			want, kind := plain(fs.Lookup(name)), FromDefault
			var file string
			var environ []string
			if ways&1 != 0 {
				file, want, kind = name+": "+v[2], v[2], FromFile
				if name == "join" {
					file = "# two of them\njoin:\n  - d:1\n  - e:1\n"
				}
			}
			if ways&2 != 0 {
				environ, want, kind = []string{Variable(name) + "=" + v[1]}, v[1], FromEnvironment
			}
			if ways&4 != 0 {
				if err := fs.Parse([]string{"--" + name + "=" + v[0]}); err != nil {
					t.Fatal(err)
				}
				want, kind = v[0], FromFlag
			}
			origins, err := apply(fs, file, environ...)
			if err != nil {
				t.Fatalf("%s %03b: %v", name, ways, err)
			}
			if got := plain(fs.Lookup(name)); got != want || origins.Of(name).Kind != kind || fs.Changed(name) != (ways != 0) {
				t.Errorf("%s %03b: %q from %v, want %q from %s", name, ways, got, origins.Of(name), want, kind)
			}
		}
	}
}

// plain is a flag's value as a variable has it.
func plain(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return f.Value.String()
}

// What is wrong with a file or the environment is told with its place, and what was meant.
func TestMistakesAreToldWithTheirPlace(t *testing.T) {
	for _, c := range []struct {
		file, environ, want string
	}{
		{"zone: a\nreplcas: 3", "", `node.yaml:2: there is no setting "replcas": did you mean replicas?`},
		{"utterly: 3", "", `node.yaml:1: there is no setting "utterly"`},
		{"help: true", "", `node.yaml:1: there is no setting "help"`},
		{"\nreplicas: many", "", `node.yaml:2: replicas: "many" is not a whole number`},
		{"intents: -1", "", `node.yaml:1: intents: "-1" is not a whole number from 0 on`},
		{"no-storage: perhaps", "", `node.yaml:1: no-storage: "perhaps" is not true or false`},
		{"session-ttl: 5", "", `node.yaml:1: session-ttl: "5" is not a duration such as 10s or 2m`},
		{"replicas: [1, 2]", "", `node.yaml:1: replicas: it takes one value, not a list`},
		{"zone: a\nzone: b", "", `node.yaml:2: zone is there twice, first in line 1`},
		{"zone:", "", `node.yaml:1: zone has no value: write one, or leave the key out`},
		{"zone: {a: b}", "", `node.yaml:1: zone: write a value, or a list of values`},
		{"join: [[a]]", "", `node.yaml:1: join: write a value, or a list of values`},
		{"zone: &a b", "", `node.yaml:1: zone: anchors and aliases are not read: write the value itself`},
		{"- zone", "", `node.yaml:1: write settings as KEY: VALUE, one a line`},
		{"zone: a\n---\nzone: b", "", `node.yaml:2: a second document: settings are one`},
		{"zone: a\n b: : c", "", `node.yaml:2: mapping values are not allowed in this context`},
		{"? [a]\n: b", "", `node.yaml:1: a key must be a word`},
		{"", "EVENTNODE_REPLICAS=x", `EVENTNODE_REPLICAS: "x" is not a whole number`},
		{"", "EVENTNODE_REPLCAS=3", `the environment has EVENTNODE_REPLCAS, and there is no such setting: did you mean EVENTNODE_REPLICAS?`},
		// What does not count is right, too.
		{"replicas: many", "EVENTNODE_REPLICAS=3", `node.yaml:1: replicas: "many" is not a whole number`},
	} {
		_, err := apply(flags(), c.file, c.environ)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q, %q:\n got %v\nwant %s", c.file, c.environ, err, c.want)
		}
	}
	if _, err := Parse("big.yaml", make([]byte, MaxFileBytes+1)); err == nil || !strings.Contains(err.Error(), "1048576 bytes at most") {
		t.Errorf("a file that is too large: %v", err)
	}
}

// A value that does not count, because a flag goes before it, does not change the flag.
func TestWhatDoesNotCountChangesNothing(t *testing.T) {
	fs := flags()
	if err := fs.Parse([]string{"--join=a:1", "--join=b:1", "--session-ttl=7s"}); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(fs, "join: [c]\nsession-ttl: 8s", "EVENTNODE_JOIN=d,e", "EVENTNODE_SESSION_TTL=9s"); err != nil {
		t.Fatal(err)
	}
	if got := plain(fs.Lookup("join")) + " " + plain(fs.Lookup("session-ttl")); got != "a:1,b:1 7s" {
		t.Error(got)
	}
}

// Variables that others make are left alone: Kubernetes' of a service, empty ones, those
// that the program names, other commands', and other programs'.
func TestForeignVariables(t *testing.T) {
	others := pflag.NewFlagSet("others", pflag.ContinueOnError)
	others.String("addr", "", "")
	fs := flags()
	_, err := Layers{Others: others, Foreign: func(v string) bool { return v == "EVENTNODE_LOCK" }, Environ: []string{
		"EVENTNODE_SERVICE_HOST=10.0.0.1", "EVENTNODE_SERVICE_PORT=7401", "EVENTNODE_SERVICE_PORT_RPC=7401", "EVENTNODE_PORT=tcp://10.0.0.1:7401",
		"EVENTNODE_PORT_7401_TCP=tcp://10.0.0.1:7401", "EVENTNODE_RPC_PORT_7401_TCP_ADDR=10.0.0.1",
		"EVENTNODE_NOTHING=", "EVENTNODE_LOCK=a", "EVENTNODE_ADDR=a:1", "PATH=/bin", "EVENTNODES=3",
	}}.Apply(fs)
	if err != nil {
		t.Error(err)
	}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			t.Errorf("%s was set", f.Name)
		}
		if orchestrated.MatchString(Variable(f.Name)) {
			t.Errorf("%s cannot be told from one of Kubernetes", Variable(f.Name))
		}
	})
}

// Distance is that of the plain recursive definition, for all short words of two letters.
func TestDistanceAgainstItsDefinition(t *testing.T) {
	var plain func(a, b string) int
	plain = func(a, b string) int {
		if a == "" || b == "" {
			return len(a) + len(b)
		}
		if a[0] == b[0] {
			return plain(a[1:], b[1:])
		}
		return 1 + min(plain(a[1:], b), plain(a, b[1:]), plain(a[1:], b[1:]))
	}
	words := []string{""}
	for i := 0; len(words[i]) < 4; i++ {
		words = append(words, words[i]+"x", words[i]+"y")
	}
	for _, a := range words {
		for _, b := range words {
			if got, want := distance([]rune(a), []rune(b)), plain(a, b); got != want {
				t.Fatalf("%q to %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

// Nearest offers what was likely meant, and nothing that was not.
func TestNearest(t *testing.T) {
	known := []string{"gossip", "rpc", "replicas", "replay-bytes"}
	for word, want := range map[string]string{
		"gosip": "gossip", "replica": "replicas", "rcp": "", "rp": "", "xyz": "", "replay_bytes": "replay-bytes", strings.Repeat("a", 200): "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

// An error that names flags says where these have their values from, if not from the
// command line.
func TestPlaces(t *testing.T) {
	o := Origins{"a": {FromFile, "f:3"}, "b-c": {FromEnvironment, "EVENTNODE_B_C"}, "d": {FromFlag, "--d"}}
	if got := o.Places("--a needs --b-c, --a or --d, not --e"); got != " (f:3, EVENTNODE_B_C)" {
		t.Errorf("%q", got)
	}
	if got := o.Places("--d is wrong"); got != "" {
		t.Errorf("%q", got)
	}
}

// No text makes the decoder fail otherwise than with an error that has the file's name;
// what it takes names each key once, and has a value a key at least, or a list.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a: b", "a: [b, c]", "a: &x b\nc: *x", "- a", "a:\n- b\n- [c]", "a: b\na: c", "? {a: b}\n: c", "%YAML 9", "\xff", "a: !!binary x", "--- a\n--- b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := Parse("f.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml:") {
				t.Fatal(err)
			}
			return
		}
		var keys []string
		for _, e := range entries {
			if slices.Contains(keys, e.Key) || e.Line < 1 || !e.List && len(e.Values) != 1 {
				t.Fatal(fmt.Sprint(e))
			}
			keys = append(keys, e.Key)
		}
		fs := flags()
		_, _ = Layers{Entries: entries}.Apply(fs) // does not panic
	})
}
