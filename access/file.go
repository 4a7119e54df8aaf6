package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file.
const (
	MaxFileBytes  = 1 << 20
	MaxPrincipals = 10_000
	MaxRules      = 256  // of a principal
	MaxList       = 1024 // prefixes of a kind, or tokens
	MaxText       = 512  // bytes of a name or a prefix
	MinTokenBytes = 16   // of a token that stands in the file itself
)

// reader reads a file, and knows what to call it.
type reader struct{ file string }

// errorf is an error at a place.
func (r reader) errorf(at *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", r.file, at.Line, fmt.Errorf(format, args...))
}

// Parse reads rules. File is what errors call it; they do not quote tokens.
func Parse(file string, text []byte) (*Policy, error) {
	r := reader{file}
	if len(text) > MaxFileBytes {
		return nil, fmt.Errorf("%s: it has more than %d bytes", file, MaxFileBytes)
	}
	in := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := in.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: it is empty: write principals: and who there is", file)
	} else if err != nil {
		// The parser may quote the text, which may be a token that was put here by mistake.
		return nil, fmt.Errorf("%s: it is not YAML", file)
	}
	if err := in.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: there is more than one document", file)
	}
	p := &Policy{byToken: map[digest]*Principal{}}
	if err := r.policy(doc.Content[0], p); err != nil {
		return nil, err
	}
	return p, nil
}

// policy reads the whole.
func (r reader) policy(n *yaml.Node, p *Policy) error {
	fields, err := r.fields(n, "principals")
	if err != nil {
		return err
	}
	list, err := r.list(n, fields["principals"], "principals", MaxPrincipals)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, item := range list {
		who, tokens, err := r.principal(item)
		switch {
		case err != nil:
			return err
		case names[who.name]:
			return r.errorf(item, "there are two principals %q: one may have several tokens", who.name)
		}
		names[who.name] = true
		for _, t := range tokens {
			if other := p.byToken[t]; other != nil {
				return r.errorf(item, "%s and %s have the same token", other.name, who.name)
			}
			p.byToken[t] = who
		}
	}
	return nil
}

// principal reads one.
func (r reader) principal(n *yaml.Node) (who *Principal, tokens []digest, err error) {
	fields, err := r.fields(n, "name", "sha256", "tokens", "allow")
	if err != nil {
		return nil, nil, err
	}
	who = &Principal{}
	if who.name, err = r.text(n, fields["name"], "name"); err == nil && who.name == "" {
		err = r.errorf(n, "a principal without a name")
	}
	if err == nil {
		tokens, err = r.tokens(n, fields)
	}
	if err != nil {
		return nil, nil, err
	}
	rules, err := r.list(n, fields["allow"], "allow", MaxRules)
	for _, item := range rules {
		var rule rule
		if rule, err = r.rule(item); err != nil {
			break
		}
		who.rules = append(who.rules, rule)
	}
	return who, tokens, err
}

// tokens reads the tokens of a principal.
func (r reader) tokens(n *yaml.Node, fields map[string]*yaml.Node) (tokens []digest, err error) {
	hashes, err := r.texts(n, fields["sha256"], "sha256")
	if err != nil {
		return nil, err
	}
	for _, h := range hashes {
		sum, err := hex.DecodeString(h)
		if err != nil || len(sum) != sha256.Size {
			return nil, r.errorf(fields["sha256"], "sha256 must be 64 hexadecimal digits: what `printf %%s TOKEN | sha256sum` says")
		}
		tokens = append(tokens, digest(sum))
	}
	plain, err := r.texts(n, fields["tokens"], "tokens")
	if err != nil {
		return nil, err
	}
	for _, t := range plain {
		if len(t) < MinTokenBytes {
			return nil, r.errorf(fields["tokens"], "a token has at least %d bytes: `openssl rand -base64 32` makes one", MinTokenBytes)
		}
		tokens = append(tokens, sha256.Sum256([]byte(t)))
	}
	if len(tokens) == 0 {
		return nil, r.errorf(n, "a principal without a token: write sha256: and its digest")
	}
	return tokens, nil
}

