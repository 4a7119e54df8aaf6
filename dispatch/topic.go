package dispatch

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/inbox"
	"github.com/eventnode/eventnode/internal/pattern"
)

// KindTopic is the built-in kind: its keys are any names an application likes.
const KindTopic = "topic"

// KindReply is the built-in kind of inboxes, to which replies go: its keys cannot be guessed,
// and nobody subscribes to those of others by a pattern.
const KindReply = inbox.Kind

// maxKindBytes bounds the name of a kind.
const maxKindBytes = 32

// Backend owns the keys of one kind of topic. Events go to the subscriptions of
// exactly the topics they were dispatched to, and of the patterns that stand for one
// of these.
type Backend interface {
	// ParseKey says what is wrong with a key, for the one who sent it. The key
	// is not empty, valid UTF-8 and free of spaces and control characters. It
	// is called for each run of events whose topic nobody subscribes to, from
	// many goroutines: it must not block or keep key.
	ParseKey(key string) error
}

// PatternBackend is a Backend whose keys may be subscribed to by patterns: keys with a token
// "*", which stands for any one, or with ">" as the last one, which stands for one or more,
// between dots. ParseKey must refuse these: events go to topics, not to patterns.
type PatternBackend interface {
	Backend
	// ParsePattern says what is wrong with a key that has such a token, for the one who
	// subscribes to it.
	ParsePattern(key string) error
}

// Topic is a topic taken apart.
type Topic struct {
	Kind string
	Key  string
}

// String returns "kind:key".
func (t Topic) String() string { return t.Kind + ":" + t.Key }

// Registry knows the kinds of topics. It is safe for concurrent use; kinds are
// added, never removed.
type Registry struct {
	mu    sync.Mutex
	kinds atomic.Pointer[map[string]Backend] // copied on write
}

// NewRegistry returns a registry that knows KindTopic and KindReply.
func NewRegistry() *Registry {
	r := &Registry{}
	r.kinds.Store(&map[string]Backend{KindTopic: plainKeys{}, KindReply: inboxKeys{}})
	return r
}

// Register adds a kind: a lower case letter, then lower case letters, digits
// and underscores, at most 32 bytes. A kind that is known already is refused.
func (r *Registry) Register(kind string, b Backend) error {
	if !validKind(kind) {
		return fmt.Errorf("kind %.40q is not [a-z][a-z0-9_]* of at most %d bytes: %w", kind, maxKindBytes, eventnode.ErrInvalidArgument)
	}
	if b == nil {
		return fmt.Errorf("kind %q has no backend: %w", kind, eventnode.ErrInvalidArgument)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := *r.kinds.Load()
	if _, ok := old[kind]; ok {
		return fmt.Errorf("kind %q is registered already: %w", kind, eventnode.ErrInvalidArgument)
	}
	grown := maps.Clone(old)
	grown[kind] = b
	r.kinds.Store(&grown)
	return nil
}

// ParseTopic takes "kind:key" apart and checks both halves. maxBytes bounds the
// whole. The error is a *eventnode.TopicError. It allocates nothing if the
// topic is good.
func (r *Registry) ParseTopic(topic string, maxBytes int) (Topic, error) {
	t, backend, err := r.cut(topic, maxBytes)
	if err == nil {
		err = topicError(topic, backend.ParseKey(t.Key))
	}
	if err != nil {
		return Topic{}, err
	}
	return t, nil
}

// ParseInterest is ParseTopic for what is subscribed to: a topic or, if the kind has them, a
// pattern.
func (r *Registry) ParseInterest(topic string, maxBytes int) (t Topic, isPattern bool, err error) {
	t, backend, err := r.cut(topic, maxBytes)
	if err != nil {
		return Topic{}, false, err
	}
	if b, ok := backend.(PatternBackend); ok && pattern.Wildcard(t.Key) != "" {
		isPattern, err = true, topicError(topic, b.ParsePattern(t.Key))
	} else {
		err = topicError(topic, backend.ParseKey(t.Key))
	}
	if err != nil {
		return Topic{}, false, err
	}
	return t, isPattern, nil
}

// cut takes a topic apart and finds its kind.
func (r *Registry) cut(topic string, maxBytes int) (Topic, Backend, error) {
	kind, key, found := strings.Cut(topic, ":")
	if reason := malformed(topic, kind, key, found, maxBytes); reason != "" {
		return Topic{}, nil, &eventnode.TopicError{Topic: strings.Clone(topic), Reason: reason}
	}
	backend, ok := (*r.kinds.Load())[kind]
	if !ok {
		return Topic{}, nil, &eventnode.TopicError{Topic: strings.Clone(topic), Reason: "unknown kind"}
	}
	return Topic{Kind: kind, Key: key}, backend, nil
}

// topicError is what a backend has found wrong with a topic.
func topicError(topic string, why error) error {
	if why == nil {
		return nil
	}
	return &eventnode.TopicError{Topic: strings.Clone(topic), Reason: why.Error()}
}

// malformed says what is wrong with a topic of whatever kind.
func malformed(topic, kind, key string, found bool, maxBytes int) string {
	switch {
	case topic == "":
		return "it is empty; write kind:key"
	case len(topic) > maxBytes:
		return fmt.Sprintf("it is longer than max_topic_bytes (%d)", maxBytes)
	case !found:
		return "it has no colon; write kind:key"
	case !validKind(kind):
		return "its kind is not [a-z][a-z0-9_]*"
	case key == "":
		return "its key is empty"
	}
	return malformedKey(key)
}

// malformedKey says which character a key must not have.
func malformedKey(key string) string {
	for i := 0; i < len(key); i++ {
		if c := key[i]; c <= ' ' || c >= 0x7f {
			return malformedRunes(key[i:])
		}
	}
	return ""
}

// malformedRunes is malformedKey from the first character on that is not
// printable ASCII.
func malformedRunes(key string) string {
	if !utf8.ValidString(key) {
		return "its key is not valid UTF-8"
	}
	for _, r := range key {
		if unicode.IsSpace(r) {
			return "its key has a space"
		}
		if unicode.IsControl(r) {
			return "its key has a control character"
		}
	}
	return ""
}

// validKind reports whether kind is the name of a kind.
func validKind(kind string) bool {
	if kind == "" || len(kind) > maxKindBytes || kind[0] < 'a' || kind[0] > 'z' {
		return false
	}
	for i := 1; i < len(kind); i++ {
		c := kind[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// patternError refuses to dispatch to a pattern.
type patternError string

func (e patternError) Error() string {
	return fmt.Sprintf("the token %q makes it a pattern, which can be subscribed to; an event goes to topics: name each", string(e))
}

// plainKeys is the backend of KindTopic.
type plainKeys struct{}

var _ PatternBackend = plainKeys{}

// ParseKey takes any key that is no pattern.
func (plainKeys) ParseKey(key string) error {
	if token := pattern.Wildcard(key); token != "" {
		return patternError(token)
	}
	return nil
}

// ParsePattern takes any pattern.
func (plainKeys) ParsePattern(key string) error { return pattern.Check(key) }

// inboxKeys is the backend of KindReply. It has no patterns.
type inboxKeys struct{}

var _ Backend = inboxKeys{}

// ParseKey takes a key that is long enough to be unguessable.
func (inboxKeys) ParseKey(key string) error { return inbox.CheckKey(key) }

// str is b as a string, without a copy, for the time of a call: b may lie in
// memory that is used again afterwards.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
