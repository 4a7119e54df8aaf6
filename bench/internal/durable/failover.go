package durable

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of the loss of a leader.
var (
	back50  = suite.Metric{Name: "back_p50_ms", Title: "from the kill to the next ack, p50", Unit: "ms"}
	back99  = suite.Metric{Name: "back_p99_ms", Title: "from the kill to the next ack, p99", Unit: "ms"}
	backMax = suite.Metric{Name: "back_max_ms", Title: "from the kill to the next ack, the longest", Unit: "ms"}
	pause50 = suite.Metric{Name: "pause_p50_ms", Title: "longest time without an ack around a hand-over, p50", Unit: "ms"}
	pauses  = suite.Metric{Name: "pause_max_ms", Title: "longest time without an ack around a hand-over, the longest", Unit: "ms"}
	failed  = suite.Metric{Name: "failed_publishes", Title: "publishes that failed", Unit: ""}
)

const (
	// failoverCallers publish while leaders come and go.
	failoverCallers = 4
	// killTryMS is how long JetStream's callers wait for an ack under kills before
	// they publish again; its default of 5 s would be what is measured.
	killTryMS = 250
	// steady is how long everything works between two faults.
	steady = 500 * time.Millisecond
	// caughtUp is how long a node has, once it is linked, to catch up with what it
	// missed in a second or two; JetStream says besides when it has. If that is too
	// short, the figure is the worse.
	caughtUp = 2 * time.Second
	// handovers is how many leaders are asked to go in a round, at most.
	handovers = 10
)

// faults are the ways to lose a leader, many times in a row.
type faults struct {
	*bench
	callers *proc.Process
	// fault ends the leader and returns when it began to.
	fault func(ctx context.Context, leader *proc.Process) (time.Time, error)
}

// kill measures the time from kill -9 of the leader until there are acks again.
func kill(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		n, tryMS := env.Kills, 0
		if system != suite.Eventnode {
			tryMS = killTryMS
		}
		if env.Short {
			n = 1
		}
		list, err := lose(ctx, env, system, n, tryMS, func(_ context.Context, leader *proc.Process) (time.Time, error) {
			at := time.Now()
			leader.Kill()
			return at, nil
		})
		if err != nil {
			return out, err
		}
		var back []float64
		for _, l := range list {
			back = append(back, l.back)
		}
		out.Note = fmt.Sprintf("%d kills a round", n)
		out.Values = map[string]float64{
			back50.Name: quantile(back, 0.5), back99.Name: quantile(back, 0.99), backMax.Name: quantile(back, 1), failed.Name: failures(list),
		}
		return out, nil
	}
}

// handOver measures the longest time without an ack when the leader is asked to end.
func handOver(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		n := min(handovers, env.Kills)
		if env.Short {
			n = 1
		}
		list, err := lose(ctx, env, system, n, 0, func(ctx context.Context, leader *proc.Process) (time.Time, error) {
			at := time.Now()
			ctx, cancel := context.WithTimeout(ctx, startWait)
			defer cancel()
			return at, leader.Terminate(ctx)
		})
		if err != nil {
			return out, err
		}
		var lengths []float64
		for _, l := range list {
			lengths = append(lengths, l.length)
		}
		out.Note = fmt.Sprintf("%d hand-overs a round", n)
		out.Values = map[string]float64{pause50.Name: quantile(lengths, 0.5), pauses.Name: quantile(lengths, 1), failed.Name: failures(list)}
		return out, nil
	}
}

// loss is what one fault did, in milliseconds.
type loss struct {
	back   float64 // from the fault to the end of the pause
	length float64 // of the pause
	failed uint64  // tries of callers
}

// lose loses the leader so many times, and reads everything back at the end.
func lose(ctx context.Context, env *suite.Env, system suite.System, n, tryMS int,
	fault func(context.Context, *proc.Process) (time.Time, error),
) ([]loss, error) {
	b, err := open(ctx, env, system)
	if err != nil {
		return nil, err
	}
	defer b.close()
	f := &faults{bench: b, fault: fault}
	f.callers, err = b.role(ctx, "callers", stream.CallersConfig{
		Conn: b.conn(), Callers: failoverCallers, Size: eventBytes, Retry: true, TryMS: tryMS,
	})
	if err != nil {
		return nil, err
	}
	if err := f.callers.Send(stream.Order{Go: true}); err != nil {
		return nil, err
	}
	var list []loss
	for i := range n {
		l, err := f.once(ctx)
		if err != nil {
			return nil, fmt.Errorf("loss %d of a leader: %w", i+1, err)
		}
		fmt.Fprintf(env.Log, "%s: %d of %d: back after %.0f ms, pause %.0f ms, %d failed\n", system, i+1, n, l.back, l.length, l.failed)
		list = append(list, l)
	}
	var r stream.Published
	if err := f.callers.Ask(ctx, stream.Order{Stop: true}, &r); err != nil {
		return nil, err
	}
	if r.Trouble != "" {
		return nil, fmt.Errorf("publish: %s", r.Trouble)
	}
	_, err = b.readAll(ctx, r.Acked)
	return list, err
}

// once loses one leader, waits until there are acks again, and makes the cluster
// whole.
func (f *faults) once(ctx context.Context) (l loss, err error) {
	leader, err := f.leader(ctx)
	if err != nil {
		return l, err
	}
	var p stream.Pause
	now := time.Now().UnixNano()
	// What was before does not count: the leader may just have been asked for.
	if err := f.callers.Ask(ctx, stream.Order{Since: now, Until: now}, &p); err != nil {
		return l, err
	}
	if err := rest(ctx, steady); err != nil {
		return l, err
	}
	at, err := f.fault(ctx, f.cluster.Procs[leader])
	if err != nil {
		return l, err
	}
	if err := f.callers.Ask(ctx, stream.Order{Since: at.UnixNano(), Until: time.Now().UnixNano()}, &p); err != nil {
		return l, err
	}
	if p.Why != "" {
		fmt.Fprintf(f.env.Log, "%s: %d tries failed, the first: %s\n", f.system, p.Failed, p.Why)
	}
	ms := func(from, to int64) float64 { return float64(to-from) / 1e6 }
	l = loss{back: ms(at.UnixNano(), p.To), length: ms(p.From, p.To), failed: p.Failed}
	return l, f.whole(ctx, leader)
}

// whole starts the lost node again and waits until it has what it missed.
func (f *faults) whole(ctx context.Context, node int) error {
	if err := f.cluster.Again(f.env, node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	var err error
	if f.system == suite.Eventnode {
		err = f.cluster.Linked(ctx)
	} else {
		err = stream.Whole(ctx, f.conn())
	}
	if err != nil {
		return err
	}
	return rest(ctx, caughtUp)
}

func failures(list []loss) (n float64) {
	for _, l := range list {
		n += float64(l.failed)
	}
	return n
}

// quantile is the smallest value that is at least as large as that part of all.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(max(int(q*float64(len(sorted))+0.999999)-1, 0), len(sorted)-1)]
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
