// Package labels is what is said of nodes in words: keys with a value each, such as
// disk=ssd.
//
// # Guarantees
//
// What Check accepts fits into a node's gossip, and has no character that separates
// labels where they are written.
//
// # Concurrency
//
// It has functions without a state.
//
// # Failure
//
// Errors are eventnode.ErrInvalidArgument or, beyond a bound, a
// *eventnode.LimitError.
//
//	have := map[string]string{"disk": "ssd", "rack": "7"}
//	err := labels.Check(have)
//	ok := labels.Fit(have, map[string]string{"disk": "ssd"}) // true
package labels

import (
	"fmt"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
)

// The bounds. Gossip has 512 bytes for all that a node says of itself.
const (
	// Max bounds the labels of a node or a pool.
	Max = 16
	// MaxBytes bounds the keys and values of a node or a pool together.
	MaxBytes = 160
)

// Check says what is wrong with labels.
func Check(set map[string]string) error {
	bytes := 0
	for _, key := range slices.Sorted(maps.Keys(set)) {
		bytes += len(key) + len(set[key])
		for _, word := range []string{key, set[key]} {
			if reason := wrong(word); reason != "" {
				return fmt.Errorf("label %.80q: %.80q %s: %w", key+"="+set[key], word, reason, eventnode.ErrInvalidArgument)
			}
		}
	}
	if len(set) > Max {
		return &eventnode.LimitError{Limit: "max_labels", Max: Max, Got: len(set)}
	}
	if bytes > MaxBytes {
		return &eventnode.LimitError{Limit: "max_label_bytes", Max: MaxBytes, Got: bytes}
	}
	return nil
}

// wrong says what is wrong with a key or a value.
func wrong(word string) string {
	switch {
	case word == "":
		return "is empty"
	case !utf8.ValidString(word):
		return "is not UTF-8"
	}
	for _, r := range word {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == '=' || r == ',' {
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}

// Format writes labels as KEY=VALUE, sorted.
func Format(set map[string]string) []string {
	words := make([]string, 0, len(set))
	for _, key := range slices.Sorted(maps.Keys(set)) {
		words = append(words, key+"="+set[key])
	}
	return words
}

// Fit reports whether a node has all labels that are wanted.
func Fit(have, want map[string]string) bool {
	for key, value := range want {
		if v, ok := have[key]; !ok || v != value {
			return false
		}
	}
	return true
}
