package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/eventnode/eventnode/streams/internal/snapshot"
)

// changes are the calls that change a file system.
func changes(op errorfs.Op) bool {
	return slices.Contains([]errorfs.OpKind{
		errorfs.OpCreate, errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename, errorfs.OpMkdirAll,
		errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileClose,
	}, op.Kind)
}

// Whenever the power goes while a snapshot is received and installed, and whatever
// part of what was not synced is on disk, a replica that starts from there is the
// old one or the new one.
func TestCrashAtEachStepOfReceiving(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	meta, stream, sent := sender(t)
	mem := vfs.NewCrashableMem()
	r := old(t, mem)
	before := r.is()
	must(t, r.close())

	var mu sync.Mutex // the engine has goroutines
	var disks []*vfs.MemFS
	moment := func(percents ...int) {
		mu.Lock()
		defer mu.Unlock()
		for _, percent := range percents {
			disks = append(disks, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
		}
	}
	at := func(percents ...int) vfs.FS {
		return errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if changes(op) {
				moment(percents...)
			}
			return nil
		}))
	}
	// Pebble needs the names in a directory to become durable in the order in which
	// they were made, as journals do; halves do not, so they are for our steps only.
	r, err := newReplica(at(0, 100), at(0, 20, 50, 80, 100), nil)
	must(t, err)
	must(t, r.receive(meta, stream))
	moment(0, 50, 100)
	after := r.is()
	if after != sent || after == before {
		t.Fatalf("it is %s, sent was %s", after, sent)
	}
	must(t, r.close()) // no engine runs any more

	seen := make(map[string]int)
	for i, disk := range disks {
		r, err := newReplica(disk, disk, nil)
		if err != nil {
			t.Fatalf("crash %d of %d: %v", i, len(disks), err)
		}
		is := r.is()
		if is != before && is != after {
			t.Fatalf("crash %d of %d: it is %s", i, len(disks), is)
		}
		seen[is]++
		if names, _ := disk.List("replica"); len(names) != 2 {
			t.Fatalf("crash %d of %d: left over: %v", i, len(disks), names)
		}
		must(t, r.close())
	}
	t.Logf("%d crashes: %v", len(disks), seen)
	if len(seen) != 2 {
		t.Fatal("only one of old and new was seen")
	}
}

// A call that fails, whichever it is, leaves the old state or the new one too: now,
// if the store says nothing else, and in any case after a crash.
func TestFailureAtEachStepOfReceiving(t *testing.T) {
	meta, stream, sent := sender(t)
	for step := 1; ; step++ {
		mem := vfs.NewCrashableMem()
		r := old(t, mem)
		before := r.is()
		must(t, r.close())
		n, failed := 0, ""
		armed := false
		through := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if !armed || !changes(op) && op.Kind != errorfs.OpOpenDir {
				return nil
			}
			if n++; n != step {
				return nil
			}
			failed = fmt.Sprint(op.Kind, " ", op.Path)
			return syscall.ENOSPC
		}))
		r, err := newReplica(mem, through, nil)
		must(t, err)
		armed = true
		err = r.receive(meta, stream)
		armed = false
		if failed == "" {
			must(t, err, r.close())
			t.Logf("%d steps", step-1)
			return
		}
		removal := err == nil // only what cannot be removed may be passed over
		if err != nil && !errors.Is(err, syscall.ENOSPC) || removal && !strings.Contains(failed, "state-1") {
			t.Fatalf("step %d, %s: %v", step, failed, err)
		}
		if is := r.is(); r.Err() == nil && !removal && is != before {
			t.Fatalf("step %d, %s: refused, and it is %s", step, failed, is)
		}
		if r.Err() == nil && !removal { // it goes on
			must(t, r.take(10))
			must(t, r.receive(meta, stream))
		} else if r.Err() != nil {
			if err := r.take(60); !errors.Is(err, snapshot.ErrFailed) {
				t.Fatalf("step %d, %s: it goes on after a failure: %v", step, failed, err)
			}
		}
		_ = r.close()
		disk := mem.CrashClone(vfs.CrashCloneCfg{})
		r, err = newReplica(disk, disk, nil)
		if err != nil {
			t.Fatalf("step %d, %s: %v", step, failed, err)
		}
		if is := r.is(); is != before && is != sent {
			t.Fatalf("step %d, %s: it is %s", step, failed, is)
		}
		must(t, r.close())
	}
}

// A local snapshot that raft was told of is there after a crash, and one that
// failed has broken nothing.
func TestCrashAtEachStepOfTaking(t *testing.T) {
	for _, percent := range []int{0, 100} {
		mem := vfs.NewCrashableMem()
		var disks []*vfs.MemFS
		through := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if changes(op) {
				disks = append(disks, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 1))}))
			}
			return nil
		}))
		r, err := newReplica(mem, through, nil)
		must(t, err)
		put(t, r.slot.get(), 1, 10, "x")
		must(t, r.take(10))
		put(t, r.slot.get(), 11, 20, "x")
		must(t, r.take(20))
		last := mem.CrashClone(vfs.CrashCloneCfg{})
		must(t, r.close())
		var seen []uint64
		for _, disk := range append(disks, last) {
			r, err := newReplica(disk, disk, nil)
			must(t, err)
			index := uint64(0)
			list, err := r.List()
			must(t, err)
			if len(list) > 0 {
				index = list[0].Index
			}
			seen = append(seen, index)
			must(t, r.close())
		}
		if !slices.IsSorted(seen) || seen[len(seen)-1] != 20 || seen[0] != 0 {
			t.Fatal(seen)
		}
	}
}

// What a sink has closed is durable, names and all, before any engine opens it.
func TestReceivedIsDurable(t *testing.T) {
	meta, stream, _ := sender(t)
	mem := vfs.NewCrashableMem()
	r := old(t, mem)
	sink, err := r.Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
	must(t, err)
	_, err = io.Copy(sink, bytes.NewReader(stream))
	must(t, err, sink.Close())
	disk := mem.CrashClone(vfs.CrashCloneCfg{})
	must(t, r.Install(func(dir string) error {
		names, err := mem.List(dir)
		must(t, err)
		for _, name := range names {
			here, err := mem.Stat(mem.PathJoin(dir, name))
			must(t, err)
			there, err := disk.Stat(mem.PathJoin(dir, name))
			must(t, err)
			if here.Size() != there.Size() {
				t.Fatal(name, here.Size(), there.Size())
			}
		}
		if len(names) == 0 {
			t.Fatal("nothing was received")
		}
		return r.swap(dir)
	}), r.close())
}
