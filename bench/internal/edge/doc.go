// Package edge measures the gateway: what a session takes that is idle, how long an event
// takes to thousands of sessions, and how long thousands take to resume.
//
//	for _, w := range edge.Workloads() { ... }
//
// # The processes
//
// Each is this program again, with its configuration as a line of JSON, driven by lines of
// JSON:
//
//	node      embeds a node with a chat service, storage and a gateway, all as they come;
//	          a token is a user's id
//	peer      the plain loop beside it: connections that were upgraded by the same
//	          WebSocket library, and one frame, made once for an event, written to each of
//	          them by one goroutine, or by one for each processor; nobody reads from them
//	clients   thousands of clients: one goroutine and one epoll, one read for what has
//	          arrived on a socket, no buffer for who waits for nothing. It lets events
//	          gather for a millisecond, so that writers need not wake it for each
//
// The clients are the same for all systems. Whoever dispatches is in the bench's own
// process, and calls node 1 over gRPC; the peer's time begins in its own process, with the
// loop. All stamp with the clock of the one machine.
//
// # The world
//
// A user has one session, with the intents for guilds and messages, and not for presences:
// of these, n users of one guild who come one by one get n²/2, which is another thing to
// measure. He is in one guild, with nine other channels than the one of the events, and
// subscribes to all eleven topics. An event is a MESSAGE_CREATE of 200 bytes; a message to
// a client has 36 more.
//
// # What is measured
//
//   - Idle: a node without sessions, whose directory is known, is asked for its memory, and
//     again when all sessions have been idle for some seconds. Twice: its resident memory
//     as it is; then its heap and stacks in use after two collections, and what is still
//     resident when the free memory was given back. What the kernel keeps for a socket is
//     not counted. Clients send heartbeats meanwhile, as they must.
//   - Fan-out: from before the call until the last client has read the event, one event
//     after another; then as many as go when each call is made as the former has returned,
//     until the last client has read the last.
//   - Resume: all sockets are reset, an event is dispatched, and all clients connect again
//     and resume: on the same node, and then on the other one. Clients begin at once, but
//     for a bound on those that wait to be accepted, which kernels have, too. The time is
//     from the first connect until the last client was told RESUMED.
//
// # What is checked
//
// Each session's sequence numbers are 1, 2, 3, … and each event has a number of its own:
// whatever is lost, comes twice or out of order fails the run, and so does a close.
//
// # Failure
//
// A process may have as many connections as RLIMIT_NOFILE lets it, which is raised as far
// as it goes. Where that is less than a workload has, fewer sessions are measured, and the
// sample's note says how many.
package edge
