package state

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partition = 7

// engines are what the machine must run on in the same way.
func engines() map[string]func(dir string) (engine.Store, error) {
	return map[string]func(dir string) (engine.Store, error){
		"mapdb":    func(dir string) (engine.Store, error) { return mapdb.Open(dir) },
		"pebbledb": func(dir string) (engine.Store, error) { return pebbledb.Open(pebbledb.Config{Dir: dir}) },
	}
}

// replica is a machine with a store.
type replica struct {
	testing.TB
	*Machine
	store engine.Store
}

func newReplica(tb testing.TB, open func(string) (engine.Store, error), dir string) *replica {
	tb.Helper()
	store, err := open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	m := New(partition)
	m.rows.least = 0 // all tests read rows that were read before
	return &replica{TB: tb, Machine: m, store: store}
}

func inMemory(tb testing.TB) *replica { return newReplica(tb, engines()["mapdb"], "") }

// play applies entries, all in one batch.
func (r *replica) play(entries ...[]byte) (results []Result) {
	r.Helper()
	results, err := r.try(entries...)
	if err != nil {
		r.Fatal(err)
	}
	return results
}

func (r *replica) try(entries ...[]byte) (results []Result, err error) {
	last, _ := r.store.Applied()
	batch := r.store.NewBatch()
	defer batch.Close()
	for _, e := range entries {
		if results, err = r.Apply(batch, e); err != nil {
			return nil, err
		}
		last = engine.Applied{Index: last.Index + 1, Term: 1}
		batch.Seal(last)
	}
	return results, batch.Commit(last)
}

func (r *replica) view() View { return NewView(r.store, partition) }

func (r *replica) chain() engine.Chain {
	_, c := r.store.Applied()
	return c
}

// copyOf is a replica with a checkpoint of this one.
func (r *replica) copyOf(open func(string) (engine.Store, error)) *replica {
	r.Helper()
	dir := filepath.Join(r.TempDir(), "checkpoint")
	if _, err := r.store.Checkpoint(r.Context(), dir); err != nil {
		r.Fatal(err)
	}
	c := newReplica(r.TB, open, dir)
	c.bounds = r.bounds
	return c
}

// op is a command, and the events if it is a Publish.
type op struct {
	*storagev1.Command
	events []string
}

// entryOf puts ops together in an entry.
func entryOf(tb testing.TB, stamp int64, ops ...op) []byte {
	tb.Helper()
	var b EntryBuilder
	for i, o := range ops {
		if err := add(&b, o); err != nil {
			tb.Fatalf("op %d, %v: %v", i, o.Command, err)
		}
	}
	return b.Finish(stamp)
}

func add(b *EntryBuilder, o op) error {
	p := o.GetPublish()
	if p == nil {
		return b.Add(o.Command)
	}
	var parts [][]byte
	for _, e := range o.events {
		parts = append(parts, []byte(e))
	}
	return b.Publish(p, parts...)
}

// anEvent is a record with some data.
func anEvent(name string, data int) string {
	e := event.Event{ID: event.ID{15: 1}, Name: name, Data: make([]byte, data)}
	return string(wire.AppendEnvelope(nil, []string{"topic:a"}, &e))
}

func publishOp(stream uint64, events ...string) op {
	p := &storagev1.Publish{Stream: stream, Count: uint32(len(events))}
	var all []byte
	for _, e := range events {
		all = append(all, e...)
	}
	p.Checksum = Checksum(all)
	return op{&storagev1.Command{Command: &storagev1.Command_Publish{Publish: p}}, events}
}

func declareOp(n Name, cfg *storagev1.StreamConfig, fresh bool) op {
	d := &storagev1.DeclareStream{Name: protoName(n), Config: cfg, Fresh: fresh, Partition: partition}
	return op{Command: &storagev1.Command{Command: &storagev1.Command_DeclareStream{DeclareStream: d}}}
}

func updateOp(n Name, cfg *storagev1.StreamConfig) op {
	u := &storagev1.UpdateStream{Name: protoName(n), Config: cfg}
	return op{Command: &storagev1.Command{Command: &storagev1.Command_UpdateStream{UpdateStream: u}}}
}

func deleteOp(n Name) op {
	return op{Command: &storagev1.Command{Command: &storagev1.Command_DeleteStream{DeleteStream: &storagev1.DeleteStream{Name: protoName(n)}}}}
}

func tickOp(streams ...uint64) op {
	return op{Command: &storagev1.Command{Command: &storagev1.Command_Tick{Tick: &storagev1.Tick{Streams: streams}}}}
}

func protoName(n Name) *storagev1.StreamName {
	return &storagev1.StreamName{Namespace: n.Namespace, Name: n.Name}
}

// numbered is an ID that is easily told apart.
func numberedID(kind byte, n int) []byte {
	return fmt.Appendf(nil, "%c%015d", kind, n)
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
