package pebbledb

import (
	"errors"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// View reads a checkpoint, and changes nothing in its directory. It has a small
// cache of its own, so it can read all there is without emptying a store's. Damage
// that it finds is an error of the read, and the end of nothing.
type View struct{ store *Store }

var _ engine.View = (*View)(nil)

// OpenView opens the checkpoint in c.Dir. Of c it uses Dir and FS: what it finds is
// for the caller to tell.
func OpenView(c Config) (*View, error) {
	c.MemoryBytes, c.Registerer, c.Logger = minMemory, nil, nil
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := inspect(c.FS, c.Dir); err != nil {
		return nil, err
	}
	s := newStore(c, nil)
	if s.db, err = openCopy(c, s.failure); err != nil {
		return nil, err
	}
	state, err := readState(s.db)
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	s.state.Store(&state)
	return &View{s}, nil
}

// openCopy opens a directory for reading.
func openCopy(c Config, f *failure) (*pebble.DB, error) {
	o := options(c, c.FS)
	o.ReadOnly = true
	o.DisableTableStats = true
	o.Logger = &logger{log: c.Logger, failure: f}
	db, err := pebble.Open(c.Dir, o)
	if err != nil {
		return nil, opening(err)
	}
	return db, nil
}

// Get implements engine.Reader.
func (v *View) Get(key []byte, use func(value []byte) error) (bool, error) {
	return v.store.Get(key, use)
}

// Scan implements engine.Reader.
func (v *View) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	return v.store.Scan(lower, upper, order)
}

// Applied implements engine.Reader.
func (v *View) Applied() (engine.Applied, engine.Chain) { return v.store.Applied() }

// Size is what the files take.
func (v *View) Size() int64 {
	if v.store.gate.enter() != nil {
		return 0
	}
	defer v.store.gate.leave()
	return int64(v.store.db.Metrics().DiskSpaceUsage())
}

// Close waits for reads under way.
func (v *View) Close() error {
	if !v.store.gate.close() {
		return nil
	}
	<-v.store.gate.empty
	return v.store.db.Close()
}
