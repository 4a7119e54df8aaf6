package raftlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

func segmentName(info types.SegmentInfo) string { return segment.FileName(info) }

var _ types.SegmentFiler = (*filer)(nil)

// filer is raft-wal's way to segments, with two gaps closed.
//
// A file that was closed by cutting the end of the log has no index, and raft-wal
// cannot read it after a restart. The filer reads such a file with the offsets
// that were found when it was checked.
//
// A full file is closed in the background, and raft-wal does not wait for that
// before it cuts the log: it would then close the wrong file, and begin the next
// one at index 1. The filer knows when one is due, and settle waits for it.
type filer struct {
	*segment.Filer
	fs     FS
	dir    string
	logger *slog.Logger
	// unindexed holds the offsets of files without an index, by segment number.
	unindexed map[uint64][]uint32

	life *life // a due file counts as a write that is under way

	mu  sync.Mutex
	due chan struct{} // closed when the next file is there or failed; nil if none is due
}

// Open reads a file by its index, or else by the offsets that were found when it
// was checked.
func (f *filer) Open(info types.SegmentInfo) (types.SegmentReader, error) {
	if info.IndexStart != 0 {
		return f.Filer.Open(info)
	}
	r, err := f.fs.OpenReader(f.dir, segmentName(info))
	if err != nil {
		return nil, err
	}
	return &reader{ReadableFile: r, info: info, offsets: f.unindexed[info.ID]}, nil
}

// Create names our codec in the header; see meta.CommitState.
func (f *filer) Create(info types.SegmentInfo) (types.SegmentWriter, error) {
	info.Codec = codecID
	defer f.finished()
	w, err := f.Filer.Create(info)
	if err != nil {
		return nil, err
	}
	return &writer{w, f}, nil
}

// RecoverTail opens the last file for writing, watched as those of Create are.
func (f *filer) RecoverTail(info types.SegmentInfo) (types.SegmentWriter, error) {
	w, err := f.Filer.RecoverTail(info)
	if err != nil {
		return nil, err
	}
	return &writer{w, f}, nil
}

// Delete is called for files that are no longer in the list. raft-wal goes on
// if it fails; they are tried again at the next open.
func (f *filer) Delete(base, id uint64) error {
	err := f.Filer.Delete(base, id)
	if err != nil {
		f.logger.Warn("old segment stays", "file", segmentName(types.SegmentInfo{BaseIndex: base, ID: id}), "err", err)
	}
	return err
}

// begun is called when a file is full, finished when the next one is there, or
// failed, whether one was due or not.
func (f *filer) begun() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.due == nil {
		f.due = make(chan struct{})
		f.life.hold()
	}
}

func (f *filer) finished() {
	f.mu.Lock()
	due := f.due
	f.due = nil
	f.mu.Unlock()
	if due != nil {
		close(due)
		f.life.end()
	}
}

// settle waits until no file is due.
func (f *filer) settle() {
	f.mu.Lock()
	due := f.due
	f.mu.Unlock()
	if due != nil {
		<-due
	}
}

// writer tells the filer when its file is full.
type writer struct {
	types.SegmentWriter
	filer *filer
}

// Sealed is called after each batch.
func (w *writer) Sealed() (bool, uint64, error) {
	full, index, err := w.SegmentWriter.Sealed()
	if full && err == nil {
		w.filer.begun()
	}
	return full, index, err
}

// reader reads a file that has no index.
type reader struct {
	types.ReadableFile
	info    types.SegmentInfo
	offsets []uint32
}

// GetLog implements types.SegmentReader. The buffer is fresh memory, not pooled.
func (r *reader) GetLog(index uint64) (*types.PooledBuffer, error) {
	if index < r.info.MinIndex || index > r.info.MaxIndex || index-r.info.BaseIndex >= uint64(len(r.offsets)) {
		return nil, types.ErrNotFound
	}
	at := int64(r.offsets[index-r.info.BaseIndex])
	head, err := r.read(at, frameLen)
	if err != nil {
		return nil, err
	}
	f, reason := parseFrame(head)
	if reason == "" && f.kind != kindEntry {
		reason = "not an entry"
	}
	if reason != "" {
		return nil, &DamageError{Index: index, Where: where(r.info, at), Reason: reason}
	}
	b, err := r.read(at+frameLen, int(f.len))
	return &types.PooledBuffer{Bs: b}, err
}

func (r *reader) read(at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := r.ReadAt(b, at)
	if got == n || !errors.Is(err, io.EOF) && err != nil {
		return b[:got], noEOF(err)
	}
	return nil, &DamageError{Where: where(r.info, at), Reason: fmt.Sprintf("file is cut, %d of %d bytes", got, n)}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
