package enginetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

func key(b ...byte) []byte { return b }

func at(index uint64) engine.Applied { return engine.Applied{Index: index, Term: 1} }

func hasNot(t testing.TB, r engine.Reader, key []byte) {
	t.Helper()
	must(t, checkGet(r, key, nil, false))
}

func scanned(t testing.TB, r engine.Reader, lower, upper []byte, order engine.Order) string {
	t.Helper()
	var all strings.Builder
	for e, err := range r.Scan(lower, upper, order) {
		must(t, err)
		all.Write(e.Value)
	}
	return all.String()
}

// letters commits the values a to e under the keys 1 1 to 1 5, as entry 1.
func letters(t testing.TB, s engine.Store) {
	t.Helper()
	batch := s.NewBatch()
	for n := range byte(5) {
		batch.Set(key(1, 1+n), []byte{'a' + n})
	}
	must(t, batch.Commit(at(1)))
}

// testReadYourWrites: a batch sees its own writes, and nobody else does before
// it is committed.
func testReadYourWrites(t *testing.T, open Open) {
	s := fresh(t, open)
	letters(t, s)
	batch := s.NewBatch()
	defer batch.Close()
	batch.Set(key(1, 9), []byte("i"))
	batch.Set(key(1, 1), []byte("A"))
	batch.Delete(key(1, 2))
	batch.DeleteRange(key(1, 3), key(1, 5))
	batch.Set(key(1, 4), []byte("D"))
	if got := scanned(t, batch, nil, nil, engine.Ascending); got != "ADei" {
		t.Errorf("the batch sees %q", got)
	}
	if got := scanned(t, batch, key(1, 2), key(1, 9), engine.Descending); got != "eD" {
		t.Errorf("the batch sees %q backwards", got)
	}
	hasNot(t, batch, key(1, 3))
	if got := scanned(t, s, nil, nil, engine.Ascending); got != "abcde" {
		t.Errorf("the store sees %q before the commit", got)
	}
	must(t, batch.Commit(at(2)))
	if got := scanned(t, s, nil, nil, engine.Ascending); got != "ADei" {
		t.Errorf("the store sees %q after the commit", got)
	}
}

// testScanWhileWriting: what a loop writes does not show in the loop.
func testScanWhileWriting(t *testing.T, open Open) {
	s := fresh(t, open)
	letters(t, s)
	batch := s.NewBatch()
	var seen strings.Builder
	for e, err := range batch.Scan(nil, nil, engine.Ascending) {
		must(t, err)
		seen.Write(e.Value)
		batch.Delete(e.Key)
		batch.DeleteRange(key(1, 4), key(1, 6))
		batch.Set(append(key(2), e.Key...), e.Value)
	}
	if got := seen.String(); got != "abcde" {
		t.Errorf("the loop saw %q", got)
	}
	found, err := batch.Get(key(2, 1, 1), func(v []byte) error {
		batch.Set(key(3), v)
		return nil
	})
	if !found || err != nil {
		t.Fatalf("get: %v, %v", found, err)
	}
	must(t, batch.Commit(at(2)))
	if got := scanned(t, s, nil, nil, engine.Ascending); got != "abcdea" {
		t.Errorf("then there was %q", got)
	}
}

// testDiscard: a batch that is closed was never there.
func testDiscard(t *testing.T, open Open) {
	s := fresh(t, open)
	letters(t, s)
	batch := s.NewBatch()
	batch.Set(key(1, 7), []byte("x"))
	batch.Seal(at(2))
	batch.Close()
	batch.Close()
	if err := batch.Commit(at(2)); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
	if _, err := batch.Get(key(1, 1), nil); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("get after close: %v", err)
	}
	if got, _ := s.Applied(); got != at(1) {
		t.Errorf("applied %v", got)
	}
	hasNot(t, s, key(1, 7))
}

// testBadKeys: the engine's own keys can neither be written nor seen, and one
// bad write spoils its batch.
func testBadKeys(t *testing.T, open Open) {
	s := fresh(t, open)
	letters(t, s)
	for _, write := range []func(engine.Batch){
		func(b engine.Batch) { b.Set(nil, []byte("x")) },
		func(b engine.Batch) { b.Set(key(0), []byte("x")) },
		func(b engine.Batch) { b.Set(key(0xff), []byte("x")) },
		func(b engine.Batch) { b.Delete(key(0)) },
		func(b engine.Batch) { b.DeleteRange(nil, key(1)) },
		func(b engine.Batch) { b.DeleteRange(key(1), nil) },
		func(b engine.Batch) { b.DeleteRange(key(0), key(1, 9)) },
	} {
		batch := s.NewBatch()
		batch.Set(key(1, 8), []byte("x"))
		write(batch)
		if err := batch.Commit(at(2)); !errors.Is(err, engine.ErrKey) {
			t.Errorf("commit: %v", err)
		}
	}
	hasNot(t, s, key(0))
	hasNot(t, s, nil)
	if got := scanned(t, s, key(0), key(0xff, 1), engine.Descending); got != "edcba" {
		t.Errorf("the store has %q", got)
	}
}

// testOrder: entries come in order, from one writer.
func testOrder(t *testing.T, open Open) {
	s := fresh(t, open)
	letters(t, s)
	for _, bad := range []engine.Applied{{Index: 1, Term: 1}, {Index: 1, Term: 2}, {Index: 0, Term: 9}, {Index: 2, Term: 0}} {
		batch := s.NewBatch()
		batch.Set(key(1, 8), []byte("x"))
		if err := batch.Commit(bad); !errors.Is(err, engine.ErrOrder) {
			t.Errorf("commit of %v: %v", bad, err)
		}
	}
	first, second := s.NewBatch(), s.NewBatch()
	second.Set(key(1, 8), []byte("x"))
	must(t, first.Commit(at(2)))
	if err := second.Commit(at(3)); !errors.Is(err, engine.ErrOrder) {
		t.Errorf("commit of the other batch: %v", err)
	}
	batch := s.NewBatch()
	batch.Seal(at(5))
	must(t, batch.Commit(at(5)))
	hasNot(t, s, key(1, 8))
	if got, _ := s.Applied(); got != at(5) {
		t.Errorf("applied %v", got)
	}
}
