package event

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// Registry knows which Go type the events of a name have. It is safe for concurrent
// use; looking something up takes no lock.
type Registry struct {
	style Style

	mu    sync.Mutex // of those who change table
	table atomic.Pointer[table]
}

// table is what a registry knows. It is never changed, but replaced.
type table struct {
	byName map[string]*kind
	byType map[reflect.Type]*kind
	err    error // of Register: joined
}

// RegistryOption changes a new registry.
type RegistryOption func(*Registry)

// WithStyle sets how names are to be written. Defaults to SnakeCase.
func WithStyle(s Style) RegistryOption { return func(r *Registry) { r.style = s } }

// NewRegistry makes a registry that knows nothing yet.
func NewRegistry(opts ...RegistryOption) *Registry {
	r := &Registry{}
	for _, opt := range opts {
		opt(r)
	}
	r.table.Store(&table{byName: map[string]*kind{}, byType: map[reflect.Type]*kind{}})
	return r
}

// defaultRegistry is the one of Register. What it knows comes from the initialization
// of packages, as that of gob.
var defaultRegistry = NewRegistry()

// Default returns the registry that Register, Of, Decode and DecodeAs use.
func Default() *Registry { return defaultRegistry }

// Register says that events of a name have the type T: a struct, a pointer to one, or a
// pointer to a generated protobuf message. By convention the name tells in the past
// tense what has happened: user_created.
//
// It stands where a package begins,
//
//	var _ = event.Register[UserCreated]("user_created")
//
// and nobody looks at its error there. So the default registry keeps it, and refuses
// to make or to read any event from then on: a name in another style, a name or a type
// that is there twice, or a type that cannot be an event is found by the first test
// that uses an event. Err tells it, too.
func Register[T any](name string, opts ...TypeOption) error {
	err := RegisterIn[T](defaultRegistry, name, opts...)
	if err != nil {
		defaultRegistry.fail(err)
	}
	return err
}

// RegisterIn is Register for another registry, which does not keep the error: it stays
// as it was.
func RegisterIn[T any](r *Registry, name string, opts ...TypeOption) error {
	k, err := newKind(name, reflect.TypeFor[T](), opts)
	if err == nil {
		err = r.add(k)
	}
	if err != nil {
		return fmt.Errorf("event %.80q of type %v %w: %w", name, reflect.TypeFor[T](), ErrRegister, err)
	}
	return nil
}

// add adds a kind.
func (r *Registry) add(k *kind) error {
	if err := validateName(k.name); err != nil {
		return err
	}
	if !r.style.fits(k.name) {
		return fmt.Errorf("write the name in %v, as all of this registry", r.style)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.table.Load()
	if other := old.byName[k.name]; other != nil {
		return fmt.Errorf("the name is that of %v", other.typ)
	}
	if other := old.byType[k.base]; other != nil {
		return fmt.Errorf("the type is that of event %q", other.name)
	}
	t := &table{byName: maps.Clone(old.byName), byType: maps.Clone(old.byType), err: old.err}
	t.byName[k.name], t.byType[k.base] = k, k
	r.table.Store(t)
	return nil
}

// fail has the registry be of no use.
func (r *Registry) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := *r.table.Load()
	t.err = errors.Join(t.err, err)
	r.table.Store(&t)
}

// Err is what went wrong in Register; nil if nothing did.
func (r *Registry) Err() error { return r.table.Load().err }

// Names are all names that are registered, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.table.Load().byName)) }

// Has reports whether a name is registered.
func (r *Registry) Has(name string) bool { return r.table.Load().byName[name] != nil }

// NameOf returns the name of the events that have the type of v; a pointer to it is
// the same. An error is ErrNotRegistered.
func (r *Registry) NameOf(v any) (string, error) {
	k, err := r.ofType(reflect.TypeOf(v))
	if err != nil {
		return "", err
	}
	return k.name, nil
}

// ofType finds the kind of a type.
func (r *Registry) ofType(typ reflect.Type) (*kind, error) {
	t := r.table.Load()
	if t.err != nil {
		return nil, t.err
	}
	if typ != nil {
		if k := t.byType[baseOf(typ)]; k != nil {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%v: %w: say event.Register[%v] and its name", typ, ErrNotRegistered, typ)
}

// ofName finds the kind of a name; nil: there is none.
func (r *Registry) ofName(name string) (*kind, error) {
	t := r.table.Load()
	return t.byName[name], t.err
}
