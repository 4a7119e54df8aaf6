package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/eventnode/eventnode"
)

const (
	// childGrace is how long a command has between SIGTERM and SIGKILL.
	childGrace = 10 * time.Second
	// lockRefreshes is how often a lock is refreshed in its time to live: so many
	// refreshes may be lost.
	lockRefreshes = 3
	// signalled is what shells add to a signal's number to make an exit code.
	signalled = 128
)

// childCommand is a command that gets SIGTERM at the end of ctx, SIGKILL childGrace later, and
// ends with this process: shared by locks run and reply.
func childCommand(ctx context.Context, argv []string) *exec.Cmd {
	child := exec.CommandContext(ctx, argv[0], argv[1:]...)
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = childGrace
	child.SysProcAttr = commandAttributes()
	return child
}

// guarded runs a command to its end while the lock is refreshed. Its error is the
// command's exit code, or the lock's loss.
func (a *app) guarded(ctx context.Context, l eventnode.Lock, ttl time.Duration, argv []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	child := childCommand(ctx, argv)
	child.Stdin, child.Stdout, child.Stderr = a.stdin, a.stdout, a.stderr
	child.Env = append(os.Environ(), "EVENTNODE_LOCK="+l.Name(), "EVENTNODE_LOCK_TOKEN="+strconv.FormatUint(l.Token(), 10))
	if err := child.Start(); err != nil {
		return fmt.Errorf("run %s: %w", argv[0], err)
	}
	var keeper sync.WaitGroup
	keeper.Go(func() {
		if err := keepLock(ctx, l, ttl); err != nil {
			cancel(err)
		}
	})
	err := child.Wait()
	lost := context.Cause(ctx)
	cancel(nil)
	keeper.Wait()
	if errors.Is(lost, eventnode.ErrLockLost) {
		return failf(exitTaken, "%w while %s ran, which was ended", lost, argv[0])
	}
	return childExit(child, err)
}

// keepLock refreshes a lock until ctx ends. Its error is that the lock is lost:
// somebody else has it, or its time was over before a node answered.
func keepLock(ctx context.Context, l eventnode.Lock, ttl time.Duration) error {
	every := ttl / lockRefreshes
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		left := l.TTL()
		refreshing, cancel := context.WithTimeout(ctx, left)
		err := l.Refresh(refreshing, ttl)
		cancel()
		left = l.TTL()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, eventnode.ErrLockLost):
			return err
		case left <= 0:
			return fmt.Errorf("%w: no node refreshed it in time: %w", eventnode.ErrLockLost, err)
		}
		timer.Reset(min(every, left))
	}
}

// childExit makes the command's end that of this program.
func childExit(child *exec.Cmd, err error) error {
	state := child.ProcessState
	switch {
	case state == nil:
		return err
	case state.Success() && (err == nil || errors.Is(err, context.Canceled)):
		return nil // also when it was asked to end
	case state.Success():
		return err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return silentExit(signalled + int(status.Signal()))
	}
	return silentExit(state.ExitCode())
}
