package pebbledb_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// benchStreams take turns, as in a partition: each flush spans all of them.
const benchStreams = 16

func benchKey(stream int, seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0x10, byte(stream)}, seq)
}

func benchStore(b *testing.B) *pebbledb.Store {
	b.Helper()
	s := mustOpen(b, pebbledb.Config{Dir: b.TempDir()})
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func values(size int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([][]byte, 64)
	for n := range all {
		all[n] = enginetest.RandomBytes(rng, size)
	}
	return all
}

// load writes batches of count values, and deletes what is more than keep
// batches back, if keep is not 0.
type load struct {
	store  *pebbledb.Store
	values [][]byte
	count  int
	keep   uint64
	among  int // streams
	next   uint64
}

func (l *load) commit(b *testing.B) {
	l.next++
	batch := l.store.NewBatch()
	defer batch.Close()
	for n := range l.count {
		batch.Set(benchKey((int(l.next)*l.count+n)%l.among, l.next*64+uint64(n)), l.values[n%len(l.values)])
	}
	batch.Set([]byte{0x01}, l.values[0][:64]) // as the rows that say how far a stream has come
	if l.keep > 0 && l.next > l.keep && l.next%64 == 0 {
		for stream := range l.among {
			batch.DeleteRange(benchKey(stream, 0), benchKey(stream, (l.next-l.keep)*64))
		}
	}
	if err := batch.Commit(engine.Applied{Index: l.next, Term: 1}); err != nil {
		b.Fatal(err)
	}
}

func benchCommit(b *testing.B, count, size int, keep uint64, among int) {
	l := &load{store: benchStore(b), values: values(size), count: count, keep: keep, among: among}
	b.SetBytes(int64(count * size))
	b.ReportAllocs()
	for b.Loop() {
		l.commit(b)
	}
	l.report(b, count*size)
}

// report adds the bytes written to disk per byte committed, once all is flushed,
// and the disk space in use.
func (l *load) report(b *testing.B, size int) {
	b.Helper()
	if _, err := l.store.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	written := l.store.WrittenBytes()
	b.ReportMetric(float64(written)/(float64(l.next)*float64(size)), "written/byte")
	b.ReportMetric(float64(l.store.Size())/(1<<20), "disk-MiB")
	b.ReportMetric(float64(l.store.Waits()), "waits")
}

func BenchmarkCommit64x16KiB(b *testing.B)  { benchCommit(b, 64, 16<<10, 0, benchStreams) }
func BenchmarkCommit1x256KiB(b *testing.B)  { benchCommit(b, 1, 256<<10, 0, benchStreams) }
func BenchmarkCommit64x128B(b *testing.B)   { benchCommit(b, 64, 128, 0, benchStreams) }
func BenchmarkRetain1x256KiB(b *testing.B)  { benchCommit(b, 1, 256<<10, 1000, benchStreams) }
func BenchmarkRetainOneStream(b *testing.B) { benchCommit(b, 1, 256<<10, 1000, 1) }
func BenchmarkRetain64x16KiB(b *testing.B)  { benchCommit(b, 64, 16<<10, 250, benchStreams) }

// BenchmarkReadTail reads a chunk that was just written.
func BenchmarkReadTail(b *testing.B) {
	l := &load{store: benchStore(b), values: values(256 << 10), count: 1, among: benchStreams}
	for range 200 {
		l.commit(b)
	}
	var n int
	b.SetBytes(256 << 10)
	b.ReportAllocs()
	for b.Loop() {
		seq := l.next - uint64(n%8)
		found, err := l.store.Get(benchKey(int(seq)%benchStreams, seq*64), func(v []byte) error {
			n += len(v) & 1
			return nil
		})
		if !found || err != nil {
			b.Fatal(found, err)
		}
		n++
	}
}

// BenchmarkScanOld walks over the 125 chunks of a stream, in tables that are in
// the cache, one turn being one walk.
func BenchmarkScanOld(b *testing.B) {
	l := &load{store: benchStore(b), values: values(256 << 10), count: 1, among: benchStreams}
	for range 2000 {
		l.commit(b)
	}
	if _, err := l.store.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for e, err := range l.store.Scan(benchKey(3, 0), benchKey(4, 0), engine.Ascending) {
			if err != nil {
				b.Fatal(err)
			}
			if len(e.Value) != 256<<10 {
				b.Fatal(len(e.Value))
			}
		}
	}
}
