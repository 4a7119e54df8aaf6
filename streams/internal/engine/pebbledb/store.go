package pebbledb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// stateKey is the engine's own key, below all others. It holds the position.
const stateKey = 0x00

// Store is the engine on disk.
type Store struct {
	config      Config
	lock        *pebble.Lock
	db          *pebble.DB
	gate        *gate
	fence       *fence
	failure     *failure
	pressure    *pressure
	series      *series
	compactions *scheduler
	asking      atomic.Bool // somebody asks it
	metrics     *metrics
	lookout     lookout
	reads       *stopwatch
	state       atomic.Pointer[chain.State]
	batch       int // bytes of the largest of late; only the writer

	mu        sync.Mutex
	snapshots map[*snapshot]struct{}
}

var _ engine.Store = (*Store)(nil)

func newStore(c Config, lock *pebble.Lock) *Store {
	f := newFence(c.FS)
	s := &Store{
		config:      c,
		lock:        lock,
		gate:        newGate(),
		reads:       newStopwatch(),
		fence:       f,
		failure:     newFailure(f, c.Logger),
		pressure:    newPressure(memtableBytes(c.MemoryBytes)),
		series:      newSeries(memtableBytes(c.MemoryBytes)),
		compactions: newScheduler(),
		snapshots:   map[*snapshot]struct{}{},
	}
	s.metrics = &metrics{store: s}
	s.state.Store(&chain.State{})
	return s
}

// Get reads from what was committed last.
func (s *Store) Get(key []byte, use func(value []byte) error) (bool, error) {
	return s.get(s.db, key, use)
}

// Scan reads from what was committed when the loop begins.
func (s *Store) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	return s.scan(s.db, lower, upper, order)
}

// Applied is the entry that was committed last.
func (s *Store) Applied() (engine.Applied, engine.Chain) {
	state := s.state.Load()
	return state.Applied, state.Chain
}

// Flush writes the memtables and waits until the manifest names their tables.
func (s *Store) Flush(ctx context.Context) (uint64, error) {
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	return s.durable()
}

func (s *Store) flush(ctx context.Context) error {
	if err := s.failure.get(); err != nil {
		return err
	}
	done, err := s.db.AsyncFlush()
	if err != nil {
		return s.failure.reading(err)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pebbledb: flush: %w", context.Cause(ctx))
	case <-s.failure.done:
		return s.failure.get()
	case <-s.gate.closing:
		return engine.ErrClosed
	}
}

// Durable reads the position as a crash would leave it.
func (s *Store) Durable() uint64 {
	if s.gate.enter() != nil {
		return 0
	}
	defer s.gate.leave()
	index, err := s.durable()
	if err != nil {
		return 0 // of no use to cut a log by, so always safe
	}
	return index
}

// durable asks Pebble, which leaves the memtables out of this view.
func (s *Store) durable() (uint64, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound:                []byte{stateKey},
		UpperBound:                []byte{engine.MinKey},
		OnlyReadGuaranteedDurable: true,
	})
	if err != nil {
		return 0, s.failure.reading(err)
	}
	defer func() { _ = it.Close() }() // its error is Error's
	if !it.First() {
		return 0, s.failure.reading(it.Error())
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return 0, s.failure.reading(err)
	}
	state, err := chain.Parse(value)
	return state.Index, err
}

// Size is what the files take, those included that are to be removed.
func (s *Store) Size() int64 {
	return int64(s.stats().DiskSpaceUsage())
}

// Failed is closed when the store cannot go on.
func (s *Store) Failed() <-chan struct{} { return s.failure.done }

// Err is why it cannot.
func (s *Store) Err() error { return s.failure.get() }

// Reading is for how long the read has been under way that began first.
func (s *Store) Reading() time.Duration { return s.reads.longest() }

// Close ends the store; see package engine. It waits for the write to disk that
// is under way, also for one that hangs.
func (s *Store) Close() error {
	if !s.gate.close() {
		return nil
	}
	s.metrics.unregister()
	s.fence.release() // who is inside may wait for a write that it holds
	<-s.gate.empty
	s.closeSnapshots()
	err := s.db.Close()
	if s.failure.get() != nil {
		err = nil // it complains about what the fence kept it from
	}
	if err := errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("pebbledb: close: %w", err)
	}
	return nil
}
