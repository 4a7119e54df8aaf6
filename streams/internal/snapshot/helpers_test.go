package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// slot is where a replica keeps its engine.
type slot struct {
	mu sync.Mutex
	e  engine.Store
}

func (s *slot) get() engine.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.e
}

func (s *slot) set(e engine.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.e = e
}

func openPebble(fs vfs.FS, dir string) (engine.Store, error) {
	s, err := pebbledb.Open(pebbledb.Config{Dir: dir, FS: fs, MemoryBytes: 8 << 20})
	if err != nil {
		return nil, err // not a nil *Store
	}
	return s, nil
}

// put commits the entries from..to, a key each, under term 1.
func put(t testing.TB, e engine.Store, from, to uint64, salt string) {
	t.Helper()
	for i := from; i <= to; i++ {
		b := e.NewBatch()
		b.Set(fmt.Appendf(nil, "key%05d", i), bytes.Repeat(fmt.Appendf(nil, "%s%d.", salt, i), 50))
		must(t, b.Commit(engine.Applied{Index: i, Term: 1}))
	}
}

// replica is a store and an engine, without raft.
type replica struct {
	*snapshot.Store
	slot *slot
	fs   vfs.FS // the engine's
}

// newReplica opens a replica; through is the store's view of fs.
func newReplica(fs, through vfs.FS, tune func(*snapshot.Config)) (*replica, error) {
	r := &replica{slot: &slot{}, fs: fs}
	c := snapshot.Config{Dir: "replica", Engine: r.slot.get, FS: through}
	if tune != nil {
		tune(&c)
	}
	var err error
	if r.Store, err = snapshot.Open(c); err != nil {
		return nil, err
	}
	e, err := openPebble(fs, r.State())
	if err != nil {
		return nil, err
	}
	r.slot.set(e)
	if err := r.Check(e); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func mustReplica(t testing.TB, fs vfs.FS) *replica {
	t.Helper()
	r, err := newReplica(fs, fs, nil)
	must(t, err)
	return r
}

func (r *replica) close() error { return errors.Join(r.slot.get().Close(), r.Close()) }

var servers = raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: "a", Address: "a"}}}

// take makes a local snapshot as raft does.
func (r *replica) take(index uint64) error {
	snap := r.Snapshot()
	defer snap.Release()
	sink, err := r.Create(1, index, 1, servers, 1, nil)
	if err != nil {
		return err
	}
	if err := snap.Persist(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// stream opens the newest snapshot and reads it.
func (r *replica) stream() (*raft.SnapshotMeta, []byte, error) {
	list, err := r.List()
	if err != nil {
		return nil, nil, err
	}
	meta, source, err := r.Open(list[0].ID)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(source)
	return meta, b, errors.Join(err, source.Close())
}

// receive hands a stream to the store as raft does.
func (r *replica) receive(meta *raft.SnapshotMeta, stream []byte) error {
	sink, err := r.Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(sink, bytes.NewReader(stream)); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	_, source, err := r.Open(sink.ID())
	if err != nil {
		return err
	}
	return errors.Join(r.Install(r.swap), source.Close())
}

// swap is what a replica does inside Install.
func (r *replica) swap(dir string) error {
	if err := r.slot.get().Close(); err != nil {
		return err
	}
	e, err := openPebble(r.fs, dir)
	if err != nil {
		return err
	}
	r.slot.set(e)
	return nil
}

// what a replica is: its snapshot's index, and its state.
func (r *replica) is() string {
	index := uint64(0)
	if list, err := r.List(); err == nil && len(list) > 0 {
		index = list[0].Index
	}
	applied, chain := r.slot.get().Applied()
	return fmt.Sprintf("snapshot %d, state %d %v", index, applied.Index, chain)
}

// old and sender are a replica that is behind and one that has a snapshot for it.
func old(t testing.TB, fs vfs.FS) *replica {
	t.Helper()
	r := mustReplica(t, fs)
	put(t, r.slot.get(), 1, 10, "same")
	must(t, r.take(10))
	return r
}

func sender(t testing.TB) (*raft.SnapshotMeta, []byte, string) {
	t.Helper()
	r := mustReplica(t, vfs.NewMem())
	put(t, r.slot.get(), 1, 40, "same")
	must(t, r.take(40))
	put(t, r.slot.get(), 41, 50, "same")
	meta, b, err := r.stream()
	must(t, err)
	if meta.Size != int64(len(b)) {
		t.Fatal(meta.Size, len(b))
	}
	is := r.is()
	must(t, r.close())
	return meta, b, is
}
