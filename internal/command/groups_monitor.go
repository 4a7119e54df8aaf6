package command

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

func (a *app) groupsMonitorCommand() *cobra.Command {
	var scope string
	var u until
	cmd := &cobra.Command{
		Use:   "monitor [GROUP]",
		Short: "Print who is in a group, then each change as it happens",
		Long: `Prints the members of a group, or of all groups of a scope, and then each change,
until ctrl-C, --count changes or --timeout. A line a membership:

  = GROUP MEMBER META    it was there already, or (after a resync) is there
  + GROUP MEMBER META    it joined
  - GROUP MEMBER META    it left, or its node is gone
  ~ GROUP MEMBER META    its metadata changed

"monitoring: N memberships" on stderr ends the first list: what comes later is
every change, once, in order. If this program is too slow and changes are dropped,
"resync" on stderr is followed by a new list, which replaces what came before.

With --json a line is a whole change, as it happened at once:
  {"snapshot":{"GROUP":[{"member":{"node":"n1","epoch":1,"ref":1},"meta":""}]}}
  {"group":"GROUP","joined":[...],"left":[...],"updated":[...]}`,
		Example: `  eventnode groups monitor
  eventnode groups monitor workers --json`,
		Args: args(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error { return a.groupsMonitor(cmd, scope, args, &u) },
	}
	a.addAddr(cmd)
	addScope(cmd, &scope)
	cmd.Flags().IntVar(&u.count, "count", 0, "end after this many changes (0: never)")
	cmd.Flags().DurationVar(&u.timeout, "timeout", 0, "end after this time, such as 30s (0: never)")
	return cmd
}

// groupsMonitor prints the snapshot and changes of one group, or of the scope.
func (a *app) groupsMonitor(cmd *cobra.Command, scope string, group []string, u *until) error {
	ctx, cancel, err := u.context(cmd.Context())
	if err != nil {
		return err
	}
	defer cancel()
	c, err := a.connect(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	var mon eventnode.Monitor
	if len(group) == 1 {
		mon, err = c.Scope(scope).Monitor(ctx, group[0])
	} else {
		mon, err = c.Scope(scope).MonitorScope(ctx)
	}
	if err != nil {
		return u.result(ctx, err)
	}
	defer mon.Close()
	out := a.output()
	total, err := a.printSnapshot(out, mon.Snapshot(), false)
	if err != nil {
		return err
	}
	a.notice(map[string]any{"monitoring": map[string]any{"memberships": total}}, "monitoring: %s", plural(total, "membership"))
	err = pump(ctx, mon.Next, func(ch eventnode.Change) error { return a.printChange(out, u, ch) }, out.Flush)
	if flushErr := out.Flush(); flushErr != nil {
		return flushErr
	}
	return u.result(ctx, err)
}

// printSnapshot prints all of it and returns the number of memberships.
func (a *app) printSnapshot(out *output, snapshot map[string][]eventnode.Membership, resync bool) (int, error) {
	total := 0
	asJSON := snapshotJSON{Snapshot: map[string][]membershipJSON{}, Resync: resync}
	for _, group := range slices.Sorted(maps.Keys(snapshot)) {
		list := slices.Clone(snapshot[group])
		sortMemberships(list)
		total += len(list)
		if a.json {
			asJSON.Snapshot[group] = toMembershipsJSON(list)
			continue
		}
		printChanged(out, '=', group, list)
	}
	if a.json {
		if err := out.object(asJSON); err != nil {
			return total, err
		}
	}
	return total, out.Flush()
}

// printChange prints one change.
func (a *app) printChange(out *output, u *until, ch eventnode.Change) error {
	if ch.Resync != nil {
		if err := out.Flush(); err != nil {
			return err
		}
		a.notice(map[string]any{"resync": true}, "resync: changes were dropped, this is what there is now")
		_, err := a.printSnapshot(out, ch.Resync, true)
		return err
	}
	if a.json {
		line := changeJSON{ch.Group, toMembershipsJSON(ch.Joined), toMembershipsJSON(ch.Left), toMembershipsJSON(ch.Updated)}
		if err := out.object(line); err != nil {
			return err
		}
	} else {
		printChanged(out, '+', ch.Group, ch.Joined)
		printChanged(out, '-', ch.Group, ch.Left)
		printChanged(out, '~', ch.Group, ch.Updated)
	}
	return u.event()
}

// printChanged prints a line a membership. Errors stay in out until Flush.
func printChanged(out *output, sign byte, group string, list []eventnode.Membership) {
	for _, m := range list {
		line := fmt.Sprintf("%c %s %s", sign, group, m.Member)
		if m.Meta != "" {
			line += " " + metaText(m.Meta)
		}
		fmt.Fprintln(out, line)
	}
}
