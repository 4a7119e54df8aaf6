// Package durable measures streams that are kept on disk: publishing, reading,
// consuming, the loss of a leader, and much data; eventnode beside NATS JetStream and Redis Streams,
// all on one machine.
//
// # What is compared
//
// One stream, random data, the client that each system's users have, in a process of
// its own; servers with their own defaults, apart from what the system's name says:
//
//	eventnode          three nodes, three replicas, an ack after an fsync on a
//	                   majority, checksums over everything
//	jetstream-r3       three nodes, three replicas, an ack after a write on a
//	                   majority; an fsync every two minutes, which is its default
//	jetstream-r3-sync  the same, with an fsync before an ack
//	jetstream-r1       one copy, on one of three nodes
//	redis-everysec     one node; an fsync every second
//	redis-always       one node; an fsync before an answer
//
// Publishers of batches are as far ahead of their acks as the system's users would
// be. That is for JetStream the window of its client (4,000 events) and for the
// others one batch under way while the next one is filled, which keeps the order of
// a publisher; batchEvents says how large.
//
// A consumer takes batches of 1,000 and acks what it was handed: for JetStream a durable
// pull consumer has them pulled in advance and acks each event, without waiting for what
// becomes of the ack, which is faster than to fetch batch after batch; for Redis an XREADGROUP and an XACK a batch; for us the SDK as it is. The time
// ends when the system says that nothing is left to hand out or to ack. Our streams let
// go what all groups have acked, which is their default; the others keep it.
//
// # What is checked
//
// What is consumed is judged as it comes: handled once each, and in order where there is
// one. After each other run everything is read back, from the first event to the last. A run
// fails if an event that was acked is not there once, unchanged and in order, or if
// one failed to be published.
//
// # When a leader is lost
//
// Callers publish one event at a time. What counts is the time from the fault to the
// end of the longest time without any ack that ends after it: an ack that was still
// on its way in the moment of the fault is not a service that is back.
package durable
