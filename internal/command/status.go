package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// statusCommand is `eventnode status`.
func (a *app) statusCommand() *cobra.Command {
	var s streamFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether a node is healthy",
		Long: `Says how the asked node is. It is healthy if it serves and has a link to each
living node. The exit code is 0 if it is healthy, 4 if it is not, and 1 if no
node answers. A note is worth knowing, and does not make it unhealthy.

It also counts the consumer groups of all streams of the namespace, and those that
are lagging, as the leader sees them; that is no matter of this node's health, either.
` + laggingHelp + `
"eventnode consumer-groups list --all --lagging" names them.`,
		Example: `  eventnode status
  eventnode status --addr 10.0.0.5:7401 >/dev/null || page-somebody`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				status, err := c.Status(ctx)
				if err != nil {
					return err
				}
				return a.printStatus(statusJSON{status, s.countGroups(ctx, c)})
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	return cmd
}

// printStatus prints s and makes its health the error.
func (a *app) printStatus(s statusJSON) error {
	err := a.printObject(s, func(w io.Writer) {
		health := "healthy"
		if !s.Healthy {
			health = "NOT healthy"
		}
		fmt.Fprintf(w, "%s is %s\n", s.ID, health)
		for _, p := range s.Problems {
			fmt.Fprintf(w, "  problem: %s\n", p)
		}
		for _, n := range s.Notices {
			fmt.Fprintf(w, "  note: %s\n", n)
		}
		fmt.Fprintf(w, "cluster        %s\nnodes          %d\nsubscriptions  %d here\ngroups         %d\nconsumers      %s\nuptime         %v\nepoch          %d\nversion        %s\n",
			strings.TrimSpace(s.Cluster+" "+s.ClusterUUID), s.Nodes, s.Subscriptions, s.Groups, s.ConsumerGroups, s.Uptime.Round(time.Second), s.Epoch, s.Version)
	})
	if err == nil && !s.Healthy {
		return failf(exitUnhealthy, "%s is not healthy", s.ID)
	}
	return err
}
