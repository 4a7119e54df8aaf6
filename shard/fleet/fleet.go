package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// Fleet runs the shards of one source, together with those of other nodes.
//
// Run starts one goroutine for each of these, and one for each shard that is placed here:
//
//	control.follow  reads the plan             keeper.follow  reads what is kept
//	watch           sees who else is there     keeper.run     writes what is to be kept
//	tell            says what is here          coordinate     starts and stops workers
type Fleet struct {
	cfg     Config
	metrics *metrics
	control *control
	keeper  *keeper
	adviser *adviser
	scope   eventnode.Scope
	bell    *bell
	begun   atomic.Bool
	ended   chan struct{}
	telling chan struct{} // one place: there is something to tell

	mu      sync.Mutex
	view    view
	seen    time.Time // when the runners in the view changed last; zero: there is no view
	settled settling
	workers map[int]*worker
	leaving bool
	unasked string // why nobody has said how many shards there are; empty: nothing is in the way

	placed   map[int]eventnode.NodeID
	placedAt eventnode.Position // of the plan by which they were
	placedOn []eventnode.NodeID
}

// New makes a Fleet. It starts nothing.
func New(cfg Config) (*Fleet, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer, cfg.Source)
	if err != nil {
		return nil, err
	}
	b := newBell()
	return &Fleet{
		cfg: cfg, metrics: m, control: newControl(cfg, b), keeper: newKeeper(cfg, m, b), adviser: newAdviser(cfg.Advise),
		scope: cfg.Groups.Scope(scopeOf(cfg.Source)), bell: b, ended: make(chan struct{}), telling: make(chan struct{}, 1),
		settled: settling{after: cfg.Settle}, workers: map[int]*worker{},
	}, nil
}

// Run has this node take part until ctx ends; then its shards are stopped in good order and
// handed over, and it returns nil. That may take Config.Drain, and a few seconds if the
// durable plane does not answer. It can be called once.
func (f *Fleet) Run(ctx context.Context) error {
	if f.begun.Swap(true) {
		return fmt.Errorf("the fleet of %s was run before: make another one: %w", f.cfg.Source, ErrClosed)
	}
	defer close(f.ended)
	alive, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	if err := f.declare(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	var parts sync.WaitGroup
	for _, part := range []func(context.Context){
		f.control.follow, f.keeper.follow, f.watch, f.tell,
		func(ctx context.Context) { f.keeper.run(ctx, f.cfg.Every, f.gather) },
	} {
		parts.Go(func() { part(alive) })
	}
	f.coordinate(ctx, alive)
	stop(errStopped)
	parts.Wait()
	return nil
}

// declare makes the streams, as soon as that can be done.
func (f *Fleet) declare(ctx context.Context) (refused error) {
	patiently(ctx, f.cfg.Logger, "declare its streams", func() error {
		err := errors.Join(f.control.declare(ctx), f.keeper.declare(ctx))
		if errors.Is(err, eventnode.ErrInvalidArgument) {
			refused, err = err, nil
		}
		return err
	})
	return refused
}

// gather is what is to be written of the shards that are here, and of others if it is this
// node's turn.
func (f *Fleet) gather() (keeps []keep) {
	f.mu.Lock()
	first := len(f.settled.used) > 0 && f.settled.used[0] == f.cfg.Node.ID
	f.mu.Unlock()
	if first {
		keeps = f.keeper.aged()
	}
	for _, w := range f.here() {
		if k, ok := w.keep(); ok {
			keeps = append(keeps, k)
		}
	}
	f.changed() // states may have, unsaid
	return keeps
}

// here is the workers.
func (f *Fleet) here() []*worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*worker, 0, len(f.workers))
	for _, w := range f.workers {
		out = append(out, w)
	}
	return out
}

// changed has others be told of what is here.
func (f *Fleet) changed() {
	select {
	case f.telling <- struct{}{}:
	default:
	}
}

// watch follows the groups of the source, until ctx ends.
func (f *Fleet) watch(ctx context.Context) {
	patiently(ctx, f.cfg.Logger, "see who else runs the source", func() error {
		m, err := f.scope.MonitorScope(ctx)
		if err != nil {
			return err
		}
		defer m.Close()
		f.look(true, func(v *view) { v.reset(m.Snapshot()) })
		for {
			c, err := m.Next(ctx)
			if err != nil {
				return err
			}
			f.look(c.Resync != nil || c.Group == groupRunners, func(v *view) { v.apply(c) })
		}
	})
}

// look changes the view.
func (f *Fleet) look(runners bool, change func(*view)) {
	f.mu.Lock()
	change(&f.view)
	if runners {
		f.seen = time.Now()
	}
	f.mu.Unlock()
	f.bell.ring()
}

// patiently does something again and again, until ctx ends or it is done: with an error that
// is nil.
func patiently(ctx context.Context, log *slog.Logger, what string, do func() error) {
	for failures := 0; ctx.Err() == nil; failures++ {
		began := time.Now()
		err := do()
		if ctx.Err() != nil || err == nil {
			return
		}
		if time.Since(began) > time.Minute {
			failures = 0
		}
		if failures%sayEvery == 0 {
			log.WarnContext(ctx, "a fleet cannot do something now", "what", what, "error", err)
		}
		backoff.Wait(ctx, backoff.Backoff{Max: time.Second}.Next(failures, rand.Float64()))
	}
}

// sayEvery is in how many failures in a row, about one a second, one is logged.
const sayEvery = 60
