package cache

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// entryCost is what an entry takes besides its value: its row, and its places in maps.
const entryCost = 200

// table has the values of one kind.
type table struct {
	limit Limit

	mu      sync.RWMutex
	places  map[Snowflake]*place
	sorted  []Snowflake // of places; nil: not known
	end     row         // a ring: next of it is the oldest, prev the newest
	entries int
	bytes   int64
	evicted uint64
}

// place has those that belong to one thing.
type place struct {
	rows   map[Snowflake]*row
	sorted []Snowflake // of rows; nil: not known
}

// row is a value, in the ring of its table.
type row struct {
	key        Key
	value      json.RawMessage
	prev, next *row
	read       atomic.Bool // since it was written, or passed over in eviction
}

func (t *table) begin(limit Limit) {
	t.limit = limit
	t.places = map[Snowflake]*place{}
	t.end.prev, t.end.next = &t.end, &t.end
}

// row is one of a place that may be nil; nil: there is none.
func (p *place) row(id Snowflake) *row {
	if p == nil {
		return nil
	}
	return p.rows[id]
}

func (t *table) read(key Key) (json.RawMessage, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	r := t.places[key.In].row(key.ID)
	if r == nil {
		return nil, ErrNotFound
	}
	if !r.read.Load() { // most are read twice: the cache line stays shared
		r.read.Store(true)
	}
	return r.value, nil
}

// list needs the lock for the order, which it may have to make.
func (t *table) list(r Range) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.places[r.In]
	if p == nil {
		return nil
	}
	if p.sorted == nil {
		p.sorted = slices.Sorted(maps.Keys(p.rows))
	}
	at, _ := slices.BinarySearch(p.sorted, r.From)
	var found []Entry
	for _, id := range p.sorted[at:] {
		if !r.has(id) || len(found) == r.most() {
			break
		}
		found = append(found, Entry{p.rows[id].key, p.rows[id].value})
	}
	return found
}

func (t *table) placesFrom(from Snowflake) []Snowflake {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sorted == nil {
		t.sorted = slices.Sorted(maps.Keys(t.places))
	}
	at, _ := slices.BinarySearch(t.sorted, from)
	return slices.Clone(t.sorted[at:min(at+MaxPage, len(t.sorted))])
}

// fill puts the entries of this kind that the list begins with, and is the rest.
func (t *table) fill(entries []Entry) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	kind := entries[0].Key.Kind
	for len(entries) > 0 && entries[0].Key.Kind == kind {
		t.put(entries[0].Key, entries[0].Value)
		entries = entries[1:]
	}
	return entries
}

// put sets a value. The caller holds mu.
func (t *table) put(key Key, value json.RawMessage) (old json.RawMessage) {
	if t.limit.Entries < 0 {
		return nil
	}
	r := t.places[key.In].row(key.ID)
	if entryCost+int64(cap(value)) > t.limit.Bytes {
		return t.refuse(r)
	}
	if r == nil {
		r = t.add(key)
	} else {
		old = r.value
		r.leave()
		t.bytes -= int64(cap(old))
	}
	r.value = value
	r.read.Store(false)
	r.before(&t.end)
	if t.bytes += int64(cap(value)); t.over() {
		t.evict(r)
	}
	return old
}

// refuse is put of a value that has no room, even alone: the old one goes, for it is not the
// newest any more. Nil: there is none.
func (t *table) refuse(r *row) (old json.RawMessage) {
	t.evicted++
	if r == nil {
		return nil
	}
	t.remove(r)
	return r.value
}

// add makes a row, which is in no ring yet.
func (t *table) add(key Key) *row {
	p := t.places[key.In]
	if p == nil {
		p = &place{rows: map[Snowflake]*row{}}
		t.places[key.In] = p
		t.sorted = nil
	}
	r := &row{key: key}
	p.rows[key.ID] = r
	p.sorted = nil
	t.entries++
	t.bytes += entryCost
	return r
}

// remove takes a row out. The caller holds mu.
func (t *table) remove(r *row) {
	p := t.places[r.key.In]
	delete(p.rows, r.key.ID)
	p.sorted = nil
	if len(p.rows) == 0 {
		delete(t.places, r.key.In)
		t.sorted = nil
	}
	r.leave()
	t.entries--
	t.bytes -= entryCost + int64(cap(r.value))
}

// over reports whether there is more than may be.
func (t *table) over() bool { return t.entries > t.limit.Entries || t.bytes > t.limit.Bytes }

// evict makes room for a batch: it takes the oldest, and passes once over what was read, and
// over what was just written, which fits by itself.
func (t *table) evict(written *row) {
	for n := 0; t.entries > 1 && (n < t.limit.Batch || t.over()); {
		r := t.end.next
		if r == written || r.read.Swap(false) {
			r.leave()
			r.before(&t.end)
			continue
		}
		t.remove(r)
		t.evicted++
		n++
	}
}

// before puts a row into the ring.
func (r *row) before(other *row) {
	r.prev, r.next = other.prev, other
	r.prev.next, other.prev = r, r
}

// leave takes it out.
func (r *row) leave() { r.prev.next, r.next.prev = r.next, r.prev }
