package wire

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eventnode/eventnode"
)

// Filter is an eventnode.Filter for encoded events. It never changes.
type Filter struct {
	names []string // sorted
	meta  []metaValue
	key   string
}

// metaValue is what an event's meta must hold.
type metaValue struct{ key, value string }

// NewFilter makes a filter of one that was checked; nil of one that wants everything.
func NewFilter(f eventnode.Filter) *Filter {
	if f.IsZero() {
		return nil
	}
	c := &Filter{names: slices.Compact(slices.Sorted(slices.Values(f.Names)))}
	for _, k := range slices.Sorted(maps.Keys(f.Meta)) {
		c.meta = append(c.meta, metaValue{k, f.Meta[k]})
	}
	c.key = fmt.Sprintf("%q", []any{c.names, c.meta})
	return c
}

// Key is the same for filters that want the same, and only for these.
func (f *Filter) Key() string { return f.key }

// Match reports whether the filter wants an encoded event for which CheckEvent found
// nothing wrong. It does not allocate.
func (f *Filter) Match(b []byte) bool {
	named := len(f.names) == 0
	var has uint64 // a bit for each of f.meta; what stands later counts, as in any map
	for len(b) > 0 {
		field, ok := nextField(b)
		if !ok {
			return false
		}
		b = b[field.size:]
		switch field.num {
		case fieldName:
			named = len(f.names) == 0 || slices.ContainsFunc(f.names, func(name string) bool { return name == string(field.val) })
		case fieldMeta:
			has = f.see(has, field.val)
		}
	}
	return named && has == 1<<len(f.meta)-1
}

// see notes what one entry of the map says.
func (f *Filter) see(has uint64, entry []byte) uint64 {
	var key, value []byte
	for len(entry) > 0 {
		field, ok := nextField(entry)
		if !ok {
			return has
		}
		entry = entry[field.size:]
		switch field.num {
		case 1:
			key = field.val
		case 2:
			value = field.val
		}
	}
	for i, m := range f.meta {
		if m.key != string(key) {
			continue
		}
		has &^= 1 << i
		if m.value == string(value) {
			has |= 1 << i
		}
	}
	return has
}

// Apply returns the records of a run that the filter wants, and how many. They are data
// itself if it wants all, else a copy.
func (f *Filter) Apply(data []byte, count int) ([]byte, int) {
	var kept []byte
	n, from := 0, 0 // data[from:pos] is wanted and not copied yet
	for pos := 0; pos < len(data); {
		rec, rest, err := NextRecord(data[pos:])
		if err != nil && len(rec.Raw) == 0 {
			break
		}
		next := len(data) - len(rest)
		if err == nil && f.Match(rec.Event) {
			n++
		} else {
			kept = append(kept, data[from:pos]...)
			from = next
		}
		pos = next
	}
	if n == count {
		return data, count
	}
	return append(kept, data[from:]...), n
}
