package event

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// plan is what must be there in the JSON of a type: which fields of structs, at any
// depth. What it says follows encoding/json: names, tags, embedded structs.
type plan struct {
	typ reflect.Type
	// fields are those of a struct.
	fields []planField
	// elem is the plan of what a slice, an array or a map has in it. Of a value without
	// a plan (leaf) nothing is asked but that encoding/json takes it.
	elem *plan
	leaf bool
}

// planField is a field of a struct.
type planField struct {
	name     string
	required bool
	// nullable says that null is a value of it.
	nullable bool
	// quoted says that the tag has the option "string".
	quoted bool
	plan   *plan

	// How it came into its struct, by the rules of embedding.
	depth  int
	tagged bool
}

// planOf makes the plan of a struct.
func planOf(typ reflect.Type) *plan { return planner{}.of(typ) }

// planner remembers the types that it has seen: types may be recursive.
type planner map[reflect.Type]*plan

func (m planner) of(typ reflect.Type) *plan {
	typ = baseOf(typ)
	if p := m[typ]; p != nil {
		return p
	}
	p := &plan{typ: typ}
	m[typ] = p
	kind := typ.Kind()
	switch {
	case readsItself(typ):
		p.leaf = true
	case kind == reflect.Struct:
		p.fields = m.fields(typ)
	case kind == reflect.Map, kind == reflect.Array, kind == reflect.Slice && typ.Elem().Kind() != reflect.Uint8:
		p.elem = m.of(typ.Elem())
	default:
		p.leaf = true
	}
	return p
}

// readsItself reports whether a type has its own way to be read.
func readsItself(typ reflect.Type) bool {
	p := reflect.PointerTo(typ)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// nullable reports whether null is a value of the type, also as this program writes it:
// a nil slice is null.
func nullable(typ reflect.Type) bool {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return true
	default:
		return typ != reflect.TypeFor[time.Time]() && reflect.PointerTo(typ).Implements(reflect.TypeFor[json.Unmarshaler]())
	}
}

// fields lists the fields of a struct, with those of the structs embedded in it.
func (m planner) fields(typ reflect.Type) []planField {
	all := m.collect(typ, 0, true, map[reflect.Type]bool{})
	byName := map[string][]planField{}
	var names []string
	for _, f := range all {
		if byName[f.name] == nil {
			names = append(names, f.name)
		}
		byName[f.name] = append(byName[f.name], f)
	}
	var list []planField
	for _, name := range names {
		if f, ok := dominant(byName[name]); ok {
			list = append(list, f)
		}
	}
	return list
}

// collect lists the fields of a struct and of those embedded in it.
func (m planner) collect(typ reflect.Type, depth int, required bool, within map[reflect.Type]bool) (list []planField) {
	if within[typ] {
		return nil
	}
	within[typ] = true
	defer delete(within, typ)
	for f := range typ.Fields() {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if base := baseOf(f.Type); f.Anonymous && name == "" && base.Kind() == reflect.Struct && !readsItself(base) {
			list = append(list, m.collect(base, depth+1, required && f.Type == base, within)...)
			continue
		}
		if f.IsExported() {
			list = append(list, m.field(f, name, strings.Split(options, ","), depth, required))
		}
	}
	return list
}

// field describes one field.
func (m planner) field(f reflect.StructField, name string, options []string, depth int, required bool) planField {
	optional := f.Type.Kind() == reflect.Pointer || slices.Contains(options, "omitempty") || slices.Contains(options, "omitzero")
	pf := planField{
		name: name, tagged: name != "", depth: depth,
		required: required && !optional, nullable: optional || nullable(f.Type),
		quoted: slices.Contains(options, "string"), plan: m.of(f.Type),
	}
	if name == "" {
		pf.name = f.Name
	}
	return pf
}

// dominant is the field that a name means: the least deep one, of these the one with a
// tag. If there are two it means none.
func dominant(fields []planField) (planField, bool) {
	slices.SortStableFunc(fields, func(a, b planField) int {
		switch {
		case a.depth != b.depth:
			return a.depth - b.depth
		case a.tagged == b.tagged:
			return 0
		case a.tagged:
			return -1
		}
		return 1
	})
	first := fields[0]
	if len(fields) > 1 && fields[1].depth == first.depth && fields[1].tagged == first.tagged {
		return planField{}, false
	}
	return first, true
}
