package snapshot_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
)

// kind is an engine and how it is opened again after a crash.
type kind struct {
	open  func(dir string) (engine.Store, error)
	crash func(e engine.Store, dir string) (engine.Store, error)
}

var kinds = map[string]kind{
	"mapdb": {
		open: func(dir string) (engine.Store, error) {
			s, err := mapdb.Open(dir)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		crash: func(e engine.Store, _ string) (engine.Store, error) { return e.(*mapdb.Store).Crash(), nil },
	},
	"pebbledb": {
		open: func(dir string) (engine.Store, error) { return openPebble(vfs.Default, dir) },
		crash: func(e engine.Store, dir string) (engine.Store, error) { // what was not flushed is lost
			if err := e.Close(); err != nil {
				return nil, err
			}
			return openPebble(vfs.Default, dir)
		},
	},
}

// fsm is a replica's: as small as it can be, and as real as it must be.
type fsm struct {
	t     testing.TB
	kind  kind
	store *snapshot.Store
	slot  slot
}

var _ raft.BatchingFSM = (*fsm)(nil)

func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	e := f.slot.get()
	applied, _ := e.Applied()
	b := e.NewBatch()
	defer b.Close()
	last := applied
	for _, l := range logs {
		if l.Index <= applied.Index {
			continue
		}
		if l.Type == raft.LogCommand {
			b.Set(append([]byte("k"), l.Data...), l.Data)
		}
		last = engine.Applied{Index: l.Index, Term: l.Term}
		b.Seal(last)
	}
	if last != applied {
		if err := b.Commit(last); err != nil {
			f.t.Error(err)
		}
	}
	return make([]any, len(logs))
}

func (f *fsm) Snapshot() (raft.FSMSnapshot, error) { return f.store.Snapshot(), nil }

func (f *fsm) Restore(io.ReadCloser) error {
	return f.store.Install(func(dir string) error {
		if err := f.slot.get().Close(); err != nil {
			return err
		}
		e, err := f.kind.open(dir)
		if err != nil {
			return err
		}
		f.slot.set(e)
		return nil
	})
}

func (f *fsm) has(key string) bool {
	found, err := f.slot.get().Get([]byte("k"+key), func([]byte) error { return nil })
	return err == nil && found
}

// monotonic is a log that takes no gap, like the one on disk.
type monotonic struct{ *raft.InmemStore }

func (*monotonic) IsMonotonic() bool { return true }

func (m *monotonic) StoreLog(l *raft.Log) error { return m.StoreLogs([]*raft.Log{l}) }

func (m *monotonic) StoreLogs(logs []*raft.Log) error {
	if last, _ := m.LastIndex(); last != 0 && logs[0].Index != last+1 {
		return fmt.Errorf("entry %d comes after %d", logs[0].Index, last)
	}
	return m.InmemStore.StoreLogs(logs)
}

// node is one replica under raft. What outlives a process is kept in it.
type node struct {
	t         testing.TB
	name      string
	dir       string
	log       *monotonic
	kind      kind
	transport *raft.InmemTransport
	fsm       *fsm
	raft      *raft.Raft
	reg       *prometheus.Registry
	said      *said
}

func newNode(t testing.TB, k kind, name string) *node {
	return &node{t: t, name: name, kind: k, dir: filepath.Join(t.TempDir(), "replica"), log: &monotonic{raft.NewInmemStore()},
		reg: prometheus.NewRegistry(), said: &said{}}
}

// start begins a life; engine is what the last one left, or nil.
func (n *node) start(left engine.Store) {
	n.t.Helper()
	n.fsm = &fsm{t: n.t, kind: n.kind}
	var err error
	n.fsm.store, err = snapshot.Open(snapshot.Config{Dir: n.dir, Engine: n.fsm.slot.get, Registerer: n.reg, Logger: slog.New(slog.NewTextHandler(n.said, nil))})
	must(n.t, err)
	var e engine.Store
	if left != nil {
		e, err = n.kind.crash(left, n.fsm.store.State())
	} else {
		e, err = n.kind.open(n.fsm.store.State())
	}
	must(n.t, err, n.fsm.store.Check(e), n.fsm.store.Align(n.log))
	n.fsm.slot.set(e)
	cfg := raft.DefaultConfig()
	cfg.LocalID = raft.ServerID(n.name)
	cfg.Logger = hclog.NewNullLogger()
	cfg.TrailingLogs = 5
	cfg.NoSnapshotRestoreOnStart = true
	_, n.transport = raft.NewInmemTransportWithTimeout(raft.ServerAddress(n.name), time.Second)
	n.raft, err = raft.NewRaft(cfg, n.fsm, n.log, n.log, n.fsm.store, n.transport)
	must(n.t, err)
}

// stop ends the process, and returns what it leaves.
func (n *node) stop() engine.Store {
	n.t.Helper()
	must(n.t, n.fsm.store.Close(), n.raft.Shutdown().Error())
	return n.fsm.slot.get()
}

func connect(nodes ...*node) {
	for _, a := range nodes {
		for _, b := range nodes {
			if a != b {
				a.transport.Connect(raft.ServerAddress(b.name), b.transport)
			}
		}
	}
}

