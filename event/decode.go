package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const whatData = "data"

var (
	errNoData = errors.New("there is none")
	errTarget = errors.New("use a pointer to a struct or to a protobuf message")
)

// Decode reads an event by the default registry.
func Decode(e Event) (any, error) { return defaultRegistry.Decode(e) }

// Decode reads an event as the type that its name was registered with, and returns a
// value of that type. An event of a name that nobody registered is an ExternalEvent.
//
// Data is read as DataType says: JSON, also if it says nothing; of a protobuf message its
// binary form, or its JSON. What is wrong is a *ParseError, with the name, the field and
// the place in the data:
//
//   - Every field must be there, but for those that are pointers or have omitempty or
//     omitzero in their tag; and not be null, but for those whose Go value can be nil.
//   - Fields that the type does not have are passed over.
//   - A value with a method Validate() error must pass it.
//   - Data of an older version of the schema is brought up to date first (WithUpcast);
//     places are then those in what the up-casters made. A newer one is ErrNewerVersion.
func (r *Registry) Decode(e Event) (any, error) {
	k, err := r.ofName(e.Name)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return ExternalEvent{e}, nil
	}
	p := reflect.New(k.base)
	if err := k.decode(&e, p.Interface()); err != nil {
		return nil, err
	}
	if k.typ == k.base {
		return p.Elem().Interface(), nil
	}
	return p.Interface(), nil
}

// DecodeAs reads an event as T by the default registry: by the rules of Decode, whether
// T is registered or not. If it is, the event must have its name.
func DecodeAs[T any](e Event) (T, error) { return DecodeAsIn[T](defaultRegistry, e) }

// DecodeAsIn is DecodeAs for another registry.
func DecodeAsIn[T any](r *Registry, e Event) (T, error) {
	var v T
	typ := reflect.TypeFor[T]()
	if typ.Kind() != reflect.Pointer {
		err := r.Into(e, &v)
		if err != nil {
			var zero T
			return zero, err
		}
		return v, nil
	}
	p := reflect.New(typ.Elem())
	if err := r.Into(e, p.Interface()); err != nil {
		return v, err
	}
	v, _ = p.Interface().(T) // it is one
	return v, nil
}

// Into is DecodeAs for what v points to, which is of no use if there is an error.
func (r *Registry) Into(e Event, v any) error {
	typ := reflect.TypeOf(v)
	if typ == nil || typ.Kind() != reflect.Pointer || typ.Elem().Kind() != reflect.Struct || isNil(v) {
		return fmt.Errorf("read event %.80s into %v: %w: %w", e.Name, typ, ErrInvalid, errTarget)
	}
	t := r.table.Load()
	if t.err != nil {
		return t.err
	}
	k := t.byType[typ.Elem()]
	if k == nil {
		var err error
		if k, err = newKind(e.Name, typ, nil); err != nil {
			return fmt.Errorf("read event %.80s into %v: %w: %w", e.Name, typ, ErrInvalid, err)
		}
	}
	if k.name != e.Name {
		return wrong(&e, "name", fmt.Sprintf("is not %s, which is the name of %v", k.name, k.typ), nil)
	}
	return k.decode(&e, v)
}

// decode reads data into what v points to.
func (k *kind) decode(e *Event, v any) error {
	data, changed, err := k.current(e)
	if err != nil {
		return err
	}
	what := whatData
	if changed {
		what = "upcast data"
	}
	if m, ok := v.(proto.Message); ok && k.proto {
		err = decodeMessage(e, data, m)
	} else {
		err = k.decodeJSON(e, what, data, v)
	}
	if err != nil {
		return err
	}
	if val, ok := v.(validator); ok {
		if err := val.Validate(); err != nil {
			return ruleBroken(e, what, err)
		}
	}
	return nil
}

// ruleBroken is the error for data that does not pass Validate.
func ruleBroken(e *Event, what string, err error) error {
	p := &ParseError{What: what, Name: e.Name, Offset: -1, Err: fmt.Errorf("%w: %w", ErrInvalid, err)}
	if inv, ok := errors.AsType[*InvalidError](err); ok {
		p.Field, p.Err = inv.Field, err
	}
	return p
}

// decodeMessage reads a protobuf message.
func decodeMessage(e *Event, data []byte, m proto.Message) (err error) {
	switch {
	case isJSON(e.DataType):
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, m)
	case e.DataType == "" || isProtobuf(e.DataType):
		err = proto.Unmarshal(data, m)
	default:
		return wrong(e, "data_type", fmt.Sprintf("is %.80q, neither protobuf nor JSON", e.DataType), nil)
	}
	if err != nil {
		return &ParseError{What: whatData, Name: e.Name, Offset: -1, Err: err}
	}
	return nil
}

// decodeJSON reads a struct.
func (k *kind) decodeJSON(e *Event, what string, data []byte, v any) error {
	if e.DataType != "" && !isJSON(e.DataType) {
		return wrong(e, "data_type", fmt.Sprintf("is %.80q, not JSON", e.DataType), nil)
	}
	malformed := func(offset int64, err error) error {
		return &ParseError{What: what, Name: e.Name, Offset: offset, Err: err}
	}
	if len(data) == 0 {
		return malformed(-1, errNoData)
	}
	if i := firstInvalid(data); i >= 0 {
		return malformed(int64(i)+1, errNotUTF8)
	}
	err := json.Unmarshal(data, v)
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return malformed(s.Offset, err)
	}
	c := &cursor{b: data}
	c.space()
	if c.b[c.i] == 'n' {
		return malformed(int64(c.i)+1, errNull)
	}
	if err != nil {
		return k.refused(e, what, data, err)
	}
	if d := k.plan.missing(c); d != nil {
		return d.error(e, what)
	}
	return nil
}

// refused says where it is that encoding/json has refused a value.
func (k *kind) refused(e *Event, what string, data []byte, err error) error {
	c := &cursor{b: data}
	c.space()
	if d := k.plan.wrongValue(c, false); d != nil {
		return d.error(e, what)
	}
	return &ParseError{What: what, Name: e.Name, Offset: offsetOf(err), Err: err}
}
