package source

import (
	"context"
	"sync"
)

// feed is Handlers at work on the events of one source. Those that run or wait are
// bounded by its slots: give waits for one. Each event is handled in a goroutine of its
// own; so whatever a handler does, others are not harmed.
type feed struct {
	h     *Handlers
	ctx   context.Context //nolint:containedctx // of handlers: it ends when they are to
	slots chan struct{}
	wg    sync.WaitGroup

	mu      sync.Mutex
	waiting schedule[task]
	running int
}

// task is an event with those that handle it.
type task struct {
	event    Event
	handlers []*handler
	tally    tally
}

// tally is told when nothing more is done about an event.
type tally interface{ done() }

// noTally is for who does not ask.
type noTally struct{}

func (noTally) done() {}

func (h *Handlers) start(ctx context.Context) *feed {
	return &feed{h: h, ctx: ctx, slots: make(chan struct{}, h.cfg.limit())}
}

// give has an event handled, and waits until there is room for it; when handlers are one
// after the other, until they have returned. The tally is told once.
func (f *feed) give(e Event, left tally) {
	f.h.expected(e)
	t := task{e, f.h.of(e.Name), left}
	switch {
	case len(t.handlers) == 0:
		left.done()
	case f.h.cfg.Mode == Sequential:
		f.handle(t) // in the source's goroutine
	default:
		f.queue(t)
	}
}

// queue has a task run when its turn comes.
func (f *feed) queue(t task) {
	key := f.key(t.event)
	select {
	case f.slots <- struct{}{}:
	case <-f.ctx.Done():
		f.abandon(t)
		return
	}
	f.h.metrics.waiting.Inc()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting.add(key, t)
	f.advance()
}

// key is what orders an event. One whose key cannot be told waits for nobody.
func (f *feed) key(e Event) (key string) {
	if f.h.cfg.Mode != OrderedByKey {
		return ""
	}
	err := caught(func() error { key = f.h.cfg.Key(e); return nil })
	if err != nil {
		f.h.fail(f.ctx, f.h.own, e, err)
	}
	return key
}

// advance starts what may run. The caller holds mu.
func (f *feed) advance() {
	for f.running < f.h.cfg.Concurrency {
		k, ok := f.waiting.next()
		if !ok {
			return
		}
		f.running++
		f.h.metrics.waiting.Dec()
		f.wg.Go(func() {
			defer f.finished(k.key)
			f.handle(k.v)
		})
	}
}

// finished makes room.
func (f *feed) finished(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	<-f.slots
	f.running--
	f.waiting.done(key)
	f.advance()
}

// handle calls the handlers of an event, unless it is too late.
func (f *feed) handle(t task) {
	if f.ctx.Err() != nil {
		f.abandon(t)
		return
	}
	defer t.tally.done()
	f.h.metrics.running.Inc()
	defer f.h.metrics.running.Dec()
	for _, h := range t.handlers {
		f.h.call(f.ctx, h, t.event)
	}
}

// abandon is for an event that comes too late.
func (f *feed) abandon(t task) {
	f.h.metrics.abandoned.Inc()
	t.tally.done()
}

// wait waits for all handlers. give is not called any more.
func (f *feed) wait() { f.wg.Wait() }

// call calls a handler. What fails or panics is counted and logged.
func (h *Handlers) call(ctx context.Context, to *handler, e Event) {
	if err := caught(func() error { return to.f(ctx, e) }); err != nil {
		h.fail(ctx, to, e, err)
		return
	}
	to.handled.Inc()
}

func (h *Handlers) fail(ctx context.Context, to *handler, e Event, err error) {
	h.metrics.failures.WithLabelValues(to.name, kindOf(err)).Inc()
	to.complaint.tell(ctx, e.Name, e.Origin, err)
}
