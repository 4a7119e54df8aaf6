package source

import (
	"sync/atomic"
)

// step is one that may fail.
type step string

const (
	stepCache    step = "cache"
	stepDerive   step = "derive"
	stepDispatch step = "dispatch"
)

// guard takes a step. What fails or panics is counted and logged, and no affair of the
// other steps.
func (r *run) guard(s step, pl Payload, f func() error) (ok bool) {
	err := caught(f)
	if err == nil {
		return true
	}
	r.p.metrics.failures.WithLabelValues(string(s), kindOf(err)).Inc()
	r.p.failures[s].tell(r.work, pl.Name, pl.Origin, err)
	return false
}

// cache writes the payload into the cache. nil: nothing is known of what was before.
func (r *run) cache(pl Payload) (change Change) {
	r.guard(stepCache, pl, func() (err error) {
		change, err = r.p.cfg.Cache.Write(r.work, pl)
		return err
	})
	return change
}

// derive makes the payload's events. What cannot be derived is told as it came.
func (r *run) derive(change Change, pl Payload) (events []Event) {
	derived := change != nil && r.guard(stepDerive, pl, func() (err error) {
		events, err = change.Derive(pl)
		return err
	})
	if !derived && !r.guard(stepDerive, pl, func() error { events = r.p.cfg.Plain(pl); return nil }) {
		events = plain(pl)
	}
	r.p.metrics.events.Add(float64(len(events)))
	if len(events) == 0 {
		r.p.metrics.silent.Inc()
	}
	return events
}

// handle hands events to this node's handlers, in order. When the last handler has
// returned, the payload's credit is free.
func (r *run) handle(events []Event) {
	if r.feed == nil {
		r.credits <- struct{}{} // there is a place for each that is under way
		return
	}
	r.p.metrics.underway.Inc()
	left := &underway{run: r}
	left.events.Store(int64(len(events)) + 1)
	for i := range events {
		r.feed.give(events[i], left)
	}
	left.done()
}

// underway is a payload whose handlers have not all returned: its events, and one.
type underway struct {
	run    *run
	events atomic.Int64
}

// done implements tally.
func (u *underway) done() {
	if u.events.Add(-1) == 0 {
		u.run.p.metrics.underway.Dec()
		u.run.credits <- struct{}{}
	}
}

// dispatch sends events to consumers on all nodes.
func (r *run) dispatch(pl Payload, events []Event) {
	if len(events) == 0 || r.work.Err() != nil {
		return
	}
	r.guard(stepDispatch, pl, func() error {
		err := r.p.cfg.Dispatcher.Dispatch(r.work, events)
		if r.work.Err() != nil {
			return nil // the source is told that it was not handled
		}
		return err
	})
}

// credit waits until another payload may be taken in: so many are under way at most.
func (r *run) credit(pl Payload, events int) error {
	select {
	case <-r.credits:
	case <-r.work.Done():
	}
	if r.work.Err() != nil {
		return ErrNotHandled
	}
	if events > 0 {
		r.p.handled(pl.Origin)
	}
	return nil
}

// place says of each event what stands before it. An event without an origin has its
// payload's.
func place(events []Event, o, last Origin) []Event {
	var after uint64
	if last.Seq < o.Seq && stretch(last) == stretch(o) {
		after = last.Seq
	}
	for i := range events {
		e := &events[i]
		if e.Origin == (Origin{}) {
			e.Origin = o
		}
		e.Place = Place{Part: i, Parts: len(events), After: after}
	}
	return events
}

// stretch is an origin but for its number: inside one numbers grow.
func stretch(o Origin) Origin {
	o.Seq = 0
	return o
}
