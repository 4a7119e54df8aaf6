package source

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

// Handler handles an event. An error and a panic mean that it could not: that is counted
// and logged, and no affair of other events, handlers or the source.
type Handler func(ctx context.Context, e Event) error

// Handlers handles events by their names. They may be added at any time, and handle the
// events of a [Pipeline] or of a [Consumer]. It is safe for concurrent use.
type Handlers struct {
	cfg     HandlersConfig
	metrics *handlerMetrics
	own     *handler // stands for the key function and for predicates

	mu      sync.RWMutex
	byName  map[string][]*handler // a slice does not change
	others  []*handler
	waiters map[*Expected]struct{}
}

// handler is one that was registered.
type handler struct {
	name      string // as metrics have it
	f         Handler
	complaint *complaint
	handled   prometheus.Counter
}

// NewHandlers makes Handlers that handle nothing yet.
func NewHandlers(cfg HandlersConfig) (*Handlers, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newHandlerMetrics(cfg.Registerer, cfg.Name)
	if err != nil {
		return nil, err
	}
	h := &Handlers{cfg: cfg, metrics: m, byName: map[string][]*handler{}, waiters: map[*Expected]struct{}{}}
	h.own = &handler{complaint: newComplaint(cfg.Logger, "handle")}
	return h, nil
}

// On has events of a name handled, with their data as a T, from JSON. Data that is none is
// a *DecodeError, as one of the handler. Several handlers of one name are called one after
// the other, in the order in which they were registered.
func On[T any](h *Handlers, name string, f func(ctx context.Context, v T, e Event) error) error {
	return OnDecoded(h, name, func(e Event) (v T, err error) { return v, json.Unmarshal(e.Data, &v) }, f)
}

// OnDecoded is On with a decode function of one's own.
func OnDecoded[T any](h *Handlers, name string, decode func(e Event) (T, error), f func(ctx context.Context, v T, e Event) error) error {
	return h.OnEvent(name, func(ctx context.Context, e Event) error {
		v, err := decode(e)
		if err != nil {
			return &DecodeError{e.Name, err}
		}
		return f(ctx, v, e)
	})
}

// OnEvent has events of a name handled as they are.
func (h *Handlers) OnEvent(name string, f Handler) error {
	if name == "" || f == nil {
		return fmt.Errorf("source: a handler needs the name of its events, and a function: %w", eventnode.ErrInvalidArgument)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byName[name] = append(h.byName[name][:len(h.byName[name]):len(h.byName[name])], h.handler(name, f))
	return nil
}

// Default has events handled that no handler is for. Without one they are ignored.
func (h *Handlers) Default(f Handler) error {
	if f == nil {
		return fmt.Errorf("source: a handler needs a function: %w", eventnode.ErrInvalidArgument)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.others = append(h.others[:len(h.others):len(h.others)], h.handler("*", f))
	return nil
}

func (h *Handlers) handler(name string, f Handler) *handler {
	return &handler{name, f, newComplaint(h.cfg.Logger, "handle "+name), h.metrics.handled.WithLabelValues(name)}
}

// of returns the handlers of a name.
func (h *Handlers) of(name string) []*handler {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if list, ok := h.byName[name]; ok {
		return list
	}
	return h.others
}

// Run has the events of a sequence handled, until it or ctx ends, and returns when all
// handlers have: their contexts last for Config.Drain longer than ctx. The next event is asked for
// when there is room for it. An error of the sequence ends it, and is returned; unless ctx
// has ended.
//
// What Consumer.Events returns is such a sequence.
func (h *Handlers) Run(ctx context.Context, events iter.Seq2[Event, error]) error {
	work, release := outlive(ctx, h.cfg.Drain)
	defer release()
	f := h.start(work)
	defer f.wait()
	for e, err := range events {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		f.give(e, noTally{})
	}
	return nil
}
