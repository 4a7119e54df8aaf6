package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Main is the program: it runs the command that the process's arguments say, until it
// ends, or a signal asks it to. It returns the exit code.
func Main() int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it, and means it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// The second signal kills: whoever sends one does not want to wait.
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
