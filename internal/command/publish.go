package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// publishBatch is how many lines go in one batch, at most.
const publishBatch = 1000

// publishCommand is `eventnode publish`.
func (a *app) publishCommand() *cobra.Command {
	var s streamFlags
	var f eventFlags
	var lines, dedupe bool
	var expect string
	cmd := &cobra.Command{
		Use:   "publish STREAM",
		Short: "Publish an event, or each line of stdin, to a stream",
		Long: `Appends one event to a stream and prints its position. When it is printed a
majority of the replicas has written and fsynced the event.

` + eventFlagsHelp + `

With --stdin each line of stdin is the data of an event, in order; the command
prints how many there were, and the last one's position.

--expect-last POSITION publishes only if nobody else has published since; 0-0 is
the position of an empty stream.`,
		Example: `  eventnode publish orders --data '{"id":1}' --meta tenant=7
  eventnode publish orders --name order_created --data @order.json --data-type application/json
  cat orders.jsonl | eventnode publish orders --stdin`,
		Args: args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var opts []eventnode.PublishOption
			if dedupe {
				opts = append(opts, eventnode.WithDedupe())
			}
			if expect != "" {
				at, err := eventnode.ParsePosition(expect)
				if err != nil {
					return usagef("--expect-last: %v", err)
				}
				opts = append(opts, eventnode.WithExpectLast(at))
			}
			if !lines {
				return a.publishOne(cmd, &s, args[0], &f, opts)
			}
			if cmd.Flags().Changed("data") || expect != "" {
				return usagef("--stdin goes neither with --data nor with --expect-last")
			}
			return a.publishLines(cmd, &s, args[0], &f, opts)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	cmd.Flags().BoolVar(&lines, "stdin", false, "publish each line of stdin as an event")
	cmd.Flags().BoolVar(&dedupe, "dedupe", false, "leave out events whose ID the stream remembers")
	cmd.Flags().StringVar(&expect, "expect-last", "", "publish only if this is the stream's last position, ms-seq")
	return cmd
}

func (a *app) publishOne(cmd *cobra.Command, s *streamFlags, stream string, f *eventFlags, opts []eventnode.PublishOption) error {
	ev, err := f.event(a.stdin)
	if err != nil {
		return err
	}
	var at eventnode.Position
	err = a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
		at, err = s.of(c).Publish(ctx, stream, ev, opts...)
		return err
	})
	if err != nil {
		return err
	}
	return a.printObject(publishedJSON{ID: ev.ID.String(), Count: 1, Last: at.String()}, func(w io.Writer) { fmt.Fprintln(w, at) })
}

// publishLines publishes batches of lines. What was published before an error is
// told with it.
func (a *app) publishLines(cmd *cobra.Command, s *streamFlags, stream string, f *eventFlags, opts []eventnode.PublishOption) error {
	eventOpts, err := f.options()
	if err != nil {
		return err
	}
	c, err := a.connect(cmd)
	if err != nil {
		return err
	}
	done := publishedJSON{}
	var batch []event.Event
	streams := s.of(c)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		p, err := streams.PublishMany(cmd.Context(), stream, batch, opts...)
		if err == nil && p.Appended > 0 {
			done.Count += p.Appended
			done.Last = eventnode.Position{MS: p.First.MS, Seq: p.First.Seq + uint64(p.Appended) - 1}.String()
		}
		batch = batch[:0]
		return err
	}
	err = eachLine(cmd.Context(), a.stdin, func(_ int, line []byte) error {
		if batch = append(batch, event.New(f.name, line, eventOpts...)); len(batch) < publishBatch {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("after %s: %w", plural(done.Count, "event"), err)
	}
	return a.printObject(done, func(w io.Writer) {
		fmt.Fprintf(w, "published %s, the last at %s\n", plural(done.Count, "event"), done.Last)
	})
}
