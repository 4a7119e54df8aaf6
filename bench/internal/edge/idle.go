package edge

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

const (
	idleSessions = 50_000
	idleGuild    = 1_000
	// resting is how long sessions are idle before their memory is read.
	resting = 10 * time.Second
)

// idleRun measures what idle sessions take.
func idleRun(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
	return in(ctx, env, func(ctx context.Context, w *world) (out suite.Outcome, err error) {
		n, rest := idleSessions, resting
		if env.Short {
			n, rest = 500, 0
		}
		most, err := files()
		if err != nil {
			return out, err
		}
		if most < n {
			out.Note = fmt.Sprintf("%d sessions: RLIMIT_NOFILE is %d here", most, most+otherFiles)
			n = most
		}
		if err := w.cluster(ctx, 1, n, idleGuild); err != nil {
			return out, err
		}
		out.Values, err = w.idle(ctx, n, rest)
		return out, err
	})
}

func (w *world) idle(ctx context.Context, n int, rest time.Duration) (map[string]float64, error) {
	before, rss, err := w.sizes(ctx, rest, "")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = w.profile(ctx, "identify", func() error {
		for first := 0; first < n; first += perSource {
			open := openOrder{Address: w.ready[0].Gateway, First: first, Clients: min(perSource, n-first)}
			if _, err := w.clients(ctx, clientsConfig{}, open); err != nil {
				return err
			}
		}
		return nil
	})
	took := time.Since(began)
	if err != nil {
		return nil, err
	}
	heap := ""
	if w.env.Profile != "" {
		heap = filepath.Join(w.env.Profile, "edge-idle-heap.pprof")
	}
	after, full, err := w.sizes(ctx, rest, heap)
	if err != nil {
		return nil, err
	}
	each := func(after, before int64) float64 { return float64(after-before) / float64(n) }
	return map[string]float64{
		inUse.Name: each(after.InUse, before.InUse), stacks.Name: each(after.Stacks, before.Stacks),
		resident.Name: each(after.Resident, before.Resident), asItIs.Name: each(full, rss),
		goroutines.Name: each(int64(after.Goroutines), int64(before.Goroutines)),
		identified.Name: float64(n) / took.Seconds(),
	}, nil
}

// sizes is what node 1 takes: its resident memory as it is, and what is left of it.
func (w *world) sizes(ctx context.Context, rest time.Duration, heap string) (s sizes, rss int64, err error) {
	if err := pause(ctx, rest); err != nil {
		return s, 0, err
	}
	if rss, err = w.nodes[0].RSS(); err != nil {
		return s, 0, err
	}
	s, err = ask[sizes](ctx, w.nodes[0], nodeOrder{Memory: true, Heap: heap})
	return s, rss, err
}
