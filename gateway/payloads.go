package gateway

import (
	"bytes"
	"encoding/json"
	"math"

	"github.com/eventnode/eventnode/sessions"
)

// fault is why data is refused.
type fault struct {
	code   CloseCode
	reason string
}

// parse decodes a JSON object. Fields that are not known are ignored.
func parse(d json.RawMessage, v any, what string) *fault {
	if d = bytes.TrimSpace(d); len(d) == 0 || d[0] != '{' {
		return &fault{CloseDecode, what + " needs an object"}
	}
	if json.Unmarshal(d, v) != nil {
		return &fault{CloseDecode, what + " has a field of another type than the protocol says"}
	}
	return nil
}

// identify is the data of IDENTIFY.
type identify struct {
	token      string
	compress   bool
	who        sessions.Identity // without the user
	presence   sessions.Presence
	properties json.RawMessage
}

// Bounds of large_threshold.
const (
	minLargeThreshold = 50
	maxLargeThreshold = 250
)

func parseIdentify(d json.RawMessage) (identify, *fault) {
	var raw struct {
		Token              *string         `json:"token"`
		Intents            *json.Number    `json:"intents"`
		Properties         json.RawMessage `json:"properties"`
		Compress           bool            `json:"compress"`
		LargeThreshold     int             `json:"large_threshold"`
		Shard              []int64         `json:"shard"`
		Presence           json.RawMessage `json:"presence"`
		GuildSubscriptions *bool           `json:"guild_subscriptions"`
	}
	if bad := parse(d, &raw, "IDENTIFY"); bad != nil {
		return identify{}, bad
	}
	if raw.Token == nil {
		return identify{}, &fault{CloseDecode, "IDENTIFY needs a token"}
	}
	id := identify{token: *raw.Token, compress: raw.Compress, properties: raw.Properties}
	id.who.LargeThreshold = min(max(raw.LargeThreshold, minLargeThreshold), maxLargeThreshold)
	var bad *fault
	if id.who.Shard, bad = parseShard(raw.Shard); bad != nil {
		return id, bad
	}
	if id.who.Intents, bad = parseIntents(raw.Intents); bad != nil {
		return id, bad
	}
	if raw.GuildSubscriptions != nil && !*raw.GuildSubscriptions {
		id.who.Intents &^= guildSubscriptions
	}
	id.presence, bad = parseInitialPresence(raw.Presence)
	return id, bad
}

// maxShards bounds the shards of a user.
const maxShards = 1 << 16

func parseShard(pair []int64) (sessions.Shard, *fault) {
	switch {
	case pair == nil:
		return sessions.Shard{}, nil
	case len(pair) != 2 || pair[0] < 0 || pair[1] < 1 || pair[0] >= pair[1] || pair[1] > maxShards:
		return sessions.Shard{}, &fault{CloseBadShard, "shard is [number, count], numbered from 0 on"}
	default:
		return sessions.Shard{Index: uint32(pair[0]), Count: uint32(pair[1])}, nil
	}
}

const (
	// knownIntents are all bits that the protocol has given out, and those between.
	knownIntents = 1<<26 - 1
	// allIntents is what a client gets that does not say.
	allIntents = math.MaxUint64
	// guildSubscriptions are members, presences and typing, in guilds and beyond: what
	// guild_subscriptions false turns off.
	guildSubscriptions = 1<<1 | 1<<8 | 1<<11 | 1<<14
)

func parseIntents(n *json.Number) (uint64, *fault) {
	if n == nil {
		return allIntents, nil
	}
	bits, err := n.Int64()
	switch {
	case err != nil || bits < -1 || bits > knownIntents:
		return 0, &fault{CloseBadIntents, "intents has bits that the protocol does not know"}
	case bits == -1:
		return allIntents, nil
	default:
		return uint64(bits), nil
	}
}

func parseInitialPresence(d json.RawMessage) (sessions.Presence, *fault) {
	if d = bytes.TrimSpace(d); len(d) == 0 || string(d) == "null" {
		return sessions.Presence{Status: sessions.Online}, nil
	}
	return parsePresence(d)
}

