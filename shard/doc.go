// Package shard is a session of the Discord Gateway protocol, version 10, from the client's
// end: a [Shard] is a source.Source whose payloads are a gateway's events. It connects to
// Discord, to package gateway, and to whatever else speaks the protocol.
//
// # The protocol
//
//	gateway   HELLO            how often to send heartbeats
//	shard     HEARTBEAT        the first at a random time, then at that interval …
//	gateway   ACK              … or the connection is dead at the next
//	shard     IDENTIFY         when a [Limiter] permits it; or
//	shard     RESUME           the session, and the newest number that came
//	gateway   READY, …         events, numbered from 1 on; or
//	gateway   …, RESUMED       what was missed, and from then on what is new
//
// A connection that is lost, dead, closed, or that the gateway wants elsewhere (RECONNECT)
// is followed by another one, which resumes, at the address that READY named. A session
// ends by INVALID_SESSION and by the close codes 4003, 4006, 4007 and 4009; then comes a new
// one. 4004 and 4010 to 4014 end the shard. The state machine is in machine.go, when a
// connection is dead in beats.go.
//
// # Guarantees
//
//   - Each event of a session is delivered once and in order, or consumers are told: a
//     payload named [GapName] stands where some may be missing. What the gateway sends again
//     is left out, by its number.
//   - Credit is real: of the payloads that were read, at most Config.ReadAhead are not yet
//     handled. Beyond, the connection is not read, and heartbeats go on; an ACK that was not
//     read is not one that is missing.
//   - [Resume] is what was handled. Who goes on with it, on whichever node, gets the rest:
//     nothing is missing and nothing comes twice after [Shard.Stop]; after a crash that comes
//     again which was handled since the last Config.OnProgress. Session and Seq of a
//     payload's origin tell it apart.
//   - A payload that cannot be read, normalised or understood ends nothing. A stream that is
//     broken ends its connection; a session in which it breaks again and again, without an
//     event in between, is given up, and a gap told.
//   - Everything that a gateway can make grow is bounded: payloads before and after
//     inflating, those that wait, commands, log lines, waits.
//   - Connections are closed so that the gateway keeps the session. Tokens are in no log, and
//     go to no address in clear text if the first was not.
//
// RESUMED is delivered if it has a number of its own. While a gateway replays it may sum up
// presences, and so leave out numbers: that is no gap.
//
// # Concurrency
//
// Run has one goroutine for the state machine, one that reads, and one that delivers, and
// waits for all. All methods may be called by several goroutines. Functions of Config are
// called by one at a time.
//
// # Failure
//
// What fails at the gateway or on the way to it is tried again, with waits that grow up to
// Config.MaxBackoff, for ever. Run ends only by Stop, by its context, by deliver, or with
// [ErrRefused]. Commands that wait are lost with the shard; those sent before a session was
// lost may not be answered.
//
// # Example
//
//	s, err := shard.New(shard.Config{Name: "chat", Token: token, Gateway: "wss://gateway.example.com", Intents: 513})
//	...
//	go s.Run(ctx, func(ctx context.Context, p source.Payload) error { ... })
//	...
//	at, err := s.Stop(ctx) // for Config.Resume, on another node
package shard
