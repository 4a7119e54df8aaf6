package discord

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/eventnode/eventnode/internal/jsonscan"
)

// Unknown are the members of an object that its type has no field for, by name. They are
// kept, and written again. What is known and zero is left out in writing.
type Unknown map[string]json.RawMessage

// decode reads an object into the fields of type T, by its twin without methods, and what
// has no field into unknown.
func decode[T any](data []byte, twin any, unknown *Unknown) error {
	if err := json.Unmarshal(data, twin); err != nil {
		return err
	}
	known := known[reflect.TypeFor[T]()]
	m := jsonscan.Object(data)
	for m.Next() {
		name := nameOf(m.Key)
		if known[name] {
			continue
		}
		if *unknown == nil {
			*unknown = Unknown{}
		}
		(*unknown)[name] = slices.Clone(m.Value)
	}
	return m.Err()
}

// nameOf is a member's name without escapes.
func nameOf(key []byte) string {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key)
	}
	var name string
	if json.Unmarshal(slices.Concat([]byte{'"'}, key, []byte{'"'}), &name) != nil {
		return string(key)
	}
	return name
}

// encode writes an object by its twin without methods, and then what is unknown.
func encode(twin any, unknown Unknown) ([]byte, error) {
	data, err := json.Marshal(twin)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		data = data[:len(data)-1]
		if len(data) > 1 {
			data = append(data, ',')
		}
		data = slices.Concat(data, key, []byte{':'}, unknown[name], []byte{'}'})
	}
	return data, nil
}

// known are the members that each type here has a field for.
var known = func() map[reflect.Type]map[string]bool {
	all := map[reflect.Type]map[string]bool{}
	for _, make := range events {
		learn(all, reflect.TypeOf(make()))
	}
	return all
}()

// learn adds a type, and those of its fields.
func learn(all map[reflect.Type]map[string]bool, t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		learn(all, t.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if all[t] != nil {
		return
	}
	all[t] = map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := bytes.Cut([]byte(f.Tag.Get("json")), []byte{','}); len(name) > 0 && string(name) != "-" {
			all[t][string(name)] = true
		}
		learn(all, f.Type)
	}
}