// parsePresence decodes the data of op 3. A status that is empty is online: some libraries
// send it so.
func parsePresence(d json.RawMessage) (sessions.Presence, *fault) {
	var raw struct {
		Status     string            `json:"status"`
		Activities []json.RawMessage `json:"activities"`
		Since      *float64          `json:"since"`
		AFK        bool              `json:"afk"`
	}
	if bad := parse(d, &raw, "a presence"); bad != nil {
		return sessions.Presence{}, bad
	}
	p := sessions.Presence{Status: sessions.Online, AFK: raw.AFK}
	if raw.Status != "" && p.Status.UnmarshalText([]byte(raw.Status)) != nil {
		return p, &fault{CloseDecode, "status is online, idle, dnd, invisible or offline"}
	}
	if raw.Since != nil && *raw.Since > 0 && *raw.Since < 1<<53 {
		p.Since = int64(*raw.Since)
	}
	for _, a := range raw.Activities {
		if a = bytes.TrimSpace(a); len(a) == 0 || a[0] != '{' {
			return p, &fault{CloseDecode, "activities is a list of objects"}
		}
	}
	if len(raw.Activities) > 0 {
		p.Activities, _ = json.Marshal(raw.Activities) // they were decoded just now
	}
	return p, nil
}

// resume is the data of RESUME.
type resume struct {
	token   string
	session sessions.ID
	seen    uint64
}

func parseResume(d json.RawMessage) (resume, *fault) {
	var raw struct {
		Token   *string     `json:"token"`
		Session sessions.ID `json:"session_id"`
		Seq     *uint64     `json:"seq"`
	}
	if bad := parse(d, &raw, "RESUME"); bad != nil {
		return resume{}, bad
	}
	if raw.Token == nil {
		return resume{}, &fault{CloseDecode, "RESUME needs a token"}
	}
	r := resume{token: *raw.Token, session: raw.Session}
	if raw.Seq != nil {
		r.seen = *raw.Seq
	}
	return r, nil
}

// oneOrMore is a list of ids, or one of them.
type oneOrMore []sessions.Snowflake

// UnmarshalJSON takes a list or one id.
func (l *oneOrMore) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]sessions.Snowflake)(l))
	}
	if string(b) == "null" {
		return nil
	}
	*l = make(oneOrMore, 1)
	return json.Unmarshal(b, &(*l)[0])
}

// maxNonce is how long a nonce is, in bytes; a longer one is not told back.
const maxNonce = 32

func parseMembers(d json.RawMessage) (sessions.MembersRequest, *fault) {
	var raw struct {
		Guilds    oneOrMore `json:"guild_id"`
		Query     *string   `json:"query"`
		Users     oneOrMore `json:"user_ids"`
		Limit     int       `json:"limit"`
		Presences bool      `json:"presences"`
		Nonce     string    `json:"nonce"`
	}
	if bad := parse(d, &raw, "a request for members"); bad != nil {
		return sessions.MembersRequest{}, bad
	}
	if len(raw.Guilds) == 0 || raw.Limit < 0 {
		return sessions.MembersRequest{}, &fault{CloseDecode, "a request for members needs a guild_id, and a limit that is not negative"}
	}
	if len(raw.Nonce) > maxNonce {
		raw.Nonce = ""
	}
	return sessions.MembersRequest{
		Guilds: raw.Guilds, Query: raw.Query, Users: raw.Users, Limit: raw.Limit, Presences: raw.Presences, Nonce: raw.Nonce,
	}, nil
}

func parseWatch(d json.RawMessage) (sessions.WatchRequest, *fault) {
	var raw struct {
		Guild      *sessions.Snowflake             `json:"guild_id"`
		Channels   map[sessions.Snowflake][][2]int `json:"channels"`
		Typing     *bool                           `json:"typing"`
		Activities *bool                           `json:"activities"`
		Members    []sessions.Snowflake            `json:"members"`
	}
	if bad := parse(d, &raw, "a lazy guild request"); bad != nil {
		return sessions.WatchRequest{}, bad
	}
	if raw.Guild == nil {
		return sessions.WatchRequest{}, &fault{CloseDecode, "a lazy guild request needs a guild_id"}
	}
	return sessions.WatchRequest{
		Guild: *raw.Guild, Channels: raw.Channels, Typing: raw.Typing, Activities: raw.Activities, Members: raw.Members,
	}, nil
}
