package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// benchPublishConfig is what bench publish measures.
type benchPublishConfig struct {
	stream, namespace           string
	publishers, inFlight, batch int
	size, count                 int
	duration                    time.Duration
	create                      bool
	addrs                       []string
}

// benchStreamBytes bounds the stream that --create makes, in bytes.
const benchStreamBytes = 1 << 30

func (a *app) benchPublishCommand() *cobra.Command {
	cfg := benchPublishConfig{}
	cmd := &cobra.Command{
		Use:   "publish STREAM",
		Short: "Measure publishing to a stream",
		Long: `Publishers publish events of random bytes to a stream, in batches. Each has a
connection and a producer of its own, and --in-flight batches under way. With several
--addr they are spread over the nodes; each then goes straight to the leader.

Printed are events a second and how long a batch took, from the call to the ack of a
majority. A batch that fails is counted and not published again; the exit code is 1 if
one did.

The events stay in the stream. --create makes it if it is not there, with --retain
limits and at most 1 GiB.`,
		Example: `  eventnode bench publish load --create
  eventnode bench publish load --publishers 8 --batch 1000 --duration 30s
  eventnode bench publish load --publishers 64 --batch 1 --count 100000 --json`,
		Args: args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg.stream = args[0]
			if err := cfg.check(cmd.Flags().Changed("count")); err != nil {
				return err
			}
			if cfg.addrs, err = a.addresses(); err != nil {
				return err
			}
			return a.benchPublish(cmd.Context(), cfg)
		},
	}
	a.addAddr(cmd)
	fs := cmd.Flags()
	fs.StringVar(&cfg.namespace, "namespace", "", "the stream's namespace (default: the default one)")
	fs.IntVar(&cfg.publishers, "publishers", 1, "number of publishers")
	fs.IntVar(&cfg.inFlight, "in-flight", 1, "batches that each publisher has under way")
	fs.IntVar(&cfg.batch, "batch", 100, "events of a batch, 1 to 8192")
	fs.IntVar(&cfg.size, "size", 128, "bytes of data of an event")
	fs.IntVar(&cfg.count, "count", 100_000, "events of all publishers together")
	fs.DurationVar(&cfg.duration, "duration", 0, "publish for this long instead of --count events")
	fs.BoolVar(&cfg.create, "create", false, "make the stream if it is not there")
	return cmd
}

// check refuses what makes no sense.
func (c *benchPublishConfig) check(counted bool) error {
	switch {
	case c.publishers < 1 || c.publishers > 1000 || c.inFlight < 1 || c.inFlight > 1000:
		return usagef("--publishers and --in-flight must be 1 to 1000")
	case c.batch < 1 || c.batch > eventnode.MaxFlusherEvents:
		return usagef("--batch must be 1 to %d", eventnode.MaxFlusherEvents)
	case c.size < 0 || c.size > benchRandom:
		return usagef("--size must be 0 to %d", benchRandom)
	case c.count < 1 || c.count > 1_000_000_000:
		return usagef("--count must be 1 to 1000000000")
	case c.duration < 0:
		return usagef("--duration must not be negative")
	case c.duration > 0 && counted:
		return usagef("--count and --duration exclude each other")
	}
	return nil
}

// benchPublishReport is what bench publish prints.
type benchPublishReport struct {
	Stream     string  `json:"stream"`
	Publishers int     `json:"publishers"`
	InFlight   int     `json:"in_flight"`
	Batch      int     `json:"batch"`
	Size       int     `json:"size"`
	Events     int64   `json:"events"`
	Batches    uint64  `json:"batches"`
	Took       int64   `json:"took_ns"`
	Rate       float64 `json:"events_per_second"`
	Bytes      float64 `json:"bytes_per_second"` // of data
	latencies
	Errors     int    `json:"errors"` // batches that failed
	FirstError string `json:"first_error,omitempty"`
}

// write prints the report for people.
func (r *benchPublishReport) write(w io.Writer) {
	fmt.Fprintf(w, `%d publishers, %d in flight each, batches of %d, %d bytes an event
published  %d events in %v: %.0f/s, %s/s of data
a batch    %s
errors     %d of %d batches
`,
		r.Publishers, r.InFlight, r.Batch, r.Size,
		r.Events, time.Duration(r.Took).Round(time.Millisecond), r.Rate, sized(uint64(r.Bytes)),
		r.text(), r.Errors, r.Batches)
	if r.FirstError != "" {
		fmt.Fprintf(w, "           the first: %s\n", r.FirstError)
	}
}

