// Package proc runs the processes that are measured: each takes commands as
// lines of JSON on its standard input and answers with lines of JSON on its
// standard output.
//
//	p, err := proc.Start(ctx, "node-1", exec.Command(env.Self, "table-node"), env.Log)
//	if err != nil { ... }
//	defer p.Stop()
//	if err := p.Send("count"); err != nil { ... }
//	var answer struct{ Groups int }
//	if err := p.Receive(ctx, &answer); err != nil { ... }
//
// # Guarantees
//
// A process is killed when the context of Start ends, and with Stop at the
// latest 5 s after its standard input was closed. Stop, Terminate and Kill return
// when it is gone and nothing more is written to the log. A child that ends when its standard
// input does is gone, too, when the bench itself is killed.
//
// An answer that has a field "error" is an error of Receive.
//
// # Concurrency
//
// Send and Receive may be called concurrently with each other, not with
// themselves. Stop may be called at any time, and again.
//
// # Failure
//
// A process that ends early makes Receive fail with how it ended, after the
// answers that it still gave. A process waits while 1,024 of its answers have
// not been received. CPU, RSS and Written read /proc and fail where there is none.
package proc
