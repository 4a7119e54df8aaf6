package pattern

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The wildcards stand for what the documentation says, and for nothing else.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, topic string
		want           bool
	}{
		{"topic:orders.*", "topic:orders.eu", true},
		{"topic:orders.*", "topic:orders", false},
		{"topic:orders.*", "topic:orders.eu.paid", false},
		{"topic:*.paid", "topic:orders.paid", true},
		{"topic:*.paid", "topic:orders.sent", false},
		{"topic:orders.>", "topic:orders.eu", true},
		{"topic:orders.>", "topic:orders.eu.paid", true},
		{"topic:orders.>", "topic:orders", false},
		{"topic:>", "topic:orders", true},
		{"topic:*", "topic:orders", true},
		{"topic:*", "topic:orders.eu", false},
		{"topic:*.>", "topic:a", false},
		{"topic:*.>", "topic:a.b.c", true},
		{"topic:a.*.c", "topic:a..c", true},
		{"topic:a*", "topic:ab", false},
		{"topic:a*", "topic:a*", true},
		{"topic:>", "other:orders", false},
		{"topic:a.b", "topic:a.b", true},
		{"topic:a:b.*", "topic:a:b.c", true},
	} {
		if got := Match(c.pattern, c.topic); got != c.want {
			t.Errorf("Match(%q, %q) is %v", c.pattern, c.topic, got)
		}
		var tree Tree
		tree.Add(c.pattern)
		if got := len(tree.Append(nil, c.topic)) == 1; got != c.want {
			t.Errorf("a tree of %q finds for %q: %v", c.pattern, c.topic, got)
		}
	}
}

// What no pattern can be is refused with what to do; what is none is not taken for one.
func TestCheck(t *testing.T) {
	for key, want := range map[string]string{
		"a.>.b":                           "last token",
		">.>":                             "last token",
		strings.Repeat("*.", 16) + "a":    "max_pattern_tokens",
		"*":                               "",
		strings.Repeat("*.", 15) + ">":    "",
		"a.*.>":                           "",
		strings.Repeat("a.", 15) + "b>.c": "max_pattern_tokens",
	} {
		if err := Check(key); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Check(%q) says %v, want %q", key, err, want)
		}
	}
	for topic, want := range map[string]bool{"topic:a.*": true, "topic:>": true, "topic:a*.b": false, "topic:": false, "*": false, "": false, "topic:a.>.b": true} {
		if Is(topic) != want {
			t.Errorf("Is(%q) is %v", topic, !want)
		}
	}
}

// randomKey makes keys of few tokens from a small alphabet, so that many match.
func randomKey(r *rand.Rand, alphabet ...string) string {
	tokens := make([]string, 1+r.IntN(4))
	for i := range tokens {
		tokens[i] = alphabet[r.IntN(len(alphabet))]
	}
	return strings.Join(tokens, ".")
}

// A tree under random additions and removals finds what matching each of its patterns by
// itself does, and keeps nothing when all are gone.
func TestTreeModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	kinds := []string{"topic:", "topic:", "other:"}
	var tree Tree
	model := map[string]bool{}
	found := 0
	for range 20_000 {
		p := kinds[r.IntN(3)] + randomKey(r, "a", "b", "*", ">", "")
		if _, key, _ := strings.Cut(p, ":"); Check(key) != nil {
			continue
		}
		if r.IntN(2) == 0 {
			if tree.Add(p) == model[p] {
				t.Fatalf("Add(%q) with it there: %v", p, model[p])
			}
			model[p] = true
		} else {
			if tree.Remove(p) != model[p] {
				t.Fatalf("Remove(%q) with it there: %v", p, model[p])
			}
			delete(model, p)
		}
		topic := kinds[r.IntN(3)] + randomKey(r, "a", "b", "c", "")
		got := tree.Append(nil, topic)
		var want []string
		for p := range model {
			if Match(p, topic) {
				want = append(want, p)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || tree.Len() != len(model) {
			t.Fatalf("%q: found %q of %d, want %q of %d", topic, got, tree.Len(), want, len(model))
		}
		found += len(got)
	}
	if found < 1000 {
		t.Fatalf("only %d patterns were found in all: the test tests nothing", found)
	}
	for p := range model {
		tree.Remove(p)
	}
	if !tree.root.empty() || tree.Len() != 0 {
		t.Errorf("an empty tree holds %+v", tree.root)
	}
}

// No input makes the tree differ from Match, or panic.
func FuzzTree(f *testing.F) {
	f.Add("topic:a.*", "topic:a.>", "topic:a.b")
	f.Add(":", "", "*.>:>")
	f.Fuzz(func(t *testing.T, a, b, topic string) {
		var tree Tree
		want := map[string]bool{}
		for _, p := range []string{a, b} {
			kind, key, ok := strings.Cut(p, ":")
			if !ok || kind == "" || Check(key) != nil {
				continue
			}
			tree.Add(p)
			if Match(p, topic) {
				want[p] = true
			}
		}
		if kind, _, ok := strings.Cut(topic, ":"); !ok || kind == "" {
			return
		}
		got := tree.Append(nil, topic)
		if len(got) != len(want) {
			t.Fatalf("found %q, want %v", got, want)
		}
		tree.Remove(a)
		tree.Remove(b)
		if !tree.root.empty() {
			t.Fatalf("an empty tree holds %+v", tree.root)
		}
	})
}

// Finding a topic's patterns among 10,000.
func BenchmarkAppend(b *testing.B) {
	var tree Tree
	r := rand.New(rand.NewPCG(1, 2))
	for tree.Len() < 10_000 {
		tree.Add("topic:" + randomKey(r, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "*") + ".*")
	}
	var buf [64]string
	b.ReportAllocs()
	for b.Loop() {
		tree.Append(buf[:0], "topic:a.b.c.d")
	}
}
