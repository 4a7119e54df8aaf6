package state

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// benchEvent is a record of 128 bytes.
func benchEvent() string { return anEvent("line", 128-len(anEvent("line", 0))-1) }

// bench applies entry after entry, each its own batch, as an idle partition does.
// next makes the publishes of the i-th one.
func bench(b *testing.B, events, streams int, cfg *storagev1.StreamConfig, next func(i int) []op) {
	for _, name := range []string{"mapdb", "pebbledb"} {
		b.Run(name, func(b *testing.B) {
			r := newReplica(b, engines()[name], filepath.Join(b.TempDir(), "store"))
			for i := range streams {
				r.play(entryOf(b, 1, declareOp(Name{"", fmt.Sprint("s", i)}, cfg, true)))
			}
			b.ReportAllocs()
			b.SetBytes(int64(events) * 128)
			i := 0
			for b.Loop() {
				b.StopTimer()
				data := entryOf(b, int64(i/10), next(i)...)
				i++
				b.StartTimer()
				r.play(data)
			}
			b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// repeat is n events in a batch for each of some streams.
func repeat(n, batches, streams int) func(int) []op {
	var ops []op
	for i := range batches {
		events := make([]string, n)
		for j := range events {
			events[j] = benchEvent()
		}
		p := publishOp(uint64(1+i%streams), events...)
		ops = append(ops, p)
	}
	return func(int) []op { return ops }
}

// A flusher: one batch of 256 events.
func BenchmarkApplyBatch(b *testing.B) { bench(b, 256, 1, nil, repeat(256, 1, 1)) }

// One that keeps the newest million bytes.
func BenchmarkApplyBatchLimits(b *testing.B) {
	limits := &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxBytes: 1 << 20, MaxAgeMs: 1 << 40}
	bench(b, 256, 1, limits, repeat(256, 1, 1))
}

// 64 callers with one event each.
func BenchmarkApplyOneStream(b *testing.B)   { bench(b, 64, 1, nil, repeat(1, 64, 1)) }
func BenchmarkApplyManyStreams(b *testing.B) { bench(b, 64, 64, nil, repeat(1, 64, 64)) }

// 64 producers that number their batches.
func BenchmarkApplyProducers(b *testing.B) {
	next := repeat(1, 64, 1)
	bench(b, 64, 1, nil, func(i int) []op {
		ops := next(i)
		for n := range ops {
			ops[n].GetPublish().Producer = &storagev1.ProducerBatch{Producer: numberedID('p', n), Number: uint64(i + 1)}
		}
		return ops
	})
}

// orderedID is an ID that begins with the time, as those that this project makes do.
func orderedID(n int) []byte {
	id := binary.BigEndian.AppendUint64(nil, uint64(n))
	return binary.BigEndian.AppendUint64(id, uint64(n+1)*0x9e3779b97f4a7c15)
}

// A batch of 256 events with IDs, all new, of which 100,000 are remembered.
func BenchmarkApplyDedupe(b *testing.B) {
	next := repeat(256, 1, 1)
	bench(b, 256, 1, &storagev1.StreamConfig{DedupeMax: 100_000}, func(i int) []op {
		ops := next(i)
		var ids []byte
		for n := range 256 {
			ids = append(ids, orderedID(i*256+n)...)
		}
		ops[0].GetPublish().DedupeIds = ids
		return ops
	})
}

// 64 callers with one event and its ID each.
func BenchmarkApplyDedupeOne(b *testing.B) {
	next := repeat(1, 64, 1)
	bench(b, 64, 1, &storagev1.StreamConfig{DedupeMax: 10_000}, func(i int) []op {
		ops := next(i)
		for n, o := range ops {
			o.GetPublish().DedupeIds = orderedID(i*64 + n)
		}
		return ops
	})
}

// The gate: an entry of 64 publishes of one event, and one of 256 events.
func BenchmarkBuild(b *testing.B) {
	for name, ops := range map[string][]op{"64x1": repeat(1, 64, 1)(0), "1x256": repeat(256, 1, 1)(0)} {
		b.Run(name, func(b *testing.B) {
			var e EntryBuilder
			var parts [][][]byte
			for _, o := range ops {
				var all []byte
				for _, ev := range o.events {
					all = append(all, ev...)
				}
				parts = append(parts, [][]byte{all})
			}
			b.ReportAllocs()
			for b.Loop() {
				for i, o := range ops {
					if err := e.Publish(o.GetPublish(), parts[i]...); err != nil {
						b.Fatal(err)
					}
				}
				e.Finish(1)
			}
		})
	}
}

// BenchmarkRead reads 100,000 events, in chunks of 256 and of 1, and 10 from
// anywhere.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"mapdb", "pebbledb"} {
		for _, size := range []int{256, 1} {
			const events = 100_000
			r := newReplica(b, engines()[name], filepath.Join(b.TempDir(), "store"))
			r.play(entryOf(b, 1, declareOp(Name{"", "a"}, nil, true)))
			next := repeat(size, 64, 1)(0)
			for n := 0; n < events; n += 64 * size {
				r.play(entryOf(b, int64(n), next...))
			}
			if _, err := r.store.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/all/%d", name, size), func(b *testing.B) { benchRead(b, r, func(int) uint64 { return 1 }, events) })
			b.Run(fmt.Sprintf("%s/ten/%d", name, size), func(b *testing.B) {
				benchRead(b, r, func(i int) uint64 { return uint64(i*7919%(events-10)) + 1 }, 10)
			})
			b.Run(fmt.Sprintf("%s/find/%d", name, size), func(b *testing.B) { benchFind(b, r, events) })
		}
	}
}

func benchRead(b *testing.B, r *replica, from func(i int) uint64, most uint64) {
	b.ReportAllocs()
	b.SetBytes(int64(most) * 128)
	i := 0
	for b.Loop() {
		n := uint64(0)
		for s, err := range r.view().Read(1, from(i), most) {
			if err != nil {
				b.Fatal(err)
			}
			n += uint64(s.Count)
		}
		if n != most {
			b.Fatal(n)
		}
		i++
	}
}

func benchFind(b *testing.B, r *replica, events int64) {
	s, err := r.view().Stream(Name{"", "a"})
	if err != nil {
		b.Fatal(err)
	}
	p := position(s.State.GetLastPosition())
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		p.MS = i * 7919 % events
		i++
		if _, err := r.view().Find(s, p); err != nil {
			b.Fatal(err)
		}
	}
}
