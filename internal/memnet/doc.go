// Package memnet is a network in memory, for tests: hosts with addresses,
// streams that behave as TCP does, datagrams that get lost, and faults that a
// test switches on and off.
//
// # Guarantees
//
//   - Streams are ordered and lose nothing. A cut stalls them, and they go on
//     when it is healed. Each direction holds a bounded number of bytes; then
//     the writer waits.
//   - Datagrams are lost by chance, by a cut, and by a full receive queue; they
//     are never duplicated, and delay may reorder them.
//   - All time is taken from package time, and every wait is on a condition or a
//     channel, so a testing/synctest bubble sees it as durably blocked.
//   - Each ordered pair of hosts draws from a random source of its own, seeded by
//     Config.Seed and the names, so traffic elsewhere does not change its fate.
//
// # Concurrency
//
// Everything is safe for concurrent use. Only a Transport starts goroutines;
// its Shutdown waits for them.
//
// # Failure
//
// Errors are those of package net: *net.OpError that wraps
// syscall.ECONNREFUSED, ECONNRESET, EPIPE, os.ErrDeadlineExceeded or
// net.ErrClosed.
//
//	nw := memnet.New(memnet.Config{Seed: 1})
//	ln, err := nw.Host("10.0.0.1").Listen(80)
//	conn, err := nw.Host("10.0.0.2").Dial(ctx, "10.0.0.1:80")
//	nw.Partition([]string{"10.0.0.1"}, []string{"10.0.0.2"})
//	nw.Heal()
package memnet
