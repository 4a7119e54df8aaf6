package command

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// maxConsumeCount bounds --count of consume and --batch of bench consume.
const maxConsumeCount = 65_536

// consumeFlags say who consumes what.
type consumeFlags struct {
	group           string
	streams         []string
	consumer, count int
	limit           uint64
	drain, manual   bool
}

func (f *consumeFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.group, "group", "", "the consumer group")
	fs.StringArrayVar(&f.streams, "stream", nil, "a stream; may be given several times (default: all that have the group)")
	fs.IntVar(&f.consumer, "consumer", 1, "which consumer of the group to be, from 1 on")
	fs.IntVar(&f.count, "count", 100, "events at a time, at most")
	fs.Uint64Var(&f.limit, "limit", 0, "end after so many events (default: no limit)")
	fs.BoolVar(&f.drain, "drain", false, "end when all that can be delivered now was handled")
	fs.BoolVar(&f.manual, "manual-ack", false, "read from stdin what becomes of each event")
}

func (f *consumeFlags) check() error {
	switch {
	case f.group == "":
		return usagef("--group is missing: which consumer group (see \"eventnode consumer-groups\")")
	case f.consumer < 1:
		return usagef("--consumer must be 1 or more")
	case f.count < 1 || f.count > maxConsumeCount:
		return usagef("--count must be 1 to %d", maxConsumeCount)
	}
	return nil
}

// options are those of the flags. What is not wanted any more (--limit), or may be
// kept for long (--manual-ack), is not delivered in advance.
func (f *consumeFlags) options() []eventnode.ConsumerOption {
	var opts []eventnode.ConsumerOption
	if len(f.streams) > 0 {
		opts = append(opts, eventnode.WithStreams(f.streams...))
	}
	if f.manual {
		opts = append(opts, eventnode.WithManualAck())
	}
	if f.manual || f.limit > 0 {
		opts = append(opts, eventnode.WithoutPrefetch())
	}
	return opts
}

