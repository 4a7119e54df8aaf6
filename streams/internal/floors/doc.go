// Package floors remembers how much the other replicas of a partition had made
// durable, so that one whose disk has lost some of it is noticed.
//
// A replica that comes back with less than it once acknowledged (an old copy of its
// directory was put back, or its disk lied about an fsync) could help to elect a
// leader that lacks what was acked. So each replica asks its peers, once a second,
// for the index up to which they are durable and committed, keeps the highest one
// of each, and tells a peer that starts what is remembered of it. Package streams
// asks, and says when a replica may take part.
//
// # Guarantees
//
//   - What Of returns never falls, also over a restart, once Save has returned.
//   - What a peer made durable since it was asked last is not known: a loss of that
//     alone goes unnoticed.
//   - A file that is damaged counts as none: it says something about others only,
//     and they say it again.
//
// A Book is safe for concurrent use.
package floors
