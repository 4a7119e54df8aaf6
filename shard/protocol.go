package shard

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/eventnode/eventnode/sessions"
)

// The opcodes of the protocol, from and to a gateway.
const (
	opDispatch       = 0  // from: an event
	opHeartbeat      = 1  // to: it is there; from: say so at once
	opIdentify       = 2  // to: open a session
	opPresence       = 3  // to: a presence
	opVoice          = 4  // to: a voice state
	opResume         = 6  // to: go on with a session
	opReconnect      = 7  // from: come again, and resume
	opMembers        = 8  // to: which members has a guild
	opInvalidSession = 9  // from: there is no such session; true: try again
	opHello          = 10 // from: how often to send heartbeats
	opACK            = 11 // from: the heartbeat was read
)

// The events that a shard itself needs.
const (
	readyName       = "READY"
	resumedName     = "RESUMED"
	guildCreateName = "GUILD_CREATE"
)

// after is what to do when a connection was closed.
type after uint8

const (
	thenResume   after = iota // go on with the session
	thenIdentify              // with a new one
	thenFail                  // nothing: it would be the same again
)

// closeAction is what to do after a close code. Codes that nobody knows are no reason to
// lose a session: if it is gone, the gateway says so.
func closeAction(code int) after {
	switch code {
	case 4003, // not authenticated: the session is not there
		4006, // the session is no longer valid
		4007, // a sequence number that was not sent
		4009: // the session timed out
		return thenIdentify
	case 4004, 4010, 4011, 4012, 4013, 4014:
		return thenFail
	default:
		return thenResume
	}
}

// helloData is the data of HELLO.
type helloData struct {
	Interval *float64 `json:"heartbeat_interval"` // ms
}

// The heartbeats that a gateway may ask for: not more than it takes, and not so few that
// nothing is noticed.
const (
	minInterval = time.Second
	maxInterval = 10 * time.Minute
)

// parseHello is how often to send heartbeats; not ok: it does not say so sensibly.
func parseHello(d json.RawMessage) (interval time.Duration, ok bool) {
	var h helloData
	if json.Unmarshal(d, &h) != nil || h.Interval == nil || *h.Interval <= 0 || *h.Interval > float64(maxInterval.Milliseconds()) {
		return 0, false
	}
	return max(time.Duration(*h.Interval*float64(time.Millisecond)), minInterval), true
}

// readyData is what a shard needs of READY.
type readyData struct {
	Session string `json:"session_id"`
	URL     string `json:"resume_gateway_url"`
}

// maxSession bounds the name of a session, in bytes: it is kept, and logged.
const maxSession = 256

// parseReady is the session of a READY. Without its name it cannot be resumed; without an
// address, or with one that a token must not be sent to, it is resumed where it began.
func parseReady(d json.RawMessage, gateway string) (id, address string) {
	var r readyData
	if json.Unmarshal(d, &r) != nil || len(r.Session) > maxSession {
		return "", ""
	}
	if !mayResumeAt(r.URL, gateway) {
		r.URL = ""
	}
	return r.Session, r.URL
}

// mayResumeAt reports whether a token that was sent to a gateway may be sent to an address
// that it names: not in clear text if it was not.
func mayResumeAt(address, gateway string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || len(address) > maxURL {
		return false
	}
	return u.Scheme == "wss" || u.Scheme == "ws" && len(gateway) > 3 && gateway[:3] == "ws:"
}

// maxURL bounds addresses, in bytes.
const maxURL = 2048

// identifyData is the data of IDENTIFY.
type identifyData struct {
	Token          string            `json:"token"`
	Properties     map[string]string `json:"properties"`
	Compress       bool              `json:"compress,omitempty"`
	LargeThreshold int               `json:"large_threshold"`
	Shard          [2]int            `json:"shard"`
	Intents        uint64            `json:"intents"`
	Presence       json.RawMessage   `json:"presence,omitempty"`
}

// resumeData is the data of RESUME.
type resumeData struct {
	Token   string `json:"token"`
	Session string `json:"session_id"`
	Seq     uint64 `json:"seq"`
}

// membersData is the data of a request for members, of one guild.
type membersData struct {
	Guild     sessions.Snowflake   `json:"guild_id"`
	Query     *string              `json:"query,omitempty"`
	Users     []sessions.Snowflake `json:"user_ids,omitempty"`
	Limit     int                  `json:"limit"`
	Presences bool                 `json:"presences,omitempty"`
	Nonce     string               `json:"nonce,omitempty"`
}

// presenceData is the data of a presence: all of it is needed.
type presenceData struct {
	Since      *int64          `json:"since"`
	Activities json.RawMessage `json:"activities"`
	Status     sessions.Status `json:"status"`
	AFK        bool            `json:"afk"`
}

// voiceData is the data of a voice state.
type voiceData struct {
	Guild   sessions.Snowflake  `json:"guild_id"`
	Channel *sessions.Snowflake `json:"channel_id"`
	Mute    bool                `json:"self_mute"`
	Deaf    bool                `json:"self_deaf"`
}

// guildData is what a shard needs of GUILD_CREATE.
type guildData struct {
	ID          sessions.Snowflake `json:"id"`
	Members     int                `json:"member_count"`
	Unavailable bool               `json:"unavailable"`
}

// The intents that a rule is about.
const (
	intentMembers   = 1 << 1
	intentPresences = 1 << 8
)

// largeGuild is from how many members on a guild comes without those that are offline.
const largeGuild = 250

// wantsMembers is the rule of when a guild's members are asked for: it is large, or their
// presences, from which one would know them, do not come.
func wantsMembers(intents uint64, members int) bool {
	return members >= largeGuild || intents&intentMembers != 0 && intents&intentPresences == 0
}