// consumeCommand is `eventnode consume`.
func (a *app) consumeCommand() *cobra.Command {
	var s streamFlags
	var f consumeFlags
	cmd := &cobra.Command{
		Use:   "consume --group GROUP",
		Short: "Consume events of streams as a consumer of a group",
		Long: `Prints the events that a consumer group is handed, until ctrl-C, and acks them when
they were written to stdout. An event comes again, here or elsewhere, until it was
acked. Of several streams, or without --stream, its stream stands before its
position: orders/1719500000000-0. With --json:

  {"stream":"orders","position":"...","number":7,"deliveries":1,"epoch":3,"event":{...}}

One consumer of a number runs at a time; others (--consumer 2) run beside it, and
share the work. If another one is this consumer, or takes it over, the exit code is
7: choose another number, or try again when it has ended. One that was killed, or cut
off, keeps its number for a while (15 s, unless its nodes say otherwise).

--manual-ack reads from stdin what becomes of the events, a line each:
  ack ID                it was handled
  nack ID [DELAY]       it failed: again after the group's back-off, or after 30s
  terminate ID REASON   never again: a dead letter
  extend ID [WAIT]      still at work: the ack wait begins anew
ID is what was printed: a position, or STREAM/POSITION. At most --count events are
printed before all of them have an answer (ack, nack or terminate). At the end of
stdin the command ends; what has no answer comes again.

Events that retention removed before the group was handed them are told on stderr,
and the exit code is 3.`,
		Example: `  eventnode consumer-groups add orders billing
  eventnode consume --group billing
  eventnode consume --group billing --drain --json | jq -c .event
  eventnode consume --group billing --stream orders --consumer 2 --limit 10`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.connected(cmd, func(ctx context.Context, c cluster) error {
				return a.consume(ctx, s.consumersOf(c), &f)
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	return cmd
}

// consumption is one run of consume.
type consumption struct {
	a       *app
	f       *consumeFlags
	out     *output
	end     context.CancelCauseFunc
	printed uint64
	lost    atomic.Uint64
	failed  error // of stdout
	desk    *ackDesk
}

// consume prints what a consumer is handed until ctx ends, or the flags say enough.
func (a *app) consume(ctx context.Context, consumers eventnode.Consumers, f *consumeFlags) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	c := &consumption{a: a, f: f, out: a.output(), end: end}
	consumer := consumers.Consumer(f.group, append(f.options(), eventnode.WithLost(c.tellLost))...)
	if f.drain {
		consumer.DisableLoop()
	}
	var g errgroup.Group
	handler := c.handle
	if f.manual {
		c.desk = newAckDesk(a)
		handler = c.handleManually
		g.Go(func() error {
			err := c.desk.read(ctx, a.stdin)
			end(err)
			return err
		})
	}
	count := f.count
	if f.limit > 0 { // what is delivered and not wanted would have to go back
		count = int(min(uint64(count), f.limit))
	}
	ran, err := consumer.ConsumeMany(ctx, f.consumer, count, handler)
	end(nil) // of reading stdin
	return c.result(ran, err, g.Wait())
}

// result is the command's error.
func (c *consumption) result(ran bool, err, stdin error) error {
	switch {
	case c.failed != nil:
		return c.failed
	case err != nil:
		return err
	case !ran:
		return failf(exitTaken, "another one is consumer %d of group %q, or has taken it over: choose another --consumer, or try again when it has ended", c.f.consumer, c.f.group)
	case c.lost.Load() > 0:
		return failf(exitGap, "%s gone before the group was handed them, see the lines above", wereEvents(c.lost.Load()))
	}
	return stdin
}

// wereEvents writes a number of events that were.
func wereEvents(n uint64) string {
	if n == 1 {
		return "1 event was"
	}
	return plural(n, "event") + " were"
}

// tellLost tells of events that are gone.
func (c *consumption) tellLost(stream string, events uint64) {
	c.lost.Add(events)
	c.a.notice(map[string]any{"lost": map[string]any{"stream": stream, "events": events}},
		"lost: %s of stream %s gone before the group was handed them", wereEvents(events), stream)
}

// handle prints events; when it returns they are acked. If stdout takes no more
// nobody can say which were read: all of them go back, and the command ends.
func (c *consumption) handle(_ context.Context, events []*eventnode.StreamDelivery) error {
	take := c.take(events)
	if err := c.print(take); err != nil {
		c.fail(err)
		giveBack(take)
	}
	c.endIfEnough()
	return nil
}

// fail notes that stdout takes no more, and ends.
func (c *consumption) fail(err error) {
	c.failed = err
	c.end(err)
}

// endIfEnough ends when --limit is reached.
func (c *consumption) endIfEnough() {
	if c.f.limit > 0 && c.printed == c.f.limit {
		c.end(errEnough)
	}
}

// take is those of events that are wanted still. The others go back.
func (c *consumption) take(events []*eventnode.StreamDelivery) []*eventnode.StreamDelivery {
	if c.failed != nil {
		giveBack(events)
		return nil
	}
	if c.f.limit == 0 {
		return events
	}
	n := min(uint64(len(events)), c.f.limit-c.printed)
	giveBack(events[n:])
	c.printed += n
	return events[:n]
}

// giveBack has events come again, uncounted. One that cannot be given back comes again
// by itself, when its ack wait is over.
func giveBack(events []*eventnode.StreamDelivery) {
	for _, d := range events {
		_ = d.GiveBack()
	}
}

// print prints events and flushes.
func (c *consumption) print(events []*eventnode.StreamDelivery) error {
	for _, d := range events {
		if err := c.printOne(d); err != nil {
			return err
		}
	}
	return c.out.Flush()
}

// consumedJSON is a line of consume --json.
type consumedJSON struct {
	Stream     string       `json:"stream"`
	Position   string       `json:"position"`
	Number     uint64       `json:"number"`
	Deliveries int          `json:"deliveries"`
	Epoch      uint64       `json:"epoch"`
	Topics     []string     `json:"topics,omitempty"`
	Event      *event.Event `json:"event"`
}

func (c *consumption) printOne(d *eventnode.StreamDelivery) error {
	ev := d.Event()
	if c.a.json {
		return c.out.object(consumedJSON{d.Stream(), d.ID(), d.Number(), d.Deliveries(), d.Epoch(), d.Topics(), &ev})
	}
	id := d.ID()
	if len(c.f.streams) != 1 {
		id = deliveryID(d)
	}
	_, err := fmt.Fprintf(c.out, "%s  %s  %s\n", id, ev.Name, ev.Data)
	return err
}

// deliveryID names a delivery also where there are several streams: a stream's name
// has no '/'.
func deliveryID(d *eventnode.StreamDelivery) string { return d.Stream() + "/" + d.ID() }

// handleManually prints events and waits until each has an answer from stdin.
func (c *consumption) handleManually(ctx context.Context, events []*eventnode.StreamDelivery) error {
	take := c.take(events)
	if len(take) == 0 {
		return nil
	}
	answered := c.desk.put(take)
	defer c.desk.clear()
	if err := c.print(take); err != nil {
		c.fail(err)
		return nil
	}
	defer c.endIfEnough()
	select {
	case <-answered:
	case <-ctx.Done():
	case <-c.desk.closed:
	}
	return nil
}
