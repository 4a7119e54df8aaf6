package membership

import (
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

func TestParseName(t *testing.T) {
	for text, want := range map[string]eventnode.NodeRef{
		"n1#7":                         {ID: "n1", Epoch: 7},
		"A.b_c-d#18446744073709551615": {ID: "A.b_c-d", Epoch: 1<<64 - 1},
		strings.Repeat("x", 63) + "#1": {ID: eventnode.NodeID(strings.Repeat("x", 63)), Epoch: 1},
		"":                             {},
		"n1":                           {},
		"n1#":                          {},
		"#1":                           {},
		"n1#0":                         {},
		"n1#01":                        {},
		"n1#+1":                        {},
		"n1#-1":                        {},
		"n1#1#2":                       {},
		"n1#18446744073709551616":      {},
		"n 1#1":                        {},
		"n/1#1":                        {},
		"ñ#1":                          {},
		strings.Repeat("x", 64) + "#1": {},
	} {
		got, err := parseName(text)
		if got != want || (err == nil) != (want.Epoch > 0) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

// There is one text for each life.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"n1#7", "n1#01", "#", "a#b", "n1#18446744073709551616"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ref, err := parseName(s); err == nil && ref.String() != s {
			t.Fatalf("%q was read as %v", s, ref)
		}
	})
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte("left n1#7"))
	f.Add([]byte("joined n1#7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ref, err := parseMessage(b); err == nil && leftMessage+ref.String() != string(b) {
			t.Fatalf("%q was read as %v", b, ref)
		}
	})
}
