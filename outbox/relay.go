package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// Relay publishes what is in an outbox.
//
// One goroutine works: it takes the lease, and while it leads it fetches a batch from the
// beginning of the table, publishes it, settles what became of it, and begins again;
// there is never more than one batch under way. While it publishes a full batch, another
// one fetches the next, which is thrown away if something of the first has to be tried
// again. A third one renews the lease meanwhile, a fourth one measures how the outbox is,
// and a fifth one listens, if there is something to listen to.
type Relay struct {
	cfg     Config
	holder  string
	metrics *metrics
	woken   chan struct{} // one place: to be woken twice is to be woken once
	running atomic.Bool

	limit     int // events of the next fetch; of whoever fetches, which is one at a time
	failures  int // in a row; the working goroutine's
	mu        sync.Mutex
	progress  Progress
	lastPurge time.Time // the working goroutine's
}

// NewRelay makes a Relay. It starts nothing.
func NewRelay(cfg Config) (*Relay, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Relay{
		cfg: cfg, metrics: m, limit: cfg.Batch, woken: make(chan struct{}, 1),
		holder: cfg.Name + "#" + strconv.FormatUint(rand.Uint64(), 36),
	}, nil
}

// Wake has the relay look at once, such as after a commit in the same program.
func (r *Relay) Wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Progress says what it has done so far.
func (r *Relay) Progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// note changes the progress, and tells it.
func (r *Relay) note(change func(*Progress)) {
	r.mu.Lock()
	change(&r.progress)
	p := r.progress
	r.mu.Unlock()
	r.cfg.OnProgress(p)
}

// Run relays until ctx ends, or with Config.Drain until nothing is left; then it settles
// the batch under way, gives the lease back and returns nil. Trouble does not end it: a
// database or cluster that is gone is waited for.
func (r *Relay) Run(ctx context.Context) error {
	if !r.running.CompareAndSwap(false, true) {
		return eventnode.ErrClosed
	}
	life, end := context.WithCancel(ctx)
	var beside sync.WaitGroup
	if r.cfg.Listen != nil {
		beside.Go(func() { r.listen(life) })
	}
	beside.Go(func() { r.measure(life) })
	r.relay(ctx)
	end()
	beside.Wait()
	return nil
}

// standby is how often a relay that does not lead asks whether it may.
const standby = 500 * time.Millisecond

// relay leads whenever it can.
func (r *Relay) relay(ctx context.Context) {
	for ctx.Err() == nil {
		until, err := r.take(ctx)
		switch {
		case err != nil:
			r.trouble(ctx, "lease", err)
			r.pause(ctx)
		case until.IsZero(): // another one leads, perhaps no longer than its lease
			r.fine()
			backoff.Wait(ctx, min(standby, r.cfg.Lease/renewals))
		default:
			r.fine()
			if r.lead(ctx, until) {
				return
			}
		}
	}
}

// lead works while the lease lasts, and reports whether everything is done that was to
// be.
func (r *Relay) lead(ctx context.Context, until time.Time) (done bool) {
	// Not with ctx: what is under way at its end is finished.
	life, lost := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(r.cfg.Grace, func() { lost(context.Cause(ctx)) })
	})()
	var keeper sync.WaitGroup
	keeper.Go(func() { r.keep(life, until, lost) })
	r.metrics.leading.Set(1)
	r.note(func(p *Progress) { p.Leading = true })
	done = r.work(ctx, life)
	lostBy := context.Cause(life)
	lost(nil)
	keeper.Wait()
	r.metrics.leading.Set(0)
	r.note(func(p *Progress) { p.Leading = false })
	if errors.Is(lostBy, ErrLeaseLost) {
		r.cfg.Logger.Warn("outbox relay leads no more", "error", lostBy)
		return done
	}
	r.giveBack(ctx)
	return done
}

// work publishes batch after batch until ctx or life ends, or there is nothing left and
// that is what was asked for.
func (r *Relay) work(ctx, life context.Context) (done bool) {
	var next *batch
	for ctx.Err() == nil && life.Err() == nil {
		r.purge(life)
		if next == nil {
			next = r.read(life, nil)
		}
		out := r.turn(life, next)
		next = out.next
		switch {
		case life.Err() != nil: // that is why it failed, if it did
		case out.err != nil:
			r.trouble(life, out.failed, out.err)
			r.pauseUntil(ctx, life)
		case out.rows > 0:
			r.fine()
		default:
			r.fine()
			if r.cfg.Drain && r.isEmpty(life) {
				return true
			}
			r.idle(ctx, life)
		}
	}
	return false
}

// isEmpty reports whether nothing waits, also not to be tried again.
func (r *Relay) isEmpty(ctx context.Context) bool {
	st, err := r.cfg.Store.Stats(ctx, 1)
	return err == nil && st.Waiting == 0
}

// idle waits until there may be something.
func (r *Relay) idle(ctx, life context.Context) {
	t := time.NewTimer(r.cfg.Poll)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.woken:
	case <-ctx.Done():
	case <-life.Done():
	}
}

// maxPause bounds how long it waits when nothing goes.
const maxPause = 2 * time.Second

// pauseAfter is how long it waits after so many failures, from 0 on.
func pauseAfter(failures int) time.Duration {
	return backoff.Backoff{Min: 50 * time.Millisecond, Max: maxPause}.Next(failures, rand.Float64())
}

// nextPause is the pause after one failure more.
func (r *Relay) nextPause() time.Duration {
	d := pauseAfter(r.failures)
	r.failures++
	return d
}

func (r *Relay) pause(ctx context.Context) { backoff.Wait(ctx, r.nextPause()) }

// pauseUntil is pause, which also the end of ctx ends.
func (r *Relay) pauseUntil(ctx, life context.Context) {
	t := time.NewTimer(r.nextPause())
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-life.Done():
	}
}

// trouble tells why nothing goes on, once.
func (r *Relay) trouble(ctx context.Context, op string, err error) {
	if ctx.Err() != nil {
		return
	}
	r.metrics.errors.WithLabelValues(op).Inc()
	if r.Progress().Trouble == nil {
		r.cfg.Logger.Warn("outbox relay waits", "at", op, "error", err)
	}
	r.note(func(p *Progress) { p.Trouble = err })
}

// fine notes that it goes on.
func (r *Relay) fine() {
	r.failures = 0
	if r.Progress().Trouble == nil {
		return
	}
	r.cfg.Logger.Info("outbox relay goes on")
	r.note(func(p *Progress) { p.Trouble = nil })
}

// listen wakes the working goroutine when it is told to, for as long as ctx lasts.
func (r *Relay) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		begun := time.Now()
		err := r.cfg.Listen(ctx, r.Wake)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > maxPause {
			failures = 0
		}
		r.metrics.errors.WithLabelValues("listen").Inc()
		r.cfg.Logger.Warn("outbox relay is not notified, and polls", "error", err)
		r.Wake() // what was added meanwhile was not told
		backoff.Wait(ctx, pauseAfter(failures))
	}
}
