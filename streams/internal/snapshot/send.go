package snapshot

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// Open returns the snapshot as a stream. The files behind it are a checkpoint of
// the engine as it is now, and are removed by Close.
//
// For a snapshot that was received and is not installed, which raft opens only to
// hand it to FSM.Restore, the stream is empty.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	a := s.pending
	s.mu.Unlock()
	if a != nil && a.record.ID == id {
		return a.record.raftMeta(int64(a.unpacker.head.length)), eof{}, nil
	}
	r, number, err := s.beginSending(id)
	if err != nil {
		return nil, nil, err
	}
	st, err := s.checkpoint(r, number)
	if err != nil {
		s.endSending(number)
		s.metrics.sendFailed.Inc()
		return nil, nil, fmt.Errorf("snapshot: open: %w", err)
	}
	return r.raftMeta(int64(st.packer.head.length)), st, nil
}

// beginSending takes a place.
func (s *Store) beginSending(id string) (*record, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, 0, err
	}
	r := s.now.Snapshot
	if r == nil || r.ID != id {
		return nil, 0, fmt.Errorf("%w: %.60q", ErrNotFound, id)
	}
	if len(s.sending) >= s.config.Streams {
		s.metrics.busy.Inc()
		return nil, 0, fmt.Errorf("%w: %d are being sent", ErrBusy, len(s.sending))
	}
	s.number++
	s.sending[s.number] = r.Index
	s.metrics.sending.Set(float64(len(s.sending)))
	return r, s.number, nil
}

// endSending removes the files, and gives the place back.
func (s *Store) endSending(number uint64) {
	s.remove(numbered(sendingPrefix, number))
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sending, number)
	s.metrics.sending.Set(float64(len(s.sending)))
}

func (s *Store) checkpoint(r *record, number uint64) (*stream, error) {
	e := s.config.Engine()
	if e == nil {
		return nil, errors.New("no engine is open")
	}
	dir := s.path(numbered(sendingPrefix, number))
	applied, err := e.Checkpoint(s.life, dir)
	if err != nil {
		return nil, err
	}
	if applied.Index < r.Floor.Index {
		return nil, &DamagedError{Path: dir, Reason: fmt.Sprintf("the checkpoint ends at entry %d, the snapshot at %d", applied.Index, r.Floor.Index)}
	}
	p, err := newPacker(s.config.FS, dir, applied)
	if err != nil {
		return nil, err
	}
	st := &stream{store: s, number: number, packer: p, progress: progress{
		log: s.config.Logger.With("direction", "out", "id", r.ID, "index", r.Index, "applied", applied.Index), counter: s.metrics.sentBytes,
	}}
	st.progress.begin(p.head.length)
	return st, nil
}

// stream is an open snapshot.
type stream struct {
	store    *Store
	number   uint64
	packer   *packer
	progress progress
	err      error // the last of Read
	closed   bool
}

func (st *stream) Read(p []byte) (int, error) {
	if st.closed || st.store.life.Err() != nil {
		return 0, ErrClosed
	}
	n, err := st.packer.Read(p)
	st.err = err
	st.progress.add(n)
	return n, err
}

// Close may be called again.
func (st *stream) Close() error {
	if st.closed {
		return nil
	}
	st.closed = true
	err := st.packer.Close()
	st.store.endSending(st.number)
	if st.whole() {
		st.progress.end(nil)
		st.store.metrics.sent.Inc()
		return err
	}
	if st.err == nil || errors.Is(st.err, io.EOF) {
		st.err = errors.New("the receiver did not take all of it")
	}
	st.progress.end(st.err)
	st.store.metrics.sendFailed.Inc()
	return err
}

// whole: raft does not read to the end, but as many bytes as were announced.
func (st *stream) whole() bool { return st.progress.bytes == st.packer.head.length }

// eof is an empty stream.
type eof struct{}

// Read implements io.Reader.
func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements io.Closer.
func (eof) Close() error { return nil }
