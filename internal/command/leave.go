package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// leaveCommand is `eventnode leave`.
func (a *app) leaveCommand() *cobra.Command {
	var node string
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Have a node leave the cluster for good",
		Long: `Has the asked node, or the one that --node names, leave the cluster for good, and
end. To stop a node for a while, or to restart it, send it SIGTERM instead: then it
keeps its copies of streams, and counts for their majority while it is away. Either way
it sends its clients to other nodes before it ends (serve --stop-timeout).

A node that keeps copies of streams gives them up first: another node with storage
takes its place if there is one, then it loses its vote and is removed. It is
refused, before anything is changed, where those that would remain could not go on
without it. Its data directory remembers that it left and is of no use any more:
start with an empty one to join again. A node without copies just ends: it may be
started again as it was.

What is waited for is said on stderr. If this command is interrupted the leaving
goes on; repeat it to see it through.`,
		Example: `  eventnode leave
  eventnode leave --node n3
  eventnode leave --addr 10.0.0.3:7401 --json`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd, func(ctx context.Context, c cluster) error {
				return a.leave(ctx, c, eventnode.NodeID(node))
			})
		},
	}
	a.addAddr(cmd)
	cmd.Flags().StringVar(&node, "node", "", "the node that is to leave (default: the one that is asked)")
	return cmd
}

// leftJSON is what leave --json prints.
type leftJSON struct {
	Left eventnode.NodeID `json:"left"`
}

func (a *app) leave(ctx context.Context, c cluster, node eventnode.NodeID) error {
	if node == "" { // its name, so that another one is not asked if the connection is lost
		s, err := c.Status(ctx)
		if err != nil {
			return err
		}
		node = s.ID
	}
	if err := c.LeaveCluster(ctx, node, a.step); err != nil {
		return err
	}
	return a.printObject(leftJSON{node}, func(w io.Writer) { fmt.Fprintf(w, "%s has left the cluster\n", node) })
}

// step tells what is waited for.
func (a *app) step(text string) {
	a.notice(map[string]any{"step": text}, "%s", text)
}
