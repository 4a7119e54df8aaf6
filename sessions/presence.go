package sessions

import (
	"encoding/json"
	"fmt"
)

// Status is how present a user is. The order says who wins where one user has several
// sessions: the greatest.
type Status uint8

// The statuses.
const (
	Offline   Status = iota
	Invisible        // shown to others as offline
	DoNotDisturb
	Idle
	Online
)

var statusWords = [...]string{"offline", "invisible", "dnd", "idle", "online"}

// String is the word of the protocol.
func (s Status) String() string { return statusWords[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a word of the protocol.
func (s *Status) UnmarshalText(b []byte) error {
	for i, word := range statusWords {
		if word == string(b) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no status: online, idle, dnd, invisible or offline", b)
}

// Presence is what a session says of its user. It does not change.
type Presence struct {
	Status Status `json:"status"`
	// Activities is a JSON list, as the client sent it; empty is none.
	Activities json.RawMessage `json:"activities,omitempty"`
	// Since is when the client went idle, in milliseconds since 1970; 0: it is not.
	Since int64 `json:"since,omitempty"`
	AFK   bool  `json:"afk,omitempty"`
}
