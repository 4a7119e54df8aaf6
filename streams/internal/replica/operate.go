package replica

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Moment is the state as it was at one moment, read from links to its files: reading
// all of it neither empties the replica's caches, nor does damage that is found there
// end the replica. It belongs to one goroutine.
type Moment struct {
	// Applied is the last entry in it, and Chain the hash over the state there.
	Applied engine.Applied
	Chain   engine.Chain
	// Bytes is what its files take.
	Bytes uint64

	partition uint32
	files     *snapshot.Moment
	view      engine.View // nil: closed
}

// Moment takes one; the caller calls Release. Two may be there at once.
func (r *Replica) Moment(ctx context.Context) (*Moment, error) {
	s, err := r.present()
	if err != nil {
		return nil, err
	}
	files, err := s.snapshots.Moment(ctx)
	if err != nil {
		return nil, aside(err)
	}
	view, err := r.cfg.OpenView(files.Dir)
	if err != nil {
		files.Release()
		return nil, aside(files.Explain(err))
	}
	m := &Moment{partition: r.cfg.Partition, files: files, view: view, Bytes: uint64(max(view.Size(), 0))}
	m.Applied, m.Chain = view.Applied()
	return m, nil
}

// aside is what an error of what is done beside the replica's work means.
func aside(err error) error {
	switch {
	case errors.Is(err, snapshot.ErrClosed), errors.Is(err, raftlog.ErrClosed):
		return errStopped
	case errors.Is(err, snapshot.ErrBusy):
		return fmt.Errorf("%w: try again when they are done: %w", err, eventnode.ErrUnavailable)
	}
	return err
}

// Verify reads every row; see state.View.Verify.
func (m *Moment) Verify(step func(bytes int) error, found func(error)) (state.Verified, error) {
	ended := false
	v, err := state.NewView(m.view, m.partition).Verify(step, func(err error) {
		if ended = ended || m.files.Explain(err) != err; !ended { //nolint:errorlint // the very same one
			found(err)
		}
	})
	if ended {
		return v, errStopped
	}
	return v, err
}

// Pack returns the state as a stream, and its length in bytes. It cannot be read
// otherwise after that.
func (m *Moment) Pack() (io.ReadCloser, uint64, error) {
	if err := m.close(); err != nil {
		return nil, 0, err
	}
	r, n, err := m.files.Open()
	return r, n, aside(err)
}

func (m *Moment) close() error {
	if m.view == nil {
		return nil
	}
	view := m.view
	m.view = nil
	return view.Close()
}

// Release ends the moment and removes its files.
func (m *Moment) Release() {
	_ = m.close() // it was open for reading
	m.files.Release()
}

// VerifyLog reads the log as it is on disk, beside what is written to it; see
// raftlog.Log.Verify. It also looks at the file that says what the snapshot is.
func (r *Replica) VerifyLog(step func(bytes int) error, found func(part string, err error)) (raftlog.Verified, error) {
	s, err := r.present()
	if err != nil {
		return raftlog.Verified{}, err
	}
	if err := s.snapshots.Verify(); err != nil {
		found("snapshot", err)
	}
	v, err := s.log.Verify(step, func(err error) { found("log", err) })
	return v, aside(err)
}

// LogFileBytes is about how many bytes VerifyLog will read.
func (r *Replica) LogFileBytes() uint64 {
	s, err := r.present()
	if err != nil {
		return 0
	}
	return s.log.FileBytes()
}
