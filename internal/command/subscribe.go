package command

import (
	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// subscribeCommand is `eventnode subscribe`.
func (a *app) subscribeCommand() *cobra.Command {
	var u until
	var policy, catchUp, namespace string
	var names, meta []string
	var queueEvents int
	var queue string
	var format formatFlag
	cmd := &cobra.Command{
		Use:   "subscribe TOPIC...",
		Short: "Print the events of topics as they are dispatched",
		Long: `Prints the data of each event that is dispatched to one of the topics, followed
by a newline, until ctrl-C, --count or --timeout. An event that was dispatched
to several of the topics is printed once. TOPIC may be a pattern: * stands for any one
token between dots, > as the last one for one or more. Quote it, so that the shell leaves
it as it is. --name and --meta choose among the events; others are not sent here.
Data that contains newlines cannot be
told from several events: use --json, which prints

  {"topics":["topic:orders"],"event":{...}}

or --format cloudevents, which prints each event as CloudEvents JSON.

On stderr: "subscribed on N nodes" as soon as that many know of the interest
(from then on nothing is missed), and each gap: events that should have come and
did not. With --json a gap also stands in its place on stdout, {"gap":{...}}.
The exit code is 3 if there was one.

What happens while stdout is not read fast enough is up to --policy:
  block        the publisher waits, at most 10 s at a time (default)
  drop_oldest  the oldest queued events are dropped
  drop_newest  the arriving events are dropped
  disconnect   the subscription ends with an error

If the node is lost another one is used, with a gap where events may be missing.

With --queue GROUP each event goes to one of all that subscribe with the same GROUP, on
whatever node: to one on the publisher's node if there is any, else to one at random.
Subscribers without --queue get every event as before. What a member had not printed
when it ends is lost.

With --catch-up STREAM gaps are filled from a stream to which "streams record" records
the same topics: what is missing is printed in the gap's place, each event once, and
then what comes. A slow reader of stdout loses nothing either. A gap is told only where
the stream does not have it.`,
		Example: `  eventnode subscribe topic:orders
  eventnode subscribe topic:orders topic:refunds --json
  eventnode subscribe 'topic:orders.*' 'topic:users.>' --name order_paid --meta region=eu
  eventnode subscribe topic:orders --queue billing
  eventnode subscribe topic:orders --count 1 --timeout 30s --addr 10.0.0.5:7401
  eventnode subscribe topic:orders --catch-up log --addr 10.0.0.5:7401,10.0.0.6:7401`,
		Args: args(1, -1, "TOPIC, such as topic:orders,"),
		RunE: func(cmd *cobra.Command, topics []string) error {
			p, err := eventnode.ParsePolicy(policy)
			if err != nil {
				return usageError{err}
			}
			if queueEvents < 0 {
				return usagef("--queue-events must not be negative")
			}
			if queue != "" && catchUp != "" {
				return usagef("--queue and --catch-up exclude each other: the stream has the events of all members")
			}
			if catchUp == "" && namespace != "" {
				return usagef("--namespace is that of the stream of --catch-up")
			}
			if err := format.check(a); err != nil {
				return err
			}
			filter := eventnode.Filter{Names: names}
			if filter.Meta, err = parseMeta(meta); err != nil {
				return err
			}
			return a.subscribe(cmd, topics, &u, &format, eventnode.WithPolicy(p), eventnode.WithQueue(queueEvents, 0), eventnode.WithFilter(filter),
				eventnode.WithQueueGroup(queue), eventnode.WithCatchUp(catchUp), eventnode.WithCatchUpNamespace(namespace))
		},
	}
	a.addAddr(cmd)
	u.addFlags(cmd)
	format.add(cmd)
	cmd.Flags().StringVar(&policy, "policy", eventnode.PolicyBlock.String(), "when the queue is full: block, drop_oldest, drop_newest or disconnect")
	cmd.Flags().StringVar(&queue, "queue", "", "the queue group to be a member of: each event goes to one of its members")
	cmd.Flags().IntVar(&queueEvents, "queue-events", 0, "queue capacity in events (0: 65536)")
	cmd.Flags().StringSliceVar(&names, "name", nil, "only events of this name; may be given several times")
	cmd.Flags().StringArrayVar(&meta, "meta", nil, "only events with this header, key=value; may be given several times")
	cmd.Flags().StringVar(&catchUp, "catch-up", "", "the stream to fill gaps from")
	cmd.Flags().StringVar(&namespace, "namespace", "", "the namespace of that stream (default: the default one)")
	return cmd
}

// subscribe prints deliveries until u says enough.
func (a *app) subscribe(cmd *cobra.Command, topics []string, u *until, format *formatFlag, opts ...eventnode.SubscribeOption) error {
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
	sub, err := c.Subscribe(ctx, topics, opts...)
	if err != nil {
		return u.result(ctx, err)
	}
	defer func() { _ = sub.Close() }()
	a.noticeSubscribed(sub)
	out := a.output()
	err = pump(ctx, sub.Receive, func(d eventnode.Delivery) error { return a.printDelivery(out, u, format, d) }, out.Flush)
	if flushErr := out.Flush(); flushErr != nil {
		return flushErr
	}
	return u.result(ctx, err)
}

// noticeSubscribed says where the interest is known.
func (a *app) noticeSubscribed(sub eventnode.Subscription) {
	fields := map[string]any{"subscribed": map[string]any{"nodes": sub.Nodes(), "missing": sub.Missing()}}
	if missing := sub.Missing(); len(missing) > 0 {
		a.notice(fields, "subscribed on %s; not confirmed yet by %s", plural(sub.Nodes(), "node"), nodeNames(missing))
		return
	}
	a.notice(fields, "subscribed on %s", plural(sub.Nodes(), "node"))
}

// printDelivery prints an event, or tells a gap.
func (a *app) printDelivery(out *output, u *until, format *formatFlag, d eventnode.Delivery) error {
	if d.Gap != nil {
		// In order with what was printed before, where both go to a terminal.
		if err := out.Flush(); err != nil {
			return err
		}
		u.gap(a, d.Gap)
		if !a.json {
			return nil
		}
		return out.object(deliveryJSON{Gap: toGapJSON(d.Gap)})
	}
	if err := a.printEvent(out, format, d); err != nil {
		return err
	}
	return u.event()
}

// printEvent prints an event that was delivered.
func (a *app) printEvent(out *output, format *formatFlag, d eventnode.Delivery) error {
	switch {
	case a.json:
		return out.object(&deliveryJSON{Topics: d.Topics, Event: &d.Event})
	case format.cloud():
		return printCloudEvent(out, d.Event)
	}
	return printData(out, d.Event.Data)
}

// printData prints an event's data and a newline.
func printData(out *output, data []byte) error {
	if _, err := out.Write(data); err != nil {
		return err
	}
	return out.WriteByte('\n')
}
