package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"reflect"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The media types of data that this package writes.
const (
	JSON     = "application/json"
	Protobuf = "application/protobuf"
)

// Keyed is implemented by types whose events have an ordering key. WithKey overrides
// it.
type Keyed interface {
	// EventKey returns the Event.Key, such as the ID of the user that it is about.
	EventKey() string
}

// validator is implemented by types whose values have rules of their own.
type validator interface{ Validate() error }

// Of makes an event of a value whose type is in the default registry.
func Of(v any, opts ...Option) (Event, error) { return defaultRegistry.Of(v, opts...) }

// Of makes an event of a value: the name is what its type was registered under, the key
// that of Keyed, the data its JSON, of a protobuf message its binary form. WithDataType
// has a message be written as JSON, or says what the data is called, such as
// "application/vnd.shop+json"; the data of a struct is always JSON.
//
// A value with a method Validate() error must pass it. An Event passes as it is, with
// opts applied. An ExternalEvent is ErrExternalEvent, a type that is not there
// ErrNotRegistered; everything else is ErrInvalid.
func (r *Registry) Of(v any, opts ...Option) (Event, error) {
	switch v := v.(type) {
	case Event:
		return rawEvent(v, opts)
	case *Event:
		if v != nil {
			return rawEvent(*v, opts)
		}
	}
	if isExternal(v) {
		return Event{}, fmt.Errorf("%w: register a type for it, or produce its Event to forward it as it came", ErrExternalEvent)
	}
	k, err := r.ofType(reflect.TypeOf(v))
	if err != nil {
		return Event{}, err
	}
	return k.encode(v, opts)
}

// rawEvent is an event that is given as such.
func rawEvent(e Event, opts []Option) (Event, error) {
	if len(opts) > 0 {
		e = apply(e, opts)
	}
	return e, e.Validate()
}

// encode makes an event.
func (k *kind) encode(v any, opts []Option) (Event, error) {
	if isNil(v) {
		return Event{}, invalid("data", "is a nil pointer")
	}
	methods := k.methodsOf(v)
	if val, ok := methods.(validator); ok {
		if err := val.Validate(); err != nil {
			return Event{}, fmt.Errorf("%s: %w: %w", k.name, ErrInvalid, err)
		}
	}
	e := New(k.name, nil, opts...)
	e.Name = k.name
	if keyed, ok := methods.(Keyed); ok && e.Key == "" {
		e.Key = keyed.EventKey()
	}
	if err := k.setData(&e, v); err != nil {
		return Event{}, err
	}
	if k.version > 1 {
		e.Meta = maps.Clone(e.Meta) // it is the caller's
		if e.Meta == nil {
			e.Meta = make(map[string]string, 1)
		}
		e.Meta[MetaVersion] = strconv.Itoa(k.version)
	}
	return e, e.Validate()
}

// setData writes the data.
func (k *kind) setData(e *Event, v any) (err error) {
	switch {
	case !k.proto:
		if e.DataType == "" {
			e.DataType = JSON
		}
		if !isJSON(e.DataType) {
			return invalid("data_type", fmt.Sprintf("is %.80q: a struct is written as JSON", e.DataType))
		}
		e.Data, err = json.Marshal(v)
	case isJSON(e.DataType):
		e.Data, err = protojson.Marshal(v.(proto.Message)) // it is one: newKind looked
	case e.DataType == "" || isProtobuf(e.DataType):
		if e.DataType == "" {
			e.DataType = Protobuf
		}
		e.Data, err = proto.Marshal(v.(proto.Message))
	default:
		return invalid("data_type", fmt.Sprintf("is %.80q: a message is written as protobuf or as JSON", e.DataType))
	}
	if err != nil {
		return &InvalidError{Field: "data", Reason: "cannot be written: " + err.Error(), Err: err}
	}
	return nil
}

// isProtobuf reports whether a media type says that the data is protobuf.
func isProtobuf(mediaType string) bool {
	base, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (base == Protobuf || base == "application/x-protobuf")
}

// methodsOf is v, or a pointer to a copy of it if the methods that matter are those of
// the pointer.
func (k *kind) methodsOf(v any) any {
	if !k.pointerMethods || reflect.TypeOf(v) != k.base {
		return v
	}
	p := reflect.New(k.base)
	p.Elem().Set(reflect.ValueOf(v))
	return p.Interface()
}

func isNil(v any) bool {
	rv := reflect.ValueOf(v)
	return rv.Kind() == reflect.Pointer && rv.IsNil()
}
