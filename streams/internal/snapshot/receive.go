package snapshot

import (
	"errors"
	"fmt"
)

// arrival is a snapshot on its way in, and then one that waits for Install.
type arrival struct {
	store    *Store
	record   record
	number   uint64
	name     string // of its directory
	unpacker *unpacker
	progress progress
}

// receive makes the directory for what a sink is given. One at a time: raft does
// no more, and the disk need not hold more.
func (s *Store) receive(k *Sink) (*arrival, error) {
	if err := s.beginReceiving(); err != nil {
		return nil, err
	}
	a := &arrival{store: s, record: k.record, number: k.number, name: numbered(statePrefix, k.number)}
	a.unpacker = newUnpacker(s.config.FS, s.path(a.name), a.onHead)
	a.progress = progress{
		log:     s.config.Logger.With("direction", "in", "id", k.record.ID, "index", k.record.Index),
		counter: s.metrics.recvdBytes,
	}
	if err := s.config.FS.MkdirAll(s.path(a.name), 0o755); err != nil {
		a.discard(err)
		return nil, err
	}
	return a, nil
}

// beginReceiving takes the place, and discards what was received before and not
// installed.
func (s *Store) beginReceiving() error {
	s.mu.Lock()
	if err := s.usable(); err != nil {
		s.mu.Unlock()
		return err
	}
	if s.receiving || s.installing {
		s.mu.Unlock()
		return fmt.Errorf("%w: one is being received", ErrBusy)
	}
	old := s.pending
	s.receiving, s.pending = true, nil
	s.mu.Unlock()
	if old != nil {
		s.remove(old.name)
	}
	return nil
}

// endReceiving gives the place back, and leaves a for Install, if it is not nil.
func (s *Store) endReceiving(a *arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receiving, s.pending = false, a
}

func (a *arrival) onHead(h head) error {
	if err := a.store.hasRoom(h); err != nil {
		return err
	}
	a.progress.begin(h.length)
	return nil
}

func (a *arrival) write(p []byte) (int, error) {
	n, err := a.unpacker.Write(p)
	a.progress.add(n)
	return n, err
}

// finish makes what was received durable, and leaves it for Install. Before that it
// is a leftover to Open.
func (a *arrival) finish() error {
	if err := a.settle(); err != nil {
		a.discard(err)
		return err
	}
	a.record.Floor = position(a.unpacker.head.applied)
	a.progress.end(nil)
	a.store.metrics.received.Inc()
	a.store.endReceiving(a)
	return nil
}

func (a *arrival) settle() error {
	if err := a.unpacker.Finish(); err != nil {
		return err
	}
	fs := a.store.config.FS
	if err := syncDir(fs, a.store.path(a.name)); err != nil {
		return err
	}
	return syncDir(fs, a.store.config.Dir)
}

func (a *arrival) discard(cause error) {
	err := errors.Join(cause, a.unpacker.Close())
	a.store.remove(a.name)
	a.progress.end(err)
	a.store.metrics.receiveFailed.Inc()
	a.store.endReceiving(nil)
}
