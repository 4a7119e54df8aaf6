// Package gateway is the WebSocket edge of a chat service. It speaks the Discord Gateway
// protocol, versions 9 and 10, so that client libraries which exist work against it
// unmodified.
//
// # The protocol
//
// A client asks GET /gateway, or /gateway/bot with its token, where to connect, and connects
// to / with v (9, 10), encoding (json, etf) and compress (none, zlib-stream, zstd-stream).
//
//	gateway   HELLO          how often to send heartbeats
//	client    HEARTBEAT      … at least that often, answered by ACK
//	client    IDENTIFY       a token, intents, a shard, a presence
//	gateway   READY, …       the events of a new session, numbered from 1 on
//
// Version 9 of a person's client gets READY_SUPPLEMENTAL behind READY, if the back end has it.
//
// A client whose connection is lost connects again, to any node:
//
//	client    RESUME         a token, the session, the newest number that it has seen
//	gateway   …, RESUMED     what it missed, and from then on what is new
//
// or INVALID_SESSION false if the session is gone, somebody else's, or has lost events that
// the client did not see: it identifies anew then, on the same connection. Presences that
// it missed come as one PRESENCES_REPLACE, the newest of each user and guild, behind the
// rest. That is an event of the session like any other: a client which is cut off before it
// came gets it by its next RESUME. RESUMED has the number of the last event before it.
//
// Between them: PRESENCE_UPDATE, REQUEST_GUILD_MEMBERS and the lazy guild request of a
// client with a session go to the [Backend]. Voice states are read and ignored: there is no
// voice here. RECONNECT asks a client to resume on another node.
//
// What a client does wrong closes its connection, with a [CloseCode] that says why. Any
// close leaves the session, also 1000 and 1001: libraries close so, and resume. It ends
// when nobody came back for it.
//
// A session has one connection. If a client resumes one that has, the old one is sent a
// ping: without an answer it is dead, and cut off. If it answers, the session stays with
// it, and who asked gets INVALID_SESSION.
//
// Left out: voice, compression by WebSocket extensions (a few bytes would make megabytes),
// and heartbeats that the gateway asks for.
//
// # Guarantees
//
//   - A client that resumes gets each event that it has not seen, once and in order, or is
//     told that it cannot.
//   - An event is encoded and compressed once for each encoding, however many get it.
//   - A client that does not read holds nobody up: it falls out of its log, or a write waits
//     for Config.WriteTimeout, and it is closed.
//   - Everything that a client can make grow is bounded: messages by size and rate, answers,
//     connections, sessions, log lines.
//   - Tokens are in no log.
//
// # Concurrency
//
// A connection has one goroutine that reads. Events are written by a few goroutines for all
// connections, which do not wait for any; what would wait, and everything else, by one of
// the connection's own while there is something to write. Run waits for all. All methods
// may be called by several goroutines.
//
// # Failure
//
// A back end that fails closes connections with CloseUnknown, after which clients resume.
// What it fails to do for a client with a session is logged, and the client stays. An event
// that cannot be encoded is left out, and counted in
// eventnode_gateway_unencodable_total.
//
// # Example
//
//	tokens, err := gateway.NewTokenFile("tokens.txt")
//	...
//	g, err := gateway.New(gateway.Config{Backend: chat, Authenticator: tokens})
//	...
//	go g.Run(ctx)
//	http.Serve(listener, g.Handler())
package gateway
