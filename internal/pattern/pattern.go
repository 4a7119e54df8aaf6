package pattern

import (
	"errors"
	"strings"

	"github.com/eventnode/eventnode"
)

// MaxTokens bounds the tokens of a pattern: finding the patterns of a topic takes time that
// grows with it, at worst two to its power if there are that many patterns.
const MaxTokens = 16

// The wildcards.
const (
	one  = "*" // one token
	rest = ">" // one token or more, at the end
)

// Is reports whether a topic is a pattern: whether a token of its key is a wildcard.
func Is(topic string) bool {
	_, key, _ := strings.Cut(topic, ":")
	return Wildcard(key) != ""
}

// Wildcard returns the first token of a key that is a wildcard; "" if none is.
func Wildcard(key string) string {
	for more := true; more; {
		var token string
		if token, key, more = strings.Cut(key, "."); token == one || token == rest {
			return token
		}
	}
	return ""
}

// errRest refuses what no pattern is.
var errRest = errors.New("> may only be the last token of a pattern")

// Check says what is wrong with the key of a pattern: a *eventnode.LimitError if it has too
// many tokens.
func Check(key string) error {
	n := 1
	for ; ; n++ {
		token, after, more := strings.Cut(key, ".")
		if !more {
			break
		}
		if token == rest {
			return errRest
		}
		key = after
	}
	if n > MaxTokens {
		return &eventnode.LimitError{Limit: "max_pattern_tokens", Max: MaxTokens, Got: n}
	}
	return nil
}

// Match reports whether a topic is one that a pattern stands for. A pattern without
// wildcards stands for itself.
func Match(pattern, topic string) bool {
	kind, key, ok := strings.Cut(pattern, ":")
	topicKind, topicKey, topicOK := strings.Cut(topic, ":")
	if kind != topicKind || ok != topicOK {
		return false
	}
	for {
		want, wantAfter, wantMore := strings.Cut(key, ".")
		got, gotAfter, gotMore := strings.Cut(topicKey, ".")
		switch {
		case want == rest && !wantMore:
			return true
		case want != one && want != got, wantMore != gotMore:
			return false
		case !wantMore:
			return true
		}
		key, topicKey = wantAfter, gotAfter
	}
}
