// Package replay is a log of the newest things of a sequence. It has no goroutine and no
// clock, and belongs to one goroutine at a time.
package replay

// Limits bound a log. The newest entry is kept whatever it costs.
type Limits struct{ Count, Bytes int }

// Log keeps the newest entries, numbered from 1 on; number 0 is before the first.
type Log[T any] struct {
	limits  Limits
	entries []entry[T] // from start on
	start   int
	first   uint64 // the number of the oldest entry, or of the next one
	bytes   int
	// How many of the oldest entries do not count for the limits, and what they cost.
	free, freeBytes int
}

type entry[T any] struct {
	value T
	cost  int
}

// New makes an empty log.
func New[T any](limits Limits) Log[T] { return From[T](limits, 1) }

// From makes an empty log whose first entry will have a number: what was before it is
// gone.
func From[T any](limits Limits, first uint64) Log[T] { return Log[T]{limits: limits, first: first} }

// Append adds an entry and returns its number. The oldest go, if need be.
func (l *Log[T]) Append(value T, cost int) uint64 {
	l.entries = append(l.entries, entry[T]{value, cost})
	l.bytes += cost
	l.trim()
	return l.Last()
}

// AppendFree is Append of an entry that does not count for the limits before Count is
// called: in the beginning, while there are no others.
func (l *Log[T]) AppendFree(value T, cost int) uint64 {
	if l.free < l.Len() {
		return l.Append(value, cost)
	}
	l.entries = append(l.entries, entry[T]{value, cost})
	l.bytes, l.free, l.freeBytes = l.bytes+cost, l.free+1, l.freeBytes+cost
	return l.Last()
}

// Free is the number of the newest entry that does not count for the limits; one less than
// First if none does.
func (l *Log[T]) Free() uint64 { return l.first + uint64(l.free) - 1 }

// Count has all entries count for the limits.
func (l *Log[T]) Count() {
	l.free, l.freeBytes = 0, 0
	l.trim()
}

func (l *Log[T]) trim() {
	for l.Len() > 1 && (l.Len()-l.free > l.limits.Count || l.bytes-l.freeBytes > l.limits.Bytes) {
		l.drop()
	}
}

// drop forgets the oldest entry. The slice is moved when half of it is unused: so each
// entry is moved once on average.
func (l *Log[T]) drop() {
	l.bytes -= l.entries[l.start].cost
	if l.free > 0 {
		l.free, l.freeBytes = l.free-1, l.freeBytes-l.entries[l.start].cost
	}
	l.entries[l.start] = entry[T]{}
	l.start++
	l.first++
	if l.start*2 >= len(l.entries) {
		n := copy(l.entries, l.entries[l.start:])
		clear(l.entries[n:])
		l.entries, l.start = l.entries[:n], 0
	}
}

// Len is how many entries are kept.
func (l *Log[T]) Len() int { return len(l.entries) - l.start }

// Bytes is what they cost.
func (l *Log[T]) Bytes() int { return l.bytes }

// First is the number of the oldest entry that is kept; one more than Last if none is.
func (l *Log[T]) First() uint64 { return l.first }

// Last is the number of the newest entry; 0 before there was one.
func (l *Log[T]) Last() uint64 { return l.first + uint64(l.Len()) - 1 }

// At is the entry with a number; false: it is gone, or not there yet.
func (l *Log[T]) At(number uint64) (value T, ok bool) {
	if number < l.first || number > l.Last() {
		return value, false
	}
	return l.entries[l.start+int(number-l.first)].value, true
}

// Missing is how many entries between one that was seen and the oldest that is kept are
// gone.
func (l *Log[T]) Missing(seen uint64) uint64 {
	if before := l.first - 1; seen < before {
		return before - seen
	}
	return 0
}
