package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// HandlerFunc handles an event. An error, and a panic, mean that it could not.
type HandlerFunc func(ctx context.Context, e *AckEvent) error

// handler is one that was registered.
type handler struct{ f HandlerFunc }

// handlers are those that are registered now.
type handlers struct {
	mu  sync.Mutex // of those who change all
	all atomic.Pointer[handlerTable]
}

// handlerTable is never changed, but replaced.
type handlerTable struct {
	byName   map[string][]*handler
	external []*handler // of names that are not registered
}

// On has events of the type T handled by f. T is a type that is registered with the
// consumer, or a pointer to it; or event.ExternalEvent, for those of all names that are
// not. Several may handle one type: they are called in the order in which they were
// registered, all of them, and the event has failed if one of them has.
//
// off ends that; f may still be called for events that are being handled. Handlers may
// come and go at any time. An error is event.ErrNotRegistered.
func On[T any](c *Consumer, f func(ctx context.Context, v T) error) (off func(), err error) {
	h := &handler{f: func(ctx context.Context, a *AckEvent) error {
		v, ok := valueAs[T](a.Value)
		if !ok {
			return fmt.Errorf("event %s is a %T now, not a %v: %w", a.Event.Name, a.Value, reflect.TypeFor[T](), event.ErrNotRegistered)
		}
		return f(ctx, v)
	}}
	if reflect.TypeFor[T]() == reflect.TypeFor[event.ExternalEvent]() {
		return c.handlers.add("", h), nil
	}
	var zero T
	name, err := c.cfg.Registry.NameOf(zero)
	if err != nil {
		return nil, err
	}
	return c.handlers.add(name, h), nil
}

// OnName has events of a name handled by f, whether it is registered or not.
func (c *Consumer) OnName(name string, f HandlerFunc) (off func(), err error) {
	if name == "" {
		return nil, fmt.Errorf("a handler of no name: %w", eventnode.ErrInvalidArgument)
	}
	return c.handlers.add(name, &handler{f: f}), nil
}

// valueAs is a value as T, which is its type, a pointer to it, or what it points to.
func valueAs[T any](v any) (T, bool) {
	if t, ok := v.(T); ok {
		return t, true
	}
	want, is := reflect.TypeFor[T](), reflect.ValueOf(v)
	if is.Kind() == reflect.Pointer && is.Type().Elem() == want {
		t, ok := is.Elem().Interface().(T)
		return t, ok
	}
	if is.IsValid() && want.Kind() == reflect.Pointer && want.Elem() == is.Type() {
		p := reflect.New(is.Type())
		p.Elem().Set(is)
		t, ok := p.Interface().(T)
		return t, ok
	}
	var none T
	return none, false
}

// add registers a handler, of external events if the name is empty.
func (hs *handlers) add(name string, h *handler) (off func()) {
	hs.change(name, func(list []*handler) []*handler { return append(list, h) })
	return func() {
		hs.change(name, func(list []*handler) []*handler {
			return slices.DeleteFunc(list, func(other *handler) bool { return other == h })
		})
	}
}

// change replaces the handlers of a name by what f makes of a copy.
func (hs *handlers) change(name string, f func([]*handler) []*handler) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	t := handlerTable{byName: map[string][]*handler{}}
	if old := hs.all.Load(); old != nil {
		t = handlerTable{byName: maps.Clone(old.byName), external: old.external}
	}
	if name == "" {
		t.external = f(slices.Clone(t.external))
	} else {
		t.byName[name] = f(slices.Clone(t.byName[name]))
	}
	hs.all.Store(&t)
}

// of returns the handlers of an event.
func (hs *handlers) of(name string, registered bool) []*handler {
	t := hs.all.Load()
	if t == nil {
		return nil
	}
	list := t.byName[name]
	if registered || len(t.external) == 0 {
		return list
	}
	return slices.Concat(list, t.external)
}

// callAll calls the handlers of an event, all of them.
func callAll(ctx context.Context, a *AckEvent) error {
	if len(a.handlers) == 1 {
		return caught(ctx, a, a.handlers[0].f)
	}
	var errs []error
	for _, h := range a.handlers {
		errs = append(errs, caught(ctx, a, h.f))
	}
	return errors.Join(errs...)
}

// caught calls a handler, and makes a *eventnode.PanicError of a panic.
func caught(ctx context.Context, a *AckEvent, f HandlerFunc) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &eventnode.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f(ctx, a)
}
