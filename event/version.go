package event

import (
	"encoding/json"
	"strconv"
)

// MetaVersion is the key in Meta of the version of the data's schema: a whole number, 1
// if it is not there. The name is one that CloudEvents allows for an extension.
const MetaVersion = "schemaversion"

// Upcast turns the data of an old version into that of the next one. It must not change
// what it is given.
type Upcast func(old json.RawMessage) (json.RawMessage, error)

// WithVersion sets which version of the schema the type is; events of it are marked so
// (MetaVersion). Defaults to 1. Raise it when the data of older events can no longer be
// read as the type, and say with WithUpcast how to read them.
func WithVersion(n int) TypeOption { return func(k *kind) { k.version = n } }

// WithUpcast reads data of version from as that of the version after it. Up-casters are
// chained: of version 1, when the type is version 3, the data passes that from 1 and
// then that from 2.
func WithUpcast(from int, f Upcast) TypeOption {
	return func(k *kind) { k.upcasts[from] = f }
}

// versionOf reads the version of an event's schema.
func versionOf(e *Event) (int, error) {
	s, ok := e.Meta[MetaVersion]
	if !ok {
		return 1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, wrong(e, MetaVersion, "is not a whole number from 1 on", nil)
	}
	return n, nil
}

// current returns the data of an event as the version that the type is.
func (k *kind) current(e *Event) (data []byte, changed bool, err error) {
	version, err := versionOf(e)
	if err != nil {
		return nil, false, err
	}
	if version > k.version {
		return nil, false, wrong(e, MetaVersion,
			"is "+strconv.Itoa(version)+", and this program knows versions up to "+strconv.Itoa(k.version)+": update it", ErrNewerVersion)
	}
	data = e.Data
	for ; version < k.version && !k.proto; version++ {
		f := k.upcasts[version]
		if f == nil {
			return nil, false, wrong(e, MetaVersion,
				"is "+strconv.Itoa(version)+", which no up-caster reads: add one with event.WithUpcast", nil)
		}
		if data, err = f(data); err != nil {
			return nil, false, wrong(e, MetaVersion, "is "+strconv.Itoa(version)+", and its up-caster failed: "+err.Error(), err)
		}
		changed = true
	}
	return data, changed, nil
}

// wrong is the error for a field of an event that was read already.
func wrong(e *Event, field, reason string, cause error) *ParseError {
	return &ParseError{
		What: "event", Name: e.Name, Field: field, Offset: -1,
		Err: &InvalidError{Field: field, Reason: reason, Err: cause},
	}
}
