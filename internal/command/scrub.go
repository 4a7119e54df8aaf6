package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// scrubCommand is `eventnode scrub`.
func (a *app) scrubCommand() *cobra.Command {
	var nodes []string
	var opts eventnode.ScrubOptions
	cmd := &cobra.Command{
		Use:   "scrub",
		Short: "Look for damage in the copies of durable streams",
		Long: `Has each node with storage read all of its copy, log and state, and verify every
checksum in it: of each entry, of each row, of each event. One node after the other
does so, beside its work, and at most at --rate, so that publishing goes on.

Damage is told and, without --repair, nothing is changed: a copy that is damaged goes on
as far as it can. With --repair it is put aside and rebuilt from its peers before the
next node is looked at; that is refused where the others are no majority without it.

The exit code is 1 if a copy is damaged, and was not rebuilt, or a node could not be
looked at.`,
		Example: `  eventnode scrub
  eventnode scrub --node n2 --rate 16777216
  eventnode scrub --repair
  eventnode scrub --json | jq -c 'select(.damages)'`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, n := range nodes {
				opts.Nodes = append(opts.Nodes, eventnode.NodeID(n))
			}
			c, err := a.connect(cmd)
			if err != nil {
				return err
			}
			return errors.Join(a.scrub(cmd.Context(), c, opts), c.Close())
		},
	}
	a.addAddr(cmd)
	cmd.Flags().StringSliceVar(&nodes, "node", nil, "only this node; may be given several times (default: all with storage)")
	cmd.Flags().Uint64Var(&opts.BytesPerSecond, "rate", 64<<20, "bytes that a node reads a second")
	cmd.Flags().BoolVar(&opts.Repair, "repair", false, "have a copy that is damaged rebuilt from its peers")
	return cmd
}

// scrub prints what is found, and judges it.
func (a *app) scrub(ctx context.Context, c cluster, opts eventnode.ScrubOptions) error {
	out, shown := a.output(), a.stages()
	defer shown.clear()
	damaged, missed := 0, 0
	for p, err := range c.Scrub(ctx, opts) {
		if err != nil {
			return err
		}
		shown.show("scrubbing "+string(p.Node), p.Read, p.Total)
		if p.Done && p.Damaged > 0 && !p.Repaired {
			damaged++
		}
		if p.Done && p.Error != "" {
			missed++
		}
		if !p.Done && len(p.Damages) == 0 {
			continue
		}
		shown.clear()
		if err := a.printScrub(out, p); err != nil {
			return err
		}
	}
	switch {
	case damaged > 0:
		return failf(exitError, "%s DAMAGED: see the lines above", are(damaged, "copy", "copies"))
	case missed > 0:
		return failf(exitError, "%s not looked at to the end: see the lines above", are(missed, "node", "nodes"))
	}
	return nil
}

func are(n int, one, many string) string {
	if n == 1 {
		return "1 " + one + " is"
	}
	return fmt.Sprintf("%d %s are", n, many)
}

// printScrub prints what a node found, and, at its end, that.
func (a *app) printScrub(out *output, p eventnode.ScrubProgress) error {
	if a.json {
		if err := out.object(p); err != nil {
			return err
		}
		return out.Flush()
	}
	for _, d := range p.Damages {
		fmt.Fprintf(out, "%s: DAMAGED %s: %s\n", p.Node, d.Part, d.Text)
	}
	read := fmt.Sprintf("%s of the log, %s with %s, %s read", counted(p.Entries, "entry", "entries"), plural(p.Rows, "row"), plural(p.Events, "event"), sized(p.Read))
	switch {
	case !p.Done:
	case p.Repaired:
		fmt.Fprintf(out, "%s: rebuilt from its peers, for it was damaged in %d places: %s\n", p.Node, p.Damaged, read)
	case p.Error != "":
		fmt.Fprintf(out, "%s: not looked at to the end: %s\n", p.Node, p.Error)
	case p.Damaged > 0:
		fmt.Fprintf(out, "%s: DAMAGED in %d places: %s\n", p.Node, p.Damaged, read)
	default:
		fmt.Fprintf(out, "%s: sound: %s\n", p.Node, read)
	}
	return out.Flush()
}

func counted(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
