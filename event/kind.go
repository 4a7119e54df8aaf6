package event

import (
	"errors"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"
)

// kind is what a registry knows of the events of one name.
type kind struct {
	name string
	// typ is the type as it was registered: base, or a pointer to it.
	typ, base reflect.Type
	proto     bool
	plan      *plan // nil if proto
	// pointerMethods says that only a pointer has Validate or EventKey.
	pointerMethods bool
	version        int
	upcasts        map[int]Upcast // by the version that they read
}

// TypeOption changes how a type is registered.
type TypeOption func(*kind)

// baseOf is the type without its pointer.
func baseOf(typ reflect.Type) reflect.Type {
	if typ.Kind() == reflect.Pointer {
		return typ.Elem()
	}
	return typ
}

// newKind looks at a type.
func newKind(name string, typ reflect.Type, opts []TypeOption) (*kind, error) {
	k := &kind{name: name, typ: typ, base: baseOf(typ), version: 1, upcasts: map[int]Upcast{}}
	for _, opt := range opts {
		opt(k)
	}
	switch {
	case k.base.Kind() != reflect.Struct:
		return nil, errors.New("the type is neither a struct nor a pointer to one")
	case k.base == reflect.TypeFor[Event]() || k.base == reflect.TypeFor[ExternalEvent]():
		return nil, errors.New("the type is what any event may be: use one of your own")
	}
	for _, m := range [...]reflect.Type{reflect.TypeFor[validator](), reflect.TypeFor[Keyed]()} {
		k.pointerMethods = k.pointerMethods || reflect.PointerTo(k.base).Implements(m) && !k.base.Implements(m)
	}
	if isMessage(k.base) {
		if typ == k.base {
			return nil, errors.New("a protobuf message must not be copied: register the pointer to it")
		}
		k.proto = true
	} else {
		k.plan = planOf(k.base)
	}
	return k, k.checkVersions()
}

// isMessage reports whether a pointer to the type is a protobuf message.
func isMessage(base reflect.Type) bool {
	return reflect.PointerTo(base).Implements(reflect.TypeFor[proto.Message]())
}

// checkVersions checks what WithVersion and WithUpcast said.
func (k *kind) checkVersions() error {
	if k.version < 1 {
		return fmt.Errorf("version %d: versions begin at 1", k.version)
	}
	for from, f := range k.upcasts {
		switch {
		case from < 1 || from >= k.version:
			return fmt.Errorf("an up-caster from version %d: the type is version %d, so from 1 to %d", from, k.version, k.version-1)
		case f == nil:
			return fmt.Errorf("the up-caster from version %d is nil", from)
		case k.proto:
			return errors.New("protobuf messages need no up-casters: fields that are new are just not there")
		}
	}
	return nil
}