// benchPublish measures and judges.
func (a *app) benchPublish(ctx context.Context, cfg benchPublishConfig) error {
	report, err := a.benchPublishRun(ctx, cfg)
	if err != nil {
		return err
	}
	if err := a.printObject(report, report.write); err != nil {
		return err
	}
	if report.Errors > 0 {
		return failf(exitError, "%d of %d batches failed", report.Errors, report.Batches)
	}
	return nil
}

// benchRandom is the size of the random bytes that events are cut from, in bytes.
const benchRandom = 1 << 20

// publishing is one run.
type publishing struct {
	cfg    benchPublishConfig
	random []byte       // twice benchRandom
	left   atomic.Int64 // events that nobody has taken yet
	end    time.Time    // of --duration
}

// publishWorker publishes one batch after the other.
type publishWorker struct {
	streams eventnode.Streams
	latency histogram
	events  int64
	errors  int
	first   error
}

// benchPublishRun connects, publishes and reports.
func (a *app) benchPublishRun(ctx context.Context, cfg benchPublishConfig) (report *benchPublishReport, err error) {
	p := &publishing{cfg: cfg, random: make([]byte, 2*benchRandom)}
	for i := range p.random {
		p.random[i] = byte(rand.Uint32())
	}
	workers, clients, err := p.connect(ctx, a)
	defer func() {
		for _, c := range clients {
			err = errors.Join(err, c.Close())
		}
	}()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	p.left.Store(int64(cfg.count))
	p.end = start.Add(cfg.duration)
	var g errgroup.Group
	for _, w := range workers {
		g.Go(func() error { return p.work(ctx, w) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return p.report(workers, time.Since(start)), nil
}

// connect makes the connections, and sees that the stream is there.
func (p *publishing) connect(ctx context.Context, a *app) (workers []*publishWorker, clients []cluster, err error) {
	for i := range p.cfg.publishers {
		c, err := a.connectTo(ctx, []string{p.cfg.addrs[i%len(p.cfg.addrs)]}, "eventnode bench publish")
		if err != nil {
			return nil, clients, err
		}
		clients = append(clients, c)
		streams := c.Streams(client.WithNamespace(p.cfg.namespace))
		if i == 0 {
			if err := p.find(ctx, streams); err != nil {
				return nil, clients, err
			}
		}
		for range p.cfg.inFlight {
			workers = append(workers, &publishWorker{streams: streams})
		}
	}
	return workers, clients, nil
}

// find sees that the stream is there, or makes it.
func (p *publishing) find(ctx context.Context, streams eventnode.Streams) error {
	_, err := streams.Info(ctx, p.cfg.stream)
	if !errors.Is(err, eventnode.ErrStreamNotFound) {
		return err
	}
	if !p.cfg.create {
		return fmt.Errorf("%w, or say --create", err)
	}
	_, err = streams.Declare(ctx, p.cfg.stream, eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxBytes: benchStreamBytes})
	return err
}

// take is how many events the next batch has; 0: there is none any more.
func (p *publishing) take() int {
	if p.cfg.duration > 0 {
		if time.Now().After(p.end) {
			return 0
		}
		return p.cfg.batch
	}
	left := p.left.Add(-int64(p.cfg.batch)) + int64(p.cfg.batch)
	return int(min(max(left, 0), int64(p.cfg.batch)))
}

// work publishes until there is nothing left to publish. Its error is the end of ctx.
func (p *publishing) work(ctx context.Context, w *publishWorker) error {
	batch := make([]event.Event, 0, p.cfg.batch)
	for n := p.take(); n > 0; n = p.take() {
		batch = batch[:0]
		for range n {
			at := rand.IntN(benchRandom)
			batch = append(batch, event.New("bench", p.random[at:at+p.cfg.size]))
		}
		begin := time.Now()
		_, err := w.streams.PublishMany(ctx, p.cfg.stream, batch)
		w.latency.add(int64(time.Since(begin)))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			w.events += int64(n)
			continue
		case w.first == nil:
			w.first = err
		}
		w.errors++
	}
	return nil
}

// report sums up.
func (p *publishing) report(workers []*publishWorker, took time.Duration) *benchPublishReport {
	r := &benchPublishReport{
		Stream: p.cfg.stream, Publishers: p.cfg.publishers, InFlight: p.cfg.inFlight, Batch: p.cfg.batch, Size: p.cfg.size, Took: int64(took),
	}
	var latency histogram
	for _, w := range workers {
		latency.merge(&w.latency)
		r.Events += w.events
		r.Errors += w.errors
		if w.first != nil && r.FirstError == "" {
			r.FirstError = w.first.Error()
		}
	}
	r.Batches = latency.total
	r.Rate = float64(r.Events) / took.Seconds()
	r.Bytes = r.Rate * float64(p.cfg.size)
	r.latencies = latency.latencies()
	return r
}
