package durable

import (
	"context"

	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of publishing.
var (
	acked   = suite.Metric{Name: "acked_per_second", Title: "acked", Unit: "/s", Higher: true}
	cpu     = suite.Metric{Name: "servers_cpu_seconds_per_million", Title: "CPU of all servers per million events", Unit: "s"}
	written = suite.Metric{Name: "bytes_written_per_event", Title: "written to disk by all servers", Unit: "B per event"}
	p50     = suite.Metric{Name: "p50_us", Title: "p50", Unit: "µs"}
	p99     = suite.Metric{Name: "p99_us", Title: "p99", Unit: "µs"}
	p999    = suite.Metric{Name: "p999_us", Title: "p99.9", Unit: "µs"}
)

// inBatches measures publishers of batches.
func inBatches(system suite.System, publishers int, batches stream.Batches) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		return published(ctx, env, system, "batches", func(conn stream.Conn) any {
			return stream.BatchesConfig{
				Conn: conn, Publishers: publishers, Size: eventBytes, Batches: batches, Seconds: seconds(env),
			}
		}, nil)
	}
}

// byCallers measures callers of one event at a time, with their latency if that was
// asked for.
func byCallers(system suite.System, callers int) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		return published(ctx, env, system, "callers", func(conn stream.Conn) any {
			return stream.CallersConfig{Conn: conn, Callers: callers, Size: eventBytes, Seconds: seconds(env)}
		}, func(r stream.Published, values map[string]float64) {
			values[p50.Name], values[p99.Name], values[p999.Name] = r.Latency.P50, r.Latency.P99, r.Latency.P999
		})
	}
}

// published runs a process that publishes, reads everything back, and says what it
// took; more adds to it.
func published(ctx context.Context, env *suite.Env, system suite.System, role string,
	cfg func(stream.Conn) any, more func(stream.Published, map[string]float64),
) (out suite.Outcome, err error) {
	b, err := open(ctx, env, system)
	if err != nil {
		return out, err
	}
	defer b.close()
	conn, err := b.near(ctx)
	if err != nil {
		return out, err
	}
	r, u, err := b.publish(ctx, role, cfg(conn), seconds(env))
	if err != nil {
		return out, err
	}
	if _, err := b.readAll(ctx, r.Acked); err != nil {
		return out, err
	}
	n := sum(r.Acked)
	out.Values = map[string]float64{
		acked.Name:   per(n, r.First, r.Last),
		cpu.Name:     u.cpu.Seconds() / (float64(n) / 1e6),
		written.Name: float64(u.written) / float64(n),
	}
	if more != nil {
		more(r, out.Values)
	}
	return out, nil
}
