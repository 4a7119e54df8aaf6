package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/outbox"
)

// relayFlags are those of outbox relay.
type relayFlags struct {
	outboxFlags
	streamFlags
	cfg                       outbox.Config
	http, logLevel, logFormat string
}

func (a *app) outboxRelayCommand() *cobra.Command {
	var f relayFlags
	cmd := &cobra.Command{
		Use:   "relay --stream STREAM",
		Short: "Publish the events of an outbox to a stream",
		Long: `Publishes what is added to the outbox to a stream, and removes it there, until ctrl-C
or SIGTERM; then the batch under way is finished. The stream and the tables have to be
there ("streams create", "outbox migrate").

Run as many as you like: one of them leads, by a lease in the database, and another one
takes over when that ends, or within --lease when it was killed. Events of one key are
published in the order in which they were added; what may have been published is
published again with the same ID, and the stream leaves out IDs that it remembers: give
it a --dedupe-window that is longer than you may be without a relay.

An event that fails by itself is tried --max-attempts times, while those of its key wait,
and is a dead letter then ("outbox dead"); one that no stream would take is one at once.
What is wrong with the database, the stream or the cluster is waited for, and told.

PostgreSQL tells the relay of what is added; --poll is for what it does not tell, and for
SQLite. --keep-sent keeps what was sent in the table's neighbour named ..._sent. --http
serves /metrics (eventnode_outbox_...: lag, age of the oldest, dead letters) and /livez.`,
		Example: `  eventnode outbox relay --dsn-file /etc/app/outbox.dsn --stream users
  EVENTNODE_OUTBOX_DSN=file:/var/lib/app/app.db eventnode outbox relay --stream users --poll 50ms
  eventnode outbox relay --dsn-file outbox.dsn --stream users --drain --json
  eventnode outbox relay --dsn-file outbox.dsn --stream users --addr 10.0.0.1:7401,10.0.0.2:7401 --http 127.0.0.1:7403`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.cfg.Stream == "" {
				return usagef("--stream is missing: where to publish")
			}
			return f.with(a, false, func(o *outboxDB) error { return a.outboxRelay(cmd, &f, o) })
		},
	}
	a.addAddr(cmd)
	f.outboxFlags.add(cmd)
	f.streamFlags.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.cfg.Stream, "stream", "", "where to publish")
	fs.IntVar(&f.cfg.Batch, "batch", outbox.DefaultBatch, "events at a time, at most")
	fs.DurationVar(&f.cfg.Poll, "poll", outbox.DefaultPoll, "how often to look when there was nothing")
	fs.DurationVar(&f.cfg.Lease, "lease", outbox.DefaultLease, "how long others wait for a relay that was killed")
	fs.IntVar(&f.cfg.MaxAttempts, "max-attempts", outbox.DefaultMaxAttempts, "tries of an event that fails by itself")
	fs.DurationVar(&f.cfg.KeepSent, "keep-sent", 0, "how long to keep what was sent (default: it is deleted at once)")
	fs.BoolVar(&f.cfg.Drain, "drain", false, "end when nothing is left")
	fs.StringVar(&f.http, "http", "", "HOST:PORT for /metrics and /livez (default: off)")
	fs.StringVar(&f.logLevel, "log-level", "error", "debug, info, warn or error")
	fs.StringVar(&f.logFormat, "log-format", "text", "text or json")
	return cmd
}

// relaying is what a run of outbox relay tells.
type relaying struct {
	*app
	progress *progress
	from, to string
	last     outbox.Progress
}

