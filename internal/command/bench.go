package command

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// benchConfig is what bench dispatch measures.
type benchConfig struct {
	publishers, subscribers int
	size, count             int
	rate                    float64
	settle                  time.Duration
	policy                  eventnode.Policy
	topic                   string
	addrs                   []string
}

// benchCommand is `eventnode bench`.
func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a cluster, and check what it delivers",
		Long:  `Measures a cluster with load of its own, and checks that all of it arrived.`,
		Example: `  eventnode bench dispatch
  eventnode bench publish load --create
  eventnode bench consume load
  eventnode bench dispatch --addr 127.0.0.1:7401,127.0.0.1:7403 --subscribers 4`,
	}
	parent(cmd)
	cmd.AddCommand(a.benchDispatchCommand(), a.benchPublishCommand(), a.benchConsumeCommand())
	return cmd
}

func (a *app) benchDispatchCommand() *cobra.Command {
	cfg := benchConfig{}
	var policy string
	cmd := &cobra.Command{
		Use:   "dispatch",
		Short: "Measure live dispatch",
		Long: `Publishers dispatch --count events each to one topic of this run; subscribers
receive them all. Each has a connection of its own. With several --addr they are
spread over the nodes: publisher i is on node i, subscriber i on node i+1, so with
two nodes every event crosses a link.

Each event carries its publisher, its number and the time of its sending. Printed
are rates, latency from before the dispatch until after the receipt (under full
load that is mostly time in queues: use --rate to measure an idle path), and what
went wrong: events that were lost, came twice, or came out of order. The exit code
is 1 if any did.`,
		Example: `  eventnode bench dispatch
  eventnode bench dispatch --addr 127.0.0.1:7401,127.0.0.1:7403 --count 1000000
  eventnode bench dispatch --publishers 4 --subscribers 10 --size 1024 --rate 10000 --json`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if cfg.policy, err = eventnode.ParsePolicy(policy); err != nil {
				return usageError{err}
			}
			if err := cfg.check(); err != nil {
				return err
			}
			if cfg.addrs, err = a.addresses(); err != nil {
				return err
			}
			return a.bench(cmd.Context(), cfg)
		},
	}
	a.addAddr(cmd)
	fs := cmd.Flags()
	fs.IntVar(&cfg.publishers, "publishers", 1, "number of publishers")
	fs.IntVar(&cfg.subscribers, "subscribers", 1, "number of subscribers; each receives every event")
	fs.IntVar(&cfg.size, "size", 128, "bytes of data of an event, at least 24")
	fs.IntVar(&cfg.count, "count", 100_000, "events of each publisher")
	fs.Float64Var(&cfg.rate, "rate", 0, "events a second of each publisher (0: as fast as it goes)")
	fs.DurationVar(&cfg.settle, "settle", 5*time.Second, "after the last dispatch: give up when nothing comes for this long")
	fs.StringVar(&policy, "policy", eventnode.PolicyBlock.String(), "the subscribers' policy")
	fs.StringVar(&cfg.topic, "topic", "", "the topic (default: one of its own)")
	return cmd
}

// check refuses what makes no sense.
func (c *benchConfig) check() error {
	switch {
	case c.publishers < 1 || c.publishers > 1000 || c.subscribers < 1 || c.subscribers > 1000:
		return usagef("--publishers and --subscribers must be 1 to 1000")
	case c.count < 1 || c.count > 1_000_000_000:
		return usagef("--count must be 1 to 1000000000")
	case c.size < stampBytes:
		return usagef("--size must be at least %d: publisher, number and time", stampBytes)
	case c.rate < 0 || c.settle <= 0:
		return usagef("--rate must not be negative, --settle must be positive")
	}
	if c.topic == "" {
		c.topic = "topic:bench-" + uuid.NewString()
	}
	return nil
}

// benchReport is what bench dispatch prints.
type benchReport struct {
	Publishers   int     `json:"publishers"`
	Subscribers  int     `json:"subscribers"`
	Nodes        int     `json:"nodes"`
	Size         int     `json:"size"`
	Dispatched   int     `json:"dispatched"`
	Expected     int     `json:"expected"`
	Delivered    int     `json:"delivered"`
	Lost         int     `json:"lost"`
	Duplicates   int     `json:"duplicates"`
	OutOfOrder   int     `json:"out_of_order"`
	Gaps         int     `json:"gaps"`
	DispatchRate float64 `json:"dispatch_per_second"`
	DeliveryRate float64 `json:"deliveries_per_second"`
	latencies
	DispatchTook  int64 `json:"dispatch_took_ns"`
	DeliveredTook int64 `json:"delivered_took_ns"`
}

// write prints the report for people.
func (r *benchReport) write(w io.Writer) {
	fmt.Fprintf(w, `%d publishers, %d subscribers, %d nodes asked, %d bytes an event
dispatched  %d events in %v: %.0f/s
delivered   %d of %d in %v: %.0f/s
latency     %s
wrong       %d lost, %d duplicates, %d out of order; %d gaps told
`,
		r.Publishers, r.Subscribers, r.Nodes, r.Size,
		r.Dispatched, time.Duration(r.DispatchTook).Round(time.Millisecond), r.DispatchRate,
		r.Delivered, r.Expected, time.Duration(r.DeliveredTook).Round(time.Millisecond), r.DeliveryRate,
		r.text(),
		r.Lost, r.Duplicates, r.OutOfOrder, r.Gaps)
}

// bench measures and judges.
func (a *app) bench(ctx context.Context, cfg benchConfig) error {
	report, err := a.benchRun(ctx, cfg)
	if err != nil {
		return err
	}
	if err := a.printObject(report, report.write); err != nil {
		return err
	}
	if report.Lost+report.Duplicates+report.OutOfOrder > 0 {
		return failf(exitError, "the delivery was not right: %d lost, %d duplicates, %d out of order",
			report.Lost, report.Duplicates, report.OutOfOrder)
	}
	return nil
}
