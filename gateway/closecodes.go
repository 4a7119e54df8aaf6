package gateway

import "strconv"

// CloseCode says why a connection was closed.
type CloseCode uint16

// The close codes. After those marked with * a client should not come again as it is.
const (
	// CloseNormal and CloseGoingAway are a client's: it leaves. Its session is kept.
	CloseNormal    CloseCode = 1000
	CloseGoingAway CloseCode = 1001
	// CloseProtocol and CloseBadText: what came is no WebSocket, or no UTF-8.
	CloseProtocol CloseCode = 1002
	CloseBadText  CloseCode = 1007
	// CloseUnknown: no heartbeat, a client that reads too slowly, a node that goes down, a
	// back end that fails. The reason says which. Resume.
	CloseUnknown CloseCode = 4000
	// CloseBadOpcode: there is no such opcode, or not from a client.
	CloseBadOpcode CloseCode = 4001
	// CloseDecode: the payload does not decode.
	CloseDecode CloseCode = 4002
	// CloseNotIdentified: IDENTIFY or RESUME comes first.
	CloseNotIdentified CloseCode = 4003
	// CloseAuthentication*: the token is not good.
	CloseAuthentication CloseCode = 4004
	// CloseIdentifiedTwice: the connection has a session.
	CloseIdentifiedTwice CloseCode = 4005
	// CloseBadSeq: a sequence number that was not sent.
	CloseBadSeq CloseCode = 4007
	// CloseRateLimited: too many messages, or too many sessions.
	CloseRateLimited CloseCode = 4008
	// CloseTooLarge: a message beyond Config.MaxPayload.
	CloseTooLarge CloseCode = 4009
	// CloseBadShard*: no such shard.
	CloseBadShard CloseCode = 4010
	// CloseShardingRequired*: the user is in too many guilds for so few shards.
	CloseShardingRequired CloseCode = 4011
	// CloseBadVersion*: there is no such version of the protocol.
	CloseBadVersion CloseCode = 4012
	// CloseBadIntents*: there are no such intents.
	CloseBadIntents CloseCode = 4013
)

// closeAbnormal stands for a connection that ended without a word; it is never sent.
const closeAbnormal CloseCode = 1006

func (c CloseCode) known() bool {
	switch c {
	case CloseNormal, CloseGoingAway, CloseProtocol, CloseBadText, closeAbnormal, CloseUnknown,
		CloseBadOpcode, CloseDecode, CloseNotIdentified, CloseAuthentication, CloseIdentifiedTwice,
		CloseBadSeq, CloseRateLimited, CloseTooLarge, CloseBadShard, CloseShardingRequired,
		CloseBadVersion, CloseBadIntents:
		return true
	default:
		return false
	}
}

// String is the number, or "other" for what only a client knows: metrics are bounded.
func (c CloseCode) String() string {
	if !c.known() {
		return "other"
	}
	return strconv.Itoa(int(c))
}
