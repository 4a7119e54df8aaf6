package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eventnode/eventnode"
)

// The shape of the YAML:
//
//	POOL:
//	  replicas: 3           (optional)
//	  labels:               (optional)
//	    KEY: VALUE
//	  streams:
//	    STREAM: [GROUP, ...]
//
// where a group is its name, or a mapping: see yaml_groups.go.
//
// It is taken literally: what is not known is refused, so that a word with a typo
// does not become a stream that nobody keeps; and aliases are not followed.

// The keys of a pool.
const (
	keyReplicas = "replicas"
	keyLabels   = "labels"
	keyStreams  = "streams"
)

// ParseError says what is wrong with YAML, and where.
type ParseError struct {
	// Line is the line, from 1 on; 0: not known.
	Line int
	// Reason says it in words.
	Reason string
	// Err is the sentinel, eventnode.ErrInvalidArgument or ErrStreamExists.
	Err error
}

// Error begins with the line.
func (e *ParseError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// Unwrap returns the sentinel.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads a registry from YAML. Its errors are a *ParseError each, of the first
// line that is wrong.
func Parse(text []byte) (*Registry, error) {
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	r := New()
	if root == nil {
		return r, nil
	}
	err = eachPair(root, "the document", "pool", func(pool, value *yaml.Node) error {
		return r.pool(pool.Value, value)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// document is the one document in the text; nil if there is none.
func document(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntax(err)
	}
	if err := d.Decode(&more); err == nil {
		return nil, wrong(&more, "there is a second document")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntaxLine is how the YAML package says where.
var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): (.*)`)

// syntax is the error for text that is not YAML.
func syntax(err error) error {
	e := &ParseError{Reason: strings.TrimPrefix(err.Error(), "yaml: "), Err: eventnode.ErrInvalidArgument}
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Reason = m[2]
	}
	e.Reason = "not YAML: " + e.Reason
	return e
}

// pool adds a pool and its streams.
func (r *Registry) pool(pool string, value *yaml.Node) error {
	p := eventnode.Pool{Name: pool}
	bad := func(err error) error {
		return &ParseError{Line: value.Line, Reason: err.Error(), Err: eventnode.ErrInvalidArgument}
	}
	if err := check("pool", pool); err != nil {
		return bad(err)
	}
	err := eachPair(value, "pool "+pool, "key", func(key, value *yaml.Node) (err error) {
		switch key.Value {
		case keyReplicas:
			p.Replicas, err = replicas(pool, value)
		case keyLabels:
			p.Labels, err = words("labels of pool "+pool, value)
		case keyStreams:
			err = r.streamsOf(pool, value)
		default:
			err = wrong(key, "pool %s has the key %.80q; those that are known are %q, %q and %q", pool, key.Value, keyStreams, keyReplicas, keyLabels)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := r.addPool(p); err != nil {
		return bad(err)
	}
	return nil
}

// streamsOf adds the streams of a pool.
func (r *Registry) streamsOf(pool string, value *yaml.Node) error {
	if isNull(value) {
		return nil
	}
	return eachPair(value, "streams of pool "+pool, "stream", func(name, groups *yaml.Node) error {
		return r.stream(pool, name, groups)
	})
}

// replicas reads how many a pool wants.
func replicas(pool string, value *yaml.Node) (int, error) {
	n, err := strconv.Atoi(value.Value)
	if value.Kind != yaml.ScalarNode || err != nil || n < 1 || n > maxReplicas {
		return 0, wrong(value, "replicas of pool %s: write 1 to %d, not %s", pool, maxReplicas, kind(value))
	}
	return n, nil
}

// words reads a mapping of words to words.
func words(what string, value *yaml.Node) (map[string]string, error) {
	set := make(map[string]string)
	err := eachPair(value, what, "key", func(key, value *yaml.Node) error {
		if !isWord(value) {
			return wrong(value, "%s: write a word, not %s", what, kind(value))
		}
		set[key.Value] = value.Value
		return nil
	})
	return set, err
}

// stream adds a stream and its groups.
func (r *Registry) stream(pool string, name, value *yaml.Node) error {
	groups, err := readGroups(name.Value, value)
	if err != nil {
		return err
	}
	cfg := eventnode.StreamConfig{Pool: pool}
	for _, g := range groups {
		if g.bare {
			cfg.Groups = append(cfg.Groups, g.Name)
		}
	}
	if err := r.add(name.Value, cfg); err != nil {
		e := &ParseError{Line: name.Line, Reason: err.Error(), Err: eventnode.ErrInvalidArgument}
		if errors.Is(err, eventnode.ErrStreamExists) {
			e.Err = err
		}
		return e
	}
	for _, g := range groups {
		if g.bare {
			continue
		}
		if err := r.addGroup(name.Value, g.Group); err != nil {
			return &ParseError{Line: g.node.Line, Reason: err.Error(), Err: eventnode.ErrInvalidArgument}
		}
	}
	return nil
}

// eachPair calls f for each key and value of a mapping, whose keys are words, each
// of them once.
func eachPair(n *yaml.Node, what, keys string, f func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return wrong(n, "%s: write %s: ..., not %s", what, keys, kind(n))
	}
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !isWord(key) {
			return wrong(key, "%s: the name of a %s is a word, not %s", what, keys, kind(key))
		}
		if line := lines[key.Value]; line > 0 && keys != "stream" { // of streams the registry says it
			return wrong(key, "%s: %.80q is there already, in line %d", what, key.Value, line)
		}
		lines[key.Value] = key.Line
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// isWord reports whether a node is a name: numbers and the like are taken as they
// are written.
func isWord(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && !isNull(n) && n.Tag != "!!merge"
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// kind says what a node is, for people.
func kind(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return fmt.Sprintf("the alias *%.80s", n.Value)
	}
	return fmt.Sprintf("%.80q", n.Value)
}

func wrong(n *yaml.Node, format string, args ...any) error {
	return &ParseError{Line: n.Line, Reason: fmt.Sprintf(format, args...), Err: eventnode.ErrInvalidArgument}
}
