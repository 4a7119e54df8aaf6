// Package loopback finds addresses for servers that tests and benchmarks start as
// processes, and that keep their address while they are down.
//
// A port that the kernel chose and that was closed again is anyone's: the next one who
// asks may be given it, and so may any connection that goes out. Here a process claims a
// block of ports below those that kernels give out, by listening on its first one for as
// long as it lives, and hands out each port of the block once before any is used again.
package loopback
