package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// MaxFileBytes bounds a file of settings.
const MaxFileBytes = 1 << 20

// Entry is one key of a file.
type Entry struct {
	// Key is the name of a flag.
	Key string
	// Values are one or, of a list, any number.
	Values []string
	// List says that the value was written as a list.
	List bool
	// File and Line are where it stands.
	File string
	Line int
}

// place is FILE:LINE.
func (e Entry) place() string { return fmt.Sprintf("%s:%d", e.File, e.Line) }

// ReadFile reads a file of settings.
func ReadFile(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse reads settings: a YAML mapping of keys to values or lists of values. File is
// what errors call it.
func Parse(file string, text []byte) ([]Entry, error) {
	if len(text) > MaxFileBytes {
		return nil, fmt.Errorf("%s: a file of settings has %d bytes at most", file, MaxFileBytes)
	}
	in := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := in.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil // nothing but comments
	} else if err != nil {
		return nil, syntaxError(file, err)
	}
	if err := in.Decode(&more); err == nil {
		return nil, fmt.Errorf("%s:%d: a second document: settings are one", file, more.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	return entriesOf(file, doc.Content[0])
}

// entriesOf reads the mapping.
func entriesOf(file string, root *yaml.Node) ([]Entry, error) {
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: write settings as KEY: VALUE, one a line", file, root.Line)
	}
	lines := map[string]int{}
	entries := make([]Entry, 0, len(root.Content)/2)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Value == "" {
			return nil, fmt.Errorf("%s:%d: a key must be a word", file, key.Line)
		}
		e := Entry{Key: key.Value, File: file, Line: key.Line}
		if first, twice := lines[e.Key]; twice {
			return nil, fmt.Errorf("%s: %.80s is there twice, first in line %d", e.place(), e.Key, first)
		}
		lines[e.Key] = e.Line
		if err := e.read(value); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// read takes the entry's value.
func (e *Entry) read(value *yaml.Node) error {
	values := []*yaml.Node{value}
	if e.List = value.Kind == yaml.SequenceNode; e.List {
		values = value.Content
	}
	for _, v := range values {
		switch {
		case v.Kind == yaml.AliasNode || v.Anchor != "":
			return fmt.Errorf("%s:%d: %.80s: anchors and aliases are not read: write the value itself", e.File, v.Line, e.Key)
		case v.Kind != yaml.ScalarNode:
			return fmt.Errorf("%s:%d: %.80s: write a value, or a list of values", e.File, v.Line, e.Key)
		case v.Tag == "!!null":
			return fmt.Errorf("%s:%d: %.80s has no value: write one, or leave the key out", e.File, v.Line, e.Key)
		}
		e.Values = append(e.Values, v.Value)
	}
	return nil
}

// syntaxError puts the line where errors of this package have it. What the parser quotes
// is a word or two.
func syntaxError(file string, err error) error {
	if m := yamlError.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s:%s: %s", file, m[1], m[2])
	}
	return fmt.Errorf("%s: %w", file, err)
}

var yamlError = regexp.MustCompile(`(?s)^yaml: line (\d+): (.*)$`)
