package settings

import (
	"regexp"
	"slices"
	"strings"
)

// Kind is where a value is from.
type Kind string

// The kinds, the one that goes before the others first.
const (
	FromFlag        Kind = "flag"
	FromEnvironment Kind = "environment"
	FromFile        Kind = "file"
	FromDefault     Kind = "default"
)

// Origin is where a flag's value is from.
type Origin struct {
	Kind Kind
	// Name is the flag, the variable, or FILE:LINE; empty for a default.
	Name string
}

// String is what people are told.
func (o Origin) String() string {
	if o.Name == "" {
		return string(FromDefault)
	}
	return o.Name
}

// Origins are those of all flags that do not have their defaults.
type Origins map[string]Origin

// Of is the origin of a flag.
func (o Origins) Of(flag string) Origin {
	if origin, ok := o[flag]; ok {
		return origin
	}
	return Origin{Kind: FromDefault}
}

// origin is where an entry stands; one without a file is a variable.
func (e Entry) origin() Origin {
	if e.File == "" {
		return Origin{Kind: FromEnvironment, Name: Variable(e.Key)}
	}
	return Origin{Kind: FromFile, Name: e.place()}
}

// subject is what an error about an entry begins with.
func (e Entry) subject() string {
	if e.File == "" {
		return Variable(e.Key)
	}
	return e.place() + ": " + e.Key
}

var flagInText = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// Places says where the flags that an error speaks of have their values from, if that is
// not the command line: "" or " (node.yaml:3)".
func (o Origins) Places(text string) string {
	var places []string
	for _, m := range flagInText.FindAllStringSubmatch(text, -1) {
		if at, ok := o[m[1]]; ok && at.Kind != FromFlag && !slices.Contains(places, at.Name) {
			places = append(places, at.Name)
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " (" + strings.Join(places, ", ") + ")"
}
