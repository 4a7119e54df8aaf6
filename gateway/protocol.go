package gateway

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/eventnode/eventnode/internal/encoding"
)

// conversation is what is allowed when on one connection. It has no clock and no socket.
//
//	            IDENTIFY, RESUME
//	greeted ─────────────────────► with a session
//	   ▲ │ refused: INVALID_SESSION
//	   └─┘
type conversation struct {
	limits *Limits
	// session: IDENTIFY or RESUME was accepted.
	session bool
	// claimed is the sequence number of a RESUME that was refused. Some libraries go on
	// naming it in heartbeats until they have READY, which is no fault.
	claimed uint64

	messages, presences window
}

// verb is what to do about a payload.
type verb uint8

const (
	ignore verb = iota
	refuse
	acknowledge
	doIdentify
	doResume
	doPresence
	doMembers
	doWatch
)

// action is a verb with what it needs.
type action struct {
	verb   verb
	code   CloseCode // of refuse
	reason string
	// what was decoded, by the verb: identify, resume, sessions.Presence, MembersRequest
	// or WatchRequest
	body any
	// limited: a presence too many was ignored.
	limited bool
}

func refusal(code CloseCode, reason string) action {
	return action{verb: refuse, code: code, reason: reason}
}

// arrived counts a message, and reports whether it is not one too many.
func (c *conversation) arrived(now time.Time) bool {
	return c.messages.allow(now, c.limits.Messages, c.limits.MessagesPeriod)
}

// receive says what to do about a payload, when the newest event of the session has this
// number.
func (c *conversation) receive(p encoding.Payload, newest uint64, now time.Time) action {
	switch p.Op {
	case opHeartbeat:
		return c.heartbeat(p.D, newest)
	case opIdentify, opResume:
		if c.session {
			return refusal(CloseIdentifiedTwice, "the connection has a session")
		}
	case opPresence, opVoice, opMembers, opLazy:
		if !c.session {
			return refusal(CloseNotIdentified, "IDENTIFY or RESUME comes first")
		}
	default:
		return refusal(CloseBadOpcode, "there is no such opcode, or not from a client")
	}
	switch p.Op {
	case opIdentify:
		return decoded(doIdentify, p.D, parseIdentify)
	case opResume:
		return decoded(doResume, p.D, parseResume)
	case opPresence:
		return c.presence(p.D, now)
	case opMembers:
		return decoded(doMembers, p.D, parseMembers)
	case opLazy:
		return decoded(doWatch, p.D, parseWatch)
	default: // there is no voice
		return action{}
	}
}

// heartbeat has null, or the newest number that the client has seen.
func (c *conversation) heartbeat(d json.RawMessage, newest uint64) action {
	if d = bytes.TrimSpace(d); len(d) == 0 || string(d) == "null" {
		return action{verb: acknowledge}
	}
	var seen int64
	if json.Unmarshal(d, &seen) != nil {
		return refusal(CloseDecode, "the data of a heartbeat is a sequence number or null")
	}
	if c.session && uint64(seen) > max(newest, c.claimed) { // a negative one is huge
		return refusal(CloseBadSeq, "the heartbeat names an event that was not sent")
	}
	return action{verb: acknowledge}
}

func (c *conversation) presence(d json.RawMessage, now time.Time) action {
	a := decoded(doPresence, d, parsePresence)
	if a.verb == doPresence && !c.presences.allow(now, c.limits.Presences, c.limits.PresencesPeriod) {
		return action{limited: true}
	}
	return a
}

// decoded is a verb with what its data is, or the refusal.
func decoded[T any](v verb, d json.RawMessage, parse func(json.RawMessage) (T, *fault)) action {
	body, bad := parse(d)
	if bad != nil {
		return refusal(bad.code, bad.reason)
	}
	return action{verb: v, body: body}
}
