// Package portmux lets several protocols share one listener, told apart by the
// first bytes of each connection (in the clear) or by ALPN (under TLS).
//
// # Guarantees
//
// A connection is handed to exactly one listener, with nothing read from it as
// far as that listener can see. One that says nothing for Config.SniffTimeout,
// says something that nobody registered, or fails its TLS handshake, is closed
// and counted; it holds nothing up.
//
// # Concurrency
//
// Each connection is looked at in a goroutine of its own, at most
// Config.MaxPending at a time: beyond that Accept waits, and the kernel's
// backlog is the queue. Run returns when all of them have ended.
package portmux
