package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

func (f *streamFlags) locksOf(c cluster) eventnode.Locks {
	return c.Locks(client.WithNamespace(f.namespace))
}

// locksCommand is `eventnode locks`.
func (a *app) locksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "locks",
		Short: "Hold distributed locks, and see who does",
		Long: `A lock is held by one at a time, in the whole cluster, until it is released or its
time is over. It is replicated like streams: it outlives the nodes.

A holder that is paused for longer than its lock lasts cannot know that it has lost
it. Each holder has a token greater than those before: what the lock guards can
refuse a token that is less than one it has seen.`,
		Example: `  eventnode locks run nightly -- ./nightly-report.sh
  eventnode locks info nightly`,
	}
	parent(cmd)
	cmd.AddCommand(a.locksInfoCommand(), a.locksRunCommand())
	return cmd
}

// lockJSON is what locks info --json prints.
type lockJSON struct {
	Lock  string `json:"lock"`
	Held  bool   `json:"held"`
	Token uint64 `json:"token,omitempty"`
	TTL   int64  `json:"ttl_ns,omitempty"`
	Until string `json:"until,omitempty"`
}

func (a *app) locksInfoCommand() *cobra.Command {
	var s streamFlags
	cmd := &cobra.Command{
		Use:   "info NAME",
		Short: "Say whether somebody has a lock",
		Long: `Says whether somebody has a lock, with which token, and until when by the cluster's
time, unless it is refreshed.`,
		Example: `  eventnode locks info nightly
  eventnode locks info nightly --json | jq .held`,
		Args: args(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var info eventnode.LockInfo
			err := a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				info, err = s.locksOf(c).Info(ctx, args[0])
				return err
			})
			if err != nil {
				return err
			}
			j := lockJSON{Lock: args[0], Held: info.Held}
			if info.Held {
				j.Token, j.TTL, j.Until = info.Token, int64(info.TTL), timeText(info.Until)
			}
			return a.printObject(j, func(w io.Writer) {
				if !j.Held {
					fmt.Fprintf(w, "lock %s is free\n", j.Lock)
					return
				}
				fmt.Fprintf(w, "lock %s is held with token %d for another %s, until %s\n", j.Lock, j.Token, aged(info.TTL), j.Until)
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	return cmd
}

// minLockTTL bounds --ttl: a lock that is refreshed more often is work for nothing.
const minLockTTL = 100 * time.Millisecond

func (a *app) locksRunCommand() *cobra.Command {
	var s streamFlags
	var ttl, wait time.Duration
	cmd := &cobra.Command{
		Use:   "run NAME -- COMMAND [ARGUMENT...]",
		Short: "Run a command while a lock is held",
		Long: `Takes a lock, runs a command while it is held and refreshed, and releases it. If
somebody else has it for longer than --wait the command is not run, and the exit
code is 7; else it is the command's.

The command's environment has the lock's name as EVENTNODE_LOCK, and its fencing
token as EVENTNODE_LOCK_TOKEN. If the lock is lost, because no node answers until
its time is over, the command gets SIGTERM, SIGKILL 10 s later, and the exit code is
7. So it is stopped at ctrl-C.

--ttl is after what time others get the lock if this process, its machine or its
network is gone.`,
		Example: `  eventnode locks run nightly -- ./nightly-report.sh
  eventnode locks run deploy --wait 10m --ttl 30s -- make deploy
  eventnode locks run nightly -- sh -c 'report --fence $EVENTNODE_LOCK_TOKEN'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at != 1 || len(args) < 2 {
				return usagef("write NAME -- COMMAND: one lock, and what to run behind --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if ttl < minLockTTL || ttl%time.Millisecond != 0 || wait < 0 || wait%time.Millisecond != 0 {
				return usagef("--ttl must be at least %v, --wait not negative, both in whole milliseconds", minLockTTL)
			}
			return a.connected(cmd, func(ctx context.Context, c cluster) error {
				return a.runLocked(ctx, s.locksOf(c), args[0], ttl, wait, args[1:])
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().DurationVar(&ttl, "ttl", 15*time.Second, "how long the lock lasts without a refresh")
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for the lock (default: one try)")
	return cmd
}

// runLocked runs a command with the lock.
func (a *app) runLocked(ctx context.Context, locks eventnode.Locks, name string, ttl, wait time.Duration, argv []string) error {
	l, err := locks.Obtain(ctx, name, ttl, wait)
	switch {
	case errors.Is(err, eventnode.ErrLockTaken):
		return failf(exitTaken, "%w: wait for it with --wait, or see \"eventnode locks info %s\"", err, name)
	case err != nil:
		return err
	}
	err = a.guarded(ctx, l, ttl, argv)
	// The lock is given back also after ctrl-C; if that fails it ends by itself.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if released := l.Release(ctx); released != nil {
		a.notice(map[string]any{"not_released": released.Error()}, "the lock was not released, and ends by itself within %v: %v", ttl, released)
	}
	return err
}
