package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

func (a *app) streamsRecordCommand() *cobra.Command {
	var s streamFlags
	var queue int
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "record TOPIC... STREAM",
		Short: "Append what is dispatched on topics to a stream",
		Long: `Subscribes to the topics and appends each event that is dispatched to them to the
stream, with its topics, until ctrl-C or SIGTERM; then what was received is appended
first. The stream has to be there.

Run two recorders of the same topics, at different nodes: the stream leaves out events
whose ID it remembers (streams create --dedupe-window, 2 min), so it has each event
once, and it has no hole when one of them, or its node, is lost. After some seconds the
other one has appended everything; what is later than the window stands there twice.

Subscribers with --catch-up STREAM fill their gaps from it. For that alone it need not
keep more than the last minutes: streams create STREAM --retain limits --max-age 10m.

While the stream cannot be appended to, that is told and tried again; then events wait,
in the queue (--queue-events), and with the publishers, at most 10 s at a time.

On stderr: "recording from N nodes" as soon as that many know of the interest, and each
gap: events that should have come and did not. What another recorder has is no hole in
the stream. The exit code is 3 if there was one. With --json these are objects, and so
is the line on stdout at the end: how many were received, appended, known, refused.`,
		Example: `  eventnode streams create log --retain limits --max-age 24h
  eventnode streams record topic:orders topic:refunds log --addr 10.0.0.1:7401,10.0.0.2:7401
  eventnode streams record topic:orders topic:refunds log --addr 10.0.0.3:7401,10.0.0.2:7401
  eventnode subscribe topic:orders --catch-up log`,
		Args: args(2, -1, "TOPIC, such as topic:orders, or STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if queue < 0 || grace < 0 {
				return usagef("--queue-events and --grace must not be negative")
			}
			last := len(args) - 1
			r := &recording{app: a, progress: newProgress(a.stderr), stream: args[last]}
			opts := append(r.options(), eventnode.WithRecordNamespace(s.namespace),
				eventnode.WithRecordQueue(queue, 0), eventnode.WithRecordGrace(grace))
			err := a.connected(cmd, func(ctx context.Context, c cluster) error {
				return c.Record(ctx, args[:last], args[last], opts...)
			})
			return r.end(err)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().IntVar(&queue, "queue-events", 0, "queue capacity in events (0: 65536)")
	cmd.Flags().DurationVar(&grace, "grace", eventnode.DefaultRecordGrace, "at the end, how long it may take to append what was received")
	return cmd
}

// recording is what a run of streams record tells.
type recording struct {
	*app
	progress *progress
	stream   string
	done     eventnode.RecordProgress
	trouble  bool // was told
}

// options tell what happens.
func (r *recording) options() []eventnode.RecordOption {
	return []eventnode.RecordOption{
		eventnode.WithRecordStart(r.started),
		eventnode.WithRecordGap(func(g eventnode.Gap) {
			r.progress.clear()
			new(until).gap(r.app, &g)
		}),
		eventnode.WithRecordRefused(func(d eventnode.Delivery, err error) {
			r.progress.clear()
			r.notice(map[string]any{"refused": map[string]any{"id": d.Event.ID.String(), "error": err.Error()}},
				"event %v is left out: %v", d.Event.ID, err)
		}),
		eventnode.WithRecordProgress(r.progressed),
	}
}

// started says where the interest is known.
func (r *recording) started(sub eventnode.Subscription) {
	fields := map[string]any{"recording": map[string]any{"stream": r.stream, "nodes": sub.Nodes(), "missing": sub.Missing()}}
	if missing := sub.Missing(); len(missing) > 0 {
		r.notice(fields, "recording from %s; not confirmed yet by %s", plural(sub.Nodes(), "node"), nodeNames(missing))
		return
	}
	r.notice(fields, "recording from %s", plural(sub.Nodes(), "node"))
}

// progressed shows how far it is, and tells when appending fails and when it succeeds
// again.
func (r *recording) progressed(p eventnode.RecordProgress) {
	r.done = p
	switch {
	case p.Trouble != nil && !r.trouble:
		r.progress.clear()
		r.notice(map[string]any{"trouble": p.Trouble.Error()}, "not appended yet, tried again: %v", p.Trouble)
	case p.Trouble == nil && r.trouble:
		r.notice(map[string]any{"trouble": nil}, "appended again")
	}
	r.trouble = p.Trouble != nil
	r.progress.now(p.Received)
}

// end says what was recorded.
func (r *recording) end(err error) error {
	r.progress.clear()
	d := &r.done
	last := ""
	if d.Appended > 0 {
		last = d.Last.String()
	}
	j := recordedJSON{Stream: r.stream, Received: d.Received, Appended: d.Appended, Known: d.Known, Refused: d.Refused, Gaps: d.Gaps, Last: last}
	shown := r.printObject(j, func(w io.Writer) {
		fmt.Fprintf(w, "recorded %s to %s; %d were there already, %d were left out\n", plural(d.Appended, "event"), r.stream, d.Known, d.Refused)
	})
	switch err := errors.Join(err, shown); {
	case err != nil:
		return err
	case d.Gaps > 0:
		return failf(exitGap, "%s: unless another recorder has them, events are missing", plural(d.Gaps, "gap"))
	}
	return nil
}
