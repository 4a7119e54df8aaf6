package gateway

// The opcodes of the protocol.
const (
	opDispatch       = 0  // to a client: an event
	opHeartbeat      = 1  // from a client: it is there, and has seen this number
	opIdentify       = 2  // from a client: open a session
	opPresence       = 3  // from a client: its presence
	opVoice          = 4  // from a client: its voice state
	opResume         = 6  // from a client: go on with a session
	opReconnect      = 7  // to a client: go to another node, and resume there
	opMembers        = 8  // from a client: which members has a guild
	opInvalidSession = 9  // to a client: the session is not there; true: try to resume again
	opHello          = 10 // to a client: how often to send heartbeats
	opACK            = 11 // to a client: the heartbeat was read
	opLazy           = 14 // from a client: which part of a member list it looks at
)

// opName is a word for metrics.
func opName(op int) string {
	switch op {
	case opHeartbeat:
		return "heartbeat"
	case opIdentify:
		return "identify"
	case opPresence:
		return "presence"
	case opVoice:
		return "voice"
	case opResume:
		return "resume"
	case opMembers:
		return "request_members"
	case opLazy:
		return "lazy_guild"
	default:
		return "unknown"
	}
}
