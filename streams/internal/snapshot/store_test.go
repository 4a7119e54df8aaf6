package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
)

// lazy is an engine that does not keep what its Flush promised.
type lazy struct {
	engine.Store
	durable uint64
	err     error
}

func (l *lazy) Flush(context.Context) (uint64, error) { return l.durable, l.err }
func (l *lazy) Durable() uint64                       { return l.durable }

// A snapshot counts only if the state under it is durable, whatever Flush says:
// raft cuts its log next.
func TestNothingIsTakenThatIsNotDurable(t *testing.T) {
	r := mustReplica(t, vfs.NewMem())
	put(t, r.slot.get(), 1, 10, "x")
	real := r.slot.get()
	r.slot.set(&lazy{Store: real, durable: 9})
	if err := r.take(10); !errors.Is(err, snapshot.ErrNotDurable) {
		t.Fatal(err)
	}
	r.slot.set(&lazy{Store: real, durable: 10, err: engine.ErrFailed})
	if err := r.take(10); !errors.Is(err, engine.ErrFailed) {
		t.Fatal(err)
	}
	if list, err := r.List(); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	r.slot.set(real)
	must(t, r.take(10), r.close())
}

// The last entries may be raft's own, which no state sees.
func TestBarrierAtTheEnd(t *testing.T) {
	fs := vfs.NewMem()
	r := mustReplica(t, fs)
	put(t, r.slot.get(), 1, 10, "x")
	must(t, r.take(12), r.close())
	r = mustReplica(t, fs)
	if is := r.is(); !strings.HasPrefix(is, "snapshot 12, state 10 ") {
		t.Fatal(is)
	}
	must(t, r.close())
}

func TestListSaysWhatRaftSaid(t *testing.T) {
	fs := vfs.NewMem()
	r := old(t, fs)
	for range 2 {
		list, err := r.List()
		must(t, err)
		if len(list) != 1 || list[0].Index != 10 || list[0].Term != 1 || list[0].Version != 1 || list[0].ConfigurationIndex != 1 ||
			!slices.Equal(list[0].Configuration.Servers, servers.Servers) {
			t.Fatal(list)
		}
		must(t, r.close())
		r = mustReplica(t, fs)
	}
	must(t, r.take(11)) // raft's own entry
	if err := r.take(9); !errors.Is(err, snapshot.ErrStale) {
		t.Fatal(err)
	}
	if _, _, err := r.Open("1-10-2"); !errors.Is(err, snapshot.ErrNotFound) {
		t.Fatal(err)
	}
	must(t, r.close())
}

func TestDamageAtOpen(t *testing.T) {
	for name, harm := range map[string]func(fs vfs.FS) error{
		"flipped": func(fs vfs.FS) error {
			f, err := fs.OpenReadWrite("replica/snapshot", vfs.WriteCategoryUnspecified)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("?"), 60)
			return errors.Join(err, f.Close())
		},
		"emptied": func(fs vfs.FS) error {
			f, err := fs.Create("replica/snapshot", vfs.WriteCategoryUnspecified)
			return errors.Join(err, f.Close())
		},
		"removed":       func(fs vfs.FS) error { return fs.Remove("replica/snapshot") },
		"state removed": func(fs vfs.FS) error { return fs.RemoveAll("replica/state-1") },
		"state emptied": func(fs vfs.FS) error {
			return errors.Join(fs.RemoveAll("replica/state-1"), fs.MkdirAll("replica/state-1", 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			r := old(t, fs)
			must(t, r.close(), harm(fs))
			if _, err := newReplica(fs, fs, nil); !errors.Is(err, snapshot.ErrDamaged) {
				t.Fatal(err)
			}
		})
	}
}

// A stream with a flipped byte is refused, and the state that is there stays.
func TestFlippedByte(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	meta, stream, sent := sender(t)
	fs := vfs.NewMem()
	r := old(t, fs)
	before := r.is()
	for range 200 {
		b := slices.Clone(stream)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		if err := r.receive(meta, b); !errors.Is(err, snapshot.ErrStream) && !errors.Is(err, snapshot.ErrFormat) {
			t.Fatal(err)
		}
		if err := r.Install(r.swap); !errors.Is(err, snapshot.ErrNotReceived) {
			t.Fatal(err)
		}
	}
	if is := r.is(); is != before {
		t.Fatal(is)
	}
	if names, _ := fs.List("replica"); len(names) != 2 {
		t.Fatal(names)
	}
	must(t, r.receive(meta, stream))
	if is := r.is(); is != sent {
		t.Fatal(is)
	}
	must(t, r.close())
}

func TestDiskFull(t *testing.T) {
	meta, stream, _ := sender(t)
	mem := vfs.NewMem()
	full := false
	through := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	reg := prometheus.NewPedanticRegistry()
	r, err := newReplica(mem, through, func(c *snapshot.Config) { c.Registerer, c.Reserve = reg, 1<<20 })
	must(t, err)
	for _, c := range []struct {
		full bool
		free uint64
		want error
	}{{true, 1 << 30, syscall.ENOSPC}, {false, 1<<20 + 1000, snapshot.ErrNoRoom}, {false, 1000, snapshot.ErrNoRoom}} {
		full = c.full
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: c.free, TotalBytes: 1 << 30})
		if err := r.receive(meta, stream); !errors.Is(err, c.want) {
			t.Fatal(err)
		}
		if names, _ := mem.List("replica"); len(names) != 2 {
			t.Fatal(names)
		}
	}
	if n := count(t, reg, "eventnode_snapshot_receive_failed_total"); n != 3 {
		t.Fatal(n)
	}
	must(t, r.close())
	if families, err := reg.Gather(); err != nil || len(families) != 0 {
		t.Fatal(families, err)
	}
}

