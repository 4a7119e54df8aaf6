package membership

import (
	"context"

	"github.com/eventnode/eventnode"
)

// DefaultWatchBuffer is how many events wait for a watcher.
const DefaultWatchBuffer = 256

// Watcher yields the changes of a Membership. The view's lock guards it.
type Watcher struct {
	view   *view
	signal chan struct{}
	buffer int
	queue  []Event   // at most buffer; a full one is emptied, and a resync follows
	fresh  bool      // the next event is a snapshot
	kind   EventKind // of that snapshot
	closed bool
}

func (v *view) watch(buffer int) *Watcher {
	if buffer <= 0 {
		buffer = DefaultWatchBuffer
	}
	w := &Watcher{view: v, signal: make(chan struct{}, 1), buffer: buffer, fresh: true, kind: EventSnapshot}
	v.mu.Lock()
	defer v.mu.Unlock()
	w.closed = v.ended
	if !w.closed {
		v.watchers[w] = struct{}{}
	}
	return w
}

// push queues events; what a snapshot will show is not queued. It reports whether
// the queue was full.
func (w *Watcher) push(events []Event) (full bool) {
	if w.fresh {
		return false
	}
	if len(w.queue)+len(events) > w.buffer {
		w.overrun()
		return true
	}
	w.queue = append(w.queue, events...)
	return false
}

// overrun makes a resync the next event, unless the first snapshot is still to come.
func (w *Watcher) overrun() {
	if !w.fresh {
		w.queue, w.fresh, w.kind = nil, true, EventResync
	}
}

// Next waits for the next event. One goroutine at a time may call it. It returns
// eventnode.ErrClosed after Close and when Run has ended.
func (w *Watcher) Next(ctx context.Context) (Event, error) {
	for {
		ev, ok, err := w.take()
		if ok || err != nil {
			return ev, err
		}
		select {
		case <-w.signal:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

func (w *Watcher) take() (ev Event, ok bool, err error) {
	w.view.mu.Lock()
	defer w.view.mu.Unlock()
	switch {
	case w.closed:
		return Event{}, false, eventnode.ErrClosed
	case w.fresh:
		w.fresh = false
		return Event{Kind: w.kind, Nodes: w.view.nodes()}, true, nil
	case len(w.queue) > 0:
		ev, w.queue = w.queue[0], w.queue[1:]
		return ev, true, nil
	}
	return Event{}, false, nil
}

// Close ends the watch.
func (w *Watcher) Close() {
	w.close()
	wake(w.signal)
}

func (w *Watcher) close() {
	w.view.mu.Lock()
	defer w.view.mu.Unlock()
	w.closed = true
	delete(w.view.watchers, w)
}

func wakeAll(signals []chan struct{}) {
	for _, s := range signals {
		wake(s)
	}
}
