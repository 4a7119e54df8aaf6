package source

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// Pipeline takes what one source says through its steps; see the package.
type Pipeline struct {
	cfg      Config
	metrics  *metrics
	failures map[step]*complaint
	started  atomic.Bool

	mu   sync.Mutex
	last Origin
}

// New makes a Pipeline, which Run runs.
func New(cfg Config) (*Pipeline, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer, cfg.Source.Name())
	if err != nil {
		return nil, err
	}
	p := &Pipeline{cfg: cfg, metrics: m, failures: map[step]*complaint{}, last: cfg.After}
	for _, s := range []step{stepCache, stepDerive, stepDispatch} {
		p.failures[s] = newComplaint(cfg.Logger, string(s))
	}
	return p, nil
}

// Last is the newest payload that became events, and was handled as far as credit says.
// Another pipeline that goes on with the source is told (Config.After), so that consumers
// can tell that nothing is missing between the two.
func (p *Pipeline) Last() Origin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// handled notes the newest payload that became events.
func (p *Pipeline) handled(o Origin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = o
}

// Run runs the source until ctx ends (nil) or the source does (its error, or nil if it had
// no more to say). Then what is under way may go on for Config.Drain. It returns when all
// that it started has ended: a handler that does not heed its context keeps it. It runs
// once.
//
// A source that panics has failed, with a *eventnode.PanicError.
func (p *Pipeline) Run(ctx context.Context) error {
	if !p.started.CompareAndSwap(false, true) {
		return fmt.Errorf("source: the pipeline of %s was run before: make another one: %w", p.cfg.Source.Name(), eventnode.ErrInvalidArgument)
	}
	taking, stop := context.WithCancel(ctx)
	work, release := outlive(taking, p.cfg.Drain)
	defer release()
	r := &run{p: p, work: work, credits: make(chan struct{}, p.cfg.Window)}
	for range p.cfg.Window - 1 { // the first payload has its own
		r.credits <- struct{}{}
	}
	if p.cfg.Handlers != nil {
		r.feed = p.cfg.Handlers.start(work)
	}
	err := caught(func() error { return p.cfg.Source.Run(taking, r.deliver) })
	stop()
	r.close()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// run is a Pipeline at work.
type run struct {
	p    *Pipeline
	work context.Context //nolint:containedctx // outlives that of the source, for what is under way
	feed *feed           // nil: there are no handlers
	// credits has a place for each payload that may be under way, but for the next one:
	// that has its own.
	credits chan struct{}

	mu     sync.Mutex // held by the payload that is on its way
	closed bool
}

// close waits for what is under way.
func (r *run) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if r.feed != nil {
		r.feed.wait()
	}
}

// deliver takes a payload through the steps. It is what the source calls.
func (r *run) deliver(ctx context.Context, pl Payload) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed || r.work.Err() != nil:
		return ErrNotHandled
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	r.p.metrics.payloads.Inc()
	events := place(r.derive(r.cache(pl), pl), pl.Origin, r.p.Last())
	r.handle(events)
	r.dispatch(pl, events)
	return r.credit(pl, len(events))
}

// outlive is a context that lasts a while longer than another one. release ends it, and
// waits for what it needed.
func outlive(ctx context.Context, while time.Duration) (longer context.Context, release func()) {
	longer, end := context.WithCancelCause(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-longer.Done():
			return
		}
		backoff.Wait(longer, while)
		end(ErrNotHandled)
	})
	return longer, func() {
		end(ErrNotHandled)
		wg.Wait()
	}
}
