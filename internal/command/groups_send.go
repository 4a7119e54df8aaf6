package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// broadcastJSON is what groups broadcast --json prints.
type broadcastJSON struct {
	ID        string             `json:"id"`
	Delivered int                `json:"delivered"`
	Missing   []eventnode.NodeID `json:"missing,omitempty"`
}

// sentJSON is what groups send --json prints.
type sentJSON struct {
	ID     string     `json:"id"`
	Member memberJSON `json:"member"`
}

func (a *app) groupsBroadcastCommand() *cobra.Command {
	var f eventFlags
	var scope string
	var local bool
	cmd := &cobra.Command{
		Use:   "broadcast GROUP",
		Short: "Send an event to every member of a group",
		Long: `Sends an event to every member of a group, once per membership, and prints how
many took it. Reaching nobody is exit code 6.

` + eventFlagsHelp,
		Example: `  eventnode groups broadcast workers --data reload
  eventnode groups broadcast workers --name config_changed --data @config.json --local`,
		Args: args(1, 1, "GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ev, err := f.event(a.stdin)
			if err != nil {
				return err
			}
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				broadcast := c.Scope(scope).Broadcast
				if local {
					broadcast = c.Scope(scope).BroadcastLocal
				}
				res, err := broadcast(ctx, args[0], ev)
				if err != nil {
					return err
				}
				return a.printBroadcast(args[0], broadcastJSON{ev.ID.String(), res.Delivered, res.Missing})
			})
		},
	}
	a.addAddr(cmd)
	addScope(cmd, &scope)
	f.add(cmd)
	cmd.Flags().BoolVar(&local, "local", false, "only members on the asked node")
	return cmd
}

// printBroadcast prints what a broadcast reached.
func (a *app) printBroadcast(group string, b broadcastJSON) error {
	err := a.printObject(b, func(w io.Writer) { fmt.Fprintf(w, "delivered to %s\n", plural(b.Delivered, "membership")) })
	if err != nil {
		return err
	}
	if len(b.Missing) > 0 {
		a.notice(map[string]any{"warning": "no answer", "nodes": b.Missing}, "warning: no answer from %s", nodeNames(b.Missing))
	}
	if b.Delivered == 0 {
		return failf(exitNobody, "reached nobody: no member of %q took the event", group)
	}
	return nil
}

// strategies are the names of --strategy.
var strategies = []struct {
	name     string
	strategy eventnode.Strategy
}{
	{"random", eventnode.PickRandom},
	{"least_loaded", eventnode.PickLeastLoaded},
	{"local_first", eventnode.PickLocalFirst},
	{"hash", eventnode.PickHash},
}

// parsePick turns the flags into a choice.
func parsePick(strategy, key string) (eventnode.Pick, error) {
	for _, s := range strategies {
		if s.name != strategy {
			continue
		}
		if (key != "") != (s.strategy == eventnode.PickHash) {
			return eventnode.Pick{}, usagef("--strategy hash and --hash-key go together")
		}
		return eventnode.Pick{Strategy: s.strategy, Key: key}, nil
	}
	return eventnode.Pick{}, usagef("unknown strategy %q: use random, least_loaded, local_first or hash", strategy)
}

func (a *app) groupsSendCommand() *cobra.Command {
	var f eventFlags
	var scope, strategy, hashKey string
	cmd := &cobra.Command{
		Use:   "send GROUP",
		Short: "Send an event to one member of a group",
		Long: `Sends an event to one member of a group and prints which. It arrives at most
once: if the chosen member is gone another is tried, after a time-out none is. An
empty group is exit code 6.

--strategy says which member:
  random        each membership is equally likely (default)
  least_loaded  the one with the shortest queue, as last heard
  local_first   one on the asked node; if there is none, any
  hash          the one that --hash-key falls on: the same key goes to the same
                member as long as it is there

` + eventFlagsHelp,
		Example: `  eventnode groups send workers --data 'job 17'
  eventnode groups send workers --data 'job 17' --strategy hash --hash-key customer-7`,
		Args: args(1, 1, "GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			pick, err := parsePick(strategy, hashKey)
			if err != nil {
				return err
			}
			ev, err := f.event(a.stdin)
			if err != nil {
				return err
			}
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				ref, err := c.Scope(scope).SendOne(ctx, args[0], ev, pick)
				if errors.Is(err, eventnode.ErrNoMembers) {
					return failf(exitNobody, "group %q: %w", args[0], err)
				}
				if err != nil {
					return err
				}
				return a.printObject(sentJSON{ev.ID.String(), toMemberJSON(ref)}, func(w io.Writer) { fmt.Fprintf(w, "sent to %s\n", ref) })
			})
		},
	}
	a.addAddr(cmd)
	addScope(cmd, &scope)
	f.add(cmd)
	cmd.Flags().StringVar(&strategy, "strategy", "random", "random, least_loaded, local_first or hash")
	cmd.Flags().StringVar(&hashKey, "hash-key", "", "the key of --strategy hash")
	return cmd
}
