// Package sessions keeps the clients that are connected to this node, and what each of
// them was sent: so that one which lost its connection goes on where it was.
//
// A [Session] is a log. Each event that is sent to it gets the session's next sequence
// number, and the newest ones are kept, bounded by count and by bytes. A connection is a
// [Socket]: a cursor in that log. To resume is to put a new cursor behind the last event
// that the client has seen. So nothing is parked while a client catches up, and nothing
// can be sent twice or out of order: what is replayed and what is live is the same log.
//
//	Send ──► seq 1 2 3 4 5 6 7 8        first kept: 3, newest: 8
//	                   ▲ Socket: next is 5
//
// # Guarantees
//
//   - Sequence numbers of a session are 1, 2, 3, … without holes, in the order of Send.
//   - A socket yields each event behind its start once, in order, or an error: a
//     [GapError] if some of it is not kept any more. It never leaves something out silently.
//   - One socket at a time: a session that is attached is not attached again.
//   - What a client is told in the beginning, by Greet, is kept until it was taken once.
//   - Send does not wait for anybody. A slow client falls behind in its own log, and is
//     told of the gap when it has fallen out of it.
//
// # Lifetime
//
// A session begins with [Manager.Open] and ends with [Manager.End], or when it was
// without a socket for Config.TTL. Whoever is told by Config.OnEnd has it subscribe to
// nothing any more.
//
// # Concurrency
//
// A Manager and a Session may be used by several goroutines. A Socket belongs to the one
// that reads it, which waits in Next, or has Notify call it and uses Take; Detach may be
// called by any.
//
// # Failure
//
// Sessions are in memory: those of a node that dies are lost, and so are their logs,
// unless somebody else has kept what they were sent: who is told by Config.OnSend, and
// says by [Session.Release] how far that is, so that no client has seen more.
package sessions
