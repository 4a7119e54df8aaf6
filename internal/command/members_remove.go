package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// membersRemoveCommand is `eventnode members remove`.
func (a *app) membersRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NODE",
		Short: "Remove a node that is dead for good",
		Long: `Removes a node that is dead for good from those that keep copies of streams, so
that the majority is counted without it. NODE is its name, or the UUID of its copy.

It is refused where the node answers (eventnode leave is for those), and where those
that would remain are no majority (eventnode recover is for that). Nothing is changed
then. A node that was removed does not come back by itself: if it starts again it
stops and says so. Start it with an empty data directory to join again.

Without storage there is nothing to remove: such a node is forgotten when it is gone.`,
		Example: `  eventnode members remove n3
  eventnode members remove 0197c1a2-5b7e-7d3c-9f55-2f3a8b1c4d6e --json`,
		Args: args(1, 1, "the name of the node"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd, func(ctx context.Context, c cluster) error {
				if err := c.RemoveNode(ctx, args[0], a.step); err != nil {
					return err
				}
				return a.printObject(removedJSON{args[0]}, func(w io.Writer) { fmt.Fprintf(w, "%s was removed\n", args[0]) })
			})
		},
	}
	a.addAddr(cmd)
	return cmd
}

// removedJSON is what members remove --json prints.
type removedJSON struct {
	Removed string `json:"removed"`
}
