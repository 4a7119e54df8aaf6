// Package pgserver runs PostgreSQL for tests and benchmarks: a server of their own, in a
// directory of their own, on a free port of the loopback interface.
//
// PostgreSQL does not run as root. A server that root starts runs as the user postgres,
// or else as nobody.
package pgserver