// count reads a counter.
func count(t testing.TB, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal(name, "is not there")
	return 0
}

func TestStreamsAreBounded(t *testing.T) {
	fs := vfs.NewMem()
	r := old(t, fs)
	list, err := r.List()
	must(t, err)
	var open []io.Closer
	for range snapshot.DefaultStreams {
		_, source, err := r.Open(list[0].ID)
		must(t, err)
		open = append(open, source)
	}
	if _, _, err := r.Open(list[0].ID); !errors.Is(err, snapshot.ErrBusy) {
		t.Fatal(err)
	}
	if lowest, n := r.Sending(); lowest != 10 || n != snapshot.DefaultStreams {
		t.Fatal(lowest, n)
	}
	must(t, open[0].Close(), open[0].Close())
	_, source, err := r.Open(list[0].ID)
	must(t, err)
	open = append(open, source)
	must(t, r.Close())
	if _, err := source.Read(make([]byte, 1)); !errors.Is(err, snapshot.ErrClosed) {
		t.Fatal(err)
	}
	for _, o := range open {
		must(t, o.Close())
	}
	if _, n := r.Sending(); n != 0 {
		t.Fatal(n)
	}
	if names, _ := fs.List("replica"); len(names) != 2 {
		t.Fatal(names)
	}
	must(t, r.slot.get().Close())
}

// What was received is not installed over a state that has more, and what was taken
// before an Install does not count after it.
func TestNothingGoesBack(t *testing.T) {
	meta, stream, _ := sender(t)
	r := mustReplica(t, vfs.NewMem())
	put(t, r.slot.get(), 1, 60, "same")
	before := r.is()
	if err := r.receive(meta, stream); !errors.Is(err, snapshot.ErrStale) {
		t.Fatal(err)
	}
	if is := r.is(); is != before {
		t.Fatal(is)
	}
	must(t, r.close())

	r = old(t, vfs.NewMem())
	snap := r.Snapshot()
	sink, err := r.Create(1, 70, 1, servers, 1, nil)
	must(t, err, snap.Persist(sink), r.receive(meta, stream))
	if err := sink.Close(); err == nil {
		t.Fatal("a snapshot of a state that was replaced counts")
	}
	must(t, r.take(70), r.close())
}

// A state that is not the one that was sent is not believed.
func TestSwapIsChecked(t *testing.T) {
	meta, stream, _ := sender(t)
	fs := vfs.NewMem()
	r := old(t, fs)
	before := r.is()
	sink, err := r.Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
	must(t, err)
	_, err = io.Copy(sink, bytes.NewReader(stream))
	must(t, err, sink.Close())
	err = r.Install(func(string) error { return nil }) // still the old one
	if !errors.Is(err, snapshot.ErrFailed) || !errors.Is(r.Err(), snapshot.ErrFailed) {
		t.Fatal(err)
	}
	must(t, r.close())
	r = mustReplica(t, fs)
	if is := r.is(); is != before {
		t.Fatal(is)
	}
	must(t, r.close())
}

// After a crash between Install and what raft does to its log.
func TestAlign(t *testing.T) {
	for _, c := range []struct {
		name              string
		first, last, term uint64
		left              uint64 // last index afterwards
		want              error
	}{
		{"ends before", 5, 9, 1, 0, nil},
		{"ends with it", 5, 10, 1, 10, nil},
		{"goes on", 5, 20, 1, 20, nil},
		{"begins after it", 11, 20, 1, 20, nil},
		{"another term", 5, 20, 7, 0, nil},
		{"gap", 12, 20, 1, 20, snapshot.ErrDamaged},
		{"empty", 1, 0, 1, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := old(t, vfs.NewMem())
			log := raft.NewInmemStore()
			for i := c.first; i <= c.last; i++ {
				must(t, log.StoreLog(&raft.Log{Index: i, Term: c.term}))
			}
			if err := r.Align(log); !errors.Is(err, c.want) {
				t.Fatal(err)
			}
			if last, _ := log.LastIndex(); last != c.left {
				t.Fatal(last)
			}
			must(t, r.close())
		})
	}
	r := mustReplica(t, vfs.NewMem())
	log := raft.NewInmemStore()
	must(t, log.StoreLog(&raft.Log{Index: 2, Term: 1}))
	if err := r.Align(log); !errors.Is(err, snapshot.ErrDamaged) {
		t.Fatal("a snapshot that was forgotten:", err)
	}
	must(t, r.close())
}

func TestSinkIsUsedOnce(t *testing.T) {
	r := old(t, vfs.NewMem())
	sink, err := r.Create(1, 11, 1, servers, 1, nil)
	must(t, err)
	if err := sink.Close(); !errors.Is(err, snapshot.ErrStream) {
		t.Fatal(err)
	}
	if _, err := sink.Write([]byte("x")); !errors.Is(err, snapshot.ErrClosed) {
		t.Fatal(err)
	}
	sink, err = r.Create(1, 11, 1, servers, 1, nil)
	must(t, err, r.Snapshot().Persist(sink))
	if _, err := sink.Write([]byte("x")); err == nil {
		t.Fatal("bytes were taken for a local snapshot")
	}
	must(t, sink.Cancel(), sink.Cancel())
	if list, _ := r.List(); list[0].Index != 10 {
		t.Fatal(list[0])
	}
	if _, err := r.Create(0, 11, 1, servers, 1, nil); err == nil {
		t.Fatal("version 0")
	}
	must(t, r.close())
	if _, err := r.List(); !errors.Is(err, snapshot.ErrClosed) {
		t.Fatal(err)
	}
}
