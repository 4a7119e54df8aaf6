package command

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// benchConsumeConfig is what bench consume measures.
type benchConsumeConfig struct {
	stream, namespace, group string
	consumers, batch, count  int
	keyed, follow            bool
	addrs                    []string
}

func (a *app) benchConsumeCommand() *cobra.Command {
	cfg := benchConsumeConfig{}
	cmd := &cobra.Command{
		Use:   "consume STREAM",
		Short: "Measure consuming a stream",
		Long: `Consumers of one group consume a stream from its oldest event on and ack each event
at once, without waiting for the ack before the next batch. Each has a connection of
its own; with several --addr they are spread over the nodes; each then goes straight
to the leader.

Printed are events a second, from the first call to the last ack, and how long a
batch took from its delivery to the consumer until its acks were replicated. An
event whose ack failed is counted, and one that was delivered again; the exit code is
1 if there was one, but that a --group may have failed events from before.

It ends after --count events, or all that the group has not been delivered when it
begins, if that is less; with --follow it waits for those that are missing. The group
is made for the run and removed at its end (at ctrl-C, too; a run that is killed
leaves a group "bench-..."). With --group it is one that is there, whose events are
then consumed, and which stays.`,
		Example: `  eventnode bench publish load --create
  eventnode bench consume load
  eventnode bench consume load --consumers 4 --keyed --batch 1000
  eventnode bench consume load --follow --count 1000000 --json`,
		Args: args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg.stream = args[0]
			if err := cfg.check(); err != nil {
				return err
			}
			if cfg.addrs, err = a.addresses(); err != nil {
				return err
			}
			return a.benchConsume(cmd.Context(), cfg)
		},
	}
	a.addAddr(cmd)
	fs := cmd.Flags()
	fs.StringVar(&cfg.namespace, "namespace", "", "the stream's namespace (default: the default one)")
	fs.StringVar(&cfg.group, "group", "", "a consumer group that is there (default: one for this run)")
	fs.IntVar(&cfg.consumers, "consumers", 1, "number of consumers")
	fs.IntVar(&cfg.batch, "batch", 1000, "events of a batch, at most")
	fs.IntVar(&cfg.count, "count", 100_000, "events of all consumers together")
	fs.BoolVar(&cfg.keyed, "keyed", false, "the run's group keeps the order of events with the same key")
	fs.BoolVar(&cfg.follow, "follow", false, "wait for events that are not there yet")
	return cmd
}

// check refuses what makes no sense.
func (c *benchConsumeConfig) check() error {
	switch {
	case c.consumers < 1 || c.consumers > 1000:
		return usagef("--consumers must be 1 to 1000")
	case c.batch < 1 || c.batch > maxConsumeCount:
		return usagef("--batch must be 1 to %d", maxConsumeCount)
	case c.count < 1 || c.count > 1_000_000_000:
		return usagef("--count must be 1 to 1000000000")
	case c.keyed && c.group != "":
		return usagef("--keyed is for the group of this run: one that is there is as it is")
	}
	return nil
}

// benchConsumeReport is what bench consume prints.
type benchConsumeReport struct {
	Stream    string  `json:"stream"`
	Group     string  `json:"group"`
	Keyed     bool    `json:"keyed"`
	Consumers int     `json:"consumers"`
	Batch     int     `json:"batch"`
	Events    int64   `json:"events"` // whose acks are replicated
	Batches   uint64  `json:"batches"`
	Took      int64   `json:"took_ns"`
	Rate      float64 `json:"events_per_second"`
	Bytes     float64 `json:"bytes_per_second"` // of data
	latencies
	Redelivered int64  `json:"redelivered"`
	Errors      int64  `json:"errors"` // events whose ack failed
	FirstError  string `json:"first_error,omitempty"`
}

// write prints the report for people.
func (r *benchConsumeReport) write(w io.Writer) {
	fmt.Fprintf(w, `%s, batches of %d at most
consumed   %d events in %v: %.0f/s, %s/s of data
a batch    %s from delivery to acked, of %d
wrong      %d delivered again, %d not acked
`,
		plural(r.Consumers, "consumer"), r.Batch,
		r.Events, time.Duration(r.Took).Round(time.Millisecond), r.Rate, sized(uint64(r.Bytes)),
		r.text(), r.Batches, r.Redelivered, r.Errors)
	if r.FirstError != "" {
		fmt.Fprintf(w, "           the first: %s\n", r.FirstError)
	}
}

// benchConsume measures and judges.
func (a *app) benchConsume(ctx context.Context, cfg benchConsumeConfig) error {
	report, err := a.benchConsumeRun(ctx, cfg)
	if err != nil {
		return err
	}
	if err := a.printObject(report, report.write); err != nil {
		return err
	}
	if report.Errors > 0 || report.Redelivered > 0 && cfg.group == "" {
		return failf(exitError, "%d events were delivered again, %d were not acked", report.Redelivered, report.Errors)
	}
	return nil
}

// benchGroup is the consumer group of a run: one that is there, or one of its own.
func (c *benchConsumeConfig) benchGroup(ctx context.Context, consumers eventnode.Consumers, name string) (info eventnode.ConsumerGroupInfo, remove func() error, err error) {
	remove = func() error { return nil }
	if c.group == "" {
		c.group = name
		if _, err = consumers.AddGroup(ctx, c.stream, name, eventnode.ConsumerGroupConfig{Keyed: c.keyed}, eventnode.StartPlace{}); err != nil {
			return info, remove, err
		}
		remove = func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
			defer cancel()
			return consumers.RemoveGroup(ctx, c.stream, name)
		}
	}
	info, err = consumers.Group(ctx, c.stream, c.group)
	return info, remove, err
}
