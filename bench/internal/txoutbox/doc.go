// Package txoutbox measures the relay of the transactional outbox: from PostgreSQL to a
// stream of three nodes, all on one machine.
//
// # What is compared
//
//	eventnode        `eventnode outbox relay`, the program, with its defaults: it reads a
//	                 batch, publishes it, has it acked by a majority that has fsynced it,
//	                 and deletes the rows
//	postgresql-loop  a plain loop that only reads and deletes, and publishes nowhere:
//	                 BEGIN, SELECT ... FOR UPDATE SKIP LOCKED, DELETE, COMMIT, with
//	                 batches of the same size. No relay can be faster than that by much.
//
// PostgreSQL runs with its defaults, which fsync each commit. The time of outbox/relay
// begins with the start of the program and ends with its end, which is when nothing is
// left.
//
// The age of an event begins before its INSERT, in a transaction of its own, and ends when
// a reader that follows the stream has it.
//
// # What is checked
//
// Everything is read back: a run fails if an event that was committed is not in the
// stream once, and in the order of its key.
package txoutbox
