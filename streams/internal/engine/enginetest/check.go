package enginetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Check fails the test if r does not see exactly what m has: position, chain,
// and all keys, by Scan in both orders and by Get.
func Check(t testing.TB, r engine.Reader, m *Model) {
	t.Helper()
	if err := Compare(r, m); err != nil {
		t.Fatal(err)
	}
}

// Compare returns how r differs from m, or the error of the read that failed.
func Compare(r engine.Reader, m *Model) error {
	if at, chain := r.Applied(); at != m.Applied || chain != m.Chain {
		return fmt.Errorf("at %v with chain %v, want %v with %v", at, chain, m.Applied, m.Chain)
	}
	for _, order := range []engine.Order{engine.Ascending, engine.Descending} {
		if err := checkScan(r, m, nil, nil, order); err != nil {
			return err
		}
	}
	for key, want := range m.Rows {
		if err := checkGet(r, []byte(key), want, true); err != nil {
			return err
		}
	}
	return nil
}

func checkScan(r engine.Reader, m *Model, lower, upper []byte, order engine.Order) error {
	keys := m.keys(lower, upper, order)
	n := 0
	for e, err := range r.Scan(lower, upper, order) {
		switch {
		case err != nil:
			return fmt.Errorf("scan [%x, %x): %w", lower, upper, err)
		case n >= len(keys):
			return fmt.Errorf("scan [%x, %x) has %x, one too many", lower, upper, e.Key)
		case string(e.Key) != keys[n]:
			return fmt.Errorf("scan [%x, %x): key %d is %x, want %x", lower, upper, n, e.Key, keys[n])
		case !bytes.Equal(e.Value, m.Rows[keys[n]]):
			return fmt.Errorf("scan [%x, %x): the value of %x differs", lower, upper, e.Key)
		}
		n++
	}
	if n != len(keys) {
		return fmt.Errorf("scan [%x, %x) ends after %d keys, want %d", lower, upper, n, len(keys))
	}
	return nil
}

func checkGet(r engine.Reader, key, want []byte, exists bool) error {
	var got []byte
	found, err := r.Get(key, func(value []byte) error {
		got = bytes.Clone(value)
		return nil
	})
	if err != nil || found != exists {
		return fmt.Errorf("get %x: found %v, error %w, want %v", key, found, err, exists)
	}
	if exists && !bytes.Equal(got, want) {
		return fmt.Errorf("get %x: the value differs", key)
	}
	return nil
}

// checkSome reads a few keys and ranges, where Check reads all.
func checkSome(t testing.TB, rng *rand.Rand, r engine.Reader, m *Model) {
	t.Helper()
	for range 3 {
		key := randomKey(rng, m.Applied.Index)
		want, exists := m.Rows[string(key)]
		if err := checkGet(r, key, want, exists); err != nil {
			t.Fatal(err)
		}
		lower, upper := randomKey(rng, m.Applied.Index), randomKey(rng, m.Applied.Index)
		if rng.IntN(8) == 0 {
			lower = nil
		}
		if rng.IntN(8) == 0 {
			upper = nil
		}
		if err := checkScan(r, m, lower, upper, rng.IntN(2) == 0); err != nil {
			t.Fatal(err)
		}
	}
}
