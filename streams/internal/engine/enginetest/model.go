package enginetest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Model is the dumb twin of an engine.
type Model struct {
	Script  Script
	Applied engine.Applied
	Chain   engine.Chain
	Rows    map[string][]byte
}

// NewModel is empty.
func NewModel(s Script) *Model { return &Model{Script: s, Rows: map[string][]byte{}} }

// Clone copies the rows, not their bytes.
func (m *Model) Clone() *Model {
	c := *m
	c.Rows = maps.Clone(m.Rows)
	return &c
}

// To applies entries up to index.
func (m *Model) To(index uint64) *Model {
	for i := m.Applied.Index + 1; i <= index; i++ {
		m.apply(m.Script.Position(i), m.Script.Entry(i))
	}
	return m
}

func (m *Model) apply(at engine.Applied, writes []Write) {
	var all []byte
	for _, w := range writes {
		value := bytes.Join(w.Value, nil)
		switch w.Kind {
		case Set:
			m.Rows[string(w.Key)] = value
			all = frame(all, 1, w.Key, value)
		case Delete:
			delete(m.Rows, string(w.Key))
			all = frame(all, 2, w.Key, nil)
		case DeleteRange:
			maps.DeleteFunc(m.Rows, func(key string, _ []byte) bool {
				return key >= string(w.Key) && key < string(w.Upper)
			})
			all = frame(all, 3, w.Key, w.Upper)
		}
	}
	for _, n := range []uint64{uint64(m.Chain), at.Index, at.Term} {
		all = binary.BigEndian.AppendUint64(all, n)
	}
	m.Applied, m.Chain = at, engine.Chain(xxhash.Sum64(all))
}

func frame(dst []byte, kind byte, first, second []byte) []byte {
	dst = append(dst, kind)
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(first)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(second)))
	return append(append(dst, first...), second...)
}

// keys returns those in [lower, upper), in order.
func (m *Model) keys(lower, upper []byte, order engine.Order) []string {
	var keys []string
	for key := range m.Rows {
		if key >= string(lower) && (upper == nil || key < string(upper)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if order == engine.Descending {
		slices.Reverse(keys)
	}
	return keys
}
