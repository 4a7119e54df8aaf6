// Package pg runs Erlang/OTP's process groups, module pg, beside eventnode: as
// a peer of its group table, and of its fan-out.
//
//	if version, unavailable := pg.Find(); unavailable == "" {
//		outcome, err := pg.FanOut(100, 128)(ctx, env)
//	}
//
// # What is compared, and why it is fair
//
// What a program does that uses pg: it asks pg for the members of a group and
// sends to each of them; Erlang's distribution carries one copy to each. Three
// nodes are three processes of the runtime on one machine, as with the other
// systems; publisher and subscribers are Erlang processes inside these nodes,
// so that there is no client and no hop to one: an advantage of pg's that this
// keeps, in rate, in latency and in CPU seconds. (A program may build more on
// top, such as one copy a node; that is a dispatcher of its own, as Phoenix has
// one.)
//
// Settings are those that documentation recommends where they matter: compiled
// code; off-heap mailboxes for subscribers; 32 MiB of buffer a link, after which
// a sender waits (that is the back-pressure, so nothing is lost); idle
// schedulers sleep instead of spinning, because all nodes share the machine. On
// two cores rates with and without the last two differ by less than one run does
// from the next.
//
// Each subscriber checks the number of each event: one that is lost, comes
// twice or comes out of order fails the run. The clock stops when the last
// subscriber has taken the last event from its mailbox.
//
// One-way latency is the difference of two readings of the machine's wall clock
// in two processes on one machine, with nothing between them but one event.
//
// # Concurrency and failure
//
// Nodes bind to loopback only and know a random cookie; their port mapper is one
// of their own. All processes of a run end with it, and with its context. Errors
// name the step that failed.
package pg
