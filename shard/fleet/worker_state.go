package fleet

import (
	"context"
	"time"
)

// set is told how the worker is, while no shard runs or it stops.
func (w *worker) set(s State, problem string) {
	w.mu.Lock()
	if w.state != s {
		w.since = time.Now()
	}
	w.state, w.problem = s, clip(problem, maxMetaError)
	w.mu.Unlock()
	w.f.changed()
}

// trouble notes what a worker that waits has trouble with; nil: nothing.
func (w *worker) trouble(err error) {
	text := ""
	if err != nil {
		text = clip(err.Error(), maxMetaError)
	}
	w.mu.Lock()
	same := w.problem == text
	w.problem = text
	w.mu.Unlock()
	if !same {
		w.f.changed()
	}
}

// attach has a shard run.
func (w *worker) attach(sh Shard) {
	w.mu.Lock()
	w.shard, w.state, w.problem = sh, StateStarting, ""
	w.mu.Unlock()
	w.f.changed()
}

// detach is when it does not any more. What it said last counts, unless it cannot say.
func (w *worker) detach(sh Shard) {
	p, ok := ask(sh)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shard = nil; ok {
		w.last = p
	}
}

// ask asks a shard for its progress; false: it panics.
func ask(sh Shard) (p Progress, ok bool) {
	err := caught(func() error { p = sh.Progress(); return nil })
	return p, err == nil
}

// progress is how far the shard is, or was.
func (w *worker) progress() Progress {
	w.mu.Lock()
	sh, last := w.shard, w.last
	w.mu.Unlock()
	if sh == nil {
		return last
	}
	p, ok := ask(sh)
	if !ok {
		return last
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shard == sh {
		w.last = p
	}
	return p
}

// mark writes down that the shard is about to open a session.
func (w *worker) mark(ctx context.Context) error {
	p := w.progress()
	w.mu.Lock()
	w.opening, w.before = true, p.Session
	w.mu.Unlock()
	return w.write(ctx)
}

// write writes down what the shard needs to go on now, and waits until that is done.
func (w *worker) write(ctx context.Context) error {
	if k, ok := w.keep(); ok {
		w.f.keeper.put(k)
	}
	w.mu.Lock()
	newest := keep{Shard: w.id.Index, Token: w.token, Number: w.number}
	w.mu.Unlock()
	if newest.Number == 0 {
		return nil // nothing is known, and so it was before
	}
	return w.f.keeper.written(ctx, newest)
}

// keep is what is to be written down of the shard, if that has changed.
func (w *worker) keep() (keep, bool) {
	p := w.progress()
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Session != w.before {
		w.opening = false
	}
	k := keep{
		Shard: w.id.Index, Total: w.id.Total, Node: w.f.cfg.Node.ID, Token: w.token, Number: w.number + 1,
		Session: p.Session, Seq: p.Seq, Resume: p.Resume, Opening: w.opening, At: time.Now().UnixMilli(),
	}
	if w.token == 0 || k.same(w.kept) && w.kept.Token == w.token {
		return keep{}, false
	}
	if err := k.check(); err != nil {
		w.kept = k // said once
		w.problem = clip("what it needs to go on is not kept: "+err.Error(), maxMetaError)
		return keep{}, false
	}
	w.number, w.kept = k.Number, k
	return k, true
}

// opened is whether a session may have been opened of which nothing is known.
func (w *worker) opened() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opening
}

// meta is what others are told of the worker. A session that has just begun is kept at once:
// else nobody knew of it if this node were killed.
func (w *worker) meta() shardMeta {
	p := w.progress()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shard != nil && p.Session != w.kept.Session {
		w.f.keeper.hurry()
	}
	if w.shard != nil && w.state != StateStopping && p.State.running() && p.State != w.state {
		w.state, w.since = p.State, time.Now()
	}
	problem := w.problem
	if w.shard != nil && problem == "" {
		problem = clip(p.Problem, maxMetaError)
	}
	return shardMeta{
		Shard: w.id.Index, Total: w.id.Total, State: w.state, Since: w.since.UnixMilli(), Restarts: w.restarts, Error: problem,
	}
}
