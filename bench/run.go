package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/bench/internal/pg"
	"github.com/eventnode/eventnode/bench/internal/report"
	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/internal/pgserver"
)

// runFlags are those of run.
type runFlags struct {
	rounds        int
	only, systems string
	docs          string
	profile       string
	short         bool
	dir           string
	kills         int
	gib           float64
	behind        uint64
	groups        int
	pending       int

	command string // as it was typed, for the report
}

func runCommand() *cobra.Command {
	f := runFlags{command: "make bench"}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the workloads in alternating rounds",
		Long: `Runs the workloads, each system's turn after the other's, round after round. The
binaries of eventnode and of nats-server are expected beside this one; Erlang and
Redis are looked for in the PATH, and skipped with a line if they are not there.

Streams are kept below --dir, which must be on a disk. What fills it with gigabytes
(disk/large, consume/behind), and what takes minutes (consume/scale), runs only if
--only asks for something, and matches it.

With --docs the results are merged into DIR/benchmarks/results.json, and
DIR/benchmarks.md and its plots are written anew. The exit code is 1 if a run of
eventnode lost an event, delivered it twice or out of order, or failed.`,
		Example: `  bench run --rounds 1 --only '^one-to-one/128$'
  bench run --only fan-out --systems 'eventnode|nats' --profile /tmp/profiles
  bench run --only '^failover/kill$' --kills 300 --rounds 1 --systems eventnode
  bench run --only '^disk/large$' --gib 10 --dir /mnt/data
  bench run --only '^consume/scale$' --groups 100000 --pending 1000000
  bench run --docs docs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.kills < 1 || f.gib <= 0 || f.behind < 1 || f.groups < 1 || f.pending < f.groups {
				return errors.New("--kills, --gib, --behind and --groups must be more than 0, and --pending at least --groups")
			}
			if f.only != "" || f.systems != "" {
				f.command = fmt.Sprintf("make bench ONLY='%s' SYSTEMS='%s' ROUNDS=%d KILLS=%d GIB=%g", f.only, f.systems, f.rounds, f.kills, f.gib)
			}
			return f.run(cmd.Context())
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&f.rounds, "rounds", 5, "how often each system runs each workload")
	fs.StringVar(&f.only, "only", "", "regular expression: only workloads whose ID matches")
	fs.StringVar(&f.systems, "systems", "", "regular expression: only systems whose name matches")
	fs.StringVar(&f.docs, "docs", "", "directory of benchmarks.md; empty: print only")
	fs.StringVar(&f.profile, "profile", "", "directory for CPU profiles of every process, each the last run's")
	fs.BoolVar(&f.short, "short", false, "short runs: that it works, not how fast")
	fs.StringVar(&f.dir, "dir", "", "directory for what is written, on a disk (default: the system's for temporary files)")
	fs.IntVar(&f.kills, "kills", 20, "failover: how many leaders to kill in a round")
	fs.Float64Var(&f.gib, "gib", 20, "disk/large: GiB of data, of which there are three copies")
	fs.Uint64Var(&f.behind, "behind", 10_000_000, "consume/behind: events that a consumer group falls behind")
	fs.IntVar(&f.groups, "groups", 100_000, "consume/scale: consumer groups")
	fs.IntVar(&f.pending, "pending", 1_000_000, "consume/scale: pending entries, of all groups together")
	return cmd
}

// session is one run of the command.
type session struct {
	env     *suite.Env
	only    *regexp.Regexp
	systems *regexp.Regexp
	results *suite.Results
	failed  bool // eventnode did
}

func (f *runFlags) run(ctx context.Context) error {
	s := &session{results: &suite.Results{
		Date: time.Now().UTC().Format(time.DateOnly), Command: f.command, Rounds: f.rounds, Skipped: make(map[suite.System]string),
	}}
	var err error
	if s.only, err = regexp.Compile(f.only); err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	if s.systems, err = regexp.Compile(f.systems); err != nil {
		return fmt.Errorf("--systems: %w", err)
	}
	if s.env, err = f.environment(); err != nil {
		return err
	}
	defer func() {
		if s.failed {
			fmt.Fprintf(os.Stderr, "what nodes with storage, and other systems, logged is in %s; the others' log is above\n", s.env.Dir)
			return
		}
		_ = os.RemoveAll(s.env.Dir)
	}()
	pgVersion, pgMissing := pg.Find()
	redis, redisMissing := server.FindRedis()
	if s.env.Redis, err = server.NameRedis(s.env.Dir, redis); err != nil {
		return err
	}
	s.results.Machine = machine(ctx, s.env, pgVersion)
	if s.results.Machine.Disk, s.env.Volatile, err = fileSystem(s.env.Dir); err != nil {
		return err
	}
	_, postgresMissing := pgserver.Find()
	list := workloads(missing{pg: pgMissing, redis: redisMissing, postgres: postgresMissing})
	for round := range f.rounds {
		for _, w := range list {
			if err := s.workload(ctx, round, &w); err != nil {
				return err
			}
		}
	}
	if f.docs != "" {
		if err := f.write(s.results, list); err != nil {
			return err
		}
	}
	if s.failed {
		return errors.New("a run of eventnode failed: see above")
	}
	return nil
}

// environment finds the binaries and makes a directory.
func (f *runFlags) environment() (*suite.Env, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(f.dir, "eventnode-bench-")
	if err != nil {
		return nil, err
	}
	beside := func(name string) string { return filepath.Join(filepath.Dir(self), name) }
	if f.profile != "" {
		if err := os.MkdirAll(f.profile, 0o755); err != nil {
			return nil, err
		}
	}
	return &suite.Env{
		Dir: dir, Self: self, Eventnode: beside("eventnode"), NATSServer: beside("nats-server"),
		Log: &locked{to: os.Stderr}, Profile: f.profile, Short: f.short,
		Kills: f.kills, GiB: f.gib, Behind: f.behind, Groups: f.groups, Pending: f.pending,
	}, nil
}

// locked lets several processes log to one writer.
type locked struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// workload gives each system its turn at a workload.
func (s *session) workload(ctx context.Context, round int, w *suite.Workload) error {
	if !s.only.MatchString(w.ID) || (w.OnDemand && s.only.String() == "") || (w.MaxRounds > 0 && round >= w.MaxRounds) {
		return nil
	}
	for _, r := range w.Runners {
		if !s.systems.MatchString(string(r.System)) {
			continue
		}
		if r.Unavailable != "" {
			if s.results.Skipped[r.System] == "" {
				fmt.Printf("%s is skipped: %s\n", r.System, r.Unavailable)
			}
			s.results.Skipped[r.System] = r.Unavailable
			continue
		}
		began := time.Now()
		out, err := r.Run(ctx, s.env)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		sample := suite.Sample{Workload: w.ID, System: r.System, Round: round + 1, Values: out.Values, Note: out.Note}
		if err != nil {
			sample.Failed = err.Error()
			s.failed = s.failed || r.System == suite.Eventnode
		}
		s.results.Samples = append(s.results.Samples, sample)
		fmt.Printf("%d  %-24s %-17s %s  (%.1f s)\n", round+1, w.ID, r.System, summary(w, &sample), time.Since(began).Seconds())
	}
	return nil
}

// summary is one sample on one line.
func summary(w *suite.Workload, s *suite.Sample) string {
	if s.Failed != "" {
		return "FAILED: " + s.Failed
	}
	var b strings.Builder
	for i, m := range w.Metrics {
		if v, ok := s.Values[m.Name]; ok {
			if i > 0 {
				b.WriteString("  ")
			}
			fmt.Fprintf(&b, "%s %.6g", m.Name, v)
		}
	}
	if s.Note != "" {
		fmt.Fprintf(&b, "  [%s]", s.Note)
	}
	return b.String()
}

// write merges the results into those that are there and writes the report.
func (f *runFlags) write(measured *suite.Results, list []suite.Workload) error {
	file := filepath.Join(f.docs, "benchmarks", "results.json")
	old, err := report.Load(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	merged := report.Merge(old, measured)
	if err := report.Save(file, merged); err != nil {
		return err
	}
	return report.Write(f.docs, merged, list)
}

// reportCommand writes the report again, without measuring.
func reportCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write the report again from the results that are there",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := report.Load(filepath.Join(f.docs, "benchmarks", "results.json"))
			if err != nil {
				return err
			}
			_, pgMissing := pg.Find()
			_, redisMissing := server.FindRedis()
			_, postgresMissing := pgserver.Find()
			return report.Write(f.docs, r, workloads(missing{pg: pgMissing, redis: redisMissing, postgres: postgresMissing}))
		},
	}
	cmd.Flags().StringVar(&f.docs, "docs", "docs", "directory of benchmarks.md")
	return cmd
}
