package edge

import (
	"context"
	"slices"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

const (
	fanSessions = 10_000
	// warmUp events are not counted, singles are, one after another with a pause between.
	warmUp, singles = 5, 20
	between         = 50 * time.Millisecond
	// backToBack is how many events are sent as fast as it goes.
	backToBack = 200
)

// fan is a fan-out: how it is begun, and to whom.
type fan struct {
	sessions   int
	backToBack int
	clients    *proc.Process
	servers    []*proc.Process
	// send sends so many events and says when it began.
	send func(ctx context.Context, events int) (began int64, err error)
}

func newFan(env *suite.Env) fan {
	if env.Short {
		return fan{sessions: 200, backToBack: 20}
	}
	return fan{sessions: fanSessions, backToBack: backToBack}
}

// fanOut measures the gateway, half of the sessions on each of two nodes.
func fanOut(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
	return in(ctx, env, func(ctx context.Context, w *world) (out suite.Outcome, err error) {
		f := newFan(env)
		if err := w.cluster(ctx, 2, f.sessions, f.sessions); err != nil {
			return out, err
		}
		half := f.sessions / 2
		f.clients, err = w.clients(ctx, clientsConfig{}, openOrder{w.ready[0].Gateway, 0, half}, openOrder{w.ready[1].Gateway, half, half})
		if err != nil {
			return out, err
		}
		f.servers = w.nodes
		f.send = func(ctx context.Context, events int) (int64, error) {
			began := now()
			for range events {
				if err := w.dispatch(ctx, f.sessions); err != nil {
					return 0, err
				}
			}
			return began, nil
		}
		out.Values, err = f.run(ctx, w)
		return out, err
	})
}

// loop measures the peer, with one goroutine or several.
func loop(parallel bool) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		return in(ctx, env, func(ctx context.Context, w *world) (out suite.Outcome, err error) {
			f := newFan(env)
			var ready peerReady
			p, err := w.start(ctx, "peer", "peer", peerConfig{parallel}, &ready)
			if err != nil {
				return out, err
			}
			if f.clients, err = w.clients(ctx, clientsConfig{Plain: true}, openOrder{ready.Address, 0, f.sessions}); err != nil {
				return out, err
			}
			sent := uint64(0)
			f.servers = []*proc.Process{p}
			f.send = func(ctx context.Context, events int) (int64, error) {
				b, err := ask[begun](ctx, p, peerOrder{sent + 1, events})
				sent += uint64(events)
				return b.BeginNS, err
			}
			out.Values, err = f.run(ctx, w)
			return out, err
		})
	}
}

// run measures single events, and many.
func (f *fan) run(ctx context.Context, w *world) (map[string]float64, error) {
	values := map[string]float64{}
	err := w.profile(ctx, "fan-out-singles", func() error { return f.singles(ctx, values) })
	if err == nil {
		err = w.profile(ctx, "fan-out-many", func() error { return f.many(ctx, values) })
	}
	return values, err
}

// singles sends one event after another.
func (f *fan) singles(ctx context.Context, values map[string]float64) error {
	before, err := cpu(f.servers)
	if err != nil {
		return err
	}
	var times []time.Duration
	for i := range warmUp + singles {
		if err := pause(ctx, between); err != nil {
			return err
		}
		took, err := f.events(ctx, 1)
		if err != nil {
			return err
		}
		if i >= warmUp {
			times = append(times, took)
		}
	}
	after, err := cpu(f.servers)
	slices.Sort(times)
	values[last.Name] = times[len(times)/2].Seconds() * 1e3
	values[slowest.Name] = times[len(times)-1].Seconds() * 1e3
	values[cpuSingle.Name] = (after - before).Seconds() / float64(f.sessions*(warmUp+singles)) * 1e6
	return err
}

// many sends as fast as it goes.
func (f *fan) many(ctx context.Context, values map[string]float64) error {
	before, err := cpu(f.servers)
	if err != nil {
		return err
	}
	took, err := f.events(ctx, f.backToBack)
	if err != nil {
		return err
	}
	after, err := cpu(f.servers)
	deliveries := float64(f.sessions * f.backToBack)
	values[deliveredS.Name] = deliveries / took.Seconds()
	values[cpuEach.Name] = (after - before).Seconds() / deliveries * 1e6
	return err
}

// events is how long it takes until the last client has so many events.
func (f *fan) events(ctx context.Context, n int) (time.Duration, error) {
	if _, err := ask[nothing](ctx, f.clients, clientsOrder{Expect: &expectOrder{n}}); err != nil {
		return 0, err
	}
	began, err := f.send(ctx, n)
	if err != nil {
		return 0, err
	}
	var got span
	err = f.clients.Receive(ctx, &got)
	return time.Duration(got.LastNS - began), err
}
