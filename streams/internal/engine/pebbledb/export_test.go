package pebbledb

// Waits is how often a commit waited for the disk.
func (s *Store) Waits() uint64 { return s.metrics.waits.Load() }

// WrittenBytes is what flushes and compactions wrote.
func (s *Store) WrittenBytes() uint64 {
	m := s.stats()
	return uint64(flushedBytes(m) + compactedBytes(m))
}

// Pending is what was committed and is not durable, when the writer has ended.
func (s *Store) Pending() int64 { return s.pressure.total - s.pressure.base }

// Series is where tables are cut.
type Series struct{ *series }

// NewSeries returns the series of a store with such memtables.
func NewSeries(memtable int64) Series { return Series{newSeries(memtable)} }

// Note takes notice of a row that was set.
func (s Series) Note(key []byte, size int) { s.note(key, size) }

// Turn says that a flush begins.
func (s Series) Turn() { s.turn() }

// End is where a table that begins with a key ends; nil if nowhere.
func (s Series) End(start []byte) []byte {
	_, end, _ := s.policy(start) // it has no error
	return end
}

// Tables are the first and the last key of each table.
func (s *Store) Tables() (all [][2][]byte, err error) {
	levels, err := s.db.SSTables()
	for _, level := range levels {
		for _, table := range level {
			all = append(all, [2][]byte{table.Smallest.UserKey, table.Largest.UserKey})
		}
	}
	return all, err
}

// HoldCompactions has none begin.
func (s *Store) HoldCompactions() { s.compactions.open.Store(false) }