// rule reads what is allowed.
func (r reader) rule(n *yaml.Node) (out rule, err error) {
	known := []string{"operations"}
	for _, k := range kinds() {
		known = append(known, string(k))
	}
	fields, err := r.fields(n, known...)
	if err != nil {
		return out, err
	}
	if out.operations, err = r.operations(n, fields["operations"]); err != nil {
		return out, err
	}
	for _, k := range kinds() {
		if fields[string(k)] == nil {
			continue
		}
		if out.prefixes == nil {
			out.prefixes = map[Kind][]string{}
		}
		if out.prefixes[k], err = r.prefixes(n, fields[string(k)], k); err != nil {
			return out, err
		}
	}
	return out, r.complete(n, out)
}

// operations reads a rule's operations.
func (r reader) operations(n, list *yaml.Node) (out []Operation, err error) {
	words, err := r.texts(n, list, "operations")
	if err != nil {
		return nil, err
	}
	for _, w := range words {
		switch o := Operation(w); {
		case w == everything:
			out = append(out, all()...)
		case o.known():
			out = append(out, o)
		default:
			return nil, r.errorf(list, "there is no operation %.40q: write %s or all", w, joined(all()))
		}
	}
	if len(out) == 0 {
		return nil, r.errorf(n, "a rule without operations")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// prefixes reads those of a kind.
func (r reader) prefixes(n, list *yaml.Node, k Kind) ([]string, error) {
	texts, err := r.texts(n, list, string(k))
	if err != nil {
		return nil, err
	}
	for _, t := range texts {
		if k == OfTopics && strings.ContainsAny(t, "*>") {
			return nil, r.errorf(list, "%.80q: this is a prefix, not a pattern: write what topics start with", t)
		}
	}
	return texts, nil
}

// complete refuses a rule that bounds some names and leaves others open, and one that
// bounds what none of its operations has.
func (r reader) complete(n *yaml.Node, out rule) error {
	if out.prefixes == nil {
		return nil
	}
	used := map[Kind]bool{}
	for _, o := range out.operations {
		k := o.Kind()
		if k != None && out.prefixes[k] == nil {
			return r.errorf(n, "%s is about %s, and this rule says which %s but not which %s: write %s: [\"\"] for all", o, k, joined(bounded(out)), k, k)
		}
		used[k] = true
	}
	for _, k := range bounded(out) {
		if !used[k] {
			return r.errorf(n, "this rule says which %s, and none of its operations is about %s", k, k)
		}
	}
	return nil
}

// bounded are the kinds that a rule has prefixes of.
func bounded(out rule) (list []Kind) {
	for _, k := range kinds() {
		if out.prefixes[k] != nil {
			list = append(list, k)
		}
	}
	return list
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// fields are those of a mapping, of which each must be known.
func (r reader) fields(n *yaml.Node, known ...string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, r.errorf(n, "write KEY: VALUE, with the keys %s", strings.Join(known, ", "))
	}
	fields := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			return nil, r.errorf(key, "there is no such key here: write one of %s", strings.Join(known, ", "))
		case fields[key.Value] != nil:
			return nil, r.errorf(key, "%s is there twice", key.Value)
		}
		fields[key.Value] = n.Content[i+1]
	}
	return fields, nil
}

// list is a list's items; a field that is not there has none.
func (r reader) list(parent, n *yaml.Node, key string, most int) ([]*yaml.Node, error) {
	switch {
	case n == nil:
		return nil, r.errorf(parent, "%s is missing", key)
	case n.Kind != yaml.SequenceNode:
		return nil, r.errorf(n, "%s must be a list", key)
	case len(n.Content) > most:
		return nil, r.errorf(n, "%s has more than %d entries", key, most)
	}
	return n.Content, nil
}

// text is a text; none if the field is not there.
func (r reader) text(_, n *yaml.Node, key string) (string, error) {
	switch {
	case n == nil:
		return "", nil
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Anchor != "":
		return "", r.errorf(n, "%s must be text", key)
	case len(n.Value) > MaxText:
		return "", r.errorf(n, "%s has more than %d bytes", key, MaxText)
	}
	return n.Value, nil
}

// texts are a list of texts, or one; none if the field is not there.
func (r reader) texts(parent, n *yaml.Node, key string) ([]string, error) {
	if n == nil {
		return nil, nil
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		var err error
		if items, err = r.list(parent, n, key, MaxList); err != nil {
			return nil, err
		}
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		t, err := r.text(parent, item, key)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}
