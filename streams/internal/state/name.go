package state

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// Name names a stream.
type Name struct{ Namespace, Name string }

// String is the name as people know it.
func (n Name) String() string {
	if n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "/" + n.Name
}

// MaxName bounds a name, a namespace, a group and a pool, in bytes.
const MaxName = 255

// check returns what is wrong with the name.
func (n Name) check() error {
	if err := checkWord("namespace", n.Namespace); err != nil && n.Namespace != "" {
		return err
	}
	return checkWord("stream name", n.Name)
}

// checkWord returns what is wrong with a name of some kind: it has 1 to 255
// bytes of UTF-8, and no control character, space or slash.
func checkWord(what, s string) error {
	switch reason := badWord(s); {
	case len(s) > MaxName:
		return &eventnode.LimitError{Limit: "max_name_bytes", Max: MaxName, Got: len(s)}
	case reason != "":
		return invalid("%s %.80q %s", what, s, reason)
	}
	return nil
}

// badWord says what is wrong with a name.
func badWord(s string) string {
	switch {
	case s == "":
		return "is empty"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == '/' {
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}

func nameOf(n *storagev1.StreamName) Name { return Name{n.GetNamespace(), n.GetName()} }
