package inbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/eventnode/eventnode/event"
)

// Kind is the kind of the topics that replies go to: each is the inbox of one requester.
const Kind = "reply"

// The length of an inbox's key. 22 letters of 64 hold 128 bits, so that what is long enough
// can be unguessable.
const (
	MinKey = 22
	MaxKey = 64
)

// errPattern refuses to subscribe to the inboxes of others.
var errPattern = errors.New("an inbox is one requester's own: patterns cannot be subscribed to, only the whole key")

// NewTopic makes the topic of an inbox.
func NewTopic() string { return Kind + ":" + rand.Text() }

// NewID makes the ID of a request.
func NewID() string { return rand.Text() }

// CheckKey says what is wrong with an inbox's key, for the one who sent it.
func CheckKey(key string) error {
	if strings.ContainsAny(key, "*>") {
		return errPattern
	}
	if len(key) < MinKey || len(key) > MaxKey || strings.ContainsFunc(key, notInKey) {
		return fmt.Errorf("an inbox's key is %d to %d letters, digits, - and _, chosen at random so that nobody guesses it", MinKey, MaxKey)
	}
	return nil
}

// notInKey reports whether a key does not have such a character.
func notInKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// checkTopic refuses what is not the topic of an inbox: a replier that dispatched to whatever
// topic a request names would lend its rights to the requester.
func checkTopic(topic string) error {
	key, ok := strings.CutPrefix(topic, Kind+":")
	if !ok {
		return fmt.Errorf("%s names %.80q, which is no topic of the kind %q: %w", MetaReplyTo, topic, Kind, event.ErrInvalid)
	}
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%s names %.80q: %w: %w", MetaReplyTo, topic, err, event.ErrInvalid)
	}
	return nil
}
