package durable

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of consuming.
var (
	consumed    = suite.Metric{Name: "consumed_per_second", Title: "consumed and acked", Unit: "/s", Higher: true}
	consumeCPU  = suite.Metric{Name: "servers_cpu_seconds_per_million_consumed", Title: "CPU of all servers per million events", Unit: "s"}
	keyedShare  = suite.Metric{Name: "keyed_share_of_plain", Title: "with keys, as a share of without", Unit: "", Higher: true}
	keyedRate   = suite.Metric{Name: "keyed_per_second", Title: "four consumers of a keyed group", Unit: "/s", Higher: true}
	plainRate   = suite.Metric{Name: "plain_per_second", Title: "four consumers of a group without keys", Unit: "/s", Higher: true}
	whileRate   = suite.Metric{Name: "published_meanwhile_per_second", Title: "published meanwhile", Unit: "/s", Higher: true}
	whileBehind = suite.Metric{Name: "consumer_behind_seconds", Title: "from the last publish until all is acked", Unit: "s"}
)

const (
	// consumeBatch is how many events a consumer is handed at a time.
	consumeBatch = 1000
	// consumeEvents are there to consume.
	consumeEvents = 500_000
	// consumeKeys is how many keys the events of a keyed group have.
	consumeKeys = 1000
	// keyedConsumers share a group.
	keyedConsumers = 4
)

// one says that one publisher's events are expected from the first on.
func one() []uint64 { return []uint64{0} }

// consumers starts consumers, which begin at once.
func (b *bench) consumers(ctx context.Context, cfg stream.ConsumersConfig) (p *proc.Process, err error) {
	if cfg.Conn, err = b.near(ctx); err != nil {
		return nil, err
	}
	cfg.Batch = consumeBatch
	if p, err = b.role(ctx, "consumers", cfg); err != nil {
		return nil, err
	}
	return p, p.Send(stream.Order{Go: true})
}

// group makes a consumer group.
func (b *bench) group(ctx context.Context, name string, start stream.GroupStart) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if err := stream.AddGroup(ctx, b.conn(), name, start); err != nil {
		return fmt.Errorf("add consumer group %q: %w", name, err)
	}
	return nil
}

// fill publishes events as publisher from.
func (b *bench) fill(ctx context.Context, events uint64, from int, batches stream.Batches) ([]uint64, error) {
	conn, err := b.near(ctx)
	if err != nil {
		return nil, err
	}
	w, _, err := b.publish(ctx, "batches", stream.BatchesConfig{
		Conn: conn, Publishers: 1, Size: eventBytes, Batches: batches, Events: events, From: from,
	}, seconds(b.env))
	return w.Acked, err
}

// someEvents is n, or fewer where only it matters that it works.
func someEvents(env *suite.Env, n uint64) uint64 {
	if env.Short {
		return n / 50
	}
	return n
}

// consumeOne measures one consumer that takes and acks what is there: from the order to
// begin until nothing is left, as the system says.
func consumeOne(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		b, err := open(ctx, env, system)
		if err != nil {
			return out, err
		}
		defer b.close()
		if err := b.group(ctx, "one", stream.GroupStart{}); err != nil {
			return out, err
		}
		published, err := b.fill(ctx, someEvents(env, consumeEvents), 0, ahead())
		if err != nil {
			return out, err
		}
		before, err := b.used()
		if err != nil {
			return out, err
		}
		profiles := b.cluster.Profile(ctx, env, 1)
		p, err := b.consumers(ctx, stream.ConsumersConfig{Group: "one", Consumers: 1, First: one(), Keys: 1})
		if err != nil {
			return out, err
		}
		r, err := b.judged(ctx, p, published)
		if err != nil {
			return out, err
		}
		after, err := b.used()
		if err != nil {
			return out, err
		}
		out.Values = map[string]float64{
			consumed.Name:   per(r.Events, r.Begin, r.End),
			consumeCPU.Name: (after.cpu - before.cpu).Seconds() / (float64(r.Events) / 1e6),
			written.Name:    float64(after.written-before.written) / float64(r.Events),
		}
		return out, profiles()
	}
}

// consumeMeanwhile measures a publisher at full speed and a consumer, at once: from the
// first publish until nothing is left.
func consumeMeanwhile(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		b, err := open(ctx, env, system)
		if err != nil {
			return out, err
		}
		defer b.close()
		if err := b.group(ctx, "one", stream.GroupStart{}); err != nil {
			return out, err
		}
		w, r, err := b.meanwhile(ctx, "one", 0)
		if err != nil {
			return out, err
		}
		out.Values = map[string]float64{
			consumed.Name:    per(r.Events, w.First, r.End),
			whileRate.Name:   per(r.Events, w.First, w.Last),
			whileBehind.Name: float64(r.End-w.Last) / 1e9,
		}
		return out, nil
	}
}

// meanwhile publishes for some seconds as publisher from, while a group consumes.
func (b *bench) meanwhile(ctx context.Context, group string, from int) (w stream.Published, r stream.Read, err error) {
	first := make([]uint64, from+1)
	p, err := b.consumers(ctx, stream.ConsumersConfig{Group: group, Consumers: 1, First: first, Keys: 1})
	if err != nil {
		return w, r, err
	}
	conn, err := b.near(ctx)
	if err != nil {
		return w, r, err
	}
	cfg := stream.BatchesConfig{Conn: conn, Publishers: 1, Size: eventBytes, Batches: ahead(), Seconds: seconds(b.env), From: from}
	if w, _, err = b.publish(ctx, "batches", cfg, seconds(b.env)); err != nil {
		return w, r, err
	}
	r, err = b.judged(ctx, p, append(first[:from], w.Acked...))
	return w, r, err
}

// consumeKeyed measures four consumers of a keyed group, and of one without keys, each
// of the same events.
func consumeKeyed(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
	b, err := open(ctx, env, suite.Eventnode)
	if err != nil {
		return out, err
	}
	defer b.close()
	groups := map[string]uint64{"plain": 0, "keyed": consumeKeys} // and in how many keys they keep order
	for name, keys := range groups {
		if err := b.group(ctx, name, stream.GroupStart{Keyed: keys > 0}); err != nil {
			return out, err
		}
	}
	batches := ahead()
	batches.Keys = consumeKeys
	published, err := b.fill(ctx, someEvents(env, consumeEvents), 0, batches)
	if err != nil {
		return out, err
	}
	rates := map[string]float64{}
	for name, keys := range groups { // in a random order
		p, err := b.consumers(ctx, stream.ConsumersConfig{Group: name, Consumers: keyedConsumers, First: one(), Keys: keys})
		if err != nil {
			return out, err
		}
		r, err := b.judged(ctx, p, published)
		if err != nil {
			return out, fmt.Errorf("group %q: %w", name, err)
		}
		rates[name] = per(r.Events, r.Begin, r.End)
	}
	out.Values = map[string]float64{
		keyedShare.Name: rates["keyed"] / rates["plain"], keyedRate.Name: rates["keyed"], plainRate.Name: rates["plain"],
	}
	return out, nil
}
