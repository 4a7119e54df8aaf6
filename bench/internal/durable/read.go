package durable

import (
	"context"

	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of reading.
var (
	readRate = suite.Metric{Name: "read_per_second", Title: "read", Unit: "/s", Higher: true}
	readCPU  = suite.Metric{Name: "servers_cpu_seconds_per_million_read", Title: "CPU of all servers per million events", Unit: "s"}
)

// tail measures a reader that follows one publisher at full speed: from the first
// publish to the last event read.
func tail(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		b, err := open(ctx, env, system)
		if err != nil {
			return out, err
		}
		defer b.close()
		conn, err := b.near(ctx)
		if err != nil {
			return out, err
		}
		reader, err := b.role(ctx, "reader", stream.ReaderConfig{Conn: conn, First: []uint64{0}})
		if err != nil {
			return out, err
		}
		if err := reader.Send(stream.Order{Go: true}); err != nil {
			return out, err
		}
		cfg := stream.BatchesConfig{Conn: conn, Publishers: 1, Size: eventBytes, Batches: ahead(), Seconds: seconds(env)}
		w, _, err := b.publish(ctx, "batches", cfg, seconds(env))
		if err != nil {
			return out, err
		}
		r, err := b.judged(ctx, reader, w.Acked)
		if err != nil {
			return out, err
		}
		out.Values = map[string]float64{readRate.Name: per(r.Events, w.First, r.End)}
		return out, nil
	}
}

// old measures a reader that reads everything from the beginning while nobody
// publishes: from asking for the first event to the last one read.
func old(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		b, err := open(ctx, env, system)
		if err != nil {
			return out, err
		}
		defer b.close()
		published, err := b.fill(ctx, someEvents(env, oldEvents), 0, ahead())
		if err != nil {
			return out, err
		}
		before, err := b.used()
		if err != nil {
			return out, err
		}
		r, err := b.readAll(ctx, published)
		if err != nil {
			return out, err
		}
		after, err := b.used()
		if err != nil {
			return out, err
		}
		out.Values = map[string]float64{
			readRate.Name: per(r.Events, r.Begin, r.End),
			readCPU.Name:  (after.cpu - before.cpu).Seconds() / (float64(r.Events) / 1e6),
		}
		return out, nil
	}
}
