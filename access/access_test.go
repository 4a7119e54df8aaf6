package access_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
)

// token is one that a file may hold itself.
func token(name string) string { return "token-of-" + name + "-1234567890" }

func parse(t *testing.T, text string) *access.Policy {
	t.Helper()
	p, err := access.Parse("tokens.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is wrong with a file is told with its line, and no token is quoted.
func TestMistakesAreToldWithTheirLine(t *testing.T) {
	const head = "principals:\n  - name: a\n    tokens: [token-of-a-1234567890]\n    allow:\n"
	for _, c := range []struct{ text, want string }{
		{"", "tokens.yaml: it is empty"},
		{"token-of-a-1234567890: [", "tokens.yaml: it is not YAML"},
		{"token-of-a-1234567890", "tokens.yaml:1: write KEY: VALUE, with the keys principals"},
		{"token-of-a-1234567890: x", "tokens.yaml:1: there is no such key here: write one of principals"},
		{"principals: a", "tokens.yaml:1: principals must be a list"},
		{"principals: []\n---\na: b", "tokens.yaml: there is more than one document"},
		{"principals:\n  - name: a\n    allow: []", "tokens.yaml:2: a principal without a token"},
		{"principals:\n  - tokens: [token-of-a-1234567890]\n    allow: []", "tokens.yaml:2: a principal without a name"},
		{"principals:\n  - name: a\n    tokens: [token-of-a-12]\n    allow: []", "tokens.yaml:3: a token has at least 16 bytes"},
		{"principals:\n  - name: a\n    sha256: token-of-a-1234567890\n    allow: []", "tokens.yaml:3: sha256 must be 64 hexadecimal digits"},
		{"principals:\n  - name: a\n    tokens: [token-of-a-1234567890]", "tokens.yaml:2: allow is missing"},
		{head + "      - topics: [a]", "tokens.yaml:5: a rule without operations"},
		{head + "      - operations: [dispach]", `tokens.yaml:5: there is no operation "dispach": write dispatch, subscribe,`},
		{head + "      - operations: [dispatch]\n        topic: [a]", "tokens.yaml:6: there is no such key here: write one of operations, topics"},
		{head + "      - operations: [dispatch]\n        topics: [\"topic:a.*\"]", `tokens.yaml:6: "topic:a.*": this is a prefix, not a pattern`},
		{head + "      - operations: [dispatch, publish]\n        topics: [a]", `tokens.yaml:5: publish is about streams, and this rule says which topics but not which streams`},
		{head + "      - operations: [inspect]\n        topics: [a]", "tokens.yaml:5: this rule says which topics, and none of its operations is about topics"},
		{head + "      - operations: [dispatch]\n        topics: {a: b}", "tokens.yaml:6: topics must be text"},
		{head + "      - operations: [inspect]\n        operations: [admin]", "tokens.yaml:6: operations is there twice"},
		{head + "      []\n  - name: a\n    tokens: [another-token-12345]\n    allow: []", `tokens.yaml:6: there are two principals "a"`},
		{head + "      []\n  - name: b\n    tokens: [token-of-a-1234567890]\n    allow: []", "tokens.yaml:6: a and b have the same token"},
	} {
		_, err := access.Parse("tokens.yaml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "token-of-a") {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// A token is known by its digest or by itself; one principal may have several, and what a
// caller may do is told with its name, the operation and the name, and without the token.
func TestPrincipals(t *testing.T) {
	p := parse(t, fmt.Sprintf(`principals:
  - name: billing
    sha256: %x
    tokens: %s
    allow:
      - operations: publish
        streams: [orders., "shop/"]
      - {operations: [dispatch], topics: ["topic:a"]}
      - operations: inspect
`, sha256.Sum256([]byte("first")), token("second")))
	for _, known := range []string{"first", token("second")} {
		who, ok := p.Of(known)
		if !ok || who.Name() != "billing" {
			t.Fatalf("%s: %v", known, who)
		}
	}
	for _, unknown := range []string{"", "First", "first ", fmt.Sprintf("%x", sha256.Sum256([]byte("first")))} {
		if _, ok := p.Of(unknown); ok {
			t.Errorf("%q is known", unknown)
		}
	}
	who, _ := p.Of("first")
	for _, c := range []struct {
		use  access.Use
		want string
	}{
		{access.Use{Operation: access.Publish, Names: []string{"orders.eu", "shop/carts"}}, ""},
		{access.Use{Operation: access.Publish, Names: []string{"orders.eu", "shop"}}, `billing may not do "publish" with the stream "shop": permission denied`},
		{access.Use{Operation: access.Publish, Names: []string{""}}, `billing may not do "publish" with all streams there are, only with some: permission denied`},
		{access.Use{Operation: access.Publish}, ""},
		{access.Use{Operation: access.Read, Names: []string{"orders.eu"}}, `billing may not do "read": permission denied`},
		{access.Use{Operation: access.Dispatch, Names: []string{"topic:a.>"}}, ""}, // what it matches starts with topic:a, too
		{access.Use{Operation: access.Dispatch, Names: []string{"topic:*"}}, `billing may not do "dispatch" with the topic "topic:*": permission denied`},
		{access.Use{Operation: access.Inspect}, ""},
		{access.Use{Operation: access.Admin}, `billing may not do "admin": permission denied`},
	} {
		err := who.May(c.use)
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want || !errors.Is(err, eventnode.ErrPermissionDenied)) {
			t.Errorf("%+v: %v, want %s", c.use, err, c.want)
		}
	}
}

// Same is true exactly if a token means the same in both.
func TestSame(t *testing.T) {
	policy := func(name, tokenOf, rule string) *access.Policy {
		return parse(t, "principals:\n  - name: "+name+"\n    tokens: ["+token(tokenOf)+"]\n    allow: [{"+rule+"}]\n")
	}
	a := policy("a", "x", "operations: [dispatch, inspect], topics: [t]")
	for name, c := range map[string]struct {
		other *access.Policy
		same  bool
	}{
		"the same in another order": {policy("a", "x", "operations: [inspect, dispatch], topics: [t]"), true},
		"another prefix":            {policy("a", "x", "operations: [dispatch, inspect], topics: [u]"), false},
		"all":                       {policy("a", "x", "operations: [dispatch, inspect]"), false},
		"another name":              {policy("b", "x", "operations: [dispatch, inspect], topics: [t]"), false},
		"another token":             {policy("a", "y", "operations: [dispatch, inspect], topics: [t]"), false},
	} {
		if a.Same(c.other, token("x")) != c.same {
			t.Errorf("%s: same is %t", name, !c.same)
		}
	}
	if !a.Same(policy("a", "y", "operations: [admin]"), "of nobody") {
		t.Error("what nobody had and nobody has is not the same")
	}
}

// Random rules allow what a model without any structure allows: one that tries each rule
// with each name.
func TestRulesAgainstAModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	names := []string{"", "a", "ab", "abc", "b", "ba", "a/b"}
	for range 2000 {
		type rule struct {
			operation access.Operation
			prefixes  []string // nil: any
		}
		var rules []rule
		var text strings.Builder
		text.WriteString("principals:\n- name: p\n  tokens: [" + token("p") + "]\n  allow:\n")
		for range 1 + rnd.IntN(4) {
			r := rule{operation: access.Operations()[rnd.IntN(len(access.Operations()))]}
			fmt.Fprintf(&text, "  - operations: [%s]\n", r.operation)
			if k := r.operation.Kind(); k != access.None && rnd.IntN(3) > 0 {
				r.prefixes = []string{}
				for range rnd.IntN(3) {
					r.prefixes = append(r.prefixes, names[rnd.IntN(len(names))])
				}
				quoted := make([]string, len(r.prefixes))
				for i, p := range r.prefixes {
					quoted[i] = fmt.Sprintf("%q", p)
				}
				fmt.Fprintf(&text, "    %s: [%s]\n", k, strings.Join(quoted, ","))
			}
			rules = append(rules, r)
		}
		who, _ := parse(t, text.String()).Of(token("p"))
		for _, o := range access.Operations() {
			use := access.Use{Operation: o}
			for range rnd.IntN(3) {
				use.Names = append(use.Names, names[rnd.IntN(len(names))])
			}
			want := slices.ContainsFunc(rules, func(r rule) bool { return r.operation == o })
			for _, name := range use.Names {
				found := false
				for _, r := range rules {
					if r.operation != o {
						continue
					}
					if r.prefixes == nil || o.Kind() == access.None {
						found = true
					}
					for _, p := range r.prefixes {
						found = found || len(name) >= len(p) && name[:len(p)] == p
					}
				}
				want = want && found
			}
			if err := who.May(use); (err == nil) != want {
				t.Fatalf("seed %d: %+v: %v, want %t, with\n%s", seed, use, err, want, &text)
			}
		}
	}
}

// The name of a group is that of no group of another scope.
func TestGroupNamesAreOfOneScope(t *testing.T) {
	seen := map[string]string{}
	for _, scope := range []string{"", "a", "a/b", "a%2Fb", "a%"} {
		for _, group := range []string{"", "b", "b/c", "%2F"} {
			name := access.Group(scope, group)
			if other, twice := seen[name]; twice {
				t.Errorf("%q of %q %q is that of %s", name, scope, group, other)
			}
			seen[name] = fmt.Sprintf("%q %q", scope, group)
		}
	}
}

// No text makes the decoder do anything but return rules, or an error with the file's name.
func FuzzParse(f *testing.F) {
	f.Add([]byte("principals: []"))
	f.Add([]byte("principals:\n- name: a\n  tokens: [token-of-a-1234567890]\n  allow: [{operations: [all]}]"))
	f.Add([]byte("principals:\n- &x {name: a, sha256: [x], allow: [*x]}"))
	f.Add([]byte("principals: [[], {}, !!null x]"))
	f.Add([]byte("# nothing"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := access.Parse("f.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml:") {
				t.Fatal(err)
			}
			return
		}
		if who, ok := p.Of(token("a")); ok {
			_ = who.May(access.Use{Operation: access.Dispatch, Names: []string{"topic:a"}})
		}
	})
}
