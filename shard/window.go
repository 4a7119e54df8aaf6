package shard

import "sync/atomic"

// item is what is handed to the goroutine that delivers.
type item struct {
	event event
	gap   *Gap // instead of an event
}

// size is what an item counts for, in bytes.
func (i item) size() int64 { return int64(len(i.event.data) + len(i.event.name) + 64) }

// slack is for what is put into a window that is full: the gap and the READY of a new
// session, whose events are not read.
const slack = 16

// window is the payloads that were read and are not handled. It is full at so many items or
// bytes, and has room again when half of them are handled: that is the credit of a source.
type window struct {
	queue      chan item
	most, size int64
	n, bytes   atomic.Int64
	shut       atomic.Bool
	// room has one place: there is room again.
	room chan struct{}
}

func newWindow(items, bytes int) *window {
	return &window{
		queue: make(chan item, items+slack), most: int64(items), size: int64(bytes), room: make(chan struct{}, 1),
	}
}

// put adds an item, and reports whether the window is full now. Who goes on all the same
// may put as many more as there is slack for; ok is false beyond.
func (w *window) put(i item) (full, ok bool) {
	n, bytes := w.n.Add(1), w.bytes.Add(i.size())
	select {
	case w.queue <- i:
	default:
		w.done(i)
		return true, false
	}
	if n < w.most && bytes < w.size {
		return w.shut.Load(), true
	}
	w.shut.Store(true)
	if w.low() && w.shut.CompareAndSwap(true, false) {
		return false, true // all was handled meanwhile
	}
	return true, true
}

// done: an item was handled.
func (w *window) done(i item) {
	w.n.Add(-1)
	w.bytes.Add(-i.size())
	if w.shut.Load() && w.low() && w.shut.CompareAndSwap(true, false) {
		select {
		case w.room <- struct{}{}:
		default:
		}
	}
}

func (w *window) low() bool { return w.n.Load() <= w.most/2 && w.bytes.Load() <= w.size/2 }