// outboxRelay relays until ctx ends, or until the outbox is empty.
func (a *app) outboxRelay(cmd *cobra.Command, f *relayFlags, o *outboxDB) error {
	r := &relaying{app: a, progress: newProgress(a.stderr), from: string(o.table), to: f.cfg.Stream}
	err := a.connected(cmd, func(ctx context.Context, c cluster) error {
		if err := o.check(ctx); err != nil {
			return err
		}
		streams := f.of(c)
		if err := checkStream(ctx, streams, f.cfg.Stream); err != nil {
			return err
		}
		cfg, registry, err := f.config(a, o)
		if err != nil {
			return err
		}
		cfg.Publisher, cfg.OnProgress = streams, r.tell
		relay, err := outbox.NewRelay(cfg)
		if err != nil {
			return usageError{err}
		}
		return runRelay(ctx, relay, f.http, registry)
	})
	r.progress.clear()
	switch {
	case cmd.Context().Err() != nil && errors.Is(err, context.Canceled): // it was ended before it had begun
		err = nil
	case err != nil && r.last.Sent == 0:
		return err
	}
	return errors.Join(err, r.done())
}

// checkStream fails if the stream will not be there by waiting for it.
func checkStream(ctx context.Context, streams eventnode.Streams, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := streams.Info(ctx, stream)
	for _, e := range []error{eventnode.ErrStreamNotFound, eventnode.ErrInvalidArgument, eventnode.ErrUnauthenticated, eventnode.ErrPermissionDenied} {
		if errors.Is(err, e) {
			return err
		}
	}
	return nil // the relay waits for what may pass
}

// config is the relay's configuration, and where its metrics are.
func (f *relayFlags) config(a *app, o *outboxDB) (outbox.Config, *prometheus.Registry, error) {
	logger, err := newLogger(a.stderr, f.logLevel, f.logFormat)
	if err != nil {
		return outbox.Config{}, nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "relay"
	}
	cfg, registry := f.cfg, prometheus.NewRegistry()
	cfg.Store, cfg.Registerer, cfg.Name = o.store, registry, fmt.Sprintf("%s/%d", host, os.Getpid())
	cfg.Logger = logger
	if o.dialect == outbox.PostgreSQL {
		cfg.Listen = o.listen
	}
	return cfg, registry, nil
}

// runRelay runs a relay, and serves its metrics meanwhile.
func runRelay(ctx context.Context, relay *outbox.Relay, address string, registry *prometheus.Registry) error {
	if address == "" {
		return relay.Run(ctx)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("--http: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		defer func() { _ = srv.Close() }()
		return relay.Run(ctx)
	})
	return g.Wait()
}

// tell shows how far it is, and tells of troubles and their end.
func (r *relaying) tell(p outbox.Progress) {
	last := r.last
	r.last = p
	switch {
	case p.Leading != last.Leading:
		r.progress.clear()
		text := "leads: publishing from %s to stream %s"
		if !p.Leading {
			text = "leads no more: from %s to stream %s"
		}
		r.notice(map[string]any{"leading": p.Leading, "table": r.from, "stream": r.to}, text, r.from, r.to)
	case p.Trouble != nil && last.Trouble == nil:
		r.progress.clear()
		r.notice(map[string]any{"trouble": p.Trouble.Error()}, "nothing is published now, tried again: %v", p.Trouble)
	case p.Trouble == nil && last.Trouble != nil:
		r.notice(map[string]any{"trouble": nil}, "published again")
	}
	r.progress.now(p.Sent)
}

// relayedJSON is what outbox relay --json prints at its end.
type relayedJSON struct {
	Table  string `json:"table"`
	Stream string `json:"stream"`
	Sent   uint64 `json:"sent"`
	Known  uint64 `json:"known"`
	Failed uint64 `json:"failed_tries"`
	Dead   uint64 `json:"dead"`
}

// done says what was done.
func (r *relaying) done() error {
	p := &r.last
	j := relayedJSON{Table: r.from, Stream: r.to, Sent: p.Sent, Known: p.Known, Failed: p.Retried, Dead: p.Dead}
	return r.printObject(j, func(w io.Writer) {
		var more strings.Builder
		if p.Known > 0 {
			fmt.Fprintf(&more, "; %d were there already", p.Known)
		}
		if p.Dead > 0 {
			fmt.Fprintf(&more, "; %s: see \"eventnode outbox dead list\"", plural(p.Dead, "dead letter"))
		}
		fmt.Fprintf(w, "published %s from %s to %s%s\n", plural(p.Sent, "event"), r.from, r.to, more.String())
	})
}
