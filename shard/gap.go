package shard

import (
	"encoding/json"
	"strconv"
)

// Resume is what another shard needs to go on with a session, on this node or another one.
// Everything up to Seq was handled.
type Resume struct {
	Source        string `json:"source"`
	Shard         int    `json:"shard"`
	Shards        int    `json:"shards"`
	Gateway       string `json:"gateway"`
	ResumeGateway string `json:"resume_gateway,omitempty"`
	// Session is empty if there is none that could be gone on with.
	Session string `json:"session,omitempty"`
	Seq     uint64 `json:"seq,omitempty"`
}

// GapName is the name of the payload that tells consumers, in its place among the others,
// that payloads may be missing. Its data is a Gap.
const GapName = "GAP"

// Gap says which payloads of a session may be missing.
type Gap struct {
	Session string `json:"session"`
	// First to Last are their numbers. Last is 0 if it is not known: a new session follows.
	First uint64    `json:"first"`
	Last  uint64    `json:"last,omitempty"`
	Why   GapReason `json:"reason"`
}

// GapReason is why payloads may be missing.
type GapReason string

// The reasons of gaps.
const (
	// GapInvalidSession: the gateway does not go on with the session.
	GapInvalidSession GapReason = "invalid_session"
	// GapUnreadable: payloads came that could not be read, or again and again a stream that
	// could not.
	GapUnreadable GapReason = "unreadable"
	// GapSkipped: the gateway left numbers out.
	GapSkipped GapReason = "skipped"
)

// data is the gap as the data of a payload.
func (g Gap) data() json.RawMessage {
	data, err := json.Marshal(g)
	if err != nil { // a string, numbers and a word
		return json.RawMessage(strconv.Quote(err.Error()))
	}
	return data
}

// Missing is how many payloads, if that is known.
func (g Gap) Missing() (n uint64, known bool) {
	if g.Last == 0 {
		return 0, false
	}
	return g.Last - g.First + 1, true
}
