package command

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// subscriptionsCommand is `eventnode subscriptions`.
func (a *app) subscriptionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "subscriptions [TOPIC]",
		Short: "List who subscribes, on all nodes",
		Long: `Lists the subscriptions to TOPIC, or all, on all nodes: who holds each, on which
node, how full its queue is, how many events went into the queue and how many
were dropped from it. Nodes that could not be asked are named on stderr.`,
		Example: `  eventnode subscriptions
  eventnode subscriptions topic:orders
  eventnode subscriptions --json | jq 'select(.dropped>0)'`,
		Args: args(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				return a.listSubscriptions(ctx, c, strings.Join(args, ""))
			})
		},
	}
	a.addAddr(cmd)
	return cmd
}

func (a *app) listSubscriptions(ctx context.Context, c cluster, topic string) error {
	list, missing, err := c.Subscriptions(ctx, topic)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		a.notice(map[string]any{"missing": missing}, "not complete: %s could not be asked", nodeNames(missing))
	}
	return printList(a, list, "HOLDER\tNODE\tTOPICS\tQUEUE\tPOLICY\tQUEUED\tDELIVERED\tDROPPED", subscriptionRow)
}

// subscriptionRow is a row of the table.
func subscriptionRow(s eventnode.SubscriptionInfo) string {
	holder := s.Holder
	if holder == "" {
		holder = "-"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d", holder, s.Node, strings.Join(s.Topics, " "), cmp.Or(s.QueueGroup, "-"), s.Policy, s.QueuedEvents, s.Delivered, s.Dropped)
}
