package directory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// MaxFileBytes bounds a file. What is larger is made of changes, through Log.Submit.
const MaxFileBytes = 4 << 20

// ParseFile makes changes of a directory in YAML: testdata/example.yaml shows all of the
// form. Applied to an empty State, in their order, each fits. An error is a *ParseError
// that names the line.
//
// The owner of a guild is a member, listed or not.
func ParseFile(text []byte) ([]*eventnodev1.DirectoryChange, error) {
	if len(text) > MaxFileBytes {
		return nil, &ParseError{0, &eventnode.LimitError{Limit: "max_file_bytes", Max: MaxFileBytes, Got: len(text)}}
	}
	form, err := decodeFile(text)
	if err != nil {
		return nil, err
	}
	state, err := New(Limits{})
	if err != nil {
		return nil, err
	}
	b := &builder{state: state, users: names{}}
	if err := b.build(form); err != nil {
		return nil, err
	}
	return b.changes, nil
}

// decodeFile reads the one document of a file. What is not known is refused.
func decodeFile(text []byte) (*fileForm, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	form := &fileForm{}
	switch err := d.Decode(form); {
	case errors.Is(err, io.EOF):
		return form, nil
	case err != nil:
		return nil, plain(err)
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &ParseError{more.Line, invalid("there is a second document: a file has one")}
	}
	return form, nil
}

// What the YAML package says, with a line, and of a key that is not known.
var (
	yamlLine   = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlField  = regexp.MustCompile(`^field (.*) not found in type .*$`)
	yamlTarget = regexp.MustCompile(` into .*$`)
)

// plain is an error of the YAML package in words that say nothing of Go.
func plain(err error) error {
	if own, ok := errors.AsType[*ParseError](err); ok {
		return own
	}
	reason := err.Error()
	if several, ok := errors.AsType[*yaml.TypeError](err); ok && len(several.Errors) > 0 {
		reason = several.Errors[0]
	}
	line := 0
	if m := yamlLine.FindStringSubmatch(reason); m != nil {
		line, _ = strconv.Atoi(m[1]) // they are digits
		reason = m[2]
	}
	if m := yamlField.FindStringSubmatch(reason); m != nil {
		reason = fmt.Sprintf("unknown key %q", m[1])
	}
	reason = yamlTarget.ReplaceAllString(reason, " here")
	return &ParseError{line, invalid("%s", reason)}
}