func cut(n *node, others ...*node) {
	n.transport.DisconnectAll()
	for _, o := range others {
		o.transport.Disconnect(raft.ServerAddress(n.name))
	}
}

// until polls, in virtual time.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("not within a minute:", what)
}

func leader(t testing.TB, nodes ...*node) (lead *node, others []*node) {
	t.Helper()
	until(t, "a leader", func() bool {
		lead, others = nil, nil
		for _, n := range nodes {
			if n.raft.State() == raft.Leader {
				lead = n
			} else {
				others = append(others, n)
			}
		}
		return lead != nil && lead.raft.VerifyLeader().Error() == nil
	})
	return lead, others
}

func (n *node) write(from, to int) {
	n.t.Helper()
	for i := from; i <= to; i++ {
		if err := n.raft.Apply(fmt.Append(nil, i), time.Minute).Error(); err != nil {
			n.t.Fatal(err)
		}
	}
}

func cluster(t testing.TB, k kind) []*node {
	var list []*node
	var c raft.Configuration
	for _, name := range []string{"a", "b", "c"} {
		list = append(list, newNode(t, k, name))
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(name), Address: raft.ServerAddress(name)})
	}
	for _, n := range list {
		n.start(nil)
		must(t, n.raft.BootstrapCluster(c).Error())
	}
	connect(list...)
	return list
}

// said is what was logged.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), text)
}

// A follower that is so far behind that the log does not reach back gets the state,
// and then what was written meanwhile; and after a crash it is what it was.
func TestFollowerFarBehind(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes := cluster(t, k)
				lead, others := leader(t, nodes...)
				lead.write(0, 9)
				behind := others[0]
				cut(behind, lead, others[1])
				lead.write(10, 299)
				must(t, lead.raft.Snapshot().Error())
				lead.write(300, 349) // the checkpoint will be newer than the snapshot
				if first, _ := lead.log.FirstIndex(); first < 100 {
					t.Fatal("the log was not cut:", first)
				}
				connect(nodes...)

				ctx, stop := context.WithCancel(t.Context())
				done := make(chan int)
				go func() {
					i := 350
					for ; ctx.Err() == nil; i++ {
						now, _ := leader(t, nodes...)
						if now.raft.Apply(fmt.Append(nil, i), time.Minute).Error() != nil {
							i-- // another leader: the same again
						}
						time.Sleep(10 * time.Millisecond)
					}
					done <- i
				}()
				until(t, "the follower has the snapshot", func() bool { return behind.fsm.has("349") })
				time.Sleep(time.Second)
				stop()
				end := <-done
				if n := count(t, behind.reg, "eventnode_snapshot_installed_total"); n < 1 {
					t.Fatal("no snapshot was installed")
				}
				until(t, "all have everything", func() bool { return same(nodes, end-1) })
				if !behind.said.has("a received snapshot is the state now") {
					t.Fatal(behind.said.b.String())
				}

				left := behind.stop()
				behind.start(left)
				connect(nodes...)
				lead, _ = leader(t, nodes...)
				lead.write(end, end+10)
				until(t, "all have everything after the crash", func() bool { return same(nodes, end+10) })
				for _, n := range nodes {
					must(t, n.stop().Close())
				}
			})
		})
	}
}

// same reports whether all nodes have everything up to last, and the same.
func same(nodes []*node, last int) bool {
	var first string
	for _, n := range nodes {
		for i := range last + 1 {
			if !n.fsm.has(fmt.Sprint(i)) {
				return false
			}
		}
		at, chain := n.fsm.slot.get().Applied()
		if is := fmt.Sprint(at, chain); first == "" {
			first = is
		} else if first != is {
			return false
		}
	}
	return true
}

// All nodes crash after a local snapshot, and start with nothing restored: what the
// log does not have any more, the engine has.
func TestRestartAfterALocalSnapshot(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes := cluster(t, k)
				lead, _ := leader(t, nodes...)
				lead.write(0, 99)
				must(t, lead.raft.Barrier(time.Minute).Error()) // an entry that no state sees
				until(t, "all have everything", func() bool { return same(nodes, 99) })
				for _, n := range nodes {
					must(t, n.raft.Snapshot().Error())
				}
				lead.write(100, 119) // not flushed
				var left []engine.Store
				for _, n := range nodes {
					left = append(left, n.stop())
				}
				for i, n := range nodes {
					n.start(left[i])
					if at, _ := n.fsm.slot.get().Applied(); at.Index > 110 {
						t.Fatal("the crash lost nothing:", at)
					}
					if n.raft.AppliedIndex() < 100 || n.raft.GetConfiguration().Error() != nil {
						t.Fatal(n.raft.AppliedIndex())
					}
				}
				connect(nodes...)
				lead, _ = leader(t, nodes...)
				lead.write(120, 130)
				until(t, "all have everything", func() bool { return same(nodes, 130) })
				for _, n := range nodes {
					must(t, n.stop().Close())
				}
			})
		})
	}
}
