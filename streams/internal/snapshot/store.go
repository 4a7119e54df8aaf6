package snapshot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// snapshotVersion is raft's of the metadata: with configuration and server IDs.
const snapshotVersion = raft.SnapshotVersion(1)

// Store is a replica's snapshot store.
type Store struct {
	config  Config
	metrics *metrics
	// life ends with Close, and with it the engine's work that raft waits for.
	life context.Context
	end  context.CancelFunc

	// writing is held while the file "snapshot" is replaced, by one at a time.
	writing sync.Mutex

	mu         sync.Mutex
	now        meta
	number     uint64            // the last one given, at least now.Number
	sending    map[uint64]uint64 // open streams: number to the snapshot's index
	receiving  bool
	pending    *arrival // received, not installed
	installing bool
	moments    int // taken, not released
	failed     error
}

var _ raft.SnapshotStore = (*Store)(nil)

// Open opens the store in c.Dir, or makes one where there is nothing. It removes
// what a crash left over.
func Open(c Config) (*Store, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, sending: make(map[uint64]uint64)}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("snapshot: open: %w", err)
	}
	if s.metrics, err = newMetrics(c.Registerer); err != nil {
		return nil, fmt.Errorf("snapshot: open: %w", err)
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// path is that of a name in the store's directory.
func (s *Store) path(name string) string { return s.config.FS.PathJoin(s.config.Dir, name) }

// load reads the directory, or makes it.
func (s *Store) load() error {
	fs := s.config.FS
	if err := fs.MkdirAll(s.config.Dir, 0o755); err != nil {
		return err
	}
	names, err := fs.List(s.config.Dir)
	if err != nil {
		return err
	}
	if s.now, err = s.read(names); err != nil {
		return err
	}
	// The last rename may not have been made durable. It counts from here on.
	if err := syncDir(fs, s.config.Dir); err != nil {
		return err
	}
	s.number = highest(names, s.now.Number)
	if err := s.makeState(names); err != nil {
		return err
	}
	s.sweep(names)
	return nil
}

// highest is the highest number in use: a leftover that cannot be removed must not
// become part of something new.
func highest(names []string, number uint64) uint64 {
	for _, name := range names {
		state, _ := numberOf(statePrefix, name)
		sending, _ := numberOf(sendingPrefix, name)
		number = max(number, state, sending)
	}
	return number
}

// read returns what the file says. Without one there must be nothing else.
func (s *Store) read(names []string) (meta, error) {
	if slices.Contains(names, metaName) {
		return s.readMeta()
	}
	for _, name := range names {
		if name != metaName+tempSuffix {
			return meta{}, &DamagedError{Path: s.path(metaName), Reason: "it is gone, and " + name + " is there"}
		}
	}
	m := meta{Number: 1, State: 1}
	if err := s.write(m); err != nil {
		return meta{}, err
	}
	return m, syncDir(s.config.FS, s.config.FS.PathDir(s.config.Dir))
}

func (s *Store) readMeta() (meta, error) {
	path := s.path(metaName)
	b, err := readBounded(s.config.FS, path, maxMeta)
	if err != nil {
		return meta{}, err
	}
	m, err := decodeMeta(b)
	if errors.Is(err, ErrFormat) {
		return meta{}, fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return meta{}, &DamagedError{Path: path, Reason: err.Error()}
	}
	return m, nil
}

func (s *Store) write(m meta) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	return replace(s.config.FS, s.config.Dir, metaName, b)
}

// sweep removes what a crash left over. What cannot be removed is no reason not to
// open.
func (s *Store) sweep(names []string) {
	for _, name := range names {
		state, isState := numberOf(statePrefix, name)
		_, isSending := numberOf(sendingPrefix, name)
		if isSending || isState && state != s.now.State || name == metaName+tempSuffix || strings.HasPrefix(name, momentPrefix) {
			s.config.Logger.Info("removing what a crash left over", "path", s.path(name))
			s.remove(name)
		}
	}
}

// remove logs what it cannot do: the next Open tries again.
func (s *Store) remove(name string) {
	if err := s.config.FS.RemoveAll(s.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.config.Logger.Warn("cannot remove", "path", s.path(name), "error", err)
	}
}

// makeState makes the directory of the state, which may be missing only before the
// first snapshot.
func (s *Store) makeState(names []string) error {
	name := numbered(statePrefix, s.now.State)
	switch {
	case slices.Contains(names, name):
		return nil
	case s.now.Snapshot != nil || s.now.State > 1:
		return &DamagedError{Path: s.path(name), Reason: "the directory of the state is gone"}
	}
	if err := s.config.FS.MkdirAll(s.path(name), 0o755); err != nil {
		return err
	}
	return syncDir(s.config.FS, s.config.Dir)
}

// State is the directory to open the engine in.
func (s *Store) State() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.path(numbered(statePrefix, s.now.State))
}

// List returns the snapshot, if there is one. Its size is not known before it is
// opened.
func (s *Store) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil || s.now.Snapshot == nil {
		return nil, err
	}
	return []*raft.SnapshotMeta{s.now.Snapshot.raftMeta(0)}, nil
}

// usable is called with mu held.
func (s *Store) usable() error {
	if s.failed != nil {
		return fmt.Errorf("%w: %w", ErrFailed, s.failed)
	}
	if s.life.Err() != nil {
		return ErrClosed
	}
	return nil
}

// Err is why the store cannot go on, or nil. It wraps ErrFailed.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFailed, s.failed)
}

// Sending says how many snapshots are being sent, and the lowest index among them.
// Whoever receives that one needs the log from there on: cut it, and the transfer
// was for nothing.
func (s *Store) Sending() (lowest uint64, streams int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sending) == 0 {
		return 0, 0
	}
	return slices.Min(slices.Collect(maps.Values(s.sending))), len(s.sending)
}

// Check compares an engine that was just opened in State with the snapshot. One
// that holds less has lost what the log no longer has: ErrDamaged.
func (s *Store) Check(state engine.Reader) error {
	s.mu.Lock()
	r := s.now.Snapshot
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	applied, _ := state.Applied()
	if floor := r.floor(); applied.Index < floor.Index || applied.Term < floor.Term {
		return &DamagedError{Path: s.State(), Reason: fmt.Sprintf(
			"it holds entries up to %d of term %d, the snapshot says %d of term %d", applied.Index, applied.Term, floor.Index, floor.Term)}
	}
	return nil
}

// Verify reads the file "snapshot" again, which was read when the store was opened.
func (s *Store) Verify() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	_, err := s.readMeta()
	return err
}

// Close ends what waits for the engine. Streams that are open fail at their next
// Read; their own Close removes their files.
func (s *Store) Close() error {
	s.end()
	s.metrics.unregister()
	return nil
}
