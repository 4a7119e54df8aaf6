package snapshot

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Sink takes one snapshot. Raft uses it for its own (then Persist of what
// Store.Snapshot returned has marked it, and nothing is written to it), or copies a
// stream into it. Either way Close decides.
type Sink struct {
	store  *Store
	record record
	number uint64

	local   *local
	arrival *arrival
	err     error
	closed  bool
}

var _ raft.SnapshotSink = (*Sink)(nil)

// Create begins a snapshot. Nothing is on disk before there is something to write.
func (s *Store) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != snapshotVersion {
		return nil, fmt.Errorf("snapshot: version %d of raft's metadata is not supported", version)
	}
	if index == 0 || term == 0 {
		return nil, fmt.Errorf("snapshot: of entry %d, term %d", index, term)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	s.number++
	return &Sink{store: s, number: s.number, record: record{
		ID:    fmt.Sprintf("%d-%d-%d", term, index, s.number),
		Index: index, Term: term,
		Servers: serversOf(configuration), ConfigurationIndex: configurationIndex,
	}}, nil
}

// ID names the snapshot.
func (k *Sink) ID() string { return k.record.ID }

// Write takes the next bytes of a stream. An error stays.
func (k *Sink) Write(p []byte) (int, error) {
	switch {
	case k.closed:
		return 0, ErrClosed
	case k.local != nil:
		return 0, errors.New("snapshot: a local snapshot has no bytes")
	case k.err != nil:
		return 0, k.err
	}
	if k.arrival == nil {
		if k.arrival, k.err = k.store.receive(k); k.err != nil {
			return 0, k.err
		}
	}
	n, err := k.arrival.write(p)
	k.err = err
	return n, err
}

// Close makes the snapshot count, or says why it does not. It may be called again.
func (k *Sink) Close() error {
	if k.closed {
		return k.err
	}
	k.closed = true
	switch {
	case k.local != nil:
		k.err = k.local.commit(k.record, k.number)
	case k.arrival != nil:
		k.err = k.arrival.finish()
	default:
		k.err = errors.Join(k.err, &StreamError{Reason: "it is empty"})
	}
	return k.err
}

// Cancel discards the snapshot. After Close it does nothing.
func (k *Sink) Cancel() error {
	if k.closed {
		return nil
	}
	k.closed = true
	if k.err == nil {
		k.err = errors.New("snapshot: cancelled")
	}
	if k.arrival != nil {
		k.arrival.discard(k.err)
	}
	return nil
}
