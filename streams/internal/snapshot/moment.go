package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// maxMoments bounds those that are there at once: each keeps files on the disk that
// the engine has no use for any more. One more is ErrBusy.
const maxMoments = 2

// Moment is the state as it was at one moment, in a directory of its own, made of
// links to the engine's files. It belongs to one goroutine.
type Moment struct {
	// Dir is the directory. What is in it is an engine's, to be opened for reading.
	Dir string
	// Applied is the last entry that it holds.
	Applied engine.Applied

	store *Store
	name  string // of Dir
	once  sync.Once
}

// Moment makes a checkpoint of the engine. The caller calls Release.
func (s *Store) Moment(ctx context.Context) (*Moment, error) {
	if err := s.beginMoment(); err != nil {
		return nil, err
	}
	m := &Moment{store: s, name: momentPrefix + uuid.NewString()}
	m.Dir = s.path(m.name)
	if err := m.make(ctx); err != nil {
		m.Release()
		return nil, fmt.Errorf("snapshot: moment: %w", m.Explain(err))
	}
	return m, nil
}

func (s *Store) beginMoment() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if s.moments >= maxMoments {
		return fmt.Errorf("%w: %d copies are being read", ErrBusy, s.moments)
	}
	s.moments++
	return nil
}

func (m *Moment) make(ctx context.Context) (err error) {
	e := m.store.config.Engine()
	if e == nil {
		return errors.New("no engine is open")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.store.life, cancel)()
	m.Applied, err = e.Checkpoint(ctx, m.Dir)
	return err
}

// Explain is what an error met in the directory means: when the store was closed,
// its files may be gone, which is no damage.
func (m *Moment) Explain(err error) error {
	if err != nil && m.store.life.Err() != nil {
		return ErrClosed
	}
	return err
}

// Open returns the directory as a stream, and how many bytes that is. Nobody else
// may have the directory open.
func (m *Moment) Open() (io.ReadCloser, uint64, error) {
	p, err := newPacker(m.store.config.FS, m.Dir, m.Applied)
	if err != nil {
		return nil, 0, m.Explain(err)
	}
	return p, p.head.length, nil
}

// Release removes the directory. It may be called again.
func (m *Moment) Release() {
	m.once.Do(func() {
		m.store.remove(m.name)
		m.store.mu.Lock()
		defer m.store.mu.Unlock()
		m.store.moments--
	})
}
