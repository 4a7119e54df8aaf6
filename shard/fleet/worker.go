package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// A worker has one shard on this node, from when it is placed here until it is not:
//
//	wait for the lease ─► read what is kept ─► open, run ─► keep, release
//	        ▲                                  │     ▲
//	        └──────── lease lost ◄─────────────┤     │ back-off
//	                                           └─────┘ failed
//
// What is read when the lease is had, and not before, has all that whoever had it before
// could write; and also whether the shard is still to run.

// worker is a shard on this node.
type worker struct {
	f     *Fleet
	id    ShardID
	asked chan struct{} // closed when it is to stop in good order
	ask   func()
	done  chan struct{} // closed when it has

	mu       sync.Mutex
	state    State // while shard is nil; else the shard says
	since    time.Time
	restarts uint64
	problem  string
	token    uint64
	number   uint64
	shard    Shard // nil: none runs
	kept     keep  // what was last put down
	last     Progress
	opening  bool   // it was permitted to open another session than
	before   string // this one
}

func newWorker(f *Fleet, id ShardID) *worker {
	w := &worker{f: f, id: id, asked: make(chan struct{}), done: make(chan struct{}), state: StateWaiting, since: time.Now()}
	w.ask = sync.OnceFunc(func() { close(w.asked) })
	return w
}

// run has the shard until it is asked to stop, or cannot go on; or ctx ends, and then at
// once.
func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	until, cancel := orAsked(ctx, w.asked)
	defer cancel()
	for {
		w.set(StateWaiting, "")
		l, err := obtain(until, w.f.cfg.Locks, w.f.cfg.lock("lease", w.id.Index), w.f.cfg.TTL, func(err error) { w.trouble(err) })
		if err != nil || !w.hold(ctx, l) {
			return
		}
	}
}

// hold has the shard run while a lease lasts. again says that the lease was lost, and
// another one is wanted.
func (w *worker) hold(ctx context.Context, l *lease) (again bool) {
	held, lose := context.WithCancelCause(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := l.keep(held); err != nil {
			w.f.metrics.lost.Inc()
			w.f.cfg.Logger.WarnContext(held, "a shard's lease is lost: another node may have it", "shard", w.id.String(), "error", err)
			lose(err)
		}
	})
	again = w.held(held, l.lock.Token())
	lose(errStopped)
	keeping.Wait()
	l.release(context.WithoutCancel(ctx))
	return again
}

// held runs the shard again and again, until ctx ends (again), it is asked to stop, or it is
// not to run.
func (w *worker) held(ctx context.Context, token uint64) (again bool) {
	resume, ok := w.begin(ctx, token)
	for failures := 0; ok; failures++ {
		began := time.Now()
		err := w.once(ctx, resume)
		switch {
		case ctx.Err() != nil:
			return true
		case w.isAsked():
			w.handOver(ctx)
			return false
		case errors.Is(err, ErrFatal):
			return w.giveUp(ctx, err)
		}
		if time.Since(began) >= w.f.cfg.MaxBackoff {
			failures = 0
		}
		w.failed(ctx, err)
		until, cancel := orAsked(ctx, w.asked)
		backoff.Wait(until, backoff.Backoff{Min: w.f.cfg.MinBackoff, Max: w.f.cfg.MaxBackoff}.Next(failures, rand.Float64()))
		cancel()
		if ok = ctx.Err() == nil && !w.isAsked(); ok {
			resume = w.progress().Resume
		}
	}
	return ctx.Err() != nil
}

// begin finds out whether the shard is to run, and where it is to go on.
func (w *worker) begin(ctx context.Context, token uint64) (resume []byte, ok bool) {
	w.set(StateStarting, "")
	until, cancel := orAsked(ctx, w.asked)
	defer cancel()
	for failures := 0; ; failures++ {
		err := w.f.control.fresh(until)
		if err == nil {
			err = w.f.keeper.caughtUp(until)
		}
		if err == nil {
			break
		}
		w.trouble(err)
		if !backoff.Wait(until, backoff.Backoff{Max: time.Second}.Next(failures, rand.Float64())) {
			return nil, false
		}
	}
	plan, _ := w.f.control.now()
	k, _ := w.f.keeper.newest(w.id.Index)
	if k.Total != w.id.Total {
		k = keep{} // the session is of another shard
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.token, w.number, w.kept = token, 0, k
	w.opening, w.before = k.Opening, k.Session
	w.last = Progress{State: StateStarting, Session: k.Session, Seq: k.Seq, Resume: k.Resume}
	return k.Resume, plan.runs(w.id)
}

// handOver writes what the next node needs.
func (w *worker) handOver(ctx context.Context) {
	w.set(StateStopping, "")
	ctx, cancel := context.WithTimeout(ctx, w.f.cfg.TTL)
	defer cancel()
	if err := w.write(ctx); err != nil {
		w.f.cfg.Logger.WarnContext(ctx, "a shard goes without its last words: the next node gets some of its events again", "shard", w.id.String(), "error", err)
		return
	}
	w.f.metrics.handedOver.Inc()
}

// giveUp notes in the plan that the shard cannot go on. Until that is done nobody else gets
// the lease.
func (w *worker) giveUp(ctx context.Context, why error) (again bool) {
	reason := strings.TrimPrefix(why.Error(), ErrFatal.Error()+": ") // the state says that
	w.set(StateFailed, reason)
	w.f.cfg.Logger.ErrorContext(ctx, "a shard cannot go on: mend that, then start it", "shard", w.id.String(), "error", clip(reason, maxMetaError))
	f := failure{Node: w.f.cfg.Node.ID, Reason: clip(reason, maxReason), At: time.Now().UnixMilli()}
	if k, ok := w.keep(); ok {
		w.f.keeper.put(k)
	}
	for ctx.Err() == nil {
		_, err := w.f.control.edit(ctx, func(p *plan) (bool, error) {
			if _, there := p.Failed[w.id.Index]; there || !p.runs(w.id) {
				return false, nil
			}
			p.Failed[w.id.Index] = f
			return true, nil
		})
		if err == nil {
			return false
		}
		w.f.cfg.Logger.WarnContext(ctx, "that a shard has failed cannot be written down now", "shard", w.id.String(), "error", err)
		until, cancel := orAsked(ctx, w.asked)
		asked := !backoff.Wait(until, time.Second)
		cancel()
		if asked {
			return ctx.Err() != nil
		}
	}
	return true
}

// failed counts a failure.
func (w *worker) failed(ctx context.Context, err error) {
	kind := "error"
	_, panicked := errors.AsType[*eventnode.PanicError](err)
	switch {
	case panicked:
		kind = "panic"
	case errors.Is(err, errByself):
		kind = "ended"
	}
	w.f.metrics.restarts.WithLabelValues(kind).Inc()
	w.mu.Lock()
	w.restarts++
	w.mu.Unlock()
	w.set(StateRestarting, err.Error())
	w.f.cfg.Logger.WarnContext(ctx, "a shard has failed, and is run again", "shard", w.id.String(), "kind", kind, "error", clip(err.Error(), 2<<10))
}

func (w *worker) isAsked() bool {
	select {
	case <-w.asked:
		return true
	default:
		return false
	}
}
