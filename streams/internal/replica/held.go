package replica

import (
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// held is the state's engine while it may be replaced by one that was received:
// who uses it keeps it from being closed.
type held struct {
	mu    sync.RWMutex
	store atomic.Pointer[engine.Store] // replaced with mu held; nil before the first
}

// use returns the engine and what to call when done with it.
func (h *held) use() (engine.Store, func()) {
	h.mu.RLock()
	return *h.store.Load(), h.mu.RUnlock
}

// now is the engine at this moment, nil if there is none. It may be closed at the
// next.
func (h *held) now() engine.Store {
	if p := h.store.Load(); p != nil {
		return *p
	}
	return nil
}

// set puts in the first one.
func (h *held) set(store engine.Store) { h.store.Store(&store) }

// replace closes the engine, when nobody uses it any more, and puts in what open
// returns. Until then nobody gets it.
func (h *held) replace(open func() (engine.Store, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.now().Close(); err != nil {
		return err
	}
	store, err := open()
	if err != nil {
		return err
	}
	h.set(store)
	return nil
}
