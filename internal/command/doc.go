// Package command is the program eventnode: it runs a node, and speaks to a cluster of them.
//
//	eventnode dev                            a local cluster of three
//	eventnode subscribe topic:greetings      in another terminal
//	eventnode dispatch topic:greetings --data hello
//
// # Guarantees
//
// What is printed on stdout is data and nothing else; notices, progress and
// errors go to stderr. With --json both are JSON, an object a line. Exit codes
// are part of the interface: `eventnode help exit-codes`.
//
// # Concurrency
//
// A command is a function of its context, arguments and streams ([run]), so
// tests call it in process. Each command ends the goroutines that it starts
// before it returns.
//
// # Failure
//
// An error is one line on stderr that says what to do. Where nobody listens
// the answer comes within two seconds.
package command
