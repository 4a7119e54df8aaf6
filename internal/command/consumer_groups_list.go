package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

func (a *app) groupListCommand() *cobra.Command {
	var s streamFlags
	var all, behind bool
	cmd := &cobra.Command{
		Use:   "list STREAM",
		Short: "List the consumer groups of a stream, or of all",
		Long: `Lists the consumer groups of a stream, or with --all of all streams of the namespace.

LAG is how many events a group was not delivered yet, of one that has not begun all
of the stream. PENDING is how many it was delivered and has not acked. LAST DELIVERED
and LOWEST PENDING are positions (#N: the event with this number is gone), and how
long ago it was delivered. CONSUMERS is how many somebody holds, or have something
in hand.

` + laggingHelp + ` NOTE says so.`,
		Example: `  eventnode consumer-groups list orders
  eventnode consumer-groups list --all --lagging
  eventnode consumer-groups list orders --json | jq '{group, lag, pending}'`,
		Args: args(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return usagef("name a STREAM, or say --all")
			}
			var list []consumerGroupJSON
			err := a.connected(cmd, func(ctx context.Context, c cluster) error {
				return s.eachGroup(ctx, c, args, func(g eventnode.ConsumerGroupInfo) error {
					if !behind || lagging(g) {
						list = append(list, toConsumerGroupJSON(g))
					}
					return nil
				})
			})
			if err != nil {
				return err
			}
			return printList(a, list, "STREAM\tGROUP\tLAG\tPENDING\tLAST DELIVERED\tLOWEST PENDING\tCONSUMERS\tNOTE", consumerGroupRow)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "of all streams of the namespace")
	cmd.Flags().BoolVar(&behind, "lagging", false, "only those that are lagging")
	return cmd
}

// eachGroup calls f with each consumer group of the streams named, none: of all. A
// stream that is deleted meanwhile is left out then.
func (f *streamFlags) eachGroup(ctx context.Context, c cluster, streams []string, each func(eventnode.ConsumerGroupInfo) error) error {
	consumers := f.consumersOf(c)
	groupsOf := func(stream string) error {
		for g, err := range consumers.Groups(ctx, stream) {
			if err != nil {
				return err
			}
			if err := each(g); err != nil {
				return err
			}
		}
		return nil
	}
	for _, stream := range streams {
		if err := groupsOf(stream); err != nil {
			return err
		}
	}
	if len(streams) > 0 {
		return nil
	}
	for info, err := range f.of(c).List(ctx) {
		if err != nil {
			return err
		}
		if len(info.Config.Groups) == 0 {
			continue
		}
		if err := groupsOf(info.Name); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

func consumerGroupRow(g consumerGroupJSON) string {
	note := "-"
	if g.Lagging {
		note = "lagging"
	}
	return fmt.Sprintf("%s\t%s\t%d\t%d\t%s\t%s\t%d\t%s", g.Stream, g.Group, g.Lag, g.Pending,
		placeCell(g.LastDelivered), placeCell(g.LowestPending), g.ConsumerCount, note)
}

func placeCell(p *groupPlaceJSON) string {
	if p == nil {
		return "-"
	}
	at := p.Position
	if at == "" {
		at = "#" + strconv.FormatUint(p.Number, 10)
	}
	if p.Time == "" {
		return at
	}
	return at + " (" + p.ago() + ")"
}

func (a *app) groupInfoCommand() *cobra.Command {
	var s streamFlags
	cmd := &cobra.Command{
		Use:   "info STREAM GROUP",
		Short: "Show how a consumer group is, with its consumers",
		Long: `Shows how a consumer group of a stream is: what it was delivered and what not, how
it is served, and who its consumers are: whether somebody holds each, and is there
now, since when, and how many events it has in hand.`,
		Example: `  eventnode consumer-groups info orders billing
  eventnode consumer-groups info orders billing --json | jq .consumers`,
		Args: args(2, 2, "STREAM or GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var g eventnode.ConsumerGroupInfo
			err := a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				g, err = s.consumersOf(c).Group(ctx, args[0], args[1])
				return err
			})
			if err != nil {
				return err
			}
			j := toConsumerGroupJSON(g)
			return a.printObject(j, func(w io.Writer) { j.write(w) })
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	return cmd
}

// write prints a consumer group for people.
func (g *consumerGroupJSON) write(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "consumer group %s of stream %s\n", g.Group, g.Stream)
	note := ""
	if g.Lagging {
		note = ", lagging"
	}
	line("lag", "%d%s", g.Lag, note)
	line("pending", "%d: %d in hand, %d ready, %d waiting", g.Pending, g.Pending-min(g.Pending, g.Ready+g.Waiting), g.Ready, g.Waiting)
	line("last delivered", "%s", placeCell(g.LastDelivered))
	line("lowest pending", "%s", placeCell(g.LowestPending))
	line("keyed", "%v", g.Keyed)
	line("ack wait", "%s", g.AckWait)
	if g.MaxDeliver == eventnode.NoMaxDeliver {
		line("max deliver", "never a dead letter")
	} else {
		line("max deliver", "%d", g.MaxDeliver)
	}
	line("backoff", "%s, up to %s", g.Backoff, g.BackoffMax)
	line("created", "%s", g.Created)
	if len(g.Consumers) == 0 {
		line("consumers", "none")
	}
	for _, c := range g.Consumers {
		line("consumer", "%d: %s, %s in hand", c.Consumer, c.state(), plural(c.Pending, "event"))
	}
}

// state says who is there.
func (c *consumerJSON) state() string {
	switch {
	case c.Connected:
		return "connected, since " + c.Granted
	case c.Held:
		return "held since " + c.Granted + ", not connected"
	}
	return "held by nobody"
}

// isGone reports whether what was asked about is not there any more.
func isGone(err error) bool {
	return errors.Is(err, eventnode.ErrStreamNotFound) || errors.Is(err, eventnode.ErrConsumerGroupNotFound)
}
