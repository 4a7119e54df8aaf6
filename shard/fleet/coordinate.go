package fleet

import (
	"context"
	"slices"
	"time"
)

// coordinate starts and stops workers as the plan and the view say, until ctx ends; then it
// stops all, and returns when they have.
func (f *Fleet) coordinate(ctx, alive context.Context) {
	work, cut := context.WithCancelCause(alive)
	defer cut(nil)
	ended := make(chan *worker)
	agreeing := make(chan struct{}, 1) // one place: the plan is being agreed on
	for ctx.Err() == nil {
		next := f.bell.next()
		wait := f.adjust(ctx, work, ended, agreeing)
		timer := time.NewTimer(wait)
		select {
		case <-next:
		case <-timer.C:
		case w := <-ended:
			f.remove(w)
		case <-ctx.Done():
		}
		timer.Stop()
	}
	f.leave(ended, cut)
	agreeing <- struct{}{} // nobody agrees any more
}

// idle is how often it is looked at least.
const idle = time.Minute

// adjust starts and stops workers. It returns when to look again.
func (f *Fleet) adjust(ctx, work context.Context, ended chan<- *worker, agreeing chan struct{}) (wait time.Duration) {
	at := f.control.place()
	p, known := f.control.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !known || f.seen.IsZero() {
		return idle
	}
	if !f.agreed(p) {
		select {
		case agreeing <- struct{}{}:
			go func() {
				f.agree(ctx)
				<-agreeing
			}()
		default:
		}
	}
	runners, leaving := f.view.who(p.Spec)
	wait = f.settled.look(time.Now(), runners, leaving)
	if f.placed == nil || f.placedAt != at || !slices.Equal(f.placedOn, f.settled.used) {
		f.placed = place(demand{runners: f.settled.used, shards: p.wanted(), pins: p.Pins})
		f.placedAt, f.placedOn = at, f.settled.used
	}
	for i, w := range f.workers {
		if f.placed[i] != f.cfg.Node.ID || w.id.Total != p.Spec.Total {
			w.ask()
		}
	}
	for i, node := range f.placed {
		if node == f.cfg.Node.ID && f.workers[i] == nil {
			f.begin(work, newWorker(f, ShardID{i, p.Spec.Total}), ended)
		}
	}
	if wait == 0 {
		wait = idle
	}
	if fresh := f.cfg.Settle - time.Since(f.seen); fresh > 0 {
		wait = min(wait, fresh)
	}
	return wait
}

// begin starts a worker. The caller holds mu.
func (f *Fleet) begin(work context.Context, w *worker, ended chan<- *worker) {
	f.workers[w.id.Index] = w
	f.changed()
	go func() {
		w.run(work)
		ended <- w
	}()
}

// remove forgets a worker that has ended.
func (f *Fleet) remove(w *worker) {
	f.mu.Lock()
	delete(f.workers, w.id.Index)
	f.mu.Unlock()
	f.changed()
}

// leave says that this node goes, and stops its shards.
func (f *Fleet) leave(ended <-chan *worker, cut context.CancelCauseFunc) {
	f.mu.Lock()
	f.leaving = true
	left := len(f.workers)
	f.mu.Unlock()
	f.changed()
	for _, w := range f.here() {
		w.ask()
	}
	late := time.AfterFunc(f.cfg.Drain+f.cfg.TTL, func() { cut(errDrain) })
	defer late.Stop()
	for ; left > 0; left-- {
		f.remove(<-ended)
	}
}

// agreed reports whether this node has nothing to say about which shards there are. The
// caller holds mu.
//
// Who has a number says so if nobody has. Where another one was agreed on, it waits until no
// runner has that any more: so a new number counts when the last node was given it. Who has
// none takes any.
func (f *Fleet) agreed(p plan) bool {
	switch {
	case p.Spec == f.cfg.Shards:
		return f.cfg.Shards != Auto()
	case p.Spec == Auto():
		return false
	}
	return f.cfg.Shards == Auto() || f.view.specs()[p.Spec] || time.Since(f.seen) < f.cfg.Settle
}

// heard notes why nobody says how many shards there should be.
func (f *Fleet) heard(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unasked = ""; err != nil {
		f.unasked = ": " + clip(err.Error(), maxReason)
	}
}

// agree sees to it that the plan says which shards there are. Who is first decides.
func (f *Fleet) agree(ctx context.Context) {
	patiently(ctx, f.cfg.Logger, "agree on how many shards there are", func() error {
		spec := f.cfg.Shards
		if spec == Auto() {
			a, err := f.adviser.get(ctx, func(a Advice) bool { return a.Shards > 0 })
			if f.heard(err); err != nil {
				return err
			}
			if spec = All(max(a.Shards, 1)); spec.Check() != nil {
				return spec.Check()
			}
		}
		was := Auto()
		p, err := f.control.edit(ctx, func(p *plan) (bool, error) {
			was = p.Spec
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.agreed(*p) {
				return false, nil
			}
			p.Spec = spec
			p.trim()
			return true, nil
		})
		if err == nil && p.Spec != was {
			f.cfg.Logger.InfoContext(ctx, "the shards of a source are agreed on", "shards", p.Spec.String(), "before", was.String())
		}
		return err
	})
}
