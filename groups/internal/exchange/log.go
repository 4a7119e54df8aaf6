package exchange

// log holds the latest change sets of one part, as they came, for whoever pulls
// them. It is bounded in number and bytes; the oldest go.
type log struct {
	length, limit int
	entries       [][]byte // encoded; entries[:head] have gone
	head          int
	bytes         int
	last          uint64 // version of the last entry
}

// add appends the change set that leads to version. If it does not follow the
// last one, the log starts anew.
func (l *log) add(version uint64, msg []byte) {
	if version != l.last+1 {
		l.entries, l.head, l.bytes = nil, 0, 0
	}
	l.last = version
	l.bytes += len(msg)
	if l.head > l.length && len(l.entries) == cap(l.entries) { // make room in place
		n := copy(l.entries, l.entries[l.head:])
		clear(l.entries[n:])
		l.entries, l.head = l.entries[:n], 0
	}
	l.entries = append(l.entries, msg)
	for len(l.entries)-l.head > l.length || l.bytes > l.limit {
		l.bytes -= len(l.entries[l.head])
		l.entries[l.head] = nil
		l.head++
	}
}

// since returns the change sets that lead from version to the last; ok is false
// if the log does not reach back to it, or not up to now.
func (l *log) since(version, now uint64) (entries [][]byte, ok bool) {
	if l == nil || l.last != now || version > now || now-version > uint64(len(l.entries)-l.head) {
		return nil, false
	}
	return l.entries[uint64(len(l.entries))-(now-version):], true
}
