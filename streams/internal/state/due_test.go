package state

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"testing"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// counting counts what is read.
type counting struct {
	engine.Reader
	reads *int
}

func (c counting) Get(key []byte, use func([]byte) error) (bool, error) {
	*c.reads++
	return c.Reader.Get(key, use)
}

func (c counting) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	return func(yield func(engine.Entry, error) bool) {
		for e, err := range c.Reader.Scan(lower, upper, order) {
			*c.reads++
			if !yield(e, err) {
				return
			}
		}
	}
}

// aging is a partition with so many streams of which each lets events go after a
// minute, and a row a stream's event, at stamps 1,000, 1,001, ...
func aging(t *testing.T, streams int) *replica {
	r := inMemory(t)
	for i := range streams {
		cfg := &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxAgeMs: 60_000}
		r.play(entryOf(t, int64(1000+i), declareOp(Name{Name: fmt.Sprint(i)}, cfg, true), publishOp(uint64(i+1), anEvent("a", 1))))
	}
	return r
}

// A look at what is due reads what is due, and one row more, of however many streams.
func TestDueReadsWhatIsDue(t *testing.T) {
	const streams = 2000
	r := aging(t, streams)
	for _, tt := range []struct {
		stamp int64
		most  int
		want  int
	}{
		{60_999, 10, 0}, {61_004, 1000, 4}, {100_000, 10, 10},
	} {
		reads := 0
		due, err := NewView(counting{r.store, &reads}, partition).Due(tt.stamp, tt.most)
		if err != nil || len(due) != tt.want || reads > tt.want+1 {
			t.Errorf("at %d: %d streams, %d rows read, %v", tt.stamp, len(due), reads, err)
		}
		if !slices.IsSorted(due) { // here the first ones are the oldest
			t.Errorf("%v", due)
		}
	}
}

// When all that is due has gone there is no row that says so, nor one of a stream
// that was deleted.
func TestDueRowsGo(t *testing.T) {
	r := aging(t, 3)
	r.play(entryOf(t, 2000, deleteOp(Name{Name: "0"})))
	r.play(entryOf(t, 100_000, tickOp(1, 2, 3)))
	r.play(entryOf(t, 100_000, updateOp(Name{Name: "1"}, &storagev1.StreamConfig{})))
	lower, upper := r.keys.all(kindDue)
	for e, err := range r.store.Scan(lower, upper, engine.Ascending) {
		t.Errorf("%x, %v", e.Key, err)
	}
}

// A stream whose limits change is due at another time.
func TestDueFollowsTheConfiguration(t *testing.T) {
	r := aging(t, 1)
	due := func(stamp int64) bool {
		list, err := r.view().Due(stamp, 9)
		return err == nil && len(list) == 1
	}
	r.play(entryOf(t, 2000, updateOp(Name{Name: "0"}, &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxAgeMs: 5000})))
	if due(5999) || !due(6001) {
		t.Error("max_age 5 s")
	}
	r.play(entryOf(t, 2000, updateOp(Name{Name: "0"}, &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxAgeMs: MaxMS})))
	if due(1 << 42) {
		t.Error("max_age of centuries")
	}
}

// BenchmarkDue is what a leader does once a second with 100,000 streams at rest.
func BenchmarkDue(b *testing.B) {
	r := inMemory(b)
	cfg := &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxAgeMs: 60_000}
	for i := 0; i < 100_000; {
		var ops []op
		for range 1000 {
			i++
			ops = append(ops, declareOp(Name{Name: fmt.Sprint(i)}, cfg, true), publishOp(uint64(i), anEvent("a", 1)))
		}
		r.play(entryOf(b, 1000, ops...))
	}
	for b.Loop() {
		if due, err := r.view().Due(2000, 1024); err != nil || len(due) > 0 {
			b.Fatal(due, err)
		}
	}
}

// FuzzDecodeDue: whatever a row is, it is one that schedule writes, or damage.
func FuzzDecodeDue(f *testing.F) {
	f.Add(keys(partition).due(7, 1), []byte{})
	f.Add([]byte{byte(kindDue)}, []byte{1})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		at, id, err := decodeDue(engine.Entry{Key: key, Value: value})
		if err == nil && !bytes.Equal(keys(partition).due(at, id)[keyPrefix:], key[keyPrefix:]) {
			t.Fatalf("%x is %d, %d", key, at, id)
		}
	})
}
