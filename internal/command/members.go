package command

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// membersCommand is `eventnode members`.
func (a *app) membersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "members",
		Short: "List the nodes of the cluster",
		Long: `Lists the nodes as the asked one sees them, that node first.

STATE is what gossip says: alive, lost (it stopped answering; it is tried
again), left (it said goodbye). A row without a name is an address of --join, or one
from where somebody called, that is no member: unreachable (nothing answers there) or
refused (it answers, and has another gossip key, cluster name, ...). LINK is the asked node's connection to it: up,
connecting, stalled (no progress: events for it are dropped), down, or self.
DROPPED counts events dropped for it since the link was made; ERROR is what
is wrong with it and what to do, or else the last error of the link.`,
		Example: `  eventnode members
  eventnode members --json | jq -r 'select(.state=="alive").rpc_address'`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				nodes, err := c.Nodes(ctx)
				if err != nil {
					return err
				}
				return printList(a, nodes, "NODE\tSTATE\tLINK\tRPC\tGOSSIP\tDROPPED\tVERSION\tERROR", nodeRow)
			})
		},
	}
	a.addAddr(cmd)
	cmd.AddCommand(a.membersRemoveCommand())
	return cmd
}

// nodeRow is a row of the table.
func nodeRow(n eventnode.NodeInfo) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s",
		cmp.Or(n.ID, "-"), n.State, n.Link, cmp.Or(n.RPCAddress, "-"), n.GossipAddress, n.LinkDropped, cmp.Or(n.Version, "-"), cmp.Or(n.Trouble, n.LinkError))
}

// nodeNames joins names.
func nodeNames(list []eventnode.NodeID) string {
	names := make([]string, len(list))
	for i, id := range list {
		names[i] = string(id)
	}
	return strings.Join(names, ", ")
}
