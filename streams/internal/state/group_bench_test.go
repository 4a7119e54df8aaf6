package state

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

func leaseOf(stream, epoch uint64) []*storagev1.StreamLease {
	return []*storagev1.StreamLease{{Stream: stream, Epoch: epoch}}
}

func ackOp(group string, consumer uint32, stream, epoch uint64, set ranges.Set) op {
	return opOf(&storagev1.Settle{Group: group, Consumer: consumer, Verb: storagev1.Verb_VERB_ACK,
		Settlements: []*storagev1.Settlement{{Stream: stream, Epoch: epoch, Ranges: set.Encode()}}})
}

// benchConsume fetches and acks batches, by consumers in turn, from a stream that is
// filled when it is empty. Only the fetch and the ack are timed.
func benchConsume(b *testing.B, keyed bool, consumers, batch, chunk int) {
	for _, name := range []string{"mapdb", "pebbledb"} {
		b.Run(name, func(b *testing.B) {
			r := newReplica(b, engines()[name], filepath.Join(b.TempDir(), "store"))
			ops := []op{declareOp(Name{"", "a"}, nil, true), opOf(&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: "g"}, Config: &storagev1.GroupConfig{Keyed: keyed}})}
			for i := range consumers {
				ops = append(ops, opOf(&storagev1.GrantLease{Group: "g", Consumer: uint32(i + 1), Streams: []uint64{1}, Holder: numberedID('h', i)}))
			}
			r.play(entryOf(b, 1, ops...))
			fill, random := repeat(chunk, 1, 1)(0), newRand(1)
			refill := func() {
				slots := make([]byte, 0, 2*chunk)
				for range chunk {
					slots = binary.BigEndian.AppendUint16(slots, uint16(1+random.IntN(4096)))
				}
				fill[0].GetPublish().KeySlots = slots
			}
			b.ReportAllocs()
			i, events, spare := 0, 0, 0
			hands := make([]ranges.Set, consumers)
			for b.Loop() {
				b.StopTimer()
				for ; spare < 4*batch*consumers; spare += chunk {
					refill()
					r.play(entryOf(b, int64(i), fill...))
				}
				who := i % consumers
				fetch := entryOf(b, int64(i), opOf(&storagev1.Fetch{Group: "g", Consumer: uint32(who + 1), Leases: leaseOf(1, uint64(who+1)), MaxEvents: uint32(batch)}))
				i++
				if hands[who] != nil {
					ack := entryOf(b, int64(i), ackOp("g", uint32(who+1), 1, uint64(who+1), hands[who]))
					b.StartTimer()
					r.play(ack)
				}
				b.StartTimer()
				got := r.play(fetch)[0]
				b.StopTimer()
				hands[who] = nil
				for _, d := range got.Fetched[0].Deliveries {
					hands[who] = ranges.Union(hands[who], d.Events)
				}
				events += int(hands[who].Count())
				spare -= int(hands[who].Count())
				b.StartTimer()
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// A fetch of 1,000 events and the ack of them, each an entry of its own.
func BenchmarkConsume(b *testing.B) { benchConsume(b, false, 1, 1000, 250) }

// The same, and all events came one by one.
func BenchmarkConsumeSmallChunks(b *testing.B) { benchConsume(b, false, 1, 1000, 1) }

// One event at a time.
func BenchmarkConsumeOne(b *testing.B) { benchConsume(b, false, 1, 1, 250) }

// Four consumers of a keyed group.
func BenchmarkConsumeKeyed(b *testing.B) { benchConsume(b, true, 4, 1000, 250) }

// 100,000 groups, of 100 streams, and 1,000,000 events pending, in rows of one: what
// they take, how long it is to open them, and what a fetch and an ack cost then.
func BenchmarkManyGroups(b *testing.B) {
	streams, groups, pending := 100, 1000, 1_000_000
	if testing.Short() { // that it runs
		streams, groups, pending = 10, 100, 10_000
	}
	dir := filepath.Join(b.TempDir(), "store")
	r := newReplica(b, engines()["pebbledb"], dir)
	names := groupNames(groups)
	for s := range streams {
		r.play(entryOf(b, 1, declareOp(Name{"", fmt.Sprint("s", s)}, &storagev1.StreamConfig{Groups: names}, true)))
		r.play(entryOf(b, 2, repeat(100, 100, streams)(0)[s]))
	}
	for s := range uint64(streams) {
		var ops []op
		for g := range groups {
			ops = append(ops, opOf(&storagev1.GrantLease{Group: names[g], Consumer: 1, Streams: []uint64{s + 1}, Holder: numberedID('h', 1)}))
		}
		epoch := r.play(entryOf(b, 3, ops...))[0].Epoch
		for range pending / streams / groups {
			ops = ops[:0]
			for g := range uint64(groups) {
				ops = append(ops, opOf(&storagev1.Fetch{Group: names[g], Consumer: 1, Leases: leaseOf(s+1, epoch+g), MaxEvents: 1}))
			}
			r.play(entryOf(b, 4, ops...))
		}
	}
	began := time.Now()
	if _, err := r.store.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	flushed := time.Since(began)
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	began = time.Now()
	c := r.copyOf(engines()["pebbledb"])
	if _, found, err := c.view().NextDue(0, 1<<40); !found || err != nil {
		b.Fatal(found, err)
	}
	opened := time.Since(began)
	i := uint64(0)
	for b.Loop() {
		s := i%uint64(streams) + 1
		g := i * 7919 % uint64(groups)
		epoch := (s-1)*uint64(groups) + g + 1
		res := c.play(entryOf(b, 5, opOf(&storagev1.Fetch{Group: names[g], Consumer: 1, Leases: leaseOf(s, epoch), MaxEvents: 10})))[0]
		if res.Err != nil {
			b.Fatal(res.Err)
		}
		if len(res.Fetched) > 0 {
			c.play(entryOf(b, 5, ackOp(names[g], 1, s, epoch, res.Fetched[0].Deliveries[0].Events)))
		}
		i++
	}
	b.ReportMetric(float64(c.store.Size())/(1<<20), "MiB-on-disk")
	b.ReportMetric(float64(mem.HeapAlloc)/(1<<20), "MiB-heap")
	b.ReportMetric(opened.Seconds(), "s-to-copy-and-open")
	b.ReportMetric(flushed.Seconds(), "s-to-flush")
	b.Logf("%d rows", countRows(b, c.store))
}

func countRows(tb testing.TB, r engine.Reader) (n int) {
	for _, err := range r.Scan(nil, nil, engine.Ascending) {
		if err != nil {
			tb.Fatal(err)
		}
		n++
	}
	return n
}
