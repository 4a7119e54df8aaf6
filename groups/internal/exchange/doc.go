// Package exchange keeps the group tables of all nodes the same. It is pure: no
// goroutine, clock, socket or random source; messages and ticks come in, and
// messages and differences come out. The protocol is told in package groups.
//
// # Guarantees
//
//   - Only an origin changes its own part, one version at a time; everybody
//     else applies exactly the next version, or replaces the whole part.
//   - Every change of a table is told as one [Event], in order.
//   - What is sent depends on nothing but what came in.
//
// # Concurrency
//
// One goroutine calls everything but [Exchange.Table], [Exchange.Tables] and
// the reading methods of the tables.
//
// # Failure
//
// A message that is malformed, late, doubled, out of range, or from somebody
// unknown changes nothing and is counted in [Counters]. A lost one is made good
// by whichever comes first: the next change, the resending, the hash.
package exchange
