package edge

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// eventType is the type of the events that are counted.
const eventType = "MESSAGE_CREATE"

// dataBytes is the size of an event's data.
const dataBytes = 200

// eventData is the data of an event with a number, which is its id.
func eventData(n uint64) []byte {
	head := fmt.Sprintf(`{"id":"%d","channel_id":"%d","guild_id":"%d","content":"`, n, channel(0, 0), guild(0))
	const tail = `"}`
	return []byte(head + strings.Repeat("x", dataBytes-len(head)-len(tail)) + tail)
}

// peerMessage is what the gateway would send of an event.
func peerMessage(n uint64) []byte {
	return fmt.Appendf(nil, `{"op":0,"s":%d,"t":%q,"d":%s}`, n, eventType, eventData(n))
}

// payload is a message of a gateway, as far as a client looks at it.
type payload struct {
	op   uint64
	seq  uint64
	kind []byte
	data []byte
}

// parsePayload cuts a message into its parts, in the order in which the gateway has them:
// a parser of JSON would be most of what a client does.
func parsePayload(msg []byte) (p payload, ok bool) {
	var kind []byte
	if p.op, msg, ok = numberAfter(msg, `{"op":`); !ok {
		return p, false
	}
	if p.seq, msg, ok = numberAfter(msg, `,"s":`); !ok {
		return p, bytes.HasPrefix(msg, []byte(`,"s":null,"t":null,"d":`))
	}
	if msg, ok = bytes.CutPrefix(msg, []byte(`,"t":"`)); !ok {
		return p, false
	}
	if kind, msg, ok = bytes.Cut(msg, []byte{'"'}); !ok {
		return p, false
	}
	p.kind = kind
	if msg, ok = bytes.CutPrefix(msg, []byte(`,"d":`)); !ok || len(msg) == 0 {
		return p, false
	}
	p.data = msg[:len(msg)-1]
	return p, true
}

// numberAfter is the number behind a prefix, and what follows it; without one, all.
func numberAfter(msg []byte, prefix string) (n uint64, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(msg, []byte(prefix))
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if !ok || end == 0 {
		return 0, msg, false
	}
	n, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	return n, rest[end:], err == nil
}

// eventNumber is the number of an event, by its data.
func eventNumber(data []byte) (n uint64, ok bool) {
	n, _, ok = numberAfter(data, `{"id":"`)
	return n, ok
}
